"""Single transferable vote by the Scottish rules. Rules SCOTTISH-1 to SCOTTISH-12 in voting/specs/stv-scottish.md."""

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

NAME = "stv-scottish/1"
UNIT = 100_000
"""One vote, counted in hundred-thousandths: no vote has more than five decimals."""
_INT64_BALLOTS = (2**63 - 1) // UNIT**2
"""Up to so many ballots surplus times paper value fits into 64 bits; above, Python's own integers are used."""


def count_stv_scottish(
    profile: RankedProfile, *, terms: Terms, order: Sequence[str], order_only: bool = False
) -> RankedOutcome:
    """Return the complete count, as many winners as there are seats.

    Papers with one ranking travel together and are always worth the same, so a merged ranking with its paper value is
    a parcel. Only the parcels of the one whose surplus moves, or who is excluded, are looked at again.

    Args:
        profile: Rankings without equal ranks.
        terms: One seat or more.
        order: The tie order, every option once; the first wins a tie that earlier rounds do not decide.
        order_only: Let `order` decide every tie; earlier rounds are not asked.

    Returns:
        Every round. Votes have five decimals. Whoever is elected keeps a tally; who is excluded has None from the next
        round on. `elected` is in order of election.

    Raises:
        InvalidMethod: Ballots with equal ranks.

    Source:
        The Scottish Local Government Elections Order 2007 (SSI 2007/42), Schedule 1, rules 45 to 52.

    Example:
        Two of three are elected. Five ballots are for ann first, then ben: the quota is 8 // 3 + 1 = 3, so each of the
        five goes on to ben at 2/5 of a vote, and ben comes to 3 votes, too.

        >>> from voting.profile import ranked_profile
        >>> names = ("ann", "ben", "cas")
        >>> codes, votes = np.array([[1, 2], [2, 0], [3, 0]]), np.array([5, 1, 2])
        >>> board = ranked_profile(codes, options=names, weights=votes)
        >>> outcome = count_stv_scottish(board, terms=Terms(names, seats=2), order=names)
        >>> outcome.quota, outcome.elected, outcome.rounds[-1].tally
        ('3.00000', ('ann', 'ben'), ('3.00000', '3.00000', '2.00000'))
    """
    if profile.tied is not None:
        raise InvalidMethod("stv-scottish does not take equal ranks")
    assert profile.options == terms.options, "a profile is counted under its own terms"
    names = profile.options
    quota = ((profile.ballots - profile.empty) // (terms.seats + 1) + 1) * UNIT
    papers = _Papers(profile)
    ties = _Ties(names, order, order_only=order_only)
    hopeful = list(range(len(names)))
    waiting: list[int] = []
    excluded: set[int] = set()
    elected: list[int] = []
    rounds: list[RankedRound] = []

    while True:
        votes = [int(held) for held in papers.votes]
        assert sum(votes) + papers.exhausted + papers.lost == profile.ballots * UNIT, "a round holds every vote once"
        ties.remember(votes)
        reached = [index for index in hopeful if votes[index] >= quota]
        vacancies = terms.seats - len(elected)
        if len(hopeful) <= vacancies:
            reached = hopeful
        winners = ties.rank(reached)
        elected += winners
        hopeful = [index for index in hopeful if index not in winners]
        waiting += [index for index in winners if votes[index] > quota]
        ended = len(elected) == terms.seats or not hopeful
        source = None if ended or not waiting else ties.first(waiting)
        out = ties.last(hopeful) if not ended and source is None else None
        rounds.append(
            RankedRound(
                number=len(rounds) + 1,
                tally=tuple(None if index in excluded else written(held) for index, held in enumerate(votes)),
                elected=tuple(names[index] for index in winners),
                eliminated=() if out is None else (names[out],),
                exhausted=written(papers.exhausted),
                lost_to_rounding=written(papers.lost),
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
            waiting.remove(source)
            papers.move(source, hopeful, keep=quota)
        elif out is not None:
            hopeful.remove(out)
            excluded.add(out)
            papers.move(out, hopeful, keep=0)


def written(votes: int) -> str:
    """Return hundred-thousandths of a vote as published.

    Example:
        >>> written(133_700_000), written(7)
        ('1337.00000', '0.00007')
    """
    return f"{votes // UNIT}.{votes % UNIT:05}"


class _Papers:
    """Who holds each ranking now, what each of its papers is worth, and how many votes that gives.

    A ranking that is used up is held by option -1, which holds nothing. Votes and values are in hundred-thousandths.
    """

    def __init__(self, profile: RankedProfile) -> None:
        kind: Any = np.int64 if profile.ballots <= _INT64_BALLOTS else object
        self.counts: NDArray[Any] = profile.counts.astype(kind)
        self.values: NDArray[Any] = np.full(len(profile.counts), UNIT, kind)
        self.standing = Standing(profile)
        self.votes: NDArray[Any] = np.zeros(len(profile.options), kind)
        np.add.at(self.votes, self.standing.holder, self.counts * UNIT)
        self.exhausted = profile.empty * UNIT
        self.lost = 0

    def move(self, source: int, hopeful: Sequence[int], *, keep: int) -> None:
        """Give the papers of an option to the next hopeful one that each ranks.

        Args:
            source: Whose papers they are.
            hopeful: Who can receive them.
            keep: What stays behind: the quota, where a surplus moves; 0, where an option is excluded, and then every
                paper keeps its value.
        """
        held = int(self.votes[source])
        moving = self.standing.at([source])
        if keep:
            self.values[moving] = self.values[moving] * (held - keep) // held
        taking = np.zeros(len(self.votes) + 1, np.bool_)
        taking[[*hopeful, -1]] = True
        worth = self.values[moving] * self.counts[moving]
        received = np.zeros(len(taking), worth.dtype)
        np.add.at(received, self.standing.go_on(moving, taking), worth)
        self.votes += received[:-1]
        self.votes[source] = keep
        self.exhausted += int(received[-1])
        self.lost += held - keep - int(worth.sum())


class _Ties:
    """Who stands before whom: by votes now, then by votes in earlier rounds, the latest first, then by lot.

    To compare the latest round that differs among those still tied, one round after the other, is to compare the whole
    record of an option backwards. Every use of the lot is kept in `draws`.
    """

    def __init__(self, names: Sequence[str], order: Sequence[str], *, order_only: bool) -> None:
        place = places(order, names)
        self.names = names
        self.place = [place[name] for name in names]
        self.rounds = 0
        self.record: list[tuple[int, ...]] = [()] * len(names)
        self.memory = 1 if order_only else None
        self.draws: list[Draw] = []

    def remember(self, votes: Sequence[int]) -> None:
        """Take in the votes of a new round."""
        self.rounds += 1
        self.record = [(now, *before)[: self.memory] for now, before in zip(votes, self.record, strict=True)]

    def rank(self, options: Sequence[int]) -> list[int]:
        """Return options in order, most votes first."""
        ranked = self._sorted(options)
        for _, same in groupby(ranked, key=self.record.__getitem__):
            self._draw(list(same), "order")
        return ranked

    def first(self, options: Sequence[int]) -> int:
        """Return the one with the most votes, whose surplus moves first."""
        found = self._sorted(options)[0]
        self._draw(self._level_with(found, options), "transfer")
        return found

    def last(self, options: Sequence[int]) -> int:
        """Return the one with the fewest votes, who is excluded."""
        found = self._sorted(options)[-1]
        self._draw(self._level_with(found, options), "eliminate")
        return found

    def _sorted(self, options: Sequence[int]) -> list[int]:
        by_lot = sorted(options, key=self.place.__getitem__)
        return sorted(by_lot, key=self.record.__getitem__, reverse=True)  # stable: equal ones stay in lot order

    def _level_with(self, found: int, options: Sequence[int]) -> list[int]:
        return [index for index in self._sorted(options) if self.record[index] == self.record[found]]

    def _draw(self, tied: Sequence[int], decided: str) -> None:
        if len(tied) > 1:
            names = tuple(self.names[index] for index in tied)
            self.draws.append(Draw(round=self.rounds, among=tuple(sorted(names)), order=names, decided=decided))
