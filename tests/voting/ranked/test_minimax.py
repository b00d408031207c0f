"""Minimax: winners and worst defeats of real elections."""

import pytest
from hypothesis import given, settings

from schemas.ballot import Ranking
from tests.voting.ranked.pairs import REAL_ELECTIONS, count, pair_elections, possible_winners, real_election
from voting.profile import merge_counted


@pytest.mark.parametrize("number", range(REAL_ELECTIONS))
def test_real_elections_by_minimax(shared, number):
    """All who can win, by winning votes and by margins, are those that other programs found."""
    expected, profile = real_election(shared, number)

    assert possible_winners("minimax", profile) == expected["minimax_winning_votes"]
    assert possible_winners("minimax-margins", profile) == expected["minimax_margins"]


@settings(max_examples=300)
@given(pair_elections())
def test_the_scores_are_the_worst_defeats(made):
    """From the published matrix, and the winner has the smallest."""
    for name, margins in (("minimax", False), ("minimax-margins", True)):
        outcome = count(name, made.profile, made.order)
        matrix, everyone = outcome.pairwise, range(len(made.order))
        worst = [
            max((matrix[b][a] - margins * matrix[a][b] for b in everyone if matrix[b][a] > matrix[a][b]), default=0)
            for a in everyone
        ]

        assert outcome.scores == tuple(map(str, worst))
        assert worst[made.terms.options.index(outcome.elected[0])] == min(worst)


def test_the_winner_may_be_outside_the_smith_set():
    """What the spec warns of: d loses to each of a, b, c by one ballot, which beat each other by much more."""
    rankings = {"dabc": 2, "dbca": 2, "dcab": 2, "abcd": 3, "bcad": 2, "cabd": 2}
    profile = merge_counted({Ranking(tuple(names)): times for names, times in rankings.items()}, tuple("abcd"))

    outcome = count("minimax-margins", profile)

    assert outcome.smith == ("a", "b", "c")
    assert outcome.scores == ("3", "5", "5", "1")
    assert outcome.elected == ("d",)
