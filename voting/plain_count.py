"""Every counting method a second time, as plainly as it can be said.

Written from the specs in voting/specs and from nothing else, with the standard library only, so that the file can be
read beside the spec and carried into a verifier that is one file. It looks at every ballot again in every round: slow,
and with no state that could go wrong. The fast engine (voting/ranked, voting/budget) must give the same rounds.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
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
        seats: How many are elected.
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


_COUNTS: dict[str, Callable[..., dict[str, Any]]] = {"irv/1": _irv, "greedy/1": _greedy}
"""The methods that this engine knows, by name and version."""
