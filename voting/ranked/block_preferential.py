"""Preferential block voting: a ballot counts for its best options, as many as there are seats.

Rules BLOCK-1 to BLOCK-8 in voting/specs/block-preferential.md.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.outcome import Draw, RankedOutcome, RankedRound
from voting.errors import InvalidMethod
from voting.profile import RankedProfile, Terms
from voting.ranked.positional import elect_highest
from voting.ties import places

NAME = "block-preferential/1"


def count_block_preferential(
    profile: RankedProfile, *, terms: Terms, order: Sequence[str], order_only: bool = False
) -> RankedOutcome:
    """Return the complete count, as many winners as there are seats.

    Instant runoff for several seats: the lowest option drops out until one more is left than there are seats. A
    majority that stands together wins all of them; for a share that fits the votes, count by a transferable vote.

    Args:
        profile: Rankings without equal ranks.
        terms: One seat or more.
        order: The tie order, every option once; the first wins a tie.
        order_only: Makes no difference here: the tie order is the whole tie rule.

    Returns:
        Every round. A ballot is one vote in as many parts as there are seats; `written` says how parts are published.
        `elected` is in order of votes in the last round; `quota` is None.

    Raises:
        InvalidMethod: Ballots with equal ranks.

    Example:
        Two of four are elected, so that each ballot gives half a vote to each of its first two. fir drops out, and the
        ballot that names fir and elm then counts for elm and oak.

        >>> from voting.profile import ranked_profile
        >>> names = ("ash", "elm", "fir", "oak")
        >>> codes, votes = np.array([[1, 2, 0], [4, 1, 0], [3, 2, 4]]), np.array([2, 2, 1])
        >>> trees = ranked_profile(codes, options=names, weights=votes)
        >>> outcome = count_block_preferential(trees, terms=Terms(names, seats=2), order=names)
        >>> outcome.rounds[0].tally, outcome.rounds[1].tally, outcome.elected
        (('2.0', '1.5', '0.5', '1.0'), ('2.0', '1.5', None, '1.5'), ('ash', 'elm'))
    """
    if profile.tied is not None:
        raise InvalidMethod("block-preferential does not take equal ranks")
    assert profile.options == terms.options, "a profile is counted under its own terms"
    names, seats = profile.options, terms.seats
    place = places(order, names)
    piles = _Piles(profile, seats=seats)
    continuing = list(range(len(names)))
    rounds: list[RankedRound] = []
    draws: list[Draw] = []

    while True:
        number = len(rounds) + 1
        parts = {index: int(piles.parts[index]) for index in continuing}
        exhausted = profile.ballots * seats - sum(parts.values())
        assert exhausted >= profile.empty * seats, "no ballot gives more parts than there are seats"
        elected: tuple[str, ...] = ()
        eliminated: tuple[str, ...] = ()
        if len(continuing) <= seats + 1:
            elected, drawn = elect_highest(
                [parts[index] for index in continuing],
                names=[names[index] for index in continuing],
                seats=seats,
                order=[name for name in order if names.index(name) in parts],
                number=number,
            )
            draws += drawn
        else:
            tied = [names[index] for index in continuing if parts[index] == min(parts.values())]
            if parts[names.index(tied[0])] == 0 and len(continuing) - len(tied) > seats:
                eliminated = tuple(sorted(tied))
            else:
                tied.sort(key=place.__getitem__)
                eliminated = (tied[-1],)
                if len(tied) > 1:
                    among = tuple(sorted(tied))
                    draws.append(Draw(round=number, among=among, order=tuple(tied), decided="eliminate"))
        rounds.append(
            RankedRound(
                number=number,
                tally=tuple(written(parts[index], seats) if index in parts else None for index in range(len(names))),
                elected=elected,
                eliminated=eliminated,
                exhausted=written(exhausted, seats),
                lost_to_rounding=written(0, seats),
            )
        )
        if elected:
            return RankedOutcome(method=NAME, quota=None, rounds=tuple(rounds), draws=tuple(draws), elected=elected)
        out = [names.index(name) for name in eliminated]
        piles.move(out)
        continuing = [index for index in continuing if index not in out]


def written(parts: int, seats: int) -> str:
    """Return parts of 1/seats of a vote as published: as votes with just enough decimals, or over the seats.

    Example:
        >>> written(7, 1), written(7, 2), written(7, 3), written(7, 4)
        ('7', '3.5', '7/3', '1.75')
    """
    digits = next((digits for digits in range(seats) if 10**digits % seats == 0), None)
    if digits is None:
        return f"{parts}/{seats}"
    whole, rest = divmod(parts * 10**digits // seats, 10**digits)
    return f"{whole}.{rest:0{digits}}" if digits else str(whole)


class _Piles:
    """How far into each ranking its ballot counts now, and how many parts of votes each option holds."""

    def __init__(self, profile: RankedProfile, *, seats: int) -> None:
        rows, ranks = profile.rankings.shape
        self.rankings: NDArray[np.int32] = np.full((rows, ranks + 1), -1, np.int32)
        self.rankings[:, :ranks] = profile.rankings
        self.counts = profile.counts
        self.last = np.minimum(np.count_nonzero(self.rankings >= 0, axis=1), seats) - 1
        self.gone = np.zeros(len(profile.options) + 1, np.bool_)
        self.parts = np.zeros(len(profile.options), np.int64)
        for rank in range(min(ranks, seats)):
            held = self.rankings[:, rank] >= 0
            np.add.at(self.parts, self.rankings[held, rank], self.counts[held])

    def move(self, out: Sequence[int]) -> None:
        """Let every ballot that counts for an option that drops out count for its next continuing option in place."""
        self.gone[out] = True
        for option in out:
            if not self.parts[option]:
                continue
            reached = int(self.last.max()) + 1
            counting = np.zeros(len(self.rankings), np.bool_)
            for rank in range(reached):
                counting |= (self.rankings[:, rank] == option) & (rank <= self.last)
            moving = np.flatnonzero(counting)
            searching = moving
            while len(searching):
                self.last[searching] += 1
                searching = searching[self.gone[self.rankings[searching, self.last[searching]]]]
            found = self.rankings[moving, self.last[moving]]
            named = found >= 0
            self.last[moving[~named]] -= 1  # the end of the ranking is reached, and may be reached again
            np.add.at(self.parts, found[named], self.counts[moving[named]])
            self.parts[option] = 0
