"""Every option against every other one: the matrix, the Smith set, the laws of all Condorcet methods."""

import gzip
import json
import random
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.ballot import Ranking
from tests.voting.ranked.pairs import (
    IDS,
    METHODS,
    REAL_ELECTIONS,
    count,
    made_by,
    pair_elections,
    plain,
    possible_winners,
    real_election,
)
from voting import plain_count
from voting.errors import InvalidContest
from voting.formats.blt import read_blt
from voting.methods import find
from voting.profile import Terms, merge, merge_counted, ranked_profile, ranking_codes
from voting.ranked.pairwise import condorcet_winner, pairwise_matrix, smith_set


def ranks(choices):
    """Each option's rank on a ballot, from 0."""
    found = {}
    for number, rank in enumerate(choices.ranking):
        for option in [rank] if isinstance(rank, str) else rank:
            found[option] = number
    return found


@settings(max_examples=500)
@given(pair_elections())
def test_the_matrix_holds_what_each_ballot_says(made):
    """Cell by cell from the definition: ranked better, or ranked where the other is not."""
    options = made.terms.options
    expected = [
        [sum(times for ballot, times in made.ballots if above(ranks(ballot), one, two)) for two in options]
        for one in options
    ]

    assert pairwise_matrix(made.profile).tolist() == expected


def above(found, one, two):
    """Whether a ballot has an option above another one."""
    return one in found and found[one] < found.get(two, 99) and one != two


@settings(max_examples=500)
@given(pair_elections())
def test_the_smith_set_is_the_smallest_group_that_beats_everyone_outside(made):
    """By trying every group, the smaller ones first."""
    matrix = pairwise_matrix(made.profile)
    everyone = range(len(matrix))
    groups = (set(group) for size in everyone for group in combinations(everyone, size + 1))
    smallest = next(
        group
        for group in groups
        if all(matrix[one, two] > matrix[two, one] for one in group for two in {*everyone} - group)
    )

    assert set(smith_set(matrix)) == smallest
    assert (condorcet_winner(matrix) is not None) == (len(smallest) == 1)


@pytest.mark.parametrize("number", range(REAL_ELECTIONS))
def test_real_elections_in_pairs(shared, number):
    """Matrix, Smith set and Condorcet winner of 28 real elections, 9 of them without one."""
    expected, profile = real_election(shared, number)

    for name in IDS:
        outcome = count(name, profile)
        winner = outcome.condorcet_winner
        assert [list(row) for row in outcome.pairwise] == expected["pairwise"]
        assert sorted(profile.options.index(option) + 1 for option in outcome.smith) == expected["smith_set"]
        assert (winner and profile.options.index(winner) + 1) == expected["condorcet_winner"]


@pytest.mark.parametrize("number", range(REAL_ELECTIONS))
def test_real_elections_counted_twice(shared, number):
    """Both engines give the same outcome, by every method, whichever way ties go."""
    _, profile = real_election(shared, number)
    names = profile.options
    ballots = list(profile.unique())
    if len(ballots) > 10_000:  # New York: one method reads the whole matrix, the others are made of the same
        methods = METHODS[:1]
    else:
        methods = METHODS

    for method in methods:
        slow = plain_count.count(method.name, ballots, options=names, order=names[::-1])
        assert plain(count(method.name, profile, names[::-1])) == slow


def new_york(shared):
    """The 28 contests of New York City of June 2021 as (expected, profile)."""
    folder = shared / "data/ranked/us-irv"
    if not folder.is_dir():
        pytest.skip("there is no ../shared/data/ranked/us-irv")
    elections = json.loads((folder / "expected.json").read_text())["elections"]
    for election in elections:
        yield election, read_blt(gzip.decompress((folder / election["file"]).read_bytes())).profile


def test_new_york_in_pairs(shared):
    """28 contests, up to 942,031 ballots: every cell of the matrix and the Condorcet winner, whom all methods elect."""
    seen = 0
    for election, profile in new_york(shared):
        matrix = pairwise_matrix(profile)
        for one, two, votes in election["pairwise"]:
            assert matrix[one - 1, two - 1] == votes, election["file"]
        winner = condorcet_winner(matrix)
        assert (winner is None and election["condorcet_winner"] is None) or winner + 1 == election["condorcet_winner"]
        if winner is not None:
            for name in IDS:
                assert count(name, profile).elected == (profile.options[winner],)
        seen += 1

    assert seen == 28


@settings(max_examples=1000)
@given(pair_elections())
def test_every_condorcet_method_twice(made):
    """Any rankings, equal ranks too, any tie order: both engines give the same outcome by all seven methods."""
    for method in METHODS:
        slow = plain_count.count(method.name, made.plain, options=made.terms.options, order=made.order)

        assert plain(method.count(made.profile, terms=made.terms, order=made.order)) == slow


@pytest.mark.full
def test_a_hundred_thousand_elections_twice():
    """The same for 100,000 elections made up with a fixed seed."""
    dice = random.Random(20260101)
    for _ in range(100_000):
        made = made_by(dice)
        profile = made.profile
        for method in METHODS:
            slow = plain_count.count(method.name, made.plain, options=made.terms.options, order=made.order)
            assert plain(method.count(profile, terms=made.terms, order=made.order)) == slow


@settings(max_examples=300)
@given(pair_elections())
def test_whoever_beats_everyone_is_elected_and_no_lot_is_asked_about_the_win(made):
    """Condorcet consistency; a lot may still have put defeats in order."""
    for method in METHODS:
        outcome = method.count(made.profile, terms=made.terms, order=made.order)

        if outcome.condorcet_winner is not None:
            assert outcome.elected == (outcome.condorcet_winner,) == outcome.smith
            assert all(draw.decided == "lock" for draw in outcome.draws)
        if not method.id.startswith("minimax"):
            assert set(outcome.elected) <= set(outcome.smith)


@settings(max_examples=300)
@given(pair_elections(), st.randoms())
def test_the_order_of_options_and_ballots_changes_nothing(made, shuffler):
    """The same ballots with the options listed otherwise: the same by name."""
    options = list(made.terms.options)
    shuffler.shuffle(options)
    ballots = list(made.ballots)
    shuffler.shuffle(ballots)
    counted = {}
    for choices, times in ballots:
        counted[choices] = counted.get(choices, 0) + times
    other = merge_counted(counted, options)

    for method in METHODS:
        one = method.count(made.profile, terms=made.terms, order=made.order)
        two = method.count(other, terms=Terms(tuple(options)), order=made.order)

        assert by_name(one, made.terms.options) == by_name(two, options)
        assert (one.draws, one.elected, one.smith, one.condorcet_winner) == (
            two.draws,
            two.elected,
            two.smith,
            two.condorcet_winner,
        )


def by_name(outcome, names):
    """Matrix and scores without the order of the options."""
    cells = {
        (one, two): votes
        for one, row in zip(names, outcome.pairwise, strict=True)
        for two, votes in zip(names, row, strict=True)
    }
    return cells, dict(zip(names, outcome.scores, strict=True)) if outcome.scores else None


@settings(max_examples=300)
@given(pair_elections())
def test_a_lot_is_used_only_where_a_draw_is_listed(made):
    """Without a draw, any other tie order gives the same outcome; with one, `order` is the tie order of those tied."""
    for method in METHODS:
        outcome = method.count(made.profile, terms=made.terms, order=made.order)

        if not outcome.draws:
            for order in (made.order[::-1], made.terms.options):
                assert method.count(made.profile, terms=made.terms, order=order) == outcome
        for draw in outcome.draws:
            assert draw.round == 1
            assert len(draw.among) > 1
            assert draw.among == tuple(sorted(draw.order))
            assert draw.order == tuple(option for option in made.order if option in draw.among)
            if draw.decided == "elect":
                assert draw == outcome.draws[-1]
                assert outcome.elected == draw.order[:1]


@settings(max_examples=300)
@given(pair_elections(least_options=2), st.data())
def test_raising_the_winner_does_not_make_it_lose(made, data):
    """Monotonicity, which all seven methods have: the winner moved to the top of one ballot still wins.

    Ranked pairs only where no lot was used: there, the lot orders defeats and not options.
    """
    if not made.ballots:
        return
    at = data.draw(st.integers(0, len(made.ballots) - 1))
    for method in METHODS:
        outcome = method.count(made.profile, terms=made.terms, order=made.order)
        winner = outcome.elected[0]
        if outcome.draws and method.id.startswith("ranked"):
            continue
        counted = {}
        for number, (choices, times) in enumerate(made.ballots):
            raised = lift(choices, winner) if number == at else choices
            counted[raised] = counted.get(raised, 0) + times
        other = method.count(merge_counted(counted, made.terms.options), terms=made.terms, order=made.order)

        if method.id.startswith("ranked") and other.draws:
            continue
        assert other.elected == (winner,)


def lift(choices, winner):
    """A ballot with one option moved to a first rank of its own; all others stay in order."""
    rest = []
    for rank in choices.ranking:
        left = [option for option in ([rank] if isinstance(rank, str) else rank) if option != winner]
        if left:
            rest.append(left[0] if isinstance(rank, str) else tuple(left))
    return Ranking((winner, *rest))


@settings(max_examples=200)
@given(pair_elections(least_options=2, equal=False))
def test_margins_and_winning_votes_agree_where_every_ballot_ranks_everyone(made):
    """Then a margin is twice the votes less all ballots, so the order of strengths is the same."""
    full = {}
    for choices, times in made.ballots:
        rest = [option for option in made.terms.options if option not in choices.ranking]
        complete = Ranking((*choices.ranking, *rest))
        full[complete] = full.get(complete, 0) + times
    profile = merge_counted(full, made.terms.options)

    for name in ("schulze", "ranked-pairs", "minimax"):
        one, two = count(name, profile, made.order), count(f"{name}-margins", profile, made.order)
        assert (one.elected, one.draws) == (two.elected, two.draws)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.id)
def test_several_seats_are_not_for_condorcet_methods(method):
    """Both engines say so and do not guess."""
    with pytest.raises(InvalidContest, match="elects one option, not 2"):
        method.count(merge([], ("a", "b")), terms=Terms(("a", "b"), seats=2), order=("a", "b"))
    with pytest.raises(ValueError, match="elects one option, not 2"):
        plain_count.count(method.name, [], options=["a", "b"], order=["a", "b"], seats=2)


def test_equal_ranks_in_a_file_are_counted(tmp_path):
    """BLT with `=`: two ballots with 1 and 2 on one rank have neither above the other, and both above 3."""
    data = b'3 1\n2 1=2 3 0\n1 2 0\n0\n"Ann"\n"Ben"\n"Cas"\n'

    outcome = count("minimax", read_blt(data, equal_ranks=find("minimax").equal_ranks).profile)

    assert outcome.pairwise == ((0, 0, 2), (1, 0, 3), (0, 0, 0))
    assert outcome.elected == ("Ben",)


def test_a_hundred_thousand_billion_votes_are_compared_exactly():
    """Multiplicities near 2^52 differ by one vote, and that vote decides."""
    codes = ranking_codes([("a", "b"), ("b", "a")], ("a", "b"))
    profile = ranked_profile(codes, options=("a", "b"), weights=codes[:, 0] * 0 + [2**52 - 1, 2**52])

    for name in IDS:
        outcome = count(name, profile)
        assert outcome.elected == ("b",)
        assert outcome.pairwise == ((0, 2**52 - 1), (2**52, 0))


def test_a_circle_of_three_is_tied_in_every_method():
    """Nobody is ahead, so every option wins by some lot, and all draws say so."""
    profile = merge([Ranking(tuple(names)) for names in ("abc", "bca", "cab")], ("a", "b", "c"))

    for name in IDS:
        assert possible_winners(name, profile) == [1, 2, 3]
        assert all(draw.among == ("a", "b", "c") for draw in count(name, profile).draws)
        assert np.array(count(name, profile).pairwise).sum() == 9
