"""One run of Equal Shares: every ballot has the same share of money, and projects are bought by those who want them.

Exact, and fast all the same. Floating-point numbers only find out whom to look at: every bound that they give is on the
safe side of its rounding errors, and whatever they can't tell apart is decided by integers. That is cheap, since
nobody's money has to be written down: a ballot holds its share less what it paid, so the money of a thousand ballots
follows from how often each project bought so far stands on them.
"""

import hashlib
import heapq
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import gcd
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from voting.errors import InvalidContest
from voting.profile import IntArray, ScoredProfile, Terms

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

POINTS_MAX = 2**53
"""The points of all ballots together must stay below this, so that floating-point sums of them are exact."""
_ROUNDING = 1 / 2**53
"""The largest relative error of one floating-point operation."""
_UNSURE = 1 / 2**40
"""Ballots whose money is so close to what they would pay, in shares, are looked at exactly."""
_HARDLY_BETTER = 1 + 1 / 2**30
"""A lower bound that grew by less is good enough: whoever is that close to the best is looked at exactly."""
_LEAST = 1 / 2**60
"""Stands for money that is left where rounding would show none."""
_STEPS_MAX = 200


@dataclass(frozen=True, eq=False)
class Market:
    """Projects with those who want them. Options are meant by their index.

    Attributes:
        costs: Minor units.
        mates: The options in a group with each option, without itself.
        ballots: How many ballots there are, the empty ones too.
        starts: As in the profile.
        members: As in the profile.
        values: As in the profile.
        counts: As in the profile.
        sizes: How many options each different ballot names.
        pointed: Whether any ballot gives more than 1.
        scores: The sum of what all ballots give each option.
        wanted: For each option, who wants it.
    """

    costs: tuple[int, ...]
    mates: tuple[frozenset[int], ...]
    ballots: int
    starts: IntArray
    members: NDArray[np.int32]
    values: IntArray
    counts: IntArray
    sizes: IntArray
    pointed: bool
    scores: tuple[int, ...]
    wanted: "tuple[Wanted, ...]"


class Wanted(NamedTuple):
    """Who wants one project. None in place of an array stands for all 1.

    Attributes:
        rows: The different ballots that name it.
        points: What each of them gives it.
        weights: How many ballots each row stands for.
        heavy: `points` times `weights`.
    """

    rows: IntArray
    points: FloatArray | None
    weights: FloatArray | None
    heavy: FloatArray | None


@dataclass(frozen=True)
class Purchase:
    """A project that was bought.

    Attributes:
        option: Its index.
        level: The most that a ballot paid for each point it gives the project, minor units.
        tied: Every project that would have been as good a purchase, this one among them.
    """

    option: int
    level: Fraction
    tied: tuple[int, ...]


@dataclass(frozen=True)
class Run:
    """What is bought with one endowment.

    Attributes:
        endowment: The share of each ballot, minor units.
        purchases: In order.
        path: Stands for all comparisons that the run made, in order, and how they came out. As long as they come out
            the same, everything that is compared is a linear function of the endowment. So where two runs have the
            same path, every run with an endowment in between buys the same.
    """

    endowment: Fraction
    purchases: tuple[Purchase, ...]
    path: bytes


def open_market(profile: ScoredProfile, terms: Terms) -> Market:
    """Return the market of a profile.

    Raises:
        InvalidContest: All points together are 2^53 or more.
    """
    sizes = np.diff(profile.starts)
    highest = int(profile.values.max()) if len(profile.values) else 1
    if highest * profile.ballots >= POINTS_MAX:
        raise InvalidContest("the points of all ballots together may be 2^53 or more, which is too much to share by")
    by_option = np.argsort(profile.members, kind="stable")
    row_of = np.repeat(np.arange(len(sizes)), sizes)[by_option]
    value_of = profile.values[by_option]
    ends = np.searchsorted(profile.members[by_option], np.arange(len(terms.options) + 1))
    wanted = []
    for start, end in pairwise(ends.tolist()):
        rows, points = row_of[start:end], _or_none(value_of[start:end])
        weights = _or_none(profile.counts[rows])
        heavy = weights if points is None else points if weights is None else points * weights
        wanted.append(Wanted(rows, points, weights, heavy))
    index = {option: place for place, option in enumerate(terms.options)}
    mates = tuple(
        frozenset(index[name] for group in terms.groups if option in group for name in group) - {place}
        for option, place in index.items()
    )
    return Market(
        costs=terms.costs,
        mates=mates,
        ballots=profile.ballots,
        starts=profile.starts,
        members=profile.members,
        values=profile.values,
        counts=profile.counts,
        sizes=sizes,
        pointed=highest > 1,
        scores=profile.scores(),
        wanted=tuple(wanted),
    )


def six_decimals(amount: Fraction) -> str:
    """Return an amount as it is published: with six decimals, the rest dropped.

    Example:
        >>> six_decimals(Fraction(100, 3))
        '33.333333'
    """
    whole, rest = divmod(amount.numerator * 10**6 // amount.denominator, 10**6)
    return f"{whole}.{rest:06}"


def _or_none(numbers: IntArray) -> FloatArray | None:
    return None if bool((numbers == 1).all()) else numbers.astype(np.float64)


def buy(
    market: Market, *, endowment: Fraction, cardinal: bool, choose: Callable[[list[int]], tuple[int, tuple[int, ...]]]
) -> Run:
    """Return what is bought when every ballot has the same endowment.

    Args:
        market: Who wants what.
        endowment: Minor units, from 0.
        cardinal: Rate a project by what is paid for it alone, and not by its cost over what is paid.
        choose: Whom to buy of equally good projects, and who was tied with it beyond all rules.

    Source:
        Rules SHARES-3 to SHARES-8 in voting/specs/equal-shares.md.
    """
    return _Purses(market, endowment, cardinal=cardinal, choose=choose).spend()


class _Purses:
    """The money of all ballots during one run. Floating-point money is in shares: 1 is the endowment.

    Exact money is in units of the `unit`-th part of a minor unit: `share` is the endowment, `prices[option]` what each
    point paid for a project that was bought.
    """

    def __init__(
        self,
        market: Market,
        endowment: Fraction,
        *,
        cardinal: bool,
        choose: Callable[[list[int]], tuple[int, tuple[int, ...]]],
    ) -> None:
        self.market = market
        self.endowment = endowment
        self.cardinal = cardinal
        self.choose = choose
        self.share, self.unit = endowment.numerator, endowment.denominator
        self.prices: dict[int, int] = {}
        self.money = np.ones(len(market.counts), np.float64)
        """What each different ballot has left; 0 exactly where it has nothing left."""
        self.gone: set[int] = set()
        self.path = hashlib.sha256()
        self.costs: dict[int, Any] = {}
        """The cost of each project, in shares."""
        self.level: dict[int, Any] = {}
        """For each project, what each point would pay, as last found out, in shares."""

    def spend(self) -> Run:
        """Buy until nobody can pay for anything more."""
        market = self.market
        bought: list[tuple[int, tuple[int, ...]]] = []
        supported = [option for option, score in enumerate(market.scores) if score]
        while free := [option for option in supported if not market.costs[option] and option not in self.gone]:
            option, tied = self.choose(free)
            bought.append((option, tied))
            self.gone |= {option} | market.mates[option]
        free_ones = len(bought)
        cost = {option: market.costs[option] for option in supported if option not in self.gone}
        queue = [(self._rate(option, self._least(option)), option) for option in cost] if self.share else []
        heapq.heapify(queue)
        while best := self._best(queue):
            chosen, tied = self.choose(list(best))
            bought.append((chosen, tied))
            self.path.update(b"buy %d," % chosen)
            self.gone |= {chosen} | market.mates[chosen]
            self._pay(chosen, *best.pop(chosen))
            for option in best:
                heapq.heappush(queue, (self._rate(option, self.level[option]), option))
        purchases = tuple(
            Purchase(option, Fraction(0) if place < free_ones else Fraction(self.prices[option], self.unit), tied)
            for place, (option, tied) in enumerate(bought)
        )
        for option, _ in bought[:free_ones]:
            self.path.update(b"free %d," % option)
        return Run(self.endowment, purchases, self.path.digest())

    def _best(self, queue: list[tuple[Any, int]]) -> dict[int, tuple[int, int, BoolArray]]:
        """Take the best purchases out of the queue: option -> what `_exactly` gives, all of them equally good.

        The queue holds lower bounds of how much a project takes from those who pay for it. They stay lower bounds while
        money is spent, so whoever is behind the best one with an old bound needs no look.
        """
        found: dict[int, tuple[int, int, BoolArray]] = {}
        behind: list[tuple[Any, int]] = []
        looked: set[int] = set()
        bar = np.inf
        best: tuple[int, int] = (0, 0)
        while queue and queue[0][0] <= bar:
            _, option = heapq.heappop(queue)
            if option in self.gone:
                continue
            if option not in looked:
                looked.add(option)
                level = self._look(option)
                if level is not None:
                    heapq.heappush(queue, (self._rate(option, level), option))
                continue
            exact = self._exactly(option)
            if exact is None:
                continue
            # a price is over / under units; the rate of it over the cost, or alone
            over, under = exact[0], exact[1] if self.cardinal else exact[1] * self.market.costs[option]
            order = over * best[1] - best[0] * under if found else -1
            if order < 0:
                behind += [(self._rate(other, self.level[other]), other) for other in found]
                found, best = {option: exact}, (over, under)
                bar = self._rate(option, exact[0] / (exact[1] * self.share)) * (1 + 16 * _ROUNDING)
            elif order == 0:
                found[option] = exact
            else:
                behind.append((self._rate(option, self.level[option]), option))
        for entry in behind:
            heapq.heappush(queue, entry)
        return found

    def _rate(self, option: int, level: Any) -> Any:
        """How much a purchase takes, in shares: the less the better. Rounded down a little."""
        return level * (1 - 4 * _ROUNDING) if self.cardinal else level / self.market.costs[option] * (1 - 4 * _ROUNDING)

    def _least(self, option: int) -> Any:
        """What each point would pay if nobody ran short, rounded down a little."""
        self.costs[option] = self.market.costs[option] * self.unit / self.share
        self.level[option] = self.costs[option] / self.market.scores[option] * (1 - 4 * _ROUNDING)
        return self.level[option]

    def _look(self, option: int) -> Any:
        """Return a lower bound of what each point would pay now, in shares; None where there isn't money enough.

        Whoever is taken for short of money, cost <= money of these + level x points of the others. So each such split
        gives a lower bound of the level; a better split gives a better bound, until none changes.
        """
        market = self.market
        rows, points, weights, heavy = market.wanted[option]
        money = self.money[rows]
        weighed = money if weights is None else money * weights
        total = np.add.reduce(weighed)
        cost = self.costs[option]
        # errors: of each ballot's money, and of sums in any order
        error = (3 * len(self.prices) + 2 * len(rows) + 16) * _ROUNDING * market.scores[option]
        if total + error < cost:
            self.gone.add(option)
            self.path.update(b"poor %d," % option)
            return None
        level = self.level[option]
        for _ in range(_STEPS_MAX):
            rich = money >= (level if points is None else level * points)
            paying = np.count_nonzero(rich) if heavy is None else heavy @ rich
            if not paying:
                return self.level[option]  # all of them give all they have, or nearly
            better = (cost - (total - weighed @ rich)) / paying
            if better <= level * _HARDLY_BETTER:
                break
            level = better
        self.path.update(b"look %d," % option)
        self.path.update(rich.tobytes())
        self.level[option] = better - error / paying - 8 * _ROUNDING * abs(better)
        return self.level[option]

    def _exactly(self, option: int) -> tuple[int, int, BoolArray] | None:
        """Return what each point pays, exactly, and who pays it; None where there isn't money enough.

        Returns:
            Numerator and denominator of the price in units, and for each row whether it pays that price and does not
            give all it has. A split of the rows into those who pay the price and those who can't proves itself: it is
            right if by the price that follows from it everyone is on their side.
        """
        market = self.market
        rows, points, _, heavy = market.wanted[option]
        money = self.money[rows]
        error = (3 * len(self.prices) + 8) * _ROUNDING
        cost = market.costs[option] * self.unit
        level = self.level[option]
        for _ in range(_STEPS_MAX):
            gap = money - (level if points is None else level * points)
            rich, poor = gap > _UNSURE, gap < -_UNSURE
            paying = int(np.count_nonzero(rich) if heavy is None else heavy @ rich)
            given = self._sum(rows[poor & (money > 0)])
            edge: list[tuple[Fraction, int, int]] = []
            if np.count_nonzero(rich) + np.count_nonzero(poor) < len(rows):
                edge = self._one_by_one(option, np.flatnonzero(~(rich | poor)))
                paying += sum(weight for _, weight, _ in edge)
            short = 0
            while short < len(edge) and edge[short][0] * paying < cost - given:
                ratio, weight, _ = edge[short]
                given += ratio.numerator * weight // ratio.denominator
                paying -= weight
                short += 1
            if not paying:
                if given < cost:
                    self.gone.add(option)
                    self.path.update(b"lack %d," % option)
                    return None
                level = self.costs[option] / market.scores[option]
                continue
            before, level = level, (cost - given) / (paying * self.share)
            # a price that hardly moved leaves everyone on their side
            proven = points is None and abs(level - before) < _UNSURE - 2 * error
            if not proven:
                gap = money - (level if points is None else level * points)
                proven = gap[rich].min(initial=1) >= error and gap[poor].max(initial=-1) <= -error
            if proven:
                rich[[row for ratio, _, row in edge[short:] if ratio * paying > cost - given]] = True
                self.path.update(b"exact %d," % option)
                self.path.update(rich.tobytes())
                return cost - given, paying, rich
        raise AssertionError("each step comes nearer to the price, and there are few")

    def _sum(self, rows: IntArray) -> int:
        """The exact money of all ballots of these rows together, in units. All of them have some."""
        market = self.market
        if not len(rows):
            return 0
        counts = market.counts[rows]
        held = int(counts.sum()) * self.share
        if not self.prices:
            return held
        first = market.starts[rows]
        sizes = market.sizes[rows]
        ends = np.cumsum(sizes)
        places = np.repeat(first - ends + sizes, sizes) + np.arange(ends[-1])
        weights = np.repeat(counts, sizes)
        if market.pointed:
            weights *= market.values[places]
        given = np.bincount(market.members[places], weights=weights, minlength=len(market.costs))
        return held - sum(price * int(given[option]) for option, price in self.prices.items())

    def _one_by_one(self, option: int, places: IntArray) -> list[tuple[Fraction, int, int]]:
        """Exact money by point of some supporters, in units, with their points together and their place, ascending."""
        market = self.market
        rows, points, _, _ = market.wanted[option]
        found = []
        for place in places.tolist():
            row = int(rows[place])
            held = 0
            if self.money[row] > 0:
                at, end = int(market.starts[row]), int(market.starts[row + 1])
                held = self.share - sum(
                    self.prices.get(member, 0) * value
                    for member, value in zip(
                        market.members[at:end].tolist(), market.values[at:end].tolist(), strict=True
                    )
                )
            value = 1 if points is None else int(points[place])
            found.append((Fraction(held, value), value * int(market.counts[row]), place))
        return sorted(found)

    def _pay(self, option: int, over: int, under: int, rich: BoolArray) -> None:
        """Take the price from everyone who wants the project, and all that they have from those who can't pay it."""
        market = self.market
        rows, points, _, _ = market.wanted[option]
        level = over / (under * self.share)
        common = gcd(over, under)
        over, under = over // common, under // common
        self.prices = {other: price * under for other, price in self.prices.items()} | {option: over}
        self.share *= under
        self.unit *= under
        left = self.money[rows] - (level if points is None else level * points)
        self.money[rows] = np.where(rich, np.maximum(left, _LEAST), 0)
