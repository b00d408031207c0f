"""Single transferable vote by Meek's method. Rules MEEK-1 to MEEK-13 in voting/specs/stv-meek.md."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.outcome import Draw, RankedOutcome, RankedRound
from voting.errors import InvalidMethod
from voting.profile import RankedProfile, Terms
from voting.ties import places

NAME = "stv-meek/1"
UNIT = 10**9
"""One vote, and a keep factor of one, counted in billionths: no number has more than nine decimals."""
OMEGA = 1_000
"""A total surplus below this, 0.000001 votes, is as good as none."""
_INT64_BALLOTS = (2**63 - 1) // UNIT
"""Up to so many ballots all votes fit into 64 bits; above, Python's own integers are used."""


def count_stv_meek(
    profile: RankedProfile, *, terms: Terms, order: Sequence[str], order_only: bool = False
) -> RankedOutcome:
    """Return the complete count, as many winners as there are seats.

    Every elected option keeps a part of each ballot that reaches it, just so much that it has the quota, and the rest
    goes on to the next option, elected or not. What is kept is found by iteration. Ballots that name the same elected
    options before the same hopeful one are alike in all iterations, so only these few groups are counted.

    Args:
        profile: Rankings without equal ranks.
        terms: One seat or more.
        order: The tie order, every option once; the first wins a tie.
        order_only: Makes no difference here: the tie order is the whole tie rule.

    Returns:
        Every round with the votes of its last iteration, nine decimals. `quota` is that of the last iteration of all.
        Nothing is lost to rounding: what is not kept stays with the ballot, and is exhausted where it ends. `elected`
        is in order of election.

    Raises:
        InvalidMethod: Ballots with equal ranks.

    Source:
        Proportional Representation Foundation, Reference Meek Rule.

    Example:
        Two of three are elected. The quota is 8 / 3, rounded up past the ninth decimal, and ann has 5 votes; she comes
        to keep 0.533333334 of each of hers, so that ben has 1 + 5 x 0.466666666 votes and the quota, too.

        >>> from voting.profile import ranked_profile
        >>> names = ("ann", "ben", "cas")
        >>> codes, votes = np.array([[1, 2], [2, 0], [3, 0]]), np.array([5, 1, 2])
        >>> board = ranked_profile(codes, options=names, weights=votes)
        >>> outcome = count_stv_meek(board, terms=Terms(names, seats=2), order=names)
        >>> outcome.quota, outcome.elected, outcome.rounds[-1].tally
        ('2.666666667', ('ann', 'ben'), ('2.666666670', '3.333333330', '2.000000000'))
    """
    if profile.tied is not None:
        raise InvalidMethod("stv-meek does not take equal ranks")
    assert profile.options == terms.options, "a profile is counted under its own terms"
    names = profile.options
    groups = _Groups(profile)
    ties = _Ties(names, order)
    keep = [UNIT] * len(names)
    hopeful = list(range(len(names)))
    elected: list[int] = []
    defeated: set[int] = set()
    rounds: list[RankedRound] = []

    while True:
        votes, used_up, quota, surplus = _iterate(groups, keep, hopeful=hopeful, elected=elected, seats=terms.seats)
        exhausted = used_up + profile.empty * UNIT
        assert sum(votes) + exhausted == profile.ballots * UNIT, "a round holds every vote once"
        ties.remember(votes)
        vacancies = terms.seats - len(elected)
        contested = len(hopeful) > vacancies
        winners = ties.rank([index for index in hopeful if votes[index] >= quota] if contested else [])[:vacancies]
        hopeful = [index for index in hopeful if index not in winners]
        out = ties.last(hopeful, within=surplus) if contested and not winners else None
        changed = [*winners] if out is None else [out]
        hopeful = [index for index in hopeful if index != out]
        if len(winners) < vacancies and len(hopeful) <= vacancies - len(winners):
            winners = [*winners, *ties.rank(hopeful)]
            hopeful = []
        elected += winners
        rounds.append(
            RankedRound(
                number=len(rounds) + 1,
                tally=tuple(None if index in defeated else written(held) for index, held in enumerate(votes)),
                elected=tuple(names[index] for index in winners),
                eliminated=() if out is None else (names[out],),
                exhausted=written(exhausted),
                lost_to_rounding=written(0),
            )
        )
        if len(elected) == terms.seats or not hopeful:
            return RankedOutcome(
                method=NAME,
                quota=written(quota),
                rounds=tuple(rounds),
                draws=tuple(ties.draws),
                elected=tuple(names[index] for index in elected),
            )
        if out is not None:
            defeated.add(out)
        groups.move(changed, elected=elected, hopeful=hopeful)


def written(votes: int) -> str:
    """Return billionths of a vote as published.

    Example:
        >>> written(1_337_000_000_000), written(7)
        ('1337.000000000', '0.000000007')
    """
    return f"{votes // UNIT}.{votes % UNIT:09}"


def _iterate(
    groups: "_Groups", keep: list[int], *, hopeful: Sequence[int], elected: Sequence[int], seats: int
) -> tuple[list[int], int, int, int]:
    """Distribute the votes and mend the keep factors of elected options, until a round is decided.

    Args:
        groups: The ballots.
        keep: The keep factor of each option, billionths; those of elected options are changed in place.
        hopeful: Who can reach the quota.
        elected: Who keeps a part.
        seats: All seats.

    Returns:
        Votes, what is left of ballots that are used up, quota and total surplus, all of the last iteration and in
        billionths. Either someone hopeful has reached the quota, or the surplus is below omega or no longer falls.
    """
    before: int | None = None
    while True:
        *votes, used_up = groups.distribute(keep)
        quota = sum(votes) // (seats + 1) + 1
        surplus = max(0, sum(votes[index] - quota for index in elected))
        reached = any(votes[index] >= quota for index in hopeful)
        if reached or surplus < OMEGA or (before is not None and surplus >= before):
            return votes, used_up, quota, surplus
        before = surplus
        for index in elected:
            product = _divided_up(keep[index] * quota, UNIT)
            keep[index] = _divided_up(product * UNIT, votes[index])


def _divided_up(number: int, divisor: int) -> int:
    return -(-number // divisor)


class _Groups:
    """Ballots grouped by the elected options that they name before their first hopeful one, and by that one.

    The sequences of elected options form a tree: node 0 is the empty sequence, and every other node is its parent with
    one more option. All ballots that pass a node weigh the same after it. Votes, weights and keep factors are in
    billionths. Ballots that are used up are with option -1, the last place of an array.
    """

    def __init__(self, profile: RankedProfile) -> None:
        rows, ranks = profile.rankings.shape
        self.kind: Any = np.int64 if profile.ballots <= _INT64_BALLOTS else object
        self.options = len(profile.options)
        self.rankings: NDArray[np.int32] = np.full((rows, ranks + 1), -1, np.int32)
        self.rankings[:, :ranks] = profile.rankings
        self.counts: NDArray[Any] = profile.counts.astype(self.kind)
        self.rank = np.zeros(rows, np.int64)
        self.holder = self.rankings[:, 0].copy()
        self.node = np.zeros(rows, np.int64)
        self.children: dict[int, int] = {}
        self.parent = np.zeros(1, np.int64)
        self.option = np.full(1, -1, np.int64)
        self.depth = np.zeros(1, np.int64)
        self._group(self._key(np.arange(rows)), self.counts)

    def move(self, changed: Sequence[int], *, elected: Sequence[int], hopeful: Sequence[int]) -> None:
        """Take the ballots of options that are no longer hopeful on to the next hopeful one that each ranks.

        Args:
            changed: Who was elected or defeated just now.
            elected: All who are elected.
            hopeful: All who are still hopeful.
        """
        gone = np.zeros(self.options + 1, np.bool_)
        gone[changed] = True
        keeps = np.zeros(self.options + 1, np.bool_)
        keeps[elected] = True
        stays = np.zeros(self.options + 1, np.bool_)
        stays[[*hopeful, -1]] = True
        moving = np.flatnonzero(gone[self.holder])
        searching = moving
        while len(searching):
            passing = searching[keeps[self.holder[searching]]]
            self.node[passing] = self._next_nodes(self.node[passing], self.holder[passing])
            self.rank[searching] += 1
            self.holder[searching] = self.rankings[searching, self.rank[searching]]
            searching = searching[~stays[self.holder[searching]]]
        settled = stays[self.keys % (self.options + 1) - 1]
        self._group(
            np.concatenate((self.keys[settled], self._key(moving))),
            np.concatenate((self.sizes[settled], self.counts[moving])),
        )

    def distribute(self, keep: Sequence[int]) -> list[int]:
        """Return the votes of every option, what it keeps of each ballot, and last what is left of ballots used up.

        Args:
            keep: The keep factor of each option. Only those of elected options are looked at: a hopeful option keeps
                everything that reaches it, a defeated one nothing.
        """
        factor: NDArray[Any] = np.array(keep, self.kind)[self.option]
        weight: NDArray[Any] = np.full(len(self.parent), UNIT, self.kind)
        kept: NDArray[Any] = np.zeros(len(self.parent), self.kind)
        for level in self.levels:
            reaching = weight[self.parent[level]]
            kept[level] = -(-reaching * factor[level] // UNIT)
            weight[level] = reaching - kept[level]
        votes: NDArray[Any] = np.zeros(self.options + 1, self.kind)
        np.add.at(votes, self.option[1:], (kept * self.passing)[1:])
        np.add.at(votes, self.keys % (self.options + 1) - 1, weight[self.at] * self.sizes)
        found: list[int] = votes.tolist()
        return found

    def _key(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return self.node[rows] * (self.options + 1) + self.holder[rows] + 1

    def _group(self, keys: NDArray[np.int64], counts: NDArray[Any]) -> None:
        """Add up the ballots of each key, and how many of all pass each node."""
        self.keys, group = np.unique(keys, return_inverse=True)
        self.sizes: NDArray[Any] = np.zeros(len(self.keys), self.kind)
        np.add.at(self.sizes, group, counts)
        self.at = self.keys // (self.options + 1)
        self.passing: NDArray[Any] = np.zeros(len(self.parent), self.kind)
        np.add.at(self.passing, self.at, self.sizes)
        self.levels = [np.flatnonzero(self.depth == depth) for depth in range(1, int(self.depth.max()) + 1)]
        for level in reversed(self.levels):
            np.add.at(self.passing, self.parent[level], self.passing[level])

    def _next_nodes(self, nodes: NDArray[np.int64], options: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the nodes one option further, made where there are none."""
        steps, step = np.unique(nodes * self.options + options, return_inverse=True)
        new = np.array([number for number in steps.tolist() if number not in self.children], np.int64)
        first = len(self.parent)
        self.children.update(zip(new.tolist(), range(first, first + len(new)), strict=True))
        self.parent = np.append(self.parent, new // self.options)
        self.option = np.append(self.option, new % self.options)
        self.depth = np.append(self.depth, self.depth[new // self.options] + 1)
        return np.array([self.children[number] for number in steps.tolist()], np.int64)[step]


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
        ranked = sorted(options, key=lambda index: (-self.votes[index], self.place[index]))
        for _, same in groupby(ranked, key=self.votes.__getitem__):
            self._draw(list(same), "order")
        return ranked

    def last(self, options: Sequence[int], *, within: int) -> int:
        """Return the one who is defeated: the last by lot of those with at most so many votes more than the fewest."""
        fewest = min(self.votes[index] for index in options)
        tied = [index for index in options if self.votes[index] <= fewest + within]
        tied.sort(key=self.place.__getitem__)
        self._draw(tied, "eliminate")
        return tied[-1]

    def _draw(self, tied: Sequence[int], decided: str) -> None:
        if len(tied) > 1:
            names = tuple(self.names[index] for index in tied)
            self.draws.append(Draw(round=self.rounds, among=tuple(sorted(names)), order=names, decided=decided))
