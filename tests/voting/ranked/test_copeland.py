"""Copeland's method: points of real elections, and ties that are said."""

import pytest
from hypothesis import given, settings

from tests.voting.ranked.pairs import REAL_ELECTIONS, count, pair_elections, possible_winners, real_election


@pytest.mark.parametrize("number", range(REAL_ELECTIONS))
def test_real_elections_by_copeland(shared, number):
    """Points, and all who are tied for the most, are those that another program found."""
    expected, profile = real_election(shared, number)
    outcome = count("copeland", profile)

    assert [float(score) for score in outcome.scores] == list(expected["copeland_scores"].values())
    assert possible_winners("copeland", profile) == expected["copeland"]
    tied = [profile.options.index(option) + 1 for draw in outcome.draws for option in draw.among]
    assert sorted(tied) == (expected["copeland"] if len(expected["copeland"]) > 1 else [])


@settings(max_examples=300)
@given(pair_elections())
def test_the_points_add_up_and_a_tie_names_everyone(made):
    """One point for each pair of options; the draw holds exactly those with the most points, all in the Smith set."""
    outcome = count("copeland", made.profile, made.order)
    points = dict(zip(made.terms.options, map(float, outcome.scores), strict=True))
    size = len(points)

    assert sum(points.values()) == size * (size - 1) / 2
    most = sorted(option for option in points if points[option] == max(points.values()))
    assert [draw.among for draw in outcome.draws] == ([tuple(most)] if len(most) > 1 else [])
    assert set(most) <= set(outcome.smith)
