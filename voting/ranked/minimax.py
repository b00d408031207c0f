"""Minimax: the option whose worst defeat is the smallest. Rules MINIMAX-1 to -8 in voting/specs/minimax.md.

With margins: rules MINIMAXMARGINS-1 to -8 in voting/specs/minimax-margins.md.
"""

from collections.abc import Sequence

from schemas.outcome import RankedOutcome
from voting.profile import IntArray, RankedProfile, Terms
from voting.ranked.pairwise import Found, count_pairs, lowest, strengths

NAME = "minimax/1"
NAME_MARGINS = "minimax-margins/1"


def count_minimax(
    profile: RankedProfile, *, terms: Terms, order: Sequence[str], order_only: bool = False
) -> RankedOutcome:
    """Return the count, one winner; a defeat is as big as the ballots for its winner.

    Args:
        profile: Rankings; equal ranks are fine.
        terms: One seat.
        order: The tie order, every option once; the first wins a tie.
        order_only: Makes no difference here: the tie order is the whole tie rule.

    Returns:
        An outcome without rounds. `scores` holds the worst defeat of each option, "0" for one that nobody beats.

    Raises:
        InvalidContest: More than one seat.

    Source:
        G. H. Kramer, "A dynamical model of political equilibrium", Journal of Economic Theory 16 (1977), 310-334.

    Example:
        >>> import numpy as np
        >>> from voting.profile import ranked_profile
        >>> names = ("soup", "salad", "pasta")
        >>> codes, votes = np.array([[1, 2, 3], [2, 3, 1], [3, 1, 2]]), np.array([4, 3, 2])
        >>> lunch = ranked_profile(codes, options=names, weights=votes)
        >>> outcome = count_minimax(lunch, terms=Terms(names), order=names)
        >>> outcome.elected, outcome.scores
        (('soup',), ('5', '6', '7'))
    """
    return count_pairs(NAME, profile, lambda matrix, _: _find(matrix, margins=False), terms=terms, order=order)


def count_minimax_margins(
    profile: RankedProfile, *, terms: Terms, order: Sequence[str], order_only: bool = False
) -> RankedOutcome:
    """Return the count, one winner; a defeat is as big as its margin. All else as in `count_minimax`."""
    return count_pairs(NAME_MARGINS, profile, lambda matrix, _: _find(matrix, margins=True), terms=terms, order=order)


def _find(matrix: IntArray, *, margins: bool) -> Found:
    worst = strengths(matrix, margins=margins).max(axis=0)
    return lowest(worst), (), tuple(map(str, worst.tolist()))
