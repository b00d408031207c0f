"""Single transferable vote by the PR Foundation's WIGM rule. Rules WIGM-1 to WIGM-11 in voting/specs/stv-wigm.md."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.outcome import Draw, RankedOutcome, RankedRound
from voting.errors import InvalidMethod
from voting.profile import RankedProfile, Terms
from voting.ranked.standing import Standing
from voting.ties import places

NAME = "stv-wigm/1"
UNIT = 10_000
"""One vote, counted in ten-thousandths: no vote has more than four decimals."""
_INT64_BALLOTS = (2**63 - 1) // UNIT**2
"""Up to so many ballots weight times surplus fits into 64 bits; above, Python's own integers are used."""


def count_stv_wigm(
    profile: RankedProfile, *, terms: Terms, order: Sequence[str], order_only: bool = False
) -> RankedOutcome:
    """Return the complete count, as many winners as there are seats.

    Ballots with one ranking travel together and always have the same weight, so a merged ranking with its weight is a
    parcel. Only the parcels of the one whose surplus moves, or who is defeated, are looked at again.

    Args:
        profile: Rankings without equal ranks.
        terms: One seat or more.
        order: The tie order, every option once; the first wins a tie.
        order_only: Makes no difference here: the tie order is the whole tie rule.

    Returns:
        Every round. Votes have four decimals. Whoever is elected keeps a tally; who is defeated has None from the next
        round on. `elected` is in order of election.

    Raises:
        InvalidMethod: Ballots with equal ranks.

    Source:
        Proportional Representation Foundation, Reference WIGM Rule (weighted inclusive Gregory method), without the
        optional batch defeat.

    Example:
        Two of three are elected. Five ballots are for ann first, then ben: the quota is 8 / 3 + 0.0001 = 2.6667, so ann
        has 2.3333 to spare, and each of the five goes on to ben at 2.3333 / 5 = 0.4666 of a vote.

        >>> from voting.profile import ranked_profile
        >>> names = ("ann", "ben", "cas")
        >>> codes, votes = np.array([[1, 2], [2, 0], [3, 0]]), np.array([5, 1, 2])
        >>> board = ranked_profile(codes, options=names, weights=votes)
        >>> outcome = count_stv_wigm(board, terms=Terms(names, seats=2), order=names)
        >>> outcome.quota, outcome.elected, outcome.rounds[-1].tally
        ('2.6667', ('ann', 'ben'), ('2.6667', '3.3330', '2.0000'))
    """
    if profile.tied is not None:
        raise InvalidMethod("stv-wigm does not take equal ranks")
    assert profile.options == terms.options, "a profile is counted under its own terms"
    names = profile.options
    quota = (profile.ballots - profile.empty) * UNIT // (terms.seats + 1) + 1
    parcels = _Parcels(profile)
    ties = _Ties(names, order)
    hopeful = list(range(len(names)))
    pending: list[int] = []
    defeated: set[int] = set()
    elected: list[int] = []
    rounds: list[RankedRound] = []

    while True:
        votes = [int(held) for held in parcels.votes]
        assert sum(votes) + parcels.exhausted + parcels.lost == profile.ballots * UNIT, "a round holds every vote once"
        ties.remember(votes)
        reached = [index for index in hopeful if votes[index] >= quota]
        vacancies = terms.seats - len(elected)
        if len(hopeful) <= vacancies:
            reached = hopeful
        winners = ties.rank(reached)
        elected += winners
        hopeful = [index for index in hopeful if index not in winners]
        pending += winners
        ended = len(elected) == terms.seats or not hopeful
        source = None if ended or not pending else ties.first(pending)
        out = ties.last(hopeful) if not ended and source is None else None
        rounds.append(
            RankedRound(
                number=len(rounds) + 1,
                tally=tuple(None if index in defeated else written(held) for index, held in enumerate(votes)),
                elected=tuple(names[index] for index in winners),
                eliminated=() if out is None else (names[out],),
                exhausted=written(parcels.exhausted),
                lost_to_rounding=written(parcels.lost),
            )
        )
        if ended:
            return RankedOutcome(
                method=NAME,
                quota=written(quota),
                rounds=tuple(rounds),
                draws=tuple(ties.draws),
                elected=tuple(names[index] for index in elected),
            )
        if source is not None:
            pending.remove(source)
            parcels.move(source, hopeful, keep=quota)
        elif out is not None:
            hopeful.remove(out)
            defeated.add(out)
            parcels.move(out, hopeful, keep=0)


def written(votes: int) -> str:
    """Return ten-thousandths of a vote as published.

    Example:
        >>> written(13_370_000), written(7)
        ('1337.0000', '0.0007')
    """
    return f"{votes // UNIT}.{votes % UNIT:04}"


class _Parcels:
    """Who holds each ranking now, the weight of each of its ballots, and how many votes that gives.

    A ranking that is used up is held by option -1, which holds nothing. Votes and weights are in ten-thousandths.
    """

    def __init__(self, profile: RankedProfile) -> None:
        kind: Any = np.int64 if profile.ballots <= _INT64_BALLOTS else object
        self.counts: NDArray[Any] = profile.counts.astype(kind)
        self.weights: NDArray[Any] = np.full(len(profile.counts), UNIT, kind)
        self.standing = Standing(profile)
        self.votes: NDArray[Any] = np.zeros(len(profile.options), kind)
        np.add.at(self.votes, self.standing.holder, self.counts * UNIT)
        self.exhausted = profile.empty * UNIT
        self.lost = 0

    def move(self, source: int, hopeful: Sequence[int], *, keep: int) -> None:
        """Give the ballots of an option to the next hopeful one that each ranks.

        Args:
            source: Whose ballots they are.
            hopeful: Who can receive them.
            keep: What stays behind: the quota, where a surplus moves; 0, where an option is defeated, and then every
                ballot keeps its weight.
        """
        held = int(self.votes[source])
        moving = self.standing.at([source])
        if keep:
            # Two steps, each cut to four decimals, as the rule says: times the surplus, then divided by the votes.
            self.weights[moving] = self.weights[moving] * (held - keep) // UNIT * UNIT // held
        taking = np.zeros(len(self.votes) + 1, np.bool_)
        taking[[*hopeful, -1]] = True
        worth = self.weights[moving] * self.counts[moving]
        received = np.zeros(len(taking), worth.dtype)
        np.add.at(received, self.standing.go_on(moving, taking), worth)
        self.votes += received[:-1]
        self.votes[source] = keep
        self.exhausted += int(received[-1])
        self.lost += held - keep - int(worth.sum())


class _Ties:
    """Who stands before whom: by votes, then by lot. Every use of the lot is kept in `draws`."""

    def __init__(self, names: Sequence[str], order: Sequence[str]) -> None:
        place = places(order, names)
        self.names = names
        self.place = [place[name] for name in names]
        self.rounds = 0
        self.votes: Sequence[int] = ()
        self.draws: list[Draw] = []

    def remember(self, votes: Sequence[int]) -> None:
        """Take in the votes of a new round."""
        self.rounds += 1
        self.votes = votes

    def rank(self, options: Sequence[int]) -> list[int]:
        """Return options in order, most votes first."""
        ranked = self._sorted(options)
        for _, same in groupby(ranked, key=self.votes.__getitem__):
            self._draw(list(same), "order")
        return ranked

    def first(self, options: Sequence[int]) -> int:
        """Return the one with the most votes, whose surplus moves first."""
        found = self._sorted(options)[0]
        self._draw(self._level_with(found, options), "transfer")
        return found

    def last(self, options: Sequence[int]) -> int:
        """Return the one with the fewest votes, who is defeated."""
        found = self._sorted(options)[-1]
        self._draw(self._level_with(found, options), "eliminate")
        return found

    def _sorted(self, options: Sequence[int]) -> list[int]:
        return sorted(options, key=lambda index: (-self.votes[index], self.place[index]))

    def _level_with(self, found: int, options: Sequence[int]) -> list[int]:
        return [index for index in self._sorted(options) if self.votes[index] == self.votes[found]]

    def _draw(self, tied: Sequence[int], decided: str) -> None:
        if len(tied) > 1:
            names = tuple(self.names[index] for index in tied)
            self.draws.append(Draw(round=self.rounds, among=tuple(sorted(names)), order=names, decided=decided))
