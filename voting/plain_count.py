"""Every counting method a second time, as plainly as it can be said.

Written from the specs in voting/specs and from nothing else, with the standard library only, so that the file can be
read beside the spec and carried into a verifier that is one file. It looks at every ballot again in every round: slow,
and with no state that could go wrong. The fast engine (voting/ranked, voting/budget) must give the same rounds.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
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

    Returns:
        `quota`, `rounds`, `draws` and `elected`; for budgets `quota`, `rounds`, `draws`, `funded`, `spent`, `scores`.

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


def _decimal(votes: Fraction) -> str:
    """Votes that have at most five decimals, with all five."""
    units = votes * 100_000
    assert units.denominator == 1, "every value was cut to five decimals"
    return f"{units.numerator // 100_000}.{units.numerator % 100_000:05}"


def _greedy(
    ballots: list[tuple[Mapping[str, int], int]],
    *,
    options: list[str],
    order: list[str],
    budget: int | None,
    costs: Sequence[int] | None,
    groups: Sequence[Sequence[str]],
    order_only: bool,
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
        # GREEDY-3 and GREEDY-4: highest score, then lowest cost, then first in the tie order.
        leaders = [option for option in waiting if score[option] == max(score[other] for other in waiting)]
        if not order_only:
            leaders = [option for option in leaders if price[option] == min(price[other] for other in leaders)]
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


def _draw(number: int, tied: Sequence[str], decided: str) -> dict[str, Any]:
    """A use of the tie order; `tied` is in that order."""
    return {"round": number, "among": sorted(tied), "order": list(tied), "decided": decided}


_COUNTS: dict[str, Callable[..., dict[str, Any]]] = {
    "irv/1": _irv,
    "stv-scottish/1": _stv_scottish,
    "greedy/1": _greedy,
}
"""The methods that this engine knows, by name and version."""
