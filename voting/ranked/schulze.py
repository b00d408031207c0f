"""Schulze's method: the strongest chain of defeats. Rules SCHULZE-1 to -9 in voting/specs/schulze.md.

With margins: rules SCHULZEMARGINS-1 to -9 in voting/specs/schulze-margins.md.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import UNSET

from schemas.outcome import RankedOutcome
from voting.profile import IntArray, RankedProfile, Terms
from voting.ranked.pairwise import Found, count_pairs, strengths, widest_paths

NAME = "schulze/1"
NAME_MARGINS = "schulze-margins/1"


def count_schulze(
    profile: RankedProfile, *, terms: Terms, order: Sequence[str], order_only: bool = False
) -> RankedOutcome:
    """Return the count, one winner; a defeat is as strong as the ballots for its winner.

    Args:
        profile: Rankings; equal ranks are fine.
        terms: One seat.
        order: The tie order, every option once; the first wins a tie.
        order_only: Makes no difference here: the tie order is the whole tie rule.

    Returns:
        An outcome without rounds and scores: the matrix says it all.

    Raises:
        InvalidContest: More than one seat.

    Source:
        M. Schulze, Social Choice and Welfare 36 (2011), 267-303.

    Example:
        Soup beats salad 6 to 3, salad beats pasta 7 to 2, pasta beats soup 5 to 4: a circle. Soup reaches pasta over
        salad with at least 6 votes at each step, pasta has only 5 against soup.

        >>> from voting.profile import ranked_profile
        >>> names = ("soup", "salad", "pasta")
        >>> codes, votes = np.array([[1, 2, 3], [2, 3, 1], [3, 1, 2]]), np.array([4, 3, 2])
        >>> lunch = ranked_profile(codes, options=names, weights=votes)
        >>> outcome = count_schulze(lunch, terms=Terms(names), order=names)
        >>> outcome.elected, outcome.condorcet_winner
        (('soup',), None)
    """
    return count_pairs(NAME, profile, lambda matrix, _: _find(matrix, margins=False), terms=terms, order=order)


def count_schulze_margins(
    profile: RankedProfile, *, terms: Terms, order: Sequence[str], order_only: bool = False
) -> RankedOutcome:
    """Return the count, one winner; a defeat is as strong as its margin. All else as in `count_schulze`."""
    return count_pairs(NAME_MARGINS, profile, lambda matrix, _: _find(matrix, margins=True), terms=terms, order=order)


def _find(matrix: IntArray, *, margins: bool) -> Found:
    return unbeaten(widest_paths(strengths(matrix, margins=margins))), (), UNSET


def unbeaten(paths: IntArray) -> list[int]:
    """Return the indexes of the options against which no other one has the stronger path; there is at least one."""
    return np.flatnonzero((paths >= paths.T).all(axis=1)).tolist()
