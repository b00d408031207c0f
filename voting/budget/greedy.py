"""Most votes first: fund what fits, skip what does not. By votes alone, or by votes for the money.

Rules GREEDY-1 to GREEDY-8 in voting/specs/greedy.md and COST-1 to COST-8 in voting/specs/greedy-cost.md.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby
from typing import Literal

from schemas.outcome import BudgetOutcome, BudgetRound, Draw
from voting.errors import InvalidContest
from voting.profile import ScoredProfile, Terms
from voting.ties import places

NAME = "greedy/1"
COST_NAME = "greedy-cost/1"


def count_greedy(
    profile: ScoredProfile,
    *,
    terms: Terms,
    order: Sequence[str],
    order_only: bool = False,
    threshold: int = 0,
    stop_at_first_misfit: bool = False,
    per_cost: bool = False,
) -> BudgetOutcome:
    """Return the complete count: every project with support, in the order in which the money is offered.

    Args:
        profile: Approvals, points or scores; a project's score is their sum.
        terms: With budget and costs, in minor units.
        order: The tie order, every option once; the first goes first.
        order_only: Let the tie order decide every tie of scores, not only those that cost leaves open. For
            comparisons, and for counts that a city made by the order of its list.
        threshold: Projects with a lower score are left out. A variant of some cities, not part of greedy/1.
        stop_at_first_misfit: End at the first project that does not fit. A variant of some cities, not part of
            greedy/1.
        per_cost: Count by greedy-cost/1: in order of score divided by cost.

    Returns:
        One round a decision. `left` is the money left after it.

    Raises:
        InvalidContest: No budget or no costs.

    Example:
        Three want the lamp, two the bench; both together cost too much.

        >>> from voting.profile import scored_profile
        >>> votes = scored_profile({((0, 1),): 3, ((1, 1),): 2}, options=("lamp", "bench"), ballots=5)
        >>> terms = Terms(("lamp", "bench"), budget=100, costs=(60, 50))
        >>> outcome = count_greedy(votes, terms=terms, order=("lamp", "bench"))
        >>> [(step.option, step.decision, step.left) for step in outcome.rounds]
        [('lamp', 'funded', 40), ('bench', 'skipped', 40)]
    """
    if terms.budget is None:
        raise InvalidContest("greedy needs a budget")
    if not terms.costs:
        raise InvalidContest("greedy needs the cost of every option")
    assert profile.options == terms.options, "a profile is counted under its own terms"
    place = places(order, terms.options)
    cost = dict(zip(terms.options, terms.costs, strict=True))
    score = dict(zip(terms.options, profile.scores(), strict=True))

    def tier(option: str) -> tuple[bool, Fraction, int, int]:
        if per_cost and cost[option] == 0:
            return False, Fraction(0), 0, 0 if order_only else -score[option]
        rate = Fraction(-score[option], cost[option] if per_cost else 1)
        return True, rate, 0 if order_only else cost[option], 0

    supported = [option for option in terms.options if score[option] > 0 and score[option] >= threshold]
    queue = sorted(supported, key=lambda option: (tier(option), place[option]))
    rounds, funded = _offer(queue, score=score, cost=cost, terms=terms, stop_at_first_misfit=stop_at_first_misfit)
    spent = sum(cost[option] for option in funded)
    assert spent <= terms.budget, "never more than there is"

    reached = {step.option: step.number for step in rounds}
    draws = []
    for _, group in groupby(queue, key=tier):
        tied = tuple(group)
        if len(tied) > 1 and tied[0] in reached:
            draws.append(Draw(round=reached[tied[0]], among=tuple(sorted(tied)), order=tied, decided="order"))

    return BudgetOutcome(
        method=COST_NAME if per_cost else NAME,
        quota=None,
        rounds=tuple(rounds),
        draws=tuple(draws),
        funded=tuple(funded),
        spent=spent,
        scores=tuple(str(score[option]) for option in terms.options),
    )


def count_greedy_cost(
    profile: ScoredProfile, *, terms: Terms, order: Sequence[str], order_only: bool = False
) -> BudgetOutcome:
    """Return the complete count by greedy-cost/1: as `count_greedy`, in order of score divided by cost.

    Example:
        Three want the lamp for 60, two the bench for 30: each vote for the bench pays 15, for the lamp 20.

        >>> from voting.profile import scored_profile
        >>> votes = scored_profile({((0, 1),): 3, ((1, 1),): 2}, options=("lamp", "bench"), ballots=5)
        >>> terms = Terms(("lamp", "bench"), budget=70, costs=(60, 30))
        >>> outcome = count_greedy_cost(votes, terms=terms, order=("lamp", "bench"))
        >>> [(step.option, step.decision, step.left) for step in outcome.rounds]
        [('bench', 'funded', 40), ('lamp', 'skipped', 40)]
    """
    return count_greedy(profile, terms=terms, order=order, order_only=order_only, per_cost=True)


def _offer(
    queue: Sequence[str],
    *,
    score: dict[str, int],
    cost: dict[str, int],
    terms: Terms,
    stop_at_first_misfit: bool,
) -> tuple[list[BudgetRound], list[str]]:
    assert terms.budget is not None, "checked by the caller"
    left = terms.budget
    rounds: list[BudgetRound] = []
    funded: list[str] = []
    excluded: set[str] = set()
    decision: Literal["funded", "skipped", "excluded"]
    for number, option in enumerate(queue, 1):
        if option in excluded:
            decision = "excluded"
        elif cost[option] > left:
            decision = "skipped"
        else:
            decision = "funded"
            funded.append(option)
            left -= cost[option]
            excluded.update(name for group in terms.groups if option in group for name in group)
        rounds.append(
            BudgetRound(
                number=number,
                option=option,
                score=str(score[option]),
                cost=cost[option],
                decision=decision,
                left=left,
                share=None,
            )
        )
        if decision == "skipped" and stop_at_first_misfit:
            break
    return rounds, funded
