"""Schulze's method: paths and winners of real elections, and what a path is."""

import numpy as np
import pytest
from hypothesis import given, settings

from tests.voting.ranked.pairs import REAL_ELECTIONS, pair_elections, possible_winners, real_election
from voting.ranked.pairwise import pairwise_matrix, strengths, widest_paths
from voting.ranked.schulze import unbeaten


@pytest.mark.parametrize("number", range(REAL_ELECTIONS))
def test_real_elections_by_schulze(shared, number):
    """All who can win, by winning votes and by margins, are those that other programs found."""
    expected, profile = real_election(shared, number)

    assert possible_winners("schulze", profile) == expected["schulze_winning_votes"]
    assert possible_winners("schulze-margins", profile) == expected["schulze_margins"]


@pytest.mark.parametrize("number", range(REAL_ELECTIONS))
def test_the_paths_of_real_elections(shared, number):
    """The strength of the strongest path between any two options, both ways to measure."""
    expected, profile = real_election(shared, number)
    matrix = pairwise_matrix(profile)

    assert widest_paths(strengths(matrix, margins=False)).tolist() == expected["schulze_paths_winning_votes"]
    assert widest_paths(strengths(matrix, margins=True)).tolist() == expected["schulze_paths_margins"]


@settings(max_examples=300)
@given(pair_elections())
def test_a_path_is_as_strong_as_its_weakest_defeat_and_being_ahead_carries_over(made):
    """p(x, z) is at least the weaker of p(x, y) and p(y, z); who is ahead of whom has no circle; someone can win."""
    for margins in (False, True):
        strength = strengths(pairwise_matrix(made.profile), margins=margins)
        paths = widest_paths(strength)
        everyone = range(len(paths))

        assert (paths >= strength).all()
        ahead = paths > paths.T
        for one in everyone:
            for two in everyone:
                if one != two:
                    through = np.minimum(paths[one], paths[:, two])
                    assert paths[one, two] >= through.max()
                    assert not ahead[one, two] or (ahead[one] >= ahead[two]).all()
        assert unbeaten(paths)
