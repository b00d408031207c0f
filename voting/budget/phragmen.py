"""Phragmen's sequential method: voters earn money at one pace and buy what they want as soon as they can.

Rules PHRAGMEN-1 to PHRAGMEN-10 in voting/specs/phragmen.md.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from schemas.outcome import BudgetOutcome, BudgetRound, Draw
from voting.budget.buying import Market, Purchase, open_market, six_decimals
from voting.errors import InvalidContest, InvalidMethod
from voting.profile import IntArray, ScoredProfile, Terms
from voting.ties import places

NAME = "phragmen/1"
_NEAR = np.float64(1) / 2**40
"""Moments that floating-point numbers put so close together are compared exactly. All that is summed is positive, so
the relative error of a sum of at most 1,000 moments is below 2^-42."""


def count_phragmen(
    profile: ScoredProfile, *, terms: Terms, order: Sequence[str], order_only: bool = False
) -> BudgetOutcome:
    """Return the complete count: what is bought, in order, then every other project with support.

    Every ballot earns from 0 on, at one pace, and holds what it earned since it last paid. So what a project's
    supporters hold is known from how many of them last paid when: whole numbers, in a table of projects and moments.

    Args:
        profile: Approvals.
        terms: With budget and costs, in minor units.
        order: The tie order, every option once; the first goes first.
        order_only: No difference: the tie order is the whole tie rule of this method.

    Returns:
        One round a decision. `share` is what every ballot has earned in all when a project is bought, cut to six
        decimals of a minor unit; None for projects that are not bought.

    Raises:
        InvalidContest: No budget or no costs.
        InvalidMethod: A ballot gives a project more than 1: the method is about approvals.

    Source:
        M. Brill, R. Freeman, S. Janson, M. Lackner, "Phragmen's Voting Methods and Justified Representation" (AAAI
        2017); for costs: M. Los, Z. Christoff, D. Grossi, "Proportional Budget Allocations: Towards a Systematization"
        (IJCAI 2022, arXiv 2203.12324).

    Example:
        The three who want the lamp hold 48 together when each has earned 16. The bench would need 30 from each of
        two; it is bought at 30, since 52 are left.

        >>> from voting.profile import scored_profile
        >>> votes = scored_profile({((0, 1),): 3, ((1, 1),): 2}, options=("lamp", "bench"), ballots=5)
        >>> terms = Terms(("lamp", "bench"), budget=108, costs=(48, 60))
        >>> outcome = count_phragmen(votes, terms=terms, order=("lamp", "bench"))
        >>> [(step.option, step.decision, step.share) for step in outcome.rounds]
        [('lamp', 'funded', '16.000000'), ('bench', 'funded', '30.000000')]
    """
    if terms.budget is None:
        raise InvalidContest("phragmen needs a budget")
    if not terms.costs:
        raise InvalidContest("phragmen needs the cost of every option")
    if len(profile.values) and int(profile.values.max()) > 1:
        raise InvalidMethod("phragmen counts approvals, and these ballots give points; use equal-shares")
    assert profile.options == terms.options, "a profile is counted under its own terms"
    purchases, stopped, _ = purchases_of(profile, terms, order)
    return _report(purchases, stopped, open_market(profile, terms), terms)


def purchases_of(
    profile: ScoredProfile, terms: Terms, order: Sequence[str]
) -> tuple[list[Purchase], tuple[int, ...], Fraction | None]:
    """Return what is bought, each with its moment as level; who was next when the money did not suffice; and when.

    Args:
        profile: Approvals.
        terms: With budget and costs.
        order: The tie order, every option once.

    Returns:
        The last is None where the count did not end for lack of money.
    """
    assert terms.budget is not None, "checked by the caller"
    place = places(order, terms.options)
    market = open_market(profile, terms)
    cost = np.array(terms.costs, np.float64)
    votes = np.array(market.scores, np.float64)
    # how many ballots that want a project last paid at which moment; the first column is for those who never paid
    last_paid = np.zeros(len(profile.counts), np.int64)
    held = np.zeros((len(terms.options), len(terms.options) + 1), np.int64)
    held[:, 0] = market.scores
    # moments are whole numbers of units; a unit gets smaller when a moment lies between two
    moments, unit = [0], 1
    end: Fraction | None = None
    waiting = [option for option, score in enumerate(market.scores) if score and terms.costs[option] <= terms.budget]
    left = terms.budget
    bought: list[tuple[int, tuple[int, ...]]] = []
    stopped: tuple[int, ...] = ()
    while waiting:
        about = held[waiting, : len(moments)] @ np.array([moment / unit for moment in moments])
        when = (about + cost[waiting]) / votes[waiting]
        near = [option for option, at in zip(waiting, when, strict=True) if at <= when.min() * (1 + _NEAR)]
        exact = {
            option: Fraction(_held(held[option], moments) + terms.costs[option] * unit, market.scores[option])
            for option in near
        }
        first = min(exact.values())
        tied = sorted(
            (option for option in near if exact[option] == first), key=lambda option: place[terms.options[option]]
        )
        if any(terms.costs[option] > left for option in tied):
            stopped, end = tuple(tied), first / unit
            break
        option = tied[0]
        bought.append((option, tuple(tied)))
        left -= terms.costs[option]
        waiting = [other for other in waiting if other != option and other not in market.mates[option]]
        _pay(market.wanted[option].rows, profile, last_paid, held, column=len(moments))
        moments = [moment * first.denominator for moment in moments] + [first.numerator]
        unit *= first.denominator
    purchases = [
        Purchase(option, Fraction(moment, unit), tied)
        for (option, tied), moment in zip(bought, moments[1:], strict=True)
    ]
    return purchases, stopped, end


def _held(last_paid: IntArray, moments: Sequence[int]) -> int:
    """The sum of the moments at which the supporters of a project last paid, given how many of them paid when."""
    return sum(moment * count for moment, count in zip(moments, last_paid.tolist(), strict=False) if count)


def _pay(rows: IntArray, profile: ScoredProfile, last_paid: IntArray, held: IntArray, *, column: int) -> None:
    """Move these ballots to a new moment, in the table of every project that they want."""
    first = profile.starts[rows]
    sizes = profile.starts[rows + 1] - first
    places_of = np.repeat(first - np.cumsum(sizes) + sizes, sizes) + np.arange(int(sizes.sum()))
    members = profile.members[places_of]
    counts = np.repeat(profile.counts[rows], sizes)
    np.subtract.at(held, (members, np.repeat(last_paid[rows], sizes)), counts)
    np.add.at(held[:, column], members, counts)
    last_paid[rows] = column


def _report(purchases: Sequence[Purchase], stopped: Sequence[int], market: Market, terms: Terms) -> BudgetOutcome:
    assert terms.budget is not None, "checked by the caller"
    scores = market.scores
    rounds: list[BudgetRound] = []
    draws: list[Draw] = []
    left = terms.budget
    for purchase in purchases:
        option = purchase.option
        if len(purchase.tied) > 1:
            names = tuple(terms.options[other] for other in purchase.tied)
            draws.append(Draw(round=len(rounds) + 1, among=tuple(sorted(names)), order=names, decided="fund"))
        left -= terms.costs[option]
        rounds.append(
            BudgetRound(
                number=len(rounds) + 1,
                option=terms.options[option],
                score=str(scores[option]),
                cost=terms.costs[option],
                decision="funded",
                left=left,
                share=six_decimals(purchase.level),
            )
        )
    funded = [purchase.option for purchase in purchases]
    others = [option for option, score in enumerate(scores) if score and option not in funded]
    others.sort(key=lambda option: (option not in stopped, -scores[option], terms.costs[option], terms.options[option]))
    for option in others:
        excluded = market.mates[option] & set(funded)
        rounds.append(
            BudgetRound(
                number=len(rounds) + 1,
                option=terms.options[option],
                score=str(scores[option]),
                cost=terms.costs[option],
                decision="excluded" if excluded else "skipped",
                left=left,
                share=None,
            )
        )
    return BudgetOutcome(
        method=NAME,
        quota=None,
        rounds=tuple(rounds),
        draws=tuple(draws),
        funded=tuple(terms.options[option] for option in funded),
        spent=terms.budget - left,
        scores=tuple(str(score) for score in scores),
    )
