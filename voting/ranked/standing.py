"""Which option each merged ranking counts for now, and how it goes on to the next one."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from voting.profile import RankedProfile


class Standing:
    """How far down each ranking its ballots stand.

    A ranking that is used up stands at option -1 for good.

    Args:
        profile: Rankings without equal ranks.

    Attributes:
        holder: Shape (different rankings): the index of the option that each ranking stands at.

    Example:
        Two rankings begin with option 0, which drops out; option 1 takes over one of them.

        >>> from voting.profile import ranked_profile
        >>> both = ranked_profile(np.array([[1, 2], [1, 0]]), options=("ann", "ben"))
        >>> standing = Standing(both)
        >>> standing.holder.tolist()
        [0, 0]
        >>> standing.go_on(standing.at([0]), np.array([False, True, True])).tolist()
        [-1, 1]
    """

    def __init__(self, profile: RankedProfile) -> None:
        rows, ranks = profile.rankings.shape
        ends = np.full((rows, ranks + 1), -1, np.int32)
        ends[:, :ranks] = profile.rankings
        self._flat: NDArray[np.int32] = ends.reshape(-1)
        self._spot = np.arange(0, len(self._flat), ranks + 1, dtype=np.int64)
        self.holder: NDArray[np.int32] = self._flat[self._spot]

    def at(self, options: Sequence[int]) -> NDArray[np.int64]:
        """Return which rankings stand at any of some options, in ascending order."""
        found = self.holder == options[0]
        for option in options[1:]:
            found |= self.holder == option
        return np.flatnonzero(found)

    def go_on(self, rows: NDArray[np.int64], taking: NDArray[np.bool_]) -> NDArray[np.int32]:
        """Move rankings on to their next option that takes ballots, and return where they stand then.

        Args:
            rows: Which rankings; none that is used up.
            taking: Shape (options + 1): who takes ballots. The last place is the end of a ranking: True.
        """
        spot = self._spot[rows] + 1
        found: NDArray[np.int32] = self._flat[spot]
        searching = np.flatnonzero(~taking[found])
        while len(searching):
            further = spot[searching] + 1
            spot[searching] = further
            option = self._flat[further]
            found[searching] = option
            searching = searching[~taking[option]]
        self._spot[rows] = spot
        self.holder[rows] = found
        return found
