"""Copeland's method: who beats the most others. Rules COPELAND-1 to -8 in voting/specs/copeland.md."""

from collections.abc import Sequence

import numpy as np

from schemas.outcome import RankedOutcome
from voting.profile import IntArray, RankedProfile, Terms
from voting.ranked.pairwise import Found, count_pairs, lowest

NAME = "copeland/1"


def count_copeland(
    profile: RankedProfile, *, terms: Terms, order: Sequence[str], order_only: bool = False
) -> RankedOutcome:
    """Return the count, one winner: 1 point for every option beaten, half a point for every tie.

    Args:
        profile: Rankings; equal ranks are fine.
        terms: One seat.
        order: The tie order, every option once; the first wins a tie.
        order_only: Makes no difference here: the tie order is the whole tie rule.

    Returns:
        An outcome without rounds. `scores` holds the points of each option with one decimal. Ties are common here: the
        draw names all who have the most points.

    Raises:
        InvalidContest: More than one seat.

    Source:
        A. H. Copeland, "A reasonable social welfare function", University of Michigan seminar notes (1951).

    Example:
        Ann beats ben, and neither wins against cas: ann has 1 point and a half.

        >>> from voting.profile import ranked_profile
        >>> names = ("ann", "ben", "cas")
        >>> codes, votes = np.array([[1, 2], [3, 0]]), np.array([5, 5])
        >>> board = ranked_profile(codes, options=names, weights=votes)
        >>> outcome = count_copeland(board, terms=Terms(names), order=names)
        >>> outcome.elected, outcome.scores
        (('ann',), ('1.5', '0.5', '1.0'))
    """
    return count_pairs(NAME, profile, lambda matrix, _: _find(matrix), terms=terms, order=order)


def _find(matrix: IntArray) -> Found:
    halves = (matrix > matrix.T).sum(axis=1) * 2 + (matrix == matrix.T).sum(axis=1) - 1  # nobody is tied with itself
    scores = tuple(f"{points // 2}.{points % 2 * 5}" for points in halves.tolist())
    return lowest(-halves.astype(np.int64)), (), scores
