"""Facts of ranked counts: pairs, scores, rounds, ties, and the same ballots by other methods."""

import json
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.ballot import Approval, Ranking
from tests.voting.made import ranked_elections
from tests.voting.ranked.pairs import METHODS as PAIRS
from tests.voting.ranked.pairs import pair_elections
from voting.cli import main
from voting.explain import explain
from voting.methods import METHODS, find
from voting.profile import Terms, merge, merge_counted

CIRCLE = ("soup", "salad", "pasta")
CIRCLE_BALLOTS = {
    Ranking(("soup", "salad", "pasta")): 4,
    Ranking(("salad", "pasta", "soup")): 3,
    Ranking(("pasta", "soup", "salad")): 2,
}
CIRCLE_BLT = b'3 1\n4 1 2 3 0\n3 2 3 1 0\n2 3 1 2 0\n0\n"Soup"\n"Salad"\n"Pasta"\n'


def facts_of(name, ballots, options, *, order=None, seats=1):
    """The facts of a count with everything that needs the tie order."""
    order = order or options
    profile, terms = merge_counted(ballots, options), Terms(options, seats=seats)
    outcome = find(name).count(profile, terms=terms, order=order)
    return explain(profile, outcome, terms=terms, order=order)


def test_a_circle_by_schulze_in_facts():
    """Soup 6 to 3 over salad, 7 to 2 salad over pasta, pasta 5 to 4 over soup: chains of 6 against 5."""
    facts = facts_of("schulze", CIRCLE_BALLOTS, CIRCLE)

    assert (facts.elected, facts.condorcet_winner, facts.strength, facts.by_lot) == (
        ("soup",), None, "winning_votes", False,
    )  # fmt: skip
    pasta, salad = facts.losses
    assert (pasta.option, pasta.above, pasta.below, pasta.margin, pasta.beaten_by) == ("pasta", 4, 5, -1, ("salad",))
    assert (pasta.chain.options, pasta.chain.strength) == (("soup", "salad", "pasta"), "6")
    assert (pasta.chain_back.options, pasta.chain_back.strength) == (("pasta", "soup"), "5")
    assert (salad.option, salad.margin, salad.beaten_by) == ("salad", 3, ("soup",))
    assert (salad.chain_back.options, salad.chain_back.strength) == (("salad", "pasta", "soup"), "5")


def test_a_circle_by_ranked_pairs_in_facts():
    """Pasta over soup is passed over; salad's defeat by soup is confirmed with 6, pasta's by salad with 7."""
    facts = facts_of("ranked-pairs", CIRCLE_BALLOTS, CIRCLE)

    assert [(one.options, one.strength) for one in facts.passed_over] == [(("pasta", "soup"), "5")]
    confirmed = {loss.option: (loss.confirmed.options, loss.confirmed.strength) for loss in facts.losses}
    assert confirmed == {"salad": (("soup", "salad"), "6"), "pasta": (("salad", "pasta"), "7")}


def test_a_circle_by_minimax_and_copeland_in_facts():
    """Worst defeats 5, 6 and 7, by margins 1, 3 and 5; by points all three are tied."""
    told = {
        name: {
            loss.option: (loss.score, loss.behind, loss.by_lot)
            for loss in facts_of(name, CIRCLE_BALLOTS, CIRCLE).losses
        }
        for name in ("minimax", "minimax-margins", "copeland")
    }

    assert told["minimax"] == {"salad": ("6", "1", False), "pasta": ("7", "2", False)}
    assert told["minimax-margins"] == {"salad": ("3", "2", False), "pasta": ("5", "4", False)}
    assert told["copeland"] == {"salad": ("1.0", "0", True), "pasta": ("1.0", "0", True)}


@settings(max_examples=200)
@given(pair_elections(), st.sampled_from(PAIRS))
def test_every_option_of_a_count_by_pairs_has_a_fate(made, method):
    """Each loser once, numbers from the matrix; a chain to it is stronger than the one back, or the lot decided."""
    outcome = method.count(made.profile, terms=made.terms, order=made.order)
    facts = explain(made.profile, outcome, terms=made.terms, order=made.order)
    options = made.terms.options
    winner = options.index(outcome.elected[0])

    assert sorted([loss.option for loss in facts.losses] + list(facts.elected)) == sorted(options)
    assert [loss.margin for loss in facts.losses] == sorted(loss.margin for loss in facts.losses)
    for loss in facts.losses:
        at = options.index(loss.option)
        assert (loss.above, loss.below) == (outcome.pairwise[winner][at], outcome.pairwise[at][winner])
        assert loss.margin == loss.above - loss.below
        beaten_by = {o for i, o in enumerate(options) if outcome.pairwise[i][at] > outcome.pairwise[at][i]}
        assert set(loss.beaten_by) == beaten_by
        if method.id.startswith("schulze"):
            there = int(loss.chain.strength) if loss.chain else 0
            back = int(loss.chain_back.strength) if loss.chain_back else 0
            assert there > back or (there == back and loss.by_lot)
            if loss.chain:
                assert loss.chain.options[-1] == loss.option
            if loss.chain and loss.chain_back:
                assert loss.chain.options[0] == loss.chain_back.options[-1]
        if method.id.startswith("ranked-pairs"):
            assert loss.confirmed or loss.by_lot
        if method.id.startswith(("minimax", "copeland")):
            assert (loss.behind == "0") == loss.by_lot


@settings(max_examples=200)
@given(ranked_elections(most_times=9), st.integers(1, 7), st.sampled_from([m for m in METHODS if m.kind == "ranked"]))
def test_every_ranked_method_is_explained(made, seats, method):
    """Whatever the ballots: who won and who lost is everyone, and another order of counting again changes nothing."""
    if method.ballot_kinds != ("ranking",):
        return
    terms = Terms(made.terms.options, seats=1 if method.seats == "one" else min(seats, len(made.terms.options)))
    outcome = method.count(made.profile, terms=terms, order=made.order)

    facts = explain(made.profile, outcome, terms=terms, order=made.order)

    lost = [loss.option for loss in (facts.lost if hasattr(facts, "lost") else facts.losses)]
    assert sorted([*lost, *outcome.elected]) == sorted(terms.options)
    assert [tie.among for tie in facts.ties] == [draw.among for draw in outcome.draws]
    assert method.name not in facts.other_methods
    for name, elected in facts.other_methods.items():
        again = find(name).count(made.profile, terms=terms, order=made.order)
        assert again.elected == elected
        assert len(elected) == terms.seats
    assert msgspec.json.decode(msgspec.json.encode(facts), type=type(facts)) == facts


def test_other_methods_are_those_that_fit():
    """One seat is for every method of rankings, three are not; equal ranks are for those that take them."""
    options = ("a", "b", "c", "d")
    single, equal = {Ranking(("a", "b")): 2}, {Ranking((("a", "b"), ("c",))): 2}
    rankings = {method.name for method in METHODS if method.ballot_kinds == ("ranking",)}

    one = facts_of("schulze", single, options)
    three = facts_of("stv-scottish", single, options, seats=3)
    tied = facts_of("schulze", equal, options)

    assert set(one.other_methods) == rankings - {"schulze/1"}
    assert set(three.other_methods) == {m.name for m in METHODS if m.seats == "several" and m.name in rankings} - {
        "stv-scottish/1"
    }
    assert set(tied.other_methods) == {m.name for m in METHODS if m.equal_ranks and m.name in rankings} - {"schulze/1"}
    assert set(one.other_methods.values()) == {("a",)}


def test_another_rule_may_elect_another_option():
    """The circle with short ballots: c by winning votes, b by margins."""
    ballots = {Ranking(("a",)): 3, Ranking(("b", "c", "a")): 4, Ranking(("c", "a", "b")): 2}

    facts = facts_of("minimax", ballots, ("a", "b", "c"))

    assert facts.elected == ("c",)
    assert facts.other_methods["minimax-margins/1"] == ("b",)
    assert facts.other_methods["schulze/1"] == ("c",)


def test_a_tie_says_whom_the_lot_favoured_and_whether_it_mattered():
    """b and c are tied for last. Whoever stays, a wins: the lot did not matter. With less for a, it did."""
    options = ("a", "b", "c")
    clear = {Ranking(("a",)): 9, Ranking(("b", "c")): 2, Ranking(("c", "b")): 2}
    close = clear | {Ranking(("a",)): 3}

    (one,) = facts_of("irv", clear, options, order=("c", "b", "a")).ties
    (two,) = facts_of("irv", close, options, order=("c", "b", "a")).ties

    assert (one.among, one.first, one.last, one.decided, one.decisive) == (("b", "c"), "c", "b", "eliminate", False)
    assert (two.first, two.last, two.decisive) == ("c", "b", True)


def test_without_the_tie_order_nothing_is_counted_again():
    """The facts of the count itself are the same; what needs other counts is empty."""
    profile, terms = merge_counted(CIRCLE_BALLOTS, CIRCLE), Terms(CIRCLE)
    for method in PAIRS:
        outcome = method.count(profile, terms=terms, order=CIRCLE)
        facts = explain(profile, outcome, terms=terms)

        assert (facts.closeness, facts.ties, facts.other_methods) == ((), (), {})
        assert [loss.option for loss in facts.losses] == [
            loss.option for loss in explain(profile, outcome, terms=terms, order=CIRCLE).losses
        ]


def test_approvals_are_explained():
    """Votes, gaps, and half the gap as the exact number of ballots."""
    options = ("lamp", "bench", "tree")
    profile = merge([Approval(("bench", "lamp"))] * 4 + [Approval(("lamp",))] * 3 + [Approval(("tree",))], options)
    terms = Terms(options)
    outcome = find("approval").count(profile, terms=terms, order=options)

    facts = explain(profile, outcome, terms=terms, order=options)

    assert [(won.option, won.votes) for won in facts.won] == [("lamp", "7")]
    assert [(loss.option, loss.behind) for loss in facts.losses] == [("bench", "3"), ("tree", "6")]
    assert [(one.ballots, one.margin_kind, one.challenger) for one in facts.closeness] == [(2, "exact", "bench")]


@settings(max_examples=200)
@given(ranked_elections(least_options=2), st.sampled_from(["plurality", "borda", "borda-zero"]))
def test_the_gap_of_a_score_is_what_is_missing_for_a_tie(made, name):
    """Each loser's score and gap add up to the lowest score that was elected."""
    outcome = find(name).count(made.profile, terms=made.terms, order=made.order)
    facts = explain(made.profile, outcome, terms=made.terms)

    last = min(Fraction(won.votes) for won in facts.won)
    for loss in facts.losses:
        assert Fraction(loss.score) + Fraction(loss.behind) == last
        assert loss.by_lot == (loss.behind == "0")


@pytest.mark.parametrize(
    ("method", "words"),
    [
        (
            "schulze",
            [
                "No option beats all others. Those who beat everyone outside their group: Pasta, Salad, Soup.",
                "Pasta beat Soup, 5 to 4, and did not win all the same. Strongest chain of defeats from Soup: "
                "Soup over Salad over Pasta (6 at least); back: Pasta over Soup (5 at least).",
                "Salad lost to Soup, 3 to 6: 3 behind.",
                "The same result by Instant runoff;",
            ],
        ),
        ("ranked-pairs", ["Passed over, since stronger defeats say otherwise: Pasta over Soup (5)."]),
        ("minimax-margins", ["Its worst defeat is by 5 votes, that of Soup by 1."]),
        ("copeland", ["It could have won as well: the lot decided.", "the lot decided who is elected."]),
        (
            "borda",
            ["Salad has 10.0 and is elected.", "Soup has 10.0: tied, and out by lot.", "Pasta has 7.0: 3 behind."],
        ),
    ],
)
def test_a_count_by_pairs_explained_in_words(capsys, tmp_path, method, words):
    """The command line says why, how close, and what other methods would have made of it."""
    path = tmp_path / "circle.blt"
    path.write_bytes(CIRCLE_BLT)

    assert main(["tally", str(path), "--method", method, "--explain"]) == 0

    out = capsys.readouterr().out
    for line in words:
        assert line in out


def test_a_count_by_pairs_in_words_and_as_json(capsys, tmp_path):
    """The matrix is printed and in the document, rows and columns in file order."""
    path = tmp_path / "circle.blt"
    path.write_bytes(CIRCLE_BLT)

    assert main(["tally", str(path), "--method", "schulze"]) == 0
    text = capsys.readouterr().out
    assert main(["tally", str(path), "--method", "schulze", "--json", "--explain"]) == 0
    told = json.loads(capsys.readouterr().out)

    assert "   (1) Soup           -          6          4" in text
    assert "Smith set: Pasta, Salad, Soup" in text
    assert text.endswith("Elected: Soup\n")
    assert told["pairwise"] == [[0, 6, 4], [3, 0, 7], [5, 2, 0]]
    assert (told["smith"], told["condorcet_winner"], told["rounds"]) == (["Pasta", "Salad", "Soup"], None, [])
    assert told["explanation"]["closeness"][-1]["margin_kind"] in ("exact", "upper_bound")
