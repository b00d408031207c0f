"""Every counting method a second time, as plainly as it can be said.

Written from the specs in voting/specs and from nothing else, with the standard library only, so that the file can be
read beside the spec and carried into a verifier that is one file. It looks at every ballot again in every round: slow,
and with no state that could go wrong. The fast engine (voting/ranked, voting/budget) must give the same rounds.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

Ballot = Sequence[str] | Mapping[str, int]


def count(
    method: str,
    ballots: Iterable[tuple[Ballot, int]],
    *,
    options: Sequence[str],
    order: Sequence[str],
    seats: int = 1,
    budget: int | None = None,
    costs: Sequence[int] | None = None,
    groups: Sequence[Sequence[str]] = (),
    order_only: bool = False,
    minor_digits: int = 0,
    completion: str = "add1",
) -> dict[str, Any]:
    """Return the complete count as plain values, shaped as tally/rounds.json has them (protocol section 14).

    Args:
        method: Name with version, such as "irv/1".
        ballots: Ballots with how many times each was cast; equal ones need not be merged. Ranked methods: the ranking,
            best first, each option at most once. Budget methods: option -> 1, points or score.
        options: All options, in the contest's order; tallies follow it.
        order: The tie order, every option once; the first wins a tie.
        seats: How many are elected, 1 or more.
        budget: Money to spend, minor units.
        costs: The cost of each option, minor units, in the order of `options`.
        groups: Groups of options of which at most one may be funded.
        order_only: Let `order` decide every tie, in place of the whole tie rule of the method.
        minor_digits: 10^minor_digits minor units are one unit of the currency.
        completion: What Equal Shares does with money that is left; all but "add1" are variants of no published method.

    Returns:
        `quota`, `rounds`, `draws` and `elected`; for budgets `quota`, `rounds`, `draws`, `funded`, `spent`, `scores`,
        and `endowment` where there is one.

    Raises:
        ValueError: No such method, or terms that it can't decide.

    Example:
        >>> lunch = [(["soup", "salad"], 4), (["salad", "rice"], 3), (["rice", "salad"], 2), (["pasta", "salad"], 1)]
        >>> names = ["soup", "salad", "pasta", "rice"]
        >>> count("irv/1", lunch, options=names, order=names)["elected"]
        ['salad']
    """
    if method not in _COUNTS:
        raise ValueError(f"no method {method!r}; there are: {', '.join(_COUNTS)}")
    if sorted(order) != sorted(options) or len(set(options)) != len(options) or not options:
        raise ValueError("the tie order must name every option exactly once")
    return _COUNTS[method](
        list(ballots),
        options=list(options),
        order=list(order),
        seats=seats,
        budget=budget,
        costs=costs,
        groups=groups,
        order_only=order_only,
        minor_digits=minor_digits,
        completion=completion,
    )


def _irv(
    ballots: list[tuple[Sequence[str], int]], *, options: list[str], order: list[str], seats: int, **_: object
) -> dict[str, Any]:
    if seats != 1:
        raise ValueError(f"irv elects one option, not {seats}")
    cast = sum(times for _, times in ballots)
    continuing = set(options)
    rounds: list[dict[str, Any]] = []
    draws: list[dict[str, Any]] = []
    elected: list[str] = []
    while not elected:
        # IRV-2: a ballot is one vote for the best continuing option it ranks. IRV-3: without one it is exhausted.
        votes = dict.fromkeys(continuing, 0)
        for ranking, times in ballots:
            for option in ranking:
                if option in continuing:
                    votes[option] += times
                    break
        eliminated: list[str] = []
        if len(continuing) <= 2:
            # IRV-6: of the last two, the one with more votes wins.
            best = [option for option in order if votes.get(option) == max(votes.values())]
            elected = best[:1]
            if len(best) == 2:
                draws.append(_draw(len(rounds) + 1, best, "elect"))
        else:
            with_votes = [option for option in continuing if votes[option] > 0]
            if len(with_votes) >= 2 and len(with_votes) < len(continuing):
                # IRV-5: options without a vote go together; whatever the order, nothing moves.
                eliminated = sorted(continuing - set(with_votes))
            else:
                # IRV-4: the lowest goes. IRV-7: of several, the one that comes last in the tie order.
                lowest = [option for option in order if votes.get(option) == min(votes.values())]
                eliminated = lowest[-1:]
                if len(lowest) > 1:
                    draws.append(_draw(len(rounds) + 1, lowest, "eliminate"))
        rounds.append(
            {
                "number": len(rounds) + 1,
                "tally": [str(votes[option]) if option in continuing else None for option in options],
                "elected": elected,
                "eliminated": eliminated,
                "exhausted": str(cast - sum(votes.values())),
                "lost_to_rounding": "0",
            }
        )
        continuing -= set(eliminated)
    return {"quota": None, "rounds": rounds, "draws": draws, "elected": elected}


def _stv_scottish(
    ballots: list[tuple[Sequence[str], int]],
    *,
    options: list[str],
    order: list[str],
    seats: int,
    order_only: bool,
    **_: object,
) -> dict[str, Any]:
    if seats < 1:
        raise ValueError(f"stv-scottish elects one option or more, not {seats}")
    cast = sum(times for _, times in ballots)
    # SCOTTISH-3: only ballots that rank someone count for the quota.
    quota = sum(times for ranking, times in ballots if ranking) // (seats + 1) + 1
    continuing = set(options)
    elected: list[str] = []
    emptied: list[str] = []  # elected ones whose surplus has moved: they keep the quota, and no paper
    excluded: list[str] = []
    moves: list[tuple[str, Fraction, set[str]]] = []  # whose papers moved, at which share, and who could receive
    worth: dict[tuple[int, ...], Fraction] = {
        (): Fraction(1)
    }  # what a paper is worth, by the moves of surpluses that it was in
    rounds: list[dict[str, Any]] = []
    draws: list[dict[str, Any]] = []
    story: list[dict[str, Fraction]] = []
    ended = False
    while not ended:
        # SCOTTISH-2: follow every paper from its first preference through all moves so far.
        papers: Counter[tuple[str | None, tuple[int, ...]]] = Counter()
        for ranking, times in ballots:
            papers[_follow(ranking, moves)] += times
        votes = {option: Fraction(quota if option in emptied else 0) for option in options}
        exhausted = Fraction(0)
        for (holder, path), times in papers.items():
            if path not in worth:
                # SCOTTISH-6: to five decimals, any remainder ignored.
                worth[path] = Fraction(int(worth[path[:-1]] * moves[path[-1]][1] * 100_000), 100_000)
            if holder is None:
                exhausted += times * worth[path]
            else:
                votes[holder] += times * worth[path]
        story.append(votes)
        # SCOTTISH-4: the quota elects. SCOTTISH-10: so does having no more rivals than there are vacancies.
        few = len(continuing) <= seats - len(elected)
        reached = [option for option in order if option in continuing and (few or votes[option] >= quota)]
        now: list[str] = []
        while reached:
            level = _level(reached, story, max, order_only)
            if len(level) > 1:
                draws.append(_draw(len(rounds) + 1, level, "order"))
            now += level
            reached = [option for option in reached if option not in level]
        elected += now
        continuing -= set(now)
        over = [option for option in order if option in elected and option not in emptied and votes[option] > quota]
        eliminated: list[str] = []
        ended = len(elected) >= seats or not continuing
        if not ended and over:
            # SCOTTISH-5: the largest surplus moves. SCOTTISH-7: of several, that of the first by the tie rule.
            level = _level(over, story, max, order_only)
            if len(level) > 1:
                draws.append(_draw(len(rounds) + 1, level, "transfer"))
            emptied.append(level[0])
            moves.append((level[0], (votes[level[0]] - quota) / votes[level[0]], set(continuing)))
        elif not ended:
            # SCOTTISH-8: the lowest is excluded. SCOTTISH-9: of several, the last by the tie rule.
            level = _level([option for option in order if option in continuing], story, min, order_only)
            if len(level) > 1:
                draws.append(_draw(len(rounds) + 1, level, "eliminate"))
            eliminated = level[-1:]
            continuing -= set(eliminated)
            moves.append((level[-1], Fraction(1), set(continuing)))
        rounds.append(
            {
                "number": len(rounds) + 1,
                "tally": [None if option in excluded else _decimal(votes[option]) for option in options],
                "elected": now,
                "eliminated": eliminated,
                "exhausted": _decimal(exhausted),
                "lost_to_rounding": _decimal(cast - sum(votes.values()) - exhausted),
            }
        )
        excluded += eliminated
    return {"quota": _decimal(Fraction(quota)), "rounds": rounds, "draws": draws, "elected": elected}


def _follow(
    ranking: Sequence[str], moves: Sequence[tuple[str, Fraction, set[str]]]
) -> tuple[str | None, tuple[int, ...]]:
    """Who holds a paper after some moves, None where it is used up, and the moves of surpluses that it was in."""
    holder = ranking[0] if ranking else None
    path: tuple[int, ...] = ()
    for number, (source, share, receivers) in enumerate(moves):
        if holder == source:
            rest = ranking[ranking.index(source) + 1 :]
            holder = next((option for option in rest if option in receivers), None)
            if share != 1:
                path = (*path, number)
    return holder, path


def _level(
    options: list[str], story: list[dict[str, Fraction]], best: Callable[..., Fraction], order_only: bool
) -> list[str]:
    """Those whom no round tells apart: best now, of these best in the round before, and so on back to the first."""
    for votes in story[:-2:-1] if order_only else story[::-1]:
        wanted = best(votes[option] for option in options)
        options = [option for option in options if votes[option] == wanted]
    return options


def _decimal(votes: Fraction, decimals: int = 5) -> str:
    """Votes that have at most so many decimals, with all of them."""
    units = votes * 10**decimals
    assert units.denominator == 1, "every value was cut to these decimals"
    return f"{units.numerator // 10**decimals}.{units.numerator % 10**decimals:0{decimals}}"


def _stv_wigm(
    ballots: list[tuple[Sequence[str], int]], *, options: list[str], order: list[str], seats: int, **_: object
) -> dict[str, Any]:
    if seats < 1:
        raise ValueError(f"stv-wigm elects one option or more, not {seats}")
    cast = sum(times for _, times in ballots)
    # WIGM-3: only ballots that rank someone count for the quota.
    quota = _cut(Fraction(sum(times for ranking, times in ballots if ranking), seats + 1), 4) + Fraction(1, 10_000)
    hopeful = set(options)
    elected: list[str] = []
    emptied: list[str] = []  # elected ones whose surplus has moved: they keep the quota, and no ballot
    defeated: list[str] = []
    moves: list[tuple[str, Fraction, set[str]]] = []  # whose ballots moved, at which share, and who could receive
    held: list[Fraction] = []  # for each move, the votes of the one whose ballots moved
    weight: dict[tuple[int, ...], Fraction] = {(): Fraction(1)}  # by the moves of surpluses that a ballot was in
    rounds: list[dict[str, Any]] = []
    draws: list[dict[str, Any]] = []
    ended = False
    while not ended:
        # WIGM-2: follow every ballot from its first choice through all moves so far.
        parcels: Counter[tuple[str | None, tuple[int, ...]]] = Counter()
        for ranking, times in ballots:
            parcels[_follow(ranking, moves)] += times
        votes = {option: quota if option in emptied else Fraction(0) for option in options}
        exhausted = Fraction(0)
        for (holder, path), times in parcels.items():
            if path not in weight:
                # WIGM-6: cut after the multiplication, and again after the division.
                surplus = held[path[-1]] - quota
                weight[path] = _cut(_cut(weight[path[:-1]] * surplus, 4) / held[path[-1]], 4)
            if holder is None:
                exhausted += times * weight[path]
            else:
                votes[holder] += times * weight[path]
        # WIGM-4: the quota elects. WIGM-9: so does having no more rivals than there are vacancies.
        few = len(hopeful) <= seats - len(elected)
        reached = [option for option in order if option in hopeful and (few or votes[option] >= quota)]
        now: list[str] = []
        while reached:
            level = [option for option in reached if votes[option] == max(votes[other] for other in reached)]
            if len(level) > 1:
                draws.append(_draw(len(rounds) + 1, level, "order"))
            now += level
            reached = [option for option in reached if option not in level]
        elected += now
        hopeful -= set(now)
        pending = [option for option in order if option in elected and option not in emptied]
        eliminated: list[str] = []
        ended = len(elected) >= seats or not hopeful
        if not ended and pending:
            # WIGM-5: the largest surplus moves, also one of zero. WIGM-8: of several, that of the first.
            level = [option for option in pending if votes[option] == max(votes[other] for other in pending)]
            if len(level) > 1:
                draws.append(_draw(len(rounds) + 1, level, "transfer"))
            emptied.append(level[0])
            moves.append((level[0], (votes[level[0]] - quota) / votes[level[0]], set(hopeful)))
            held.append(votes[level[0]])
        elif not ended:
            # WIGM-7: the lowest is defeated. WIGM-8: of several, the last in the tie order.
            lowest = [option for option in order if option in hopeful]
            level = [option for option in lowest if votes[option] == min(votes[other] for other in lowest)]
            if len(level) > 1:
                draws.append(_draw(len(rounds) + 1, level, "eliminate"))
            eliminated = level[-1:]
            hopeful -= set(eliminated)
            moves.append((level[-1], Fraction(1), set(hopeful)))
            held.append(votes[level[-1]])
        rounds.append(
            {
                "number": len(rounds) + 1,
                "tally": [None if option in defeated else _decimal(votes[option], 4) for option in options],
                "elected": now,
                "eliminated": eliminated,
                "exhausted": _decimal(exhausted, 4),
                "lost_to_rounding": _decimal(cast - sum(votes.values()) - exhausted, 4),
            }
        )
        defeated += eliminated
    return {"quota": _decimal(quota, 4), "rounds": rounds, "draws": draws, "elected": elected}


def _cut(number: Fraction, decimals: int) -> Fraction:
    """A number without what is below so many decimals; 0 or above."""
    return Fraction(number.numerator * 10**decimals // number.denominator, 10**decimals)


def _raised(number: Fraction, decimals: int) -> Fraction:
    """A number rounded up to so many decimals; 0 or above."""
    return Fraction(-(-number.numerator * 10**decimals // number.denominator), 10**decimals)


def _stv_meek(
    ballots: list[tuple[Sequence[str], int]], *, options: list[str], order: list[str], seats: int, **_: object
) -> dict[str, Any]:
    if seats < 1:
        raise ValueError(f"stv-meek elects one option or more, not {seats}")
    cast = sum(times for _, times in ballots)
    hopeful = set(options)
    elected: list[str] = []
    defeated: list[str] = []
    keep = dict.fromkeys(options, Fraction(1))
    rounds: list[dict[str, Any]] = []
    draws: list[dict[str, Any]] = []
    ended = False
    while not ended:
        # MEEK-2: no ballot gets past a hopeful option, which keeps all of it, so what stands behind is left out here.
        paths: Counter[tuple[str, ...]] = Counter()
        for ranking, times in ballots:
            named = [option for option in ranking if option not in defeated]
            first = next((place for place, option in enumerate(named) if option in hopeful), len(named))
            paths[tuple(named[: first + 1])] += times
        before: Fraction | None = None
        while True:
            # MEEK-3: each option keeps its part of what reaches it.
            votes = dict.fromkeys(options, Fraction(0))
            for path, times in paths.items():
                weight = Fraction(1)
                for option in path:
                    kept = _raised(weight * keep[option], 9)
                    votes[option] += times * kept
                    weight -= kept
            quota = _cut(sum(votes.values(), Fraction(0)) / (seats + 1), 9) + Fraction(1, 10**9)  # MEEK-4
            surplus = max(Fraction(0), sum((votes[option] - quota for option in elected), Fraction(0)))  # MEEK-6
            # MEEK-7: someone reaches the quota, or there is as good as no surplus, or it no longer falls.
            reached = [option for option in order if option in hopeful and votes[option] >= quota]
            if reached or surplus < Fraction(1, 10**6) or (before is not None and surplus >= before):
                break
            before = surplus
            for option in elected:
                keep[option] = _raised(_raised(keep[option] * quota, 9) / votes[option], 9)  # MEEK-8
        vacancies = seats - len(elected)
        now: list[str] = []
        eliminated: list[str] = []
        if len(hopeful) > vacancies:
            # MEEK-5: the quota elects. MEEK-9: if nobody has it, the lowest is defeated, by lot among the lowest.
            now = _by_votes(reached, votes, draws, len(rounds) + 1)[:vacancies]
            if not now:
                fewest = min(votes[option] for option in hopeful)
                tied = [option for option in order if option in hopeful and votes[option] <= fewest + surplus]
                if len(tied) > 1:
                    draws.append(_draw(len(rounds) + 1, tied, "eliminate"))
                eliminated = tied[-1:]
        hopeful -= {*now, *eliminated}
        if len(hopeful) <= vacancies - len(now):
            # MEEK-11: as many seats as options are left.
            rest = [option for option in order if option in hopeful]
            now += _by_votes(rest, votes, draws, len(rounds) + 1)
            hopeful = set()
        elected += now
        for option in eliminated:
            keep[option] = Fraction(0)
        rounds.append(
            {
                "number": len(rounds) + 1,
                "tally": [None if option in defeated else _decimal(votes[option], 9) for option in options],
                "elected": now,
                "eliminated": eliminated,
                "exhausted": _decimal(cast - sum(votes.values(), Fraction(0)), 9),
                "lost_to_rounding": _decimal(Fraction(0), 9),
            }
        )
        defeated += eliminated
        ended = len(elected) >= seats or not hopeful
    return {"quota": _decimal(quota, 9), "rounds": rounds, "draws": draws, "elected": elected}


def _by_votes(options: list[str], votes: Mapping[str, Fraction], draws: list[dict[str, Any]], number: int) -> list[str]:
    """Options in order, most votes first; equals, which come in the tie order, stay in it, and that is a draw."""
    ranked = sorted(options, key=lambda option: -votes[option])
    for most in dict.fromkeys(votes[option] for option in ranked):
        level = [option for option in ranked if votes[option] == most]
        if len(level) > 1:
            draws.append(_draw(number, level, "order"))
    return ranked


def _block_preferential(
    ballots: list[tuple[Sequence[str], int]], *, options: list[str], order: list[str], seats: int, **_: object
) -> dict[str, Any]:
    if seats < 1:
        raise ValueError(f"block-preferential elects one option or more, not {seats}")
    cast = sum(times for _, times in ballots)
    continuing = set(options)
    rounds: list[dict[str, Any]] = []
    draws: list[dict[str, Any]] = []
    elected: list[str] = []
    while not elected:
        # BLOCK-2: a ballot gives one part of its vote to each of as many continuing options as there are seats.
        votes = dict.fromkeys(continuing, Fraction(0))
        for ranking, times in ballots:
            for option in [option for option in ranking if option in continuing][:seats]:
                votes[option] += Fraction(times, seats)
        eliminated: list[str] = []
        if len(continuing) <= seats + 1:
            # BLOCK-6: of the last ones, one more than there are seats, all but the lowest win.
            elected = _highest(votes, order, seats, draws, len(rounds) + 1)
        else:
            without = [option for option in continuing if votes[option] == 0]
            if without and len(continuing) - len(without) > seats:
                # BLOCK-5: options without a vote go together; whatever the order, nothing moves.
                eliminated = sorted(without)
            else:
                # BLOCK-4: the lowest goes. BLOCK-7: of several, the one that comes last in the tie order.
                lowest = [option for option in order if votes.get(option) == min(votes.values())]
                eliminated = lowest[-1:]
                if len(lowest) > 1:
                    draws.append(_draw(len(rounds) + 1, lowest, "eliminate"))
        rounds.append(
            {
                "number": len(rounds) + 1,
                "tally": [_parts(votes[option], seats) if option in continuing else None for option in options],
                "elected": elected,
                "eliminated": eliminated,
                "exhausted": _parts(cast - sum(votes.values(), Fraction(0)), seats),
                "lost_to_rounding": _parts(Fraction(0), seats),
            }
        )
        continuing -= set(eliminated)
    return {"quota": None, "rounds": rounds, "draws": draws, "elected": elected}


def _parts(votes: Fraction, seats: int) -> str:
    """Votes in parts of 1/seats: with as many decimals as such a part has, or, where it has no end, over the seats."""
    digits = next((digits for digits in range(seats) if 10**digits % seats == 0), None)
    if digits is None:
        return f"{int(votes * seats)}/{seats}"
    return _decimal(votes, digits) if digits else str(int(votes))


def _plurality(
    ballots: list[tuple[Sequence[str], int]], *, options: list[str], order: list[str], seats: int, **_: object
) -> dict[str, Any]:
    if not 1 <= seats <= len(options):
        raise ValueError(f"plurality elects one option or more, up to all, not {seats}")
    # PLURALITY-2: a ballot is one vote for the option it ranks first. PLURALITY-3: one that ranks nothing is exhausted.
    votes = {option: sum(times for ranking, times in ballots if list(ranking)[:1] == [option]) for option in options}
    draws: list[dict[str, Any]] = []
    elected = _highest(votes, order, seats, draws, 1)
    stage = {
        "number": 1,
        "tally": [str(votes[option]) for option in options],
        "elected": elected,
        "eliminated": [],
        "exhausted": str(sum(times for ranking, times in ballots if not ranking)),
        "lost_to_rounding": "0",
    }
    return {"quota": None, "rounds": [stage], "draws": draws, "elected": elected}


def _approval(
    ballots: list[tuple[Mapping[str, int], int]], *, options: list[str], order: list[str], seats: int, **_: object
) -> dict[str, Any]:
    if not 1 <= seats <= len(options):
        raise ValueError(f"approval elects one option or more, up to all, not {seats}")
    if any(value not in (0, 1) for ballot, _ in ballots for value in ballot.values()):
        raise ValueError("approval counts approvals, not points or scores")
    # APPROVAL-2: a ballot is one approval for each option that it approves.
    scores = {option: sum(times for ballot, times in ballots if ballot.get(option)) for option in options}
    draws: list[dict[str, Any]] = []
    elected = _highest(scores, order, seats, draws, 1)
    published = [str(scores[option]) for option in options]
    return {"quota": None, "rounds": [], "draws": draws, "elected": elected, "scores": published}


def _borda(
    ballots: list[tuple[Sequence[str], int]],
    *,
    options: list[str],
    order: list[str],
    seats: int,
    shared: bool = True,
    **_: object,
) -> dict[str, Any]:
    if not 1 <= seats <= len(options):
        raise ValueError(f"borda elects one option or more, up to all, not {seats}")
    points = dict.fromkeys(options, Fraction(0))
    for ranking, times in ballots:
        # BORDA-2: the first of n options gets n - 1 points, the next one less, and so on.
        worth = list(range(len(options) - 1, -1, -1))
        for option in ranking:
            points[option] += worth.pop(0) * times
        # BORDA-3: options that are not ranked share the points that are left. BORDAZERO-3: they get nothing.
        for option in options:
            if shared and option not in ranking:
                points[option] += Fraction(sum(worth), len(worth)) * times
    draws: list[dict[str, Any]] = []
    elected = _highest(points, order, seats, draws, 1)
    published = [_decimal(points[option], 1) if shared else str(points[option]) for option in options]
    return {"quota": None, "rounds": [], "draws": draws, "elected": elected, "scores": published}


def _highest(
    points: Mapping[str, Fraction | int], order: list[str], seats: int, draws: list[dict[str, Any]], number: int
) -> list[str]:
    """Those with the most points, as many as there are seats; equals in the tie order.

    A tie is a draw where it matters: for a seat, or for the order of those who have one.
    """
    ranked = sorted((option for option in order if option in points), key=lambda option: -points[option])
    for most in dict.fromkeys(points[option] for option in ranked):
        level = [option for option in ranked if points[option] == most]
        seated = [option for option in level if option in ranked[:seats]]
        if len(level) > 1 and seated:
            draws.append(_draw(number, level, "order" if seated == level else "elect"))
    return ranked[:seats]


def _matrix(ballots: list[tuple[Sequence[str | Sequence[str]], int]], options: list[str]) -> dict[str, dict[str, int]]:
    """How many ballots have each option (outer) above each other one: rule 2 of every Condorcet method."""
    above = {one: dict.fromkeys(options, 0) for one in options}
    for ranking, times in ballots:
        below = set(options)
        for rank in ranking:
            together = [rank] if isinstance(rank, str) else list(rank)
            below.difference_update(together)
            for one in together:
                for two in below:
                    above[one][two] += times
    return above


def _pairs_outcome(
    above: dict[str, dict[str, int]],
    *,
    options: list[str],
    order: list[str],
    best: Sequence[str],
    draws: Sequence[dict[str, Any]] = (),
    scores: list[str] | None = None,
) -> dict[str, Any]:
    """What every Condorcet method publishes, rule 3 and its last ones."""
    tied = [option for option in order if option in best]
    groups = []
    for option in options:
        # The smallest group around an option that beats everyone outside: whom a member does not beat comes in.
        group, new = {option}, [option]
        while new:
            member = new.pop()
            more = [other for other in options if other not in group and above[member][other] <= above[other][member]]
            group.update(more)
            new += more
        groups.append(group)
    smith = min(groups, key=len)
    winners = [one for one in options if all(above[one][two] > above[two][one] for two in options if two != one)]
    found: dict[str, Any] = {
        "quota": None,
        "rounds": [],
        "draws": [*draws, *([_draw(1, tied, "elect")] if len(tied) > 1 else [])],
        "elected": tied[:1],
        "pairwise": [[above[one][two] for two in options] for one in options],
        "smith": sorted(smith),
        "condorcet_winner": winners[0] if winners else None,
    }
    return found if scores is None else found | {"scores": scores}


def _defeats(above: dict[str, dict[str, int]], *, margins: bool) -> dict[tuple[str, str], int]:
    """How strong each defeat (winner, loser) is: by its margin, or by the votes of its winner."""
    return {
        (one, two): votes - above[two][one] if margins else votes
        for one, row in above.items()
        for two, votes in row.items()
        if votes > above[two][one]
    }


def _one_seat(name: str, seats: int) -> None:
    if seats != 1:
        raise ValueError(f"{name} elects one option, not {seats}")


def _schulze(
    ballots: list[tuple[Sequence[str | Sequence[str]], int]],
    *,
    options: list[str],
    order: list[str],
    seats: int,
    margins: bool = False,
    **_: object,
) -> dict[str, Any]:
    _one_seat("schulze", seats)
    above = _matrix(ballots, options)
    # SCHULZE-4: links are defeats.
    links = _defeats(above, margins=margins)
    # SCHULZE-5: the strongest path from each option, found from the widest end: whom nothing reaches better is settled.
    paths: dict[str, dict[str, int]] = {}
    for start in options:
        reached = {other: links.get((start, other), 0) for other in options if other != start}
        paths[start] = {}
        while reached:
            widest = max(reached, key=lambda other: reached[other])
            paths[start][widest] = reached.pop(widest)
            for other in reached:
                reached[other] = max(reached[other], min(paths[start][widest], links.get((widest, other), 0)))
    # SCHULZE-6: nobody has the stronger path against a winner. SCHULZE-7: the lot picks one.
    best = [one for one in options if all(paths[one][two] >= paths[two][one] for two in options if two != one)]
    return _pairs_outcome(above, options=options, order=order, best=best)


def _ranked_pairs(
    ballots: list[tuple[Sequence[str | Sequence[str]], int]],
    *,
    options: list[str],
    order: list[str],
    seats: int,
    margins: bool = False,
    **_: object,
) -> dict[str, Any]:
    _one_seat("ranked-pairs", seats)
    above = _matrix(ballots, options)
    links = _defeats(above, margins=margins)
    locked: set[tuple[str, str]] = set()
    draws: list[dict[str, Any]] = []
    # RANKEDPAIRS-5: from the strongest defeats on.
    for strength in sorted(set(links.values()), reverse=True):
        level = [pair for pair in links if links[pair] == strength and not _leads(pair[1], pair[0], locked)]
        # RANKEDPAIRS-8: the lot is used where these and the ones confirmed before would close a circle.
        circle = {two for one, two in level if _leads(two, one, locked | set(level))}
        if circle:
            draws.append(_draw(1, [option for option in order if option in circle], "lock"))
        # RANKEDPAIRS-7: of equally strong ones, those against the last option go first. RANKEDPAIRS-6: no circles.
        for pair in sorted(level, key=lambda pair: order.index(pair[1]), reverse=True):
            if not _leads(pair[1], pair[0], locked):
                locked.add(pair)
    # RANKEDPAIRS-9: whom no confirmed defeat stands against.
    best = [option for option in options if all(loser != option for _, loser in locked)]
    return _pairs_outcome(above, options=options, order=order, best=best, draws=draws)


def _leads(start: str, end: str, pairs: set[tuple[str, str]]) -> bool:
    """Whether a chain of defeats leads from one option to another."""
    seen, new = {start}, [start]
    while new:
        at = new.pop()
        if at == end:
            return True
        more = [loser for winner, loser in pairs if winner == at and loser not in seen]
        seen.update(more)
        new += more
    return False


def _minimax(
    ballots: list[tuple[Sequence[str | Sequence[str]], int]],
    *,
    options: list[str],
    order: list[str],
    seats: int,
    margins: bool = False,
    **_: object,
) -> dict[str, Any]:
    _one_seat("minimax", seats)
    above = _matrix(ballots, options)
    # MINIMAX-5: the worst defeat of each, 0 for none. MINIMAX-6: the smallest wins.
    links = _defeats(above, margins=margins)
    worst = dict.fromkeys(options, 0)
    for pair, size in links.items():
        worst[pair[1]] = max(worst[pair[1]], size)
    best = [option for option in options if worst[option] == min(worst.values())]
    scores = [str(worst[option]) for option in options]
    return _pairs_outcome(above, options=options, order=order, best=best, scores=scores)


def _copeland(
    ballots: list[tuple[Sequence[str | Sequence[str]], int]],
    *,
    options: list[str],
    order: list[str],
    seats: int,
    **_: object,
) -> dict[str, Any]:
    _one_seat("copeland", seats)
    above = _matrix(ballots, options)
    # COPELAND-4: a point for a win, half a point for a tie. COPELAND-5: the most points win.
    points = dict.fromkeys(options, Fraction(0))
    for one in options:
        for two in options:
            if one != two:
                points[one] += Fraction((above[one][two] > above[two][one]) + (above[one][two] >= above[two][one]), 2)
    best = [option for option in options if points[option] == max(points.values())]
    scores = [f"{int(points[option])}.{'5' if points[option].denominator == 2 else '0'}" for option in options]
    return _pairs_outcome(above, options=options, order=order, best=best, scores=scores)


def _greedy(
    ballots: list[tuple[Mapping[str, int], int]],
    *,
    options: list[str],
    order: list[str],
    budget: int | None,
    costs: Sequence[int] | None,
    groups: Sequence[Sequence[str]],
    order_only: bool,
    per_cost: bool = False,
    **_: object,
) -> dict[str, Any]:
    if budget is None or costs is None or len(costs) != len(options):
        raise ValueError("greedy needs a budget and the cost of every option")
    price = dict(zip(options, costs, strict=True))
    # GREEDY-1: the score is the sum of what the ballots give.
    score = {option: sum(ballot.get(option, 0) * times for ballot, times in ballots) for option in options}
    # GREEDY-2: no support, no money.
    waiting = [option for option in order if score[option] > 0]
    rounds: list[dict[str, Any]] = []
    draws: list[dict[str, Any]] = []
    funded: list[str] = []
    drawn: set[str] = set()
    while waiting:
        free = [option for option in waiting if price[option] == 0]
        if per_cost and free:
            # COST-3: what costs nothing goes first.
            leaders = free
        else:
            # GREEDY-3, COST-3: highest score, or highest score for the cost.
            rate = {option: Fraction(score[option], price[option] if per_cost else 1) for option in waiting}
            leaders = [option for option in waiting if rate[option] == max(rate.values())]
        if not order_only:
            # GREEDY-4, COST-4: then lowest cost, then highest score, then first in the tie order.
            leaders = [option for option in leaders if price[option] == min(price[other] for other in leaders)]
            leaders = [option for option in leaders if score[option] == max(score[other] for other in leaders)]
        option = leaders[0]
        if len(leaders) > 1 and option not in drawn:
            draws.append(_draw(len(rounds) + 1, leaders, "order"))
            drawn.update(leaders)
        waiting.remove(option)
        spent = sum(price[other] for other in funded)
        if any(option in group and any(other in group for other in funded) for group in groups):
            decision = "excluded"  # GREEDY-7
        elif spent + price[option] > budget:
            decision = "skipped"  # GREEDY-6
        else:
            decision = "funded"  # GREEDY-5
            funded.append(option)
            spent += price[option]
        rounds.append(
            {
                "number": len(rounds) + 1,
                "option": option,
                "score": str(score[option]),
                "cost": price[option],
                "decision": decision,
                "left": budget - spent,
                "share": None,
            }
        )
    return {
        "quota": None,
        "rounds": rounds,
        "draws": draws,
        "funded": funded,
        "spent": sum(price[option] for option in funded),
        "scores": [str(score[option]) for option in options],
    }


def _equal_shares(
    ballots: list[tuple[Mapping[str, int], int]],
    *,
    options: list[str],
    order: list[str],
    budget: int | None,
    costs: Sequence[int] | None,
    groups: Sequence[Sequence[str]],
    order_only: bool,
    minor_digits: int,
    completion: str,
    cardinal: bool = False,
    **_: object,
) -> dict[str, Any]:
    if budget is None or costs is None or len(costs) != len(options):
        raise ValueError("equal-shares needs a budget and the cost of every option")
    if completion not in ("add1", "add1-greedy", "add1-exhaustive", "none"):
        raise ValueError(f"there is no completion {completion!r} of equal-shares")
    price = dict(zip(options, costs, strict=True))
    # SHARES-1: the score is the sum of what the ballots give. SHARES-2: no support, no money.
    score = {option: sum(ballot.get(option, 0) * times for ballot, times in ballots) for option in options}
    supported = [option for option in order if score[option] > 0]
    cast = sum(times for _, times in ballots)
    # What can be said of a project without knowing who has how much money: needed in every run.
    wanted = {
        option: [
            (number, ballot[option], times)
            for number, (ballot, times) in enumerate(ballots)
            if times and ballot.get(option, 0) > 0
        ]
        for option in supported
    }

    def first_by_rule(tied: list[str]) -> list[str]:
        # SHARES-6: lower cost, then higher score; those who remain stand in the tie order.
        if not order_only:
            tied = [option for option in tied if price[option] == min(price[other] for other in tied)]
            tied = [option for option in tied if score[option] == max(score[other] for other in tied)]
        return [option for option in order if option in tied]

    def run(share: Fraction) -> tuple[list[tuple[str, Fraction, list[str]]], list[Any]]:
        return _shares_run(
            share, wanted, len(ballots), price=price, groups=groups, cardinal=cardinal, first_by_rule=first_by_rule
        )

    bought: list[tuple[str, Fraction, list[str]]] = []
    share = Fraction(budget, cast) if cast else None
    if share is not None:
        bought, path = run(share)  # SHARES-3
        # SHARES-10: by how much every share is raised at a time.
        step = max(10**minor_digits, -(-budget // (10_000 * cast)))
        stride = 1
        while completion != "none":
            names = [option for option, _, _ in bought]
            waiting = [option for option in supported if option not in names and not _rival(option, names, groups)]
            spent = sum(price[option] for option in names)
            if not waiting:
                break  # SHARES-11: there is nothing left to fund
            if completion == "add1-exhaustive" and all(price[option] > budget - spent for option in waiting):
                break
            more, other_path = run(share + stride * step)
            # On one path all amounts are linear in the share. So two shares with the same path have it, and buy the
            # same, everywhere in between: what lies there can be left out.
            if stride > 1 and other_path != path:
                stride //= 2
                continue
            if sum(price[option] for option, _, _ in more) > budget:
                break  # SHARES-11: the run before is the one that counts
            share += stride * step
            stride = stride * 2 if other_path == path else 1
            bought, path = more, other_path
    rounds: list[dict[str, Any]] = []
    draws: list[dict[str, Any]] = []
    funded: list[str] = []

    def note(option: str, decision: str, paid: Fraction | None) -> None:
        if decision == "funded":
            funded.append(option)
        rounds.append(
            {
                "number": len(rounds) + 1,
                "option": option,
                "score": str(score[option]),
                "cost": price[option],
                "decision": decision,
                "left": budget - sum(price[other] for other in funded),
                "share": None if paid is None else _six_decimals(paid),
            }
        )

    for option, level, tied in bought:
        if len(tied) > 1:
            draws.append(_draw(len(rounds) + 1, tied, "fund"))
        note(option, "funded", level)
    while completion == "add1-greedy":
        spent = sum(price[option] for option in funded)
        fits = [
            option
            for option in supported
            if option not in funded and price[option] <= budget - spent and not _rival(option, funded, groups)
        ]
        if not fits:
            break
        fits = [option for option in fits if score[option] == max(score[other] for other in fits)]
        fits = first_by_rule(fits)
        if len(fits) > 1:
            draws.append(_draw(len(rounds) + 1, fits, "fund"))
        note(fits[0], "funded", None)
    # SHARES-12: then all others, for the record.
    others = [option for option in supported if option not in funded]
    for option in sorted(others, key=lambda option: (-score[option], price[option], option)):
        note(option, "excluded" if _rival(option, funded, groups) else "skipped", None)
    return {
        "quota": None,
        "rounds": rounds,
        "draws": draws,
        "funded": funded,
        "spent": sum(price[option] for option in funded),
        "scores": [str(score[option]) for option in options],
        "endowment": None if share is None else str(share),
    }


def _shares_run(
    share: Fraction,
    wanted: dict[str, list[tuple[int, int, int]]],
    ballots: int,
    *,
    price: dict[str, int],
    groups: Sequence[Sequence[str]],
    cardinal: bool,
    first_by_rule: Callable[[list[str]], list[str]],
) -> tuple[list[tuple[str, Fraction, list[str]]], list[Any]]:
    """What is bought with one share for every ballot: project, level, and who was tied; and the path of the run.

    `wanted` lists for each project the number of every ballot that wants it, its points and how often it was cast. The
    path holds how every comparison came out.
    """
    unit = share.denominator  # money is counted in parts of a minor unit, so that it stays whole
    money = [share.numerator] * ballots
    bought: list[tuple[str, Fraction, list[str]]] = []
    path: list[Any] = []
    rates = dict.fromkeys(wanted, Fraction(0))
    while rates:
        best: dict[str, Fraction] = {}
        # Money only becomes less, so a rate never falls: behind the best one, an old rate is enough to know.
        for option in sorted(rates, key=lambda option: (rates[option], option)):
            if best and rates[option] > min(best.values()):
                break
            level, short = _level_of(wanted[option], money, price[option] * unit)
            path.append((option, short))
            if level is None:
                del rates[option]  # SHARES-9: those who want it have not enough money left
                continue
            # SHARES-5: by cost, the level for each unit of cost; by number, the level alone.
            rates[option] = level / price[option] if price[option] and not cardinal else level
            best[option] = rates[option]
        if not best:
            break
        tied = first_by_rule([option for option in best if best[option] == min(best.values())])
        winner = tied[0]
        path.append((tied, sorted(best)))
        level, _ = _level_of(wanted[winner], money, price[winner] * unit)
        assert level is not None, "it was among the best"
        bought.append((winner, level / unit, tied))
        # SHARES-7: everyone who wants it pays the level for each point, or all that is left.
        unit *= level.denominator
        money = [amount * level.denominator for amount in money]
        for number, points, _ in wanted[winner]:
            money[number] = max(0, money[number] - level.numerator * points)
        # SHARES-8: of a group, one.
        rates = {
            option: rate for option, rate in rates.items() if option != winner and not _rival(option, [winner], groups)
        }
    return bought, path


def _level_of(wanted: list[tuple[int, int, int]], money: list[int], cost: int) -> tuple[Fraction | None, bytes]:
    """SHARES-4: what each point pays for a project, and who can't pay it; None where all money is not enough.

    At first all pay the same. Whoever can't gives all; then the others pay more, until all who pay can.
    """
    able = wanted
    given = 0
    while True:
        if not able:
            return None, b""
        level = Fraction(cost - given, sum(points * times for _, points, times in able))
        short = [one for one in able if money[one[0]] * level.denominator < level.numerator * one[1]]
        if not short:
            return level, bytes(
                money[number] * level.denominator < level.numerator * points for number, points, _ in wanted
            )
        given += sum(money[number] * times for number, _, times in short)
        able = [one for one in able if money[one[0]] * level.denominator >= level.numerator * one[1]]


def _rival(option: str, funded: Sequence[str], groups: Sequence[Sequence[str]]) -> bool:
    """Whether a group holds a project and a funded one."""
    return any(option in group and any(other in group for other in funded if other != option) for group in groups)


def _six_decimals(amount: Fraction) -> str:
    """Six decimals, the rest dropped."""
    units = int(amount * 10**6)
    return f"{units // 10**6}.{units % 10**6:06}"


def _phragmen(
    ballots: list[tuple[Mapping[str, int], int]],
    *,
    options: list[str],
    order: list[str],
    budget: int | None,
    costs: Sequence[int] | None,
    groups: Sequence[Sequence[str]],
    **_: object,
) -> dict[str, Any]:
    if budget is None or costs is None or len(costs) != len(options):
        raise ValueError("phragmen needs a budget and the cost of every option")
    if any(points > 1 for ballot, _ in ballots for points in ballot.values()):
        raise ValueError("phragmen counts approvals by method, not points")
    price = dict(zip(options, costs, strict=True))
    # PHRAGMEN-1: the score is how many approve. PHRAGMEN-2: no support, no money.
    score = {option: sum(ballot.get(option, 0) * times for ballot, times in ballots) for option in options}
    supported = [option for option in order if score[option] > 0]
    # PHRAGMEN-5: what costs more than the whole budget never takes part.
    waiting = [option for option in supported if price[option] <= budget]
    paid_at = [0] * len(ballots)  # PHRAGMEN-3: when each ballot last paid; it holds what it has earned since
    unit = 1  # moments are counted in parts of a minor unit, so that they stay whole
    rounds: list[dict[str, Any]] = []
    draws: list[dict[str, Any]] = []
    funded: list[str] = []
    stopped: list[str] = []

    def note(option: str, decision: str, moment: Fraction | None) -> None:
        if decision == "funded":
            funded.append(option)
        rounds.append(
            {
                "number": len(rounds) + 1,
                "option": option,
                "score": str(score[option]),
                "cost": price[option],
                "decision": decision,
                "left": budget - sum(price[other] for other in funded),
                "share": None if moment is None else _six_decimals(moment),
            }
        )

    while waiting:
        # PHRAGMEN-4: the moment at which those who want a project hold its cost together.
        moments = {
            option: Fraction(
                price[option] * unit
                + sum(paid_at[number] * times for number, (ballot, times) in enumerate(ballots) if ballot.get(option)),
                score[option],
            )
            for option in waiting
        }
        first = min(moments.values())
        tied = [option for option in waiting if moments[option] == first]
        spent = sum(price[option] for option in funded)
        if any(spent + price[option] > budget for option in tied):
            stopped = tied  # PHRAGMEN-6
            break
        if len(tied) > 1:
            draws.append(_draw(len(rounds) + 1, tied, "fund"))  # PHRAGMEN-7
        note(tied[0], "funded", first / unit)
        unit *= first.denominator
        paid_at = [
            first.numerator if ballot.get(tied[0]) else moment * first.denominator
            for moment, (ballot, _) in zip(paid_at, ballots, strict=True)
        ]
        # PHRAGMEN-8: of a group, one.
        waiting = [option for option in waiting if option not in funded and not _rival(option, funded, groups)]
    # PHRAGMEN-9: then all others, for the record.
    others = [option for option in supported if option not in funded]
    for option in sorted(others, key=lambda option: (option not in stopped, -score[option], price[option], option)):
        note(option, "excluded" if _rival(option, funded, groups) else "skipped", None)
    return {
        "quota": None,
        "rounds": rounds,
        "draws": draws,
        "funded": funded,
        "spent": sum(price[option] for option in funded),
        "scores": [str(score[option]) for option in options],
    }


def _draw(number: int, tied: Sequence[str], decided: str) -> dict[str, Any]:
    """A use of the tie order; `tied` is in that order."""
    return {"round": number, "among": sorted(tied), "order": list(tied), "decided": decided}


_COUNTS: dict[str, Callable[..., dict[str, Any]]] = {
    "irv/1": _irv,
    "stv-scottish/1": _stv_scottish,
    "stv-wigm/1": _stv_wigm,
    "stv-meek/1": _stv_meek,
    "block-preferential/1": _block_preferential,
    "plurality/1": _plurality,
    "approval/1": _approval,
    "borda/1": _borda,
    "borda-zero/1": partial(_borda, shared=False),
    "greedy/1": _greedy,
    "greedy-cost/1": partial(_greedy, per_cost=True),
    "equal-shares/1": _equal_shares,
    "equal-shares-cardinal/1": partial(_equal_shares, cardinal=True),
    "phragmen/1": _phragmen,
    "schulze/1": _schulze,
    "schulze-margins/1": partial(_schulze, margins=True),
    "ranked-pairs/1": _ranked_pairs,
    "ranked-pairs-margins/1": partial(_ranked_pairs, margins=True),
    "minimax/1": _minimax,
    "minimax-margins/1": partial(_minimax, margins=True),
    "copeland/1": _copeland,
}
"""The methods that this engine knows, by name and version."""
