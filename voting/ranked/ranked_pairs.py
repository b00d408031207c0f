"""Ranked pairs: defeats are confirmed, the strongest first. Rules RANKEDPAIRS-1 to -10 in voting/specs/ranked-pairs.md.

With margins: rules RANKEDPAIRSMARGINS-1 to -10 in voting/specs/ranked-pairs-margins.md.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from schemas.outcome import Draw, RankedOutcome
from voting.profile import IntArray, RankedProfile, Terms
from voting.ranked.pairwise import Found, count_pairs, draw, strengths

NAME = "ranked-pairs/1"
NAME_MARGINS = "ranked-pairs-margins/1"

BoolArray = NDArray[np.bool_]


def count_ranked_pairs(
    profile: RankedProfile, *, terms: Terms, order: Sequence[str], order_only: bool = False
) -> RankedOutcome:
    """Return the count, one winner; a defeat is as strong as the ballots for its winner.

    Args:
        profile: Rankings; equal ranks are fine.
        terms: One seat.
        order: The tie order, every option once; the first wins a tie.
        order_only: Makes no difference here: the tie order is the whole tie rule.

    Returns:
        An outcome without rounds and scores. A draw that decided "lock" lists the losers of equally strong defeats of
        which not all could be confirmed; those of the last were taken up first.

    Raises:
        InvalidContest: More than one seat.

    Source:
        T. N. Tideman, "Independence of clones as a criterion for voting rules", Social Choice and Welfare 4 (1987),
        185-206.

    Example:
        Salad over pasta with 7 votes is confirmed first, then soup over salad with 6. Pasta over soup with 5 would
        close a circle and is passed over: nobody stands above soup.

        >>> from voting.profile import ranked_profile
        >>> names = ("soup", "salad", "pasta")
        >>> codes, votes = np.array([[1, 2, 3], [2, 3, 1], [3, 1, 2]]), np.array([4, 3, 2])
        >>> lunch = ranked_profile(codes, options=names, weights=votes)
        >>> count_ranked_pairs(lunch, terms=Terms(names), order=names).elected
        ('soup',)
    """

    def find(matrix: IntArray, place: Mapping[int, int]) -> Found:
        return _find(matrix, place, names=profile.options, margins=False)

    return count_pairs(NAME, profile, find, terms=terms, order=order)


def count_ranked_pairs_margins(
    profile: RankedProfile, *, terms: Terms, order: Sequence[str], order_only: bool = False
) -> RankedOutcome:
    """Return the count, one winner; a defeat is as strong as its margin. All else as in `count_ranked_pairs`."""

    def find(matrix: IntArray, place: Mapping[int, int]) -> Found:
        return _find(matrix, place, names=profile.options, margins=True)

    return count_pairs(NAME_MARGINS, profile, find, terms=terms, order=order)


def _find(matrix: IntArray, place: Mapping[int, int], *, names: Sequence[str], margins: bool) -> Found:
    locked, ties = lock(strengths(matrix, margins=margins), place)
    draws = [_drawn(tied, names) for tied in ties]
    return np.flatnonzero(~locked.any(axis=0)).tolist(), draws, UNSET


def _drawn(tied: Sequence[int], names: Sequence[str]) -> Draw:
    return draw([names[index] for index in tied], "lock")


def lock(strength: IntArray, place: Mapping[int, int]) -> tuple[BoolArray, list[list[int]]]:
    """Confirm defeats, the strongest first, and pass over each that would close a circle.

    Args:
        strength: Shape (options, options); 0 is no defeat.
        place: The place of each option in the tie order.

    Returns:
        The confirmed defeats, shape as `strength`; and for every strength at which the lot made a difference, the
        losers of the defeats that were part of a circle, in the tie order.
    """
    size = len(strength)
    locked = np.zeros((size, size), np.bool_)
    reach = np.eye(size, dtype=np.bool_)  # along confirmed defeats; everyone reaches itself
    ties: list[list[int]] = []
    for level in np.unique(strength[strength > 0])[::-1]:
        pairs = [(one, two) for one, two in np.argwhere(strength == level).tolist() if not reach[two, one]]
        if len(pairs) > 1:
            closed = _closure(reach, pairs)
            among = {two for one, two in pairs if closed[two, one]}
            if among:
                ties.append(sorted(among, key=place.__getitem__))
        for one, two in sorted(pairs, key=lambda pair: -place[pair[1]]):
            if not reach[two, one]:
                locked[one, two] = True
                reach |= reach[:, one, None] & reach[None, two, :]
    return locked, ties


def _closure(reach: BoolArray, pairs: Sequence[tuple[int, int]]) -> BoolArray:
    """Who reaches whom once some more defeats are confirmed."""
    closed = reach.copy()
    for one, two in pairs:
        closed |= closed[:, one, None] & closed[None, two, :]
    return closed
