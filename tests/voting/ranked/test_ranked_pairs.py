"""Ranked pairs: winners of real elections, confirmed defeats, and what the lot decides."""

from itertools import permutations

import pytest
from hypothesis import given, settings

from schemas.ballot import Ranking
from tests.voting.ranked.pairs import REAL_ELECTIONS, count, pair_elections, possible_winners, real_election
from voting.profile import merge
from voting.ranked.pairwise import pairwise_matrix, strengths
from voting.ranked.ranked_pairs import lock


@pytest.mark.parametrize("number", range(REAL_ELECTIONS))
def test_real_elections_by_ranked_pairs(shared, number):
    """By margins, all who can win are those that another program found; by winning votes nobody has published them.

    Where no option beats all others, the winner by winning votes is in the Smith set.
    """
    expected, profile = real_election(shared, number)

    assert possible_winners("ranked-pairs-margins", profile) == expected["ranked_pairs_margins"]
    found = possible_winners("ranked-pairs", profile)
    assert set(found) <= set(expected["smith_set"])
    assert set(expected["votelib"]["ranked_pairs"]) & set(found)


@settings(max_examples=300)
@given(pair_elections())
def test_confirmed_defeats_hold_no_circle_and_every_other_one_would_close_one(made):
    """What is confirmed orders the options; each one passed over meets a chain of others at least as strong."""
    place = {index: made.order.index(option) for index, option in enumerate(made.terms.options)}
    for margins in (False, True):
        strength = strengths(pairwise_matrix(made.profile), margins=margins)
        locked, _ = lock(strength, place)
        size = len(strength)

        def leads(start, end, least, locked=locked, strength=strength, size=size):
            seen, new = {start}, [start]
            while new:
                at = new.pop()
                more = [o for o in range(size) if locked[at, o] and strength[at, o] >= least and o not in seen]
                seen.update(more)
                new += more
            return end in seen

        for one in range(size):
            for two in range(size):
                if one == two:
                    continue
                assert not (locked[one, two] and leads(two, one, 1))
                if strength[one, two] and not locked[one, two]:
                    assert leads(two, one, strength[one, two])


@settings(max_examples=150)
@given(pair_elections(least_options=3))
def test_a_draw_among_defeats_is_listed_exactly_where_the_lot_confirms_other_ones(made):
    """Every tie order of up to five options: the same defeats are confirmed in all of them, or draws are listed."""
    if len(made.terms.options) > 5:
        return
    strength = strengths(pairwise_matrix(made.profile), margins=False)
    found, listed = set(), set()
    for places in permutations(range(len(strength))):
        locked, ties = lock(strength, dict(enumerate(places)))
        found.add(locked.tobytes())
        listed.add(bool(ties))

    assert listed == {len(found) > 1}


@settings(max_examples=200)
@given(pair_elections(least_options=3))
def test_a_draw_among_defeats_names_two_losers_at_least(made):
    """RANKEDPAIRS-7 and 8: among defeats of one loser there is nothing to draw; each named is beaten by someone."""
    outcome = count("ranked-pairs", made.profile, made.order)

    for draw in outcome.draws:
        assert len(set(draw.among)) >= 2
        for option in draw.among if draw.decided == "lock" else ():
            at, everyone = made.terms.options.index(option), range(len(made.order))
            assert any(outcome.pairwise[other][at] > outcome.pairwise[at][other] for other in everyone)


def test_the_lot_defends_who_stands_first():
    """Three defeats of equal strength in a circle: the one against the first in the tie order is passed over."""
    profile = merge([Ranking(tuple(names)) for names in ("abc", "bca", "cab")], ("a", "b", "c"))

    for order in permutations("abc"):
        assert count("ranked-pairs", profile, order).elected == order[:1]
