"""The ballots of a contest: what makes one valid, and equal ones merged with a multiplicity.

Every method counts a profile. Merging comes first because a million ballots hold few different ones: a count then
costs as much as the different ballots, not as all of them. The order of ballots never matters, so a profile has one
form whatever order they came in.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.ballot import Allocation, Approval, Choices, Ranking, Scores
from schemas.base import SAFE_INTEGER
from schemas.contest import ApprovalRules, BallotRules, KnapsackRules, Option, PointsRules, RankingRules, ScoreRules
from voting.errors import InvalidBallot, InvalidContest

IntArray = NDArray[np.int64]

_DENSE_KEYS = 2**26
"""Up to so many possible rankings are counted in one table, one cell each; above, keys are sorted."""
_KEYS = 2**63 - 1
_CHUNK = 1 << 16
"""Rows packed at once, so that the columns stay in the processor's cache."""
_GROWING = (np.uint8, np.uint16, np.uint32, np.int64)


@dataclass(frozen=True)
class Terms:
    """What is to be decided: options, seats or money.

    Attributes:
        options: Names or ids, in the contest's order. The order carries no meaning in any count.
        seats: How many are elected, 1 or more; ranked methods only.
        budget: Money to spend in minor units; budget methods only.
        costs: The cost of each option in minor units, in the order of `options`; budget methods only.
        groups: Groups of options of which at most one may be funded.
        minor_digits: 10^minor_digits minor units are one unit of the currency.

    Raises:
        InvalidContest: The terms contradict each other.
    """

    options: tuple[str, ...]
    seats: int = 1
    budget: int | None = None
    costs: tuple[int, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    minor_digits: int = 0

    def __post_init__(self) -> None:
        """Check that the terms hold together."""
        if not self.options:
            raise InvalidContest("a contest needs at least one option")
        if len(set(self.options)) != len(self.options):
            raise InvalidContest("two options have the same name")
        if not 1 <= self.seats <= len(self.options):
            raise InvalidContest(f"{self.seats} seats for {len(self.options)} options")
        if self.budget is not None and not 0 <= self.budget <= SAFE_INTEGER:
            raise InvalidContest(f"a budget of {self.budget} is not between 0 and 2^53 - 1")
        if self.costs and len(self.costs) != len(self.options):
            raise InvalidContest(f"{len(self.costs)} costs for {len(self.options)} options")
        if any(not 0 <= cost <= SAFE_INTEGER for cost in self.costs):
            raise InvalidContest("a cost is not between 0 and 2^53 - 1")
        if not 0 <= self.minor_digits <= 6:
            raise InvalidContest(f"{self.minor_digits} minor digits are not between 0 and 6")
        if strangers := {name for group in self.groups for name in group} - set(self.options):
            raise InvalidContest(f"a group names {min(strangers)!r}, which is no option")


@dataclass(frozen=True, eq=False)
class RankedProfile:
    """Rankings, equal ones merged, in ascending order.

    Attributes:
        options: Names or ids; arrays hold indexes into this.
        rankings: Shape (different rankings, ranks): option indexes, best first, then -1. No row is empty.
        tied: Shape as `rankings`: True where an option shares the rank of the one before it; None where no ballot has
            equal ranks.
        counts: Shape (different rankings): how many ballots hold this ranking, 1 or more.
        ballots: All ballots, those without a ranking too.
    """

    options: tuple[str, ...]
    rankings: NDArray[np.int32]
    tied: NDArray[np.bool_] | None
    counts: IntArray
    ballots: int

    @property
    def empty(self) -> int:
        """How many ballots rank nothing."""
        return self.ballots - int(self.counts.sum())

    def unique(self) -> Iterator[tuple[tuple[str, ...], int]]:
        """Give every different ranking by names with its multiplicity, then the empty one if there is any."""
        names = self.options
        for row, count in zip(self.rankings.tolist(), self.counts.tolist(), strict=True):
            yield tuple(names[index] for index in row if index >= 0), count
        if self.empty:
            yield (), self.empty


@dataclass(frozen=True, eq=False)
class ScoredProfile:
    """Ballots that give options a number (an approval gives 1), equal ones merged, in ascending order.

    Ballot u holds `members[starts[u]:starts[u + 1]]`, option indexes in ascending order, with `values` beside them.

    Attributes:
        options: Names or ids; arrays hold indexes into this.
        starts: Shape (different ballots + 1).
        members: Option indexes.
        values: What the ballot gives each member: 1, points or a score; 1 or more.
        counts: Shape (different ballots): how many ballots are this one, 1 or more.
        ballots: All ballots, the empty ones too.
    """

    options: tuple[str, ...]
    starts: IntArray
    members: NDArray[np.int32]
    values: IntArray
    counts: IntArray
    ballots: int

    @property
    def empty(self) -> int:
        """How many ballots support nothing."""
        return self.ballots - int(self.counts.sum())

    def scores(self) -> tuple[int, ...]:
        """Return the sum of what all ballots give each option, in the order of `options`. Exact."""
        if not len(self.members):
            return (0,) * len(self.options)
        weights = np.repeat(self.counts, np.diff(self.starts))
        if int(self.values.max()) * self.ballots <= _KEYS:
            sums = np.zeros(len(self.options), np.int64)
            np.add.at(sums, self.members, self.values * weights)
            return tuple(sums.tolist())
        totals = [0] * len(self.options)
        for member, value, weight in zip(self.members.tolist(), self.values.tolist(), weights.tolist(), strict=True):
            totals[member] += value * weight
        return tuple(totals)

    def unique(self) -> Iterator[tuple[dict[str, int], int]]:
        """Give every different ballot as scores by name with its multiplicity, then the empty one if there is any."""
        names = [self.options[index] for index in self.members.tolist()]
        values = self.values.tolist()
        starts = self.starts.tolist()
        for row, count in enumerate(self.counts.tolist()):
            at, end = starts[row], starts[row + 1]
            yield dict(zip(names[at:end], values[at:end], strict=True)), count
        if self.empty:
            yield {}, self.empty


Profile = RankedProfile | ScoredProfile


def read_choices(text: str, *, rules: BallotRules, options: tuple[Option, ...], budget: int | None) -> Choices:
    """Return the choices that `text` is the one canonical form of, checked against the ballot rules.

    Empty choices are valid. Where several things are wrong, the code is the first of this list:

    - `form`: not canonical JSON, of another kind than the rules ask for, or not sorted where order carries no meaning.
      This includes what is no option id at all (protocol section 2) and numbers below 1. With `equal`, every rank is
      a sorted list of at least one id; without, every rank is an id.
    - `unknown`: an id that isn't one of the contest's.
    - `repeated`: an id twice.
    - `too_many`: more ranks or approvals than allowed.
    - `points`: more points than there are, a number that isn't a multiple of the step, or a score above the highest.
    - `over_budget`: a knapsack that costs more than the budget.

    Args:
        text: Exactly what was committed to.
        rules: The manifest's `ballot`.
        options: The manifest's options, with costs where the rules are a knapsack.
        budget: Minor units; only a knapsack needs it.

    Raises:
        InvalidBallot: With `code`.

    Source:
        Protocol sections 7 and 10.3.
    """
    choices = _decode(text, rules)
    chosen = list(_chosen(choices))
    known = {option.id for option in options}
    for option in chosen:
        if option not in known:
            raise InvalidBallot("unknown", f"{option!r} is not an option of this contest")
    if len(set(chosen)) != len(chosen):
        raise InvalidBallot("repeated", f"{_twice(chosen)!r} is named twice")
    _check_limits(choices, rules=rules, options=options, budget=budget)
    return choices


def _decode(text: str, rules: BallotRules) -> Choices:
    kind = _KINDS[type(rules)]
    try:
        data = text.encode()
        choices: Choices = _DECODERS[kind].decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidBallot("form", f"not a {kind.__name__.lower()}: {error}") from error
    if _encoder.encode(choices) != data:
        raise InvalidBallot("form", "not in canonical form: keys sorted, no spaces, plain numbers")
    if isinstance(choices, Ranking):
        assert isinstance(rules, RankingRules), "_KINDS pairs them"
        for rank in choices.ranking:
            if isinstance(rank, str) == rules.equal:
                wanted = "a list of ids" if rules.equal else "one id"
                raise InvalidBallot("form", f"in this contest every rank is {wanted}")
            if not rank or (not isinstance(rank, str) and list(rank) != sorted(rank)):
                raise InvalidBallot("form", "options of equal rank must be sorted, and a rank can't be empty")
    elif (chosen := list(_chosen(choices))) != sorted(chosen):
        raise InvalidBallot("form", "options must be sorted by id")
    return choices


def _check_limits(choices: Choices, *, rules: BallotRules, options: tuple[Option, ...], budget: int | None) -> None:
    match choices, rules:
        case Ranking(ranking), RankingRules(max_ranks=limit) if len(ranking) > limit:
            raise InvalidBallot("too_many", f"{len(ranking)} ranks, but {limit} are allowed")
        case Approval(approved), ApprovalRules(max_choices=limit) if len(approved) > limit:
            raise InvalidBallot("too_many", f"{len(approved)} options approved, but {limit} are allowed")
        case Allocation(alloc), PointsRules(points=points, step=step):
            if any(given % step for _, given in alloc):
                raise InvalidBallot("points", f"points are given in steps of {step}")
            if (total := sum(given for _, given in alloc)) > points:
                raise InvalidBallot("points", f"{total} points given, but there are {points}")
        case Scores(scores), ScoreRules(max_score=highest) if any(score > highest for _, score in scores):
            raise InvalidBallot("points", f"a score above {highest}")
        case Approval(approved), KnapsackRules():
            costs = {option.id: option.cost for option in options}
            total = 0
            for option in approved:
                cost = costs[option]
                if isinstance(cost, msgspec.UnsetType):
                    raise InvalidContest(f"a knapsack needs costs, and {option!r} has none")
                total += cost
            if budget is None:
                raise InvalidContest("a knapsack needs a budget")
            if total > budget:
                raise InvalidBallot("over_budget", f"{total} is more than the budget of {budget}")


def write_choices(choices: Choices) -> str:
    """Return the canonical text of choices. What carries no order is sorted first."""
    match choices:
        case Ranking(ranking):
            choices = Ranking(tuple(rank if isinstance(rank, str) else tuple(sorted(rank)) for rank in ranking))
        case Approval(approved):
            choices = Approval(tuple(sorted(approved)))
        case Allocation(alloc):
            choices = Allocation(tuple(sorted(alloc)))
        case Scores(scores):
            choices = Scores(tuple(sorted(scores)))
    return _encoder.encode(choices).decode()


def merge(choices: Iterable[Choices], options: Sequence[str]) -> Profile:
    """Return the profile of valid choices, all of one kind.

    Rankings give a `RankedProfile`, everything else a `ScoredProfile`. No ballots at all give a `RankedProfile`, which
    every method takes for what it is: nothing. One pass, and only the different ballots are kept.

    Args:
        choices: As `read_choices` gives them, in any order.
        options: The contest's options.

    Raises:
        InvalidBallot: Choices of several kinds, or of an unknown option.
    """
    return merge_counted(Counter(choices), options)


def merge_counted(counted: Mapping[Choices, int], options: Sequence[str]) -> Profile:
    """Return the profile of choices that are merged already, each with its multiplicity. See `merge`."""
    kinds = {type(choices) for choices in counted}
    if len(kinds) > 1:
        raise InvalidBallot("form", "ballots of different kinds in one contest")
    ballots = sum(counted.values())
    try:
        if kinds <= {Ranking}:
            rankings = [choices.ranking for choices in counted if isinstance(choices, Ranking)]
            codes = ranking_codes(rankings, options)
            return ranked_profile(codes, options=options, weights=np.fromiter(counted.values(), np.int64, len(counted)))
        index = {option: place for place, option in enumerate(options)}
        scored: Counter[tuple[tuple[int, int], ...]] = Counter()
        for choice, count in counted.items():
            scored[tuple(sorted((index[option], value) for option, value in _values(choice)))] += count
    except KeyError as error:
        raise InvalidBallot("unknown", f"{error.args[0]!r} is not an option of this contest") from None
    return scored_profile(scored, options=options, ballots=ballots)


def ranking_codes(rankings: Sequence[Sequence[str | Sequence[str]]], options: Sequence[str]) -> IntArray:
    """Return rankings by name as the codes that `ranked_profile` takes, shape (rankings, longest).

    Raises:
        KeyError: A name that is no option.
    """
    index = {option: place + 1 for place, option in enumerate(options)}
    rows: list[list[int]] = []
    for ranking in rankings:
        row: list[int] = []
        for rank in ranking:
            if isinstance(rank, str):
                row.append(index[rank])
            else:
                first, *others = sorted(index[option] for option in rank)
                row += [first, *(other + len(options) for other in others)]
        rows.append(row)
    codes = np.zeros((len(rows), max(map(len, rows), default=0)), np.int64)
    for place, row in enumerate(rows):
        codes[place, : len(row)] = row
    return codes


def ranked_profile(
    codes: NDArray[np.integer[Any]], *, options: Sequence[str], weights: IntArray | None = None
) -> RankedProfile:
    """Return the profile of rankings given as numbers; the fast way in for files and columns.

    With n options, 0 is a blank, 1 to n an option, and n + 1 to 2n the same options where they share the rank of the
    one before. Blanks may stand anywhere and are passed over (but not before a shared rank).

    Rankings are packed into one integer each, in base n + 1, and equal integers counted: in one table where there are
    no more possible rankings than ballots, and at most 2^26, else by sorting, column by column where even 64 bits
    don't hold one.

    Args:
        codes: Shape (ballots, ranks).
        options: The names behind the numbers.
        weights: Shape (ballots): how many ballots each row stands for, 1 or more; 1 each by default.
    """
    options = tuple(options)
    size = len(options)
    ballots = len(codes) if weights is None else int(weights.sum())
    highest = int(codes.max()) if codes.size else 0
    assert not codes.size or (codes.min() >= 0 and highest <= 2 * size), "a code of no option"
    shared = highest > size
    base = 2 * size + 1 if shared else size + 1
    rows, counts = _unique_rows(codes, base=base, weights=weights)
    if _has_gaps(rows):
        rows, counts = _unique_rows(_close_gaps(rows), base=base, weights=counts)
    if len(rows) and (rows.shape[1] == 0 or rows[0, 0] == 0):
        rows, counts = rows[1:], counts[1:]
    tied = rows > size
    rankings = np.where(tied, rows - size, rows) - 1
    return RankedProfile(
        options=options,
        rankings=rankings.astype(np.int32),
        tied=tied if shared else None,
        counts=counts,
        ballots=ballots,
    )


def merge_profiles(profiles: Sequence[RankedProfile]) -> RankedProfile:
    """Return the profile of all ballots of several profiles: what merging all ballots at once would give.

    So parts of a contest can be read by different programs, on different machines and in any order.

    Args:
        profiles: At least one. All with the same options in the same order.

    Raises:
        InvalidContest: Profiles of different options.

    Example:
        >>> one = ranked_profile(np.array([[1, 2], [2, 0]]), options=("a", "b"))
        >>> two = ranked_profile(np.array([[2, 0], [0, 0]]), options=("a", "b"))
        >>> both = merge_profiles([one, two])
        >>> list(both.unique())
        [(('a', 'b'), 1), (('b',), 2), ((), 1)]
    """
    assert profiles, "nothing to merge says nothing of the options"
    options = profiles[0].options
    if any(profile.options != options for profile in profiles):
        raise InvalidContest("parts with different options, or in another order, can't be counted together")
    if len(profiles) == 1:
        return profiles[0]
    ranks = max(profile.rankings.shape[1] for profile in profiles)
    codes = np.zeros((sum(len(profile.counts) for profile in profiles), ranks), np.int32, order="F")
    at = 0
    for profile in profiles:
        rows, columns = profile.rankings.shape
        part = codes[at : at + rows, :columns]
        part[:] = profile.rankings + 1
        if profile.tied is not None:
            part[profile.tied] += len(options)
        at += rows
    weights = np.concatenate([profile.counts for profile in profiles])
    merged = ranked_profile(codes, options=options, weights=weights)
    return replace(merged, ballots=sum(profile.ballots for profile in profiles))


def scored_profile(
    counted: Mapping[tuple[tuple[int, int], ...], int], *, options: Sequence[str], ballots: int
) -> ScoredProfile:
    """Return the profile of ballots given as ((option index, value), ...) with multiplicities.

    Args:
        counted: Every ballot's pairs in ascending order of the index, each index once. Values of 0 support nothing
            and are left out.
        options: The names behind the indexes.
        ballots: All ballots, the empty ones too.
    """
    merged: Counter[tuple[tuple[int, int], ...]] = Counter()
    for pairs, count in counted.items():
        kept = pairs if all(value for _, value in pairs) else tuple(pair for pair in pairs if pair[1])
        if kept:
            merged[kept] += count
    rows = sorted(merged)
    sizes = np.fromiter(map(len, rows), np.int64, len(rows))
    flat = [pair for row in rows for pair in row]
    return ScoredProfile(
        options=tuple(options),
        starts=np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        members=np.fromiter((index for index, _ in flat), np.int32, len(flat)),
        values=np.fromiter((value for _, value in flat), np.int64, len(flat)),
        counts=np.fromiter((merged[row] for row in rows), np.int64, len(rows)),
        ballots=ballots,
    )


def _has_gaps(codes: IntArray) -> bool:
    return bool(((codes[:, :-1] == 0) & (codes[:, 1:] != 0)).any())


def _close_gaps(codes: IntArray) -> IntArray:
    """Move the blanks of every row to its end."""
    order = np.argsort(codes == 0, axis=1, kind="stable")
    return np.take_along_axis(codes, order, axis=1)


def _unique_rows(codes: NDArray[np.integer[Any]], *, base: int, weights: IntArray | None) -> tuple[IntArray, IntArray]:
    """Return the different rows in ascending order, and how many of each there are."""
    rows, columns = codes.shape
    if not rows:
        return np.zeros((0, columns), np.int64), np.zeros(0, np.int64)
    possible = base**columns
    if possible > _KEYS:
        return _unique_wide_rows(codes, base=base, weights=weights)
    starts = range(0, rows, _CHUNK)
    if weights is None and possible <= min(rows, _DENSE_KEYS):
        table = np.zeros(possible, np.int64)
        for start in starts:
            np.add.at(table, _pack(codes[start : start + _CHUNK], base).astype(np.intp), 1)
        keys = np.flatnonzero(table)
        return _unpack(keys, base=base, columns=columns), table[keys]
    packed = np.empty(rows, np.int32 if possible <= 2**31 else np.int64)
    for start in starts:
        packed[start : start + _CHUNK] = _pack(codes[start : start + _CHUNK], base)
    keys, counts = count_keys(packed, weights)
    return _unpack(keys.astype(np.int64), base=base, columns=columns), counts


def _unique_wide_rows(
    codes: NDArray[np.integer[Any]], *, base: int, weights: IntArray | None
) -> tuple[IntArray, IntArray]:
    """The same for rows too long for one key: number the different beginnings, then go on from there."""
    key = np.zeros(len(codes), np.int64)
    for column in codes.T:
        if (int(key.max()) + 1) * base > _KEYS:
            key = np.unique(key, return_inverse=True)[1].astype(np.int64)
        key = key * base + column
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    counts = np.zeros(len(first), np.int64)
    np.add.at(counts, group, np.ones(len(codes), np.int64) if weights is None else weights)
    return codes[first].astype(np.int64), counts


def _pack(codes: NDArray[np.integer[Any]], base: int) -> NDArray[Any]:
    """Return one number a row. It starts in one byte and grows with the columns: short numbers are quicker to make."""
    keys: NDArray[Any] = np.zeros(len(codes), np.uint8)
    possible = 1
    for column in codes.T:
        possible *= base
        dtype = next(dtype for dtype in _GROWING if possible - 1 <= np.iinfo(dtype).max)
        if possible == base:
            keys = column.astype(dtype)
            continue
        keys = keys.astype(dtype, copy=False)
        keys *= dtype(base)
        keys += column.astype(dtype, copy=False)
    return keys


def _unpack(keys: IntArray, *, base: int, columns: int) -> IntArray:
    rows = np.empty((len(keys), columns), np.int64)
    for column in range(columns - 1, -1, -1):
        keys, rows[:, column] = np.divmod(keys, base)
    return rows


def count_keys(keys: NDArray[Any], weights: IntArray | None = None) -> tuple[NDArray[Any], IntArray]:
    """Return the different keys in ascending order, and how many ballots hold each.

    Args:
        keys: Shape (rows), integers; sorted in place.
        weights: Shape (rows): how many ballots each row stands for; 1 each by default.
    """
    if not len(keys):
        return keys, np.zeros(0, np.int64)
    if weights is None:
        keys.sort()
    else:
        order = np.argsort(keys, kind="stable")
        keys, weights = keys[order], weights[order]
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    if weights is None:
        return keys[starts], np.diff(np.append(starts, len(keys)))
    return keys[starts], np.add.reduceat(weights, starts)


def _chosen(choices: Choices) -> Iterator[str]:
    if isinstance(choices, Ranking):
        for rank in choices.ranking:
            if isinstance(rank, str):
                yield rank
            else:
                yield from rank
    else:
        for option, _ in _values(choices):
            yield option


def _values(choices: Choices) -> tuple[tuple[str, int], ...]:
    match choices:
        case Approval(approved):
            return tuple((option, 1) for option in approved)
        case Allocation(alloc):
            return alloc
        case Scores(scores):
            return scores
        case Ranking():
            raise AssertionError("a ranking gives no numbers")


def _twice(names: Sequence[str]) -> str:
    return next(name for name, count in Counter(names).items() if count > 1)


_encoder = msgspec.json.Encoder(order="sorted")
_KINDS: dict[type[BallotRules], type[Choices]] = {
    RankingRules: Ranking,
    ApprovalRules: Approval,
    KnapsackRules: Approval,
    PointsRules: Allocation,
    ScoreRules: Scores,
}
_DECODERS: dict[type[Choices], msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(kind) for kind in (Ranking, Approval, Allocation, Scores)
}
