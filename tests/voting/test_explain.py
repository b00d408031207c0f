"""Why an option won or lost, as facts."""

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.ballot import Approval, Ranking
from tests.voting.made import budget_elections, ranked_elections
from voting import plain_count
from voting.explain import explain, transfers
from voting.methods import find
from voting.profile import Terms, merge, ranked_profile, ranking_codes

IRV = find("irv/1")
GREEDY = find("greedy/1")
STV = find("stv-scottish/1")
LUNCH = ("soup", "salad", "pasta", "rice")


@pytest.fixture
def lunch():
    """Ten people pick lunch: four soup, three salad, two rice, one pasta."""
    rankings = [("soup", "salad"), ("salad", "rice"), ("rice", "salad"), ("pasta", "salad")]
    codes = ranking_codes(rankings, LUNCH).repeat([4, 3, 2, 1], axis=0)
    profile = ranked_profile(codes, options=LUNCH)
    return profile, IRV.count(profile, terms=Terms(LUNCH), order=LUNCH)


def test_a_ranked_count_in_facts(lunch):
    """Salad wins by 2; pasta was 1 behind rice in round 1; two ballots went from rice to salad."""
    profile, outcome = lunch

    facts = explain(profile, outcome, terms=Terms(LUNCH))

    assert (facts.elected, facts.rounds, facts.margin, facts.by_lot, facts.majority_round) == (
        ("salad",), 3, "2", False, 3,
    )  # fmt: skip
    assert [(held.option, held.votes) for held in facts.last] == [("salad", "6"), ("soup", "4")]
    assert (facts.first[0].option, facts.first[0].votes) == ("soup", "4")
    assert [(loss.option, loss.round, loss.votes, loss.behind, loss.by_lot) for loss in facts.losses] == [
        ("pasta", 1, "1", "1", False),
        ("rice", 2, "2", "2", False),
        ("soup", 3, "4", "2", False),
    ]
    moves = [(stage.after, move) for stage in facts.transfers for move in stage.moves]
    assert [(after, move.source, move.target, move.votes) for after, move in moves] == [
        (1, "pasta", "salad", "1"),
        (2, "rice", "salad", "2"),
    ]


def test_a_win_by_lot_is_told_as_a_tie():
    """An option that loses only by lot was tied: 0 behind, decided by lot."""
    profile = merge([Ranking(("a",)), Ranking(("b",))], ("a", "b"))
    terms = Terms(("a", "b"))

    facts = explain(profile, IRV.count(profile, terms=terms, order=("b", "a")), terms=terms)

    assert (facts.margin, facts.by_lot, facts.majority_round) == ("0", True, None)
    assert [held.option for held in facts.last] == ["b", "a"]
    assert [(loss.option, loss.behind, loss.by_lot) for loss in facts.losses] == [("a", "0", True)]


@pytest.mark.parametrize("options", [("a",), ("a", "b", "c")])
def test_no_ballots_have_facts_too(options):
    """An empty contest is explained and does not crash."""
    terms = Terms(options)
    profile = merge([], options)

    facts = explain(profile, IRV.count(profile, terms=terms, order=options), terms=terms)

    assert facts.elected == ("a",)
    assert facts.margin == (None if len(options) == 1 else "0")


def by_name(stage, options):
    """The votes of a round by option, exhausted ones under None."""
    held = {name: int(votes) for name, votes in zip(options, stage.tally, strict=True) if votes is not None}
    return held | {None: int(stage.exhausted)}


@settings(max_examples=300)
@given(ranked_elections())
def test_what_leaves_one_round_arrives_in_the_next(made):
    """Each round's votes are the last round's with the moves added; sources lose all they had."""
    profile = made.profile
    outcome = IRV.count(profile, terms=made.terms, order=made.order)

    moves = {stage.after: stage.moves for stage in transfers(profile, outcome)}

    assert set(moves) <= {stage.number for stage in outcome.rounds if stage.eliminated}
    for one, two in zip(outcome.rounds, outcome.rounds[1:], strict=False):
        held = by_name(one, made.terms.options)
        for move in moves.get(one.number, ()):
            assert move.source in one.eliminated
            held[move.source] -= int(move.votes)
            held[move.target] += int(move.votes)
        assert all(held.pop(name) == 0 for name in one.eliminated)
        assert held == by_name(two, made.terms.options)


@settings(max_examples=300)
@given(ranked_elections())
def test_every_loser_has_a_round(made):
    """Each option but the winner lost once, by as much as is said."""
    outcome = IRV.count(made.profile, terms=made.terms, order=made.order)

    facts = explain(made.profile, outcome, terms=made.terms)

    assert sorted([loss.option for loss in facts.losses] + list(facts.elected)) == sorted(made.terms.options)
    for loss in facts.losses:
        assert int(loss.behind) >= 0
        assert not loss.by_lot or loss.behind == "0"


def test_a_budget_in_facts():
    """Money short, money left, and the votes that were missing."""
    options = ("lamp", "bench", "tree", "sign", "pond")
    terms = Terms(options, budget=100, costs=(48, 45, 32, 16, 10))
    ballots = [Approval(("bench", "lamp"))] * 5 + [Approval(("lamp",))] + [Approval(("sign", "tree"))] * 2
    profile = merge([*ballots, Approval(("tree",)), Approval(("tree",))], options)

    facts = explain(profile, GREEDY.count(profile, terms=terms, order=options), terms=terms)

    assert (facts.spent, facts.left, facts.ballots) == (93, 7, 10)
    told = {fact.option: (fact.decision, fact.left, fact.short, fact.needed) for fact in facts.facts}
    assert told["tree"] == ("skipped", 7, 25, "1")  # five votes and a lower cost than the bench
    assert told["sign"] == ("skipped", 7, 9, "3")
    assert told["pond"] == ("unsupported", 7, 3, "5")
    assert told["bench"][:3] == ("funded", 52, 0)


@settings(max_examples=300)
@given(budget_elections())
def test_the_votes_that_were_missing_are_enough_and_no_fewer(made):
    """So many more votes fund the project whatever the lot; one fewer leave at least one lot that does not."""
    profile = made.profile
    if not profile.ballots:
        return
    outcome = GREEDY.count(profile, terms=made.terms, order=made.order)
    facts = explain(profile, outcome, terms=made.terms)

    def funded(option, more):
        """Whether a project is funded with more votes, by the lot that is worst for it."""
        worst = [name for name in made.order if name != option] + [option]
        return (
            option
            in plain_count.count(
                "greedy/1",
                [*profile.unique(), ({option: more}, 1)],
                options=made.terms.options,
                order=worst,
                budget=made.terms.budget,
                costs=made.terms.costs,
                groups=made.terms.groups,
            )["funded"]
        )

    for fact in facts.facts:
        if fact.decision == "funded":
            continue
        if fact.needed is None:
            assert not funded(fact.option, 10_000)
        else:
            assert funded(fact.option, int(fact.needed))
            assert int(fact.needed) == 1 or not funded(fact.option, int(fact.needed) - 1)


@settings(max_examples=300)
@given(budget_elections())
def test_lost_by_lot_means_another_lot_would_have_funded_it(made):
    """The tied project put first in the tie order is funded if and only if that is said."""
    outcome = GREEDY.count(made.profile, terms=made.terms, order=made.order)
    facts = explain(made.profile, outcome, terms=made.terms)

    for fact in facts.facts:
        first = (fact.option, *(name for name in made.order if name != fact.option))
        other = GREEDY.count(made.profile, terms=made.terms, order=first)
        assert fact.by_lot == (fact.option in other.funded and fact.option not in outcome.funded)


BOARD = ("ann", "ben", "cas")


def board_facts():
    """Twelve people fill two seats: the worked example `board` of the method's vectors."""
    rankings = [("ann", "ben"), ("ann", "cas"), ("ben",), ("cas",)]
    codes = ranking_codes(rankings, BOARD).repeat([5, 2, 2, 3], axis=0)
    profile, terms = ranked_profile(codes, options=BOARD), Terms(BOARD, seats=2)
    return explain(profile, STV.count(profile, terms=terms, order=BOARD), terms=terms)


def test_a_count_with_surpluses_in_facts():
    """Ann has 2 more than the quota; ben was 0.14287 behind cas; cas took the last seat without the quota."""
    facts = board_facts()

    assert (facts.seats, facts.quota, facts.rounds, facts.by_lot) == (2, "5.00000", 3, False)
    assert [(won.option, won.round, won.votes, won.surplus, won.quota) for won in facts.won] == [
        ("ann", 1, "7.00000", "2.00000", True),
        ("cas", 3, "3.57142", "0.00000", False),
    ]
    assert [(lost.option, lost.round, lost.votes, lost.behind, lost.excluded) for lost in facts.lost] == [
        ("ben", 2, "3.42855", "0.14287", True)
    ]
    surplus, papers = facts.transfers
    assert (surplus.after, surplus.source, surplus.surplus, surplus.votes) == (1, "ann", True, "2.00000")
    assert [(move.target, move.votes) for move in surplus.moves] == [("ben", "1.42855"), ("cas", "0.57142")]
    assert surplus.lost_to_rounding == "0.00003"
    assert (papers.source, papers.surplus, papers.votes) == ("ben", False, "3.42855")
    assert [(move.target, move.votes) for move in papers.moves] == [(None, "3.42855")]


@settings(max_examples=300)
@given(ranked_elections(most_times=9), st.integers(1, 7))
def test_every_option_with_seats_has_a_fate_and_every_vote_a_way(made, seats):
    """Each option won or lost once; a loser's gap is what the rounds say; what moves is what leaves its source."""
    terms = Terms(made.terms.options, seats=min(seats, len(made.terms.options)))
    outcome = STV.count(made.profile, terms=terms, order=made.order)

    facts = explain(made.profile, outcome, terms=terms)

    fates = [won.option for won in facts.won] + [lost.option for lost in facts.lost]
    assert sorted(fates) == sorted(terms.options)
    assert [won.option for won in facts.won] == list(outcome.elected)
    drawn = {name for draw in outcome.draws if draw.decided == "eliminate" for name in draw.among}
    for lost in facts.lost:
        behind = Decimal(lost.behind)
        assert behind >= 0
        assert (behind == 0) == (lost.by_lot or lost.earlier is not None)
        assert not lost.by_lot or (lost.option in drawn and lost.earlier is None)
        assert not lost.earlier or lost.earlier < lost.round
        if lost.excluded:
            assert lost.option in outcome.rounds[lost.round - 1].eliminated
    held = dict(zip(terms.options, map(Decimal, outcome.rounds[0].tally), strict=True))
    for moved, stage in zip(facts.transfers, outcome.rounds[1:], strict=True):
        parts = sum(Decimal(move.votes) for move in moved.moves)
        assert parts + Decimal(moved.lost_to_rounding) == Decimal(moved.votes)
        held[moved.source] -= Decimal(moved.votes)
        for move in moved.moves:
            if move.target:
                held[move.target] += Decimal(move.votes)
        shown = {name: Decimal(votes or 0) for name, votes in zip(terms.options, stage.tally, strict=True)}
        assert held == shown


def test_a_tie_that_an_earlier_round_decided_is_told_with_that_round():
    """The vector `narrowing`: b is level with c and d in round 3, with c in round 2, and lower in round 1."""
    case = next(case for case in json.loads(STV.vectors)["cases"] if case["id"] == "narrowing")
    options = tuple(case["options"])
    codes = ranking_codes([ballot["ranking"] for ballot in case["ballots"]], options)
    weights = codes[:, 0] * 0 + [ballot["count"] for ballot in case["ballots"]]
    profile, terms = ranked_profile(codes, options=options, weights=weights), Terms(options)

    facts = explain(profile, STV.count(profile, terms=terms, order=case["order"]), terms=terms)

    lost = next(lost for lost in facts.lost if lost.option == "b")
    assert (lost.round, lost.behind, lost.earlier, lost.by_lot) == (3, "0.00000", 1, False)
    assert [(lost.option, lost.excluded, lost.behind) for lost in facts.lost[-2:]] == [
        ("c", False, "9.00000"),
        ("d", False, "9.00000"),
    ]
