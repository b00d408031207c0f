"""Instant runoff: its laws, and the elections that cities published."""

import gzip
import json
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.voting.made import ranked_elections
from voting import plain_count
from voting.formats.blt import read_blt
from voting.methods import find
from voting.profile import Terms, merge_counted, ranked_profile, ranking_codes

IRV = find("irv/1")


@pytest.fixture(scope="module")
def new_york(shared):
    """The 28 contests of New York City of June 2021 as (expected, profile)."""
    folder = shared / "data/ranked/us-irv"
    if not folder.is_dir():
        pytest.skip("there is no ../shared/data/ranked/us-irv")
    elections = json.loads((folder / "expected.json").read_text())["elections"]

    def profile(election):
        return read_blt(gzip.decompress((folder / election["file"]).read_bytes())).profile

    return [(election, profile(election)) for election in elections]


def states(outcome):
    """Every round as a set of (votes by option, exhausted)."""
    return {
        (
            frozenset((number, int(votes)) for number, votes in enumerate(stage.tally, 1) if votes is not None),
            int(stage.exhausted),
        )
        for stage in outcome.rounds
    }


def test_new_york_published_states_of_this_count(new_york):
    """28 contests, up to 942,031 ballots: each winner, and every published round is one of ours, to the vote."""
    assert len(new_york) == 28
    for election, profile in new_york:
        outcome = IRV.count(profile, terms=Terms(profile.options), order=profile.options)

        assert profile.ballots == election["ballot_count_reported"]
        assert outcome.elected == tuple(election["candidates"][number - 1] for number in election["winners"])
        assert outcome.draws == () or all(draw.decided == "eliminate" for draw in outcome.draws)
        ours = states(outcome)
        for stage in election["rounds"]:
            tally = frozenset((int(number), votes) for number, votes in stage["tally"].items())
            assert (tally, stage["exhausted_or_over"]) in ours, election["file"]


def test_new_york_counted_twice(new_york):
    """Both engines give the same rounds for all 28 contests."""
    for election, profile in new_york:
        order = sorted(profile.options)
        fast = IRV.count(profile, terms=Terms(profile.options), order=order)
        slow = plain_count.count("irv/1", profile.unique(), options=profile.options, order=order)

        assert [list(stage.tally) for stage in fast.rounds] == [stage["tally"] for stage in slow["rounds"]]
        assert [list(stage.eliminated) for stage in fast.rounds] == [stage["eliminated"] for stage in slow["rounds"]]
        assert [stage.exhausted for stage in fast.rounds] == [stage["exhausted"] for stage in slow["rounds"]]
        assert len(fast.draws) == len(slow["draws"])
        assert list(fast.elected) == slow["elected"], election["file"]


def test_the_example_that_people_are_shown(shared):
    """Ten people pick lunch: the page that explains the method shows rounds that the method gives."""
    path = shared / "demo/methods.toml"
    if not path.is_file():
        pytest.skip("there is no ../shared/demo/methods.toml")
    lunch = tomllib.loads(path.read_text())["irv"]
    options = tuple(lunch["options"])
    weights = [ballot["count"] for ballot in lunch["ballots"]]
    codes = ranking_codes([ballot["ranking"] for ballot in lunch["ballots"]], options)
    profile = ranked_profile(codes.repeat(weights, axis=0), options=options)

    outcome = IRV.count(profile, terms=Terms(options), order=options)

    shown = [
        {option: int(votes) for option, votes in zip(options, stage.tally, strict=True) if votes is not None}
        for stage in outcome.rounds
    ]
    assert shown == lunch["expect"]["rounds"]
    assert list(outcome.elected) == lunch["expect"]["elected"]


@settings(max_examples=300)
@given(ranked_elections())
def test_every_round_holds_every_ballot_once(made):
    """Votes and exhausted ballots add up to all ballots, and the exhausted never come back."""
    outcome = IRV.count(made.profile, terms=made.terms, order=made.order)

    exhausted = [int(stage.exhausted) for stage in outcome.rounds]
    for stage in outcome.rounds:
        assert sum(int(votes) for votes in stage.tally if votes is not None) + int(stage.exhausted) == (
            made.profile.ballots
        )
    assert exhausted == sorted(exhausted)


@settings(max_examples=300)
@given(ranked_elections())
def test_a_count_ends_with_two_and_one_winner(made):
    """Each round but the last eliminates; the last holds the final two and elects the one with more votes."""
    outcome = IRV.count(made.profile, terms=made.terms, order=made.order)

    assert all(stage.eliminated and not stage.elected for stage in outcome.rounds[:-1])
    last = outcome.rounds[-1]
    held = [int(votes) for votes in last.tally if votes is not None]
    assert len(held) == min(2, len(made.terms.options))
    assert (last.eliminated, last.elected) == ((), outcome.elected)
    assert int(last.tally[made.terms.options.index(outcome.elected[0])]) == max(held)


@settings(max_examples=300)
@given(ranked_elections(), st.randoms())
def test_the_order_of_options_and_ballots_changes_nothing(made, shuffler):
    """The same ballots with the options listed otherwise: the same votes by name, draws and winner."""
    options = list(made.terms.options)
    shuffler.shuffle(options)
    ballots = list(made.ballots)
    shuffler.shuffle(ballots)
    counted = {}
    for choices, times in ballots:
        counted[choices] = counted.get(choices, 0) + times
    other = merge_counted(counted, options)

    one = IRV.count(made.profile, terms=made.terms, order=made.order)
    two = IRV.count(other, terms=Terms(tuple(options)), order=made.order)

    def by_name(outcome, names):
        return [
            (dict(zip(names, stage.tally, strict=True)), stage.eliminated, stage.elected, stage.exhausted)
            for stage in outcome.rounds
        ]

    assert by_name(one, made.terms.options) == by_name(two, options)
    assert (one.draws, one.elected) == (two.draws, two.elected)


@settings(max_examples=300)
@given(ranked_elections())
def test_a_majority_of_first_choices_always_wins(made):
    """Whoever is first on more than half of the ballots that rank anyone is elected."""
    outcome = IRV.count(made.profile, terms=made.terms, order=made.order)

    first = [int(votes) for votes in outcome.rounds[0].tally]
    for option, votes in zip(made.terms.options, first, strict=True):
        if 2 * votes > sum(first):
            assert outcome.elected == (option,)


@settings(max_examples=300)
@given(ranked_elections())
def test_a_lot_is_used_only_for_a_tie_and_is_always_listed(made):
    """IRV-7: another tie order changes nothing unless a draw is listed; who is drawn was tied."""
    outcome = IRV.count(made.profile, terms=made.terms, order=made.order)
    other = IRV.count(made.profile, terms=made.terms, order=made.order[::-1])

    if not outcome.draws:
        assert outcome == other
    for draw in outcome.draws:
        stage = outcome.rounds[draw.round - 1]
        votes = {stage.tally[made.terms.options.index(option)] for option in draw.among}
        assert len(draw.among) > 1
        assert len(votes) == 1
        assert draw.among == tuple(sorted(draw.order))
        assert draw.order == tuple(option for option in made.order if option in draw.among)
        lost, won = stage.eliminated, stage.elected
        assert (lost == (draw.order[-1],)) if draw.decided == "eliminate" else (won == (draw.order[0],))


def test_a_hundred_thousand_billion_votes_are_counted_exactly():
    """Multiplicities near 2^52 differ by one vote, and that vote decides."""
    codes = ranking_codes([("a",), ("b",), ("c", "b")], ("a", "b", "c"))
    profile = ranked_profile(codes, options=("a", "b", "c"), weights=codes[:, 0] * 0 + [2**51 + 1, 2**51, 2])

    outcome = IRV.count(profile, terms=Terms(profile.options), order=profile.options)

    assert outcome.elected == ("b",)
    assert outcome.rounds[-1].tally == (str(2**51 + 1), str(2**51 + 2), None)
