"""Equal Shares: every ballot has the same share of the money, and projects are bought by those who want them.

Rules SHARES-1 to SHARES-12 in voting/specs/equal-shares.md and CARDINAL-1 to CARDINAL-12 in equal-shares-cardinal.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from schemas.outcome import BudgetOutcome, BudgetRound, Draw
from voting.budget.buying import Market, Run, buy, open_market, six_decimals
from voting.budget.greedy import count_greedy
from voting.errors import InvalidContest
from voting.profile import ScoredProfile, Terms
from voting.ties import places

NAME = "equal-shares/1"
CARDINAL_NAME = "equal-shares-cardinal/1"
Completion = Literal["add1", "add1-greedy", "add1-exhaustive", "none"]
COMPLETIONS: tuple[Completion, ...] = ("add1", "add1-greedy", "add1-exhaustive", "none")
_PARTS = 10_000
"""A raise is at least one of so many parts of the first share."""


def count_equal_shares(
    profile: ScoredProfile,
    *,
    terms: Terms,
    order: Sequence[str],
    order_only: bool = False,
    cardinal: bool = False,
    completion: Completion = "add1",
    compare: bool = False,
) -> BudgetOutcome:
    """Return the complete count: what is bought, in order, then every other project with support.

    Args:
        profile: Approvals, points or scores.
        terms: With budget, costs and `minor_digits`; money in minor units.
        order: The tie order, every option once; the first goes first.
        order_only: Let the tie order decide every tie, not only those that cost and votes leave open. For comparisons.
        cardinal: Count by equal-shares-cardinal/1, where a costly project counts no more for its voters than a cheap
            one.
        completion: What is done with money that is left. "add1": every share is raised, step by step, as long as the
            total stays within the budget. The others are no part of the published methods: "add1-greedy" then funds
            what still fits, most votes first; "add1-exhaustive" stops raising as soon as nothing more fits; "none"
            leaves it.
        compare: Give the outcome of greedy/1 where more ballots prefer it. A variant of some cities, no part of the
            published methods.

    Returns:
        One round a decision. `share` is what each ballot paid at most for each point, cut to six decimals of a minor
        unit; None where nothing was bought by it. `endowment` is the share of the run that counts.

    Raises:
        InvalidContest: No budget, no costs, or more points than can be shared by.

    Source:
        D. Peters, G. Pierczynski, P. Skowron, "Proportional Participatory Budgeting with Additive Utilities" (NeurIPS
        2021, arXiv 2008.13276).

    Example:
        Each of five has 20. Three of them pay for the lamp. The bench costs its two more than they have.

        >>> from voting.profile import scored_profile
        >>> votes = scored_profile({((0, 1),): 3, ((1, 1),): 2}, options=("lamp", "bench"), ballots=5)
        >>> terms = Terms(("lamp", "bench"), budget=100, costs=(48, 60))
        >>> outcome = count_equal_shares(votes, terms=terms, order=("lamp", "bench"))
        >>> [(step.option, step.decision, step.share) for step in outcome.rounds]
        [('lamp', 'funded', '16.000000'), ('bench', 'skipped', None)]
    """
    if terms.budget is None:
        raise InvalidContest("equal-shares needs a budget")
    if not terms.costs:
        raise InvalidContest("equal-shares needs the cost of every option")
    assert profile.options == terms.options, "a profile is counted under its own terms"
    place = places(order, terms.options)
    name = CARDINAL_NAME if cardinal else NAME
    market = open_market(profile, terms)
    scores = market.scores
    if not profile.ballots:
        none = tuple(str(score) for score in scores)
        return BudgetOutcome(
            method=name, quota=None, rounds=(), draws=(), funded=(), spent=0, scores=none, endowment=None
        )

    def choose(level: list[int]) -> tuple[int, tuple[int, ...]]:
        if not order_only:
            level = [option for option in level if terms.costs[option] == min(terms.costs[other] for other in level)]
            level = [option for option in level if scores[option] == max(scores[other] for other in level)]
        level = sorted(level, key=lambda option: place[terms.options[option]])
        return level[0], tuple(level)

    def run(endowment: Fraction) -> Run:
        return buy(market, endowment=endowment, cardinal=cardinal, choose=choose)

    final = _complete(run, market, terms, completion=completion)
    outcome = _report(final, market, terms, place, name=name, fill=completion == "add1-greedy", order_only=order_only)
    if compare:
        other = count_greedy(profile, terms=terms, order=order, order_only=order_only)
        if _prefer_second(profile, outcome.funded, other.funded, terms=terms, cardinal=cardinal):
            return BudgetOutcome(
                method=name, quota=None, rounds=other.rounds, draws=other.draws, funded=other.funded,
                spent=other.spent, scores=other.scores,
            )  # fmt: skip
    return outcome


def count_equal_shares_cardinal(
    profile: ScoredProfile, *, terms: Terms, order: Sequence[str], order_only: bool = False
) -> BudgetOutcome:
    """Return the complete count by equal-shares-cardinal/1. See `count_equal_shares`."""
    return count_equal_shares(profile, terms=terms, order=order, order_only=order_only, cardinal=True)


def raise_of(terms: Terms, ballots: int) -> int:
    """Return by how many minor units each share is raised at a time: one unit of the currency, or more.

    Source:
        SHARES-9.

    Example:
        >>> raise_of(Terms(("lamp",), budget=100_000_00, costs=(1,), minor_digits=2), 5_000)
        100
        >>> raise_of(Terms(("lamp",), budget=100_000_00, costs=(1,), minor_digits=2), 2)
        500
    """
    assert terms.budget is not None, "a budget is counted"
    return int(max(10**terms.minor_digits, -(-terms.budget // (_PARTS * ballots))))


def _complete(run: Callable[[Fraction], Run], market: Market, terms: Terms, *, completion: Completion) -> Run:
    """Return the run that counts: the last one before the total would break the budget.

    Runs that take the same path buy the same, and so does every run in between; so steps get longer where nothing
    changes. Every run that could be the one that breaks the budget is made.
    """
    assert terms.budget is not None, "checked by the caller"
    final = run(Fraction(terms.budget, market.ballots))
    step = raise_of(terms, market.ballots)
    stride = 1
    while completion != "none" and not _settled(final, market, terms, exhaustive=completion == "add1-exhaustive"):
        further = run(final.endowment + stride * step)
        same = further.path == final.path
        if stride > 1 and not same:
            stride //= 2
            continue
        if sum(market.costs[bought.option] for bought in further.purchases) > terms.budget:
            break
        final = further
        stride = stride * 2 if same else 1
    return final


def _settled(run: Run, market: Market, terms: Terms, *, exhaustive: bool) -> bool:
    """Whether no raise can or need add anything to a run."""
    assert terms.budget is not None, "checked by the caller"
    bought = {purchase.option for purchase in run.purchases}
    left = terms.budget - sum(market.costs[option] for option in bought)
    waiting = [
        option
        for option, score in enumerate(market.scores)
        if score and option not in bought and not market.mates[option] & bought
    ]
    return not waiting or (exhaustive and all(market.costs[option] > left for option in waiting))


@dataclass
class _Ledger:
    """The rounds so far, and the money left."""

    market: Market
    terms: Terms
    left: int
    rounds: list[BudgetRound]
    draws: list[Draw]
    funded: list[int]

    def note(
        self, option: int, decision: Literal["funded", "skipped", "excluded"], *, share: Fraction | None = None
    ) -> None:
        if decision == "funded":
            self.funded.append(option)
            self.left -= self.market.costs[option]
        self.rounds.append(
            BudgetRound(
                number=len(self.rounds) + 1,
                option=self.terms.options[option],
                score=str(self.market.scores[option]),
                cost=self.market.costs[option],
                decision=decision,
                left=self.left,
                share=None if share is None else six_decimals(share),
            )
        )

    def drew(self, tied: Sequence[int], decided: str) -> None:
        names = tuple(self.terms.options[option] for option in tied)
        self.draws.append(Draw(round=len(self.rounds) + 1, among=tuple(sorted(names)), order=names, decided=decided))


def _report(
    run: Run, market: Market, terms: Terms, place: dict[str, int], *, name: str, fill: bool, order_only: bool
) -> BudgetOutcome:
    assert terms.budget is not None, "checked by the caller"
    ledger = _Ledger(market, terms, terms.budget, [], [], [])
    for bought in run.purchases:
        if len(bought.tied) > 1:
            ledger.drew(bought.tied, "fund")
        ledger.note(bought.option, "funded", share=bought.level)
    waiting = [option for option, score in enumerate(market.scores) if score and option not in ledger.funded]
    if fill:
        _fill(ledger, waiting, place, order_only=order_only)
    waiting = [option for option in waiting if option not in ledger.funded]
    waiting.sort(key=lambda option: (-market.scores[option], market.costs[option], terms.options[option]))
    for option in waiting:
        ledger.note(option, "excluded" if market.mates[option] & set(ledger.funded) else "skipped")
    assert ledger.left >= 0, "never more than there is"
    return BudgetOutcome(
        method=name,
        quota=None,
        rounds=tuple(ledger.rounds),
        draws=tuple(ledger.draws),
        funded=tuple(terms.options[option] for option in ledger.funded),
        spent=terms.budget - ledger.left,
        scores=tuple(str(score) for score in market.scores),
        endowment=str(run.endowment),
    )


def _fill(ledger: _Ledger, waiting: Sequence[int], place: dict[str, int], *, order_only: bool) -> None:
    """Fund what still fits, most votes first; ties as greedy/1 has them."""
    market, options = ledger.market, ledger.terms.options

    def tier(option: int) -> tuple[int, int]:
        return -market.scores[option], 0 if order_only else market.costs[option]

    for option in sorted(waiting, key=lambda option: (tier(option), place[options[option]])):
        if market.costs[option] <= ledger.left and not market.mates[option] & set(ledger.funded):
            tied = [
                other
                for other in waiting
                if tier(other) == tier(option)
                and other not in ledger.funded
                and market.costs[other] <= ledger.left
                and not market.mates[other] & set(ledger.funded)
            ]
            if len(tied) > 1:
                ledger.drew(sorted(tied, key=lambda other: place[options[other]]), "fund")
            ledger.note(option, "funded")


def _prefer_second(
    profile: ScoredProfile, first: Sequence[str], second: Sequence[str], *, terms: Terms, cardinal: bool
) -> bool:
    """Whether more ballots have more of what they want in the second list: its cost times their points."""
    cost = dict(zip(terms.options, terms.costs, strict=True))
    for_first = for_second = 0
    for ballot, times in profile.unique():
        one, two = (
            sum(ballot.get(option, 0) * (1 if cardinal else cost[option]) for option in funded)
            for funded in (first, second)
        )
        for_first += times * (one > two)
        for_second += times * (two > one)
    return for_second > for_first
