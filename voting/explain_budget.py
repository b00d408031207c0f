"""Facts of budget counts: why a project is funded or not, and what it lacked. `voting.explain` is the way in."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor, lcm
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from schemas.explanation import BudgetExplanation, BudgetFact
from schemas.outcome import BudgetOutcome, BudgetRound
from voting.budget.buying import Market, Run, buy, open_market
from voting.budget.equal_shares import CARDINAL_NAME, raise_of
from voting.budget.phragmen import purchases_of
from voting.methods import METHODS, find
from voting.profile import Profile, ScoredProfile, Terms, scored_profile

_WORK_MAX = 5_000_000
"""Ballots are counted again for projects that lack votes only up to so many looks at a mark on a ballot: seconds."""
_TRIES = 3


def explain_budget(
    profile: Profile, outcome: BudgetOutcome, *, terms: Terms, order: Sequence[str] | None = None
) -> BudgetExplanation:
    """Return the facts of a budget count by its own method.

    Args:
        profile: The ballots that were counted.
        outcome: What the method made of them.
        terms: As counted.
        order: The tie order that was used. With it the ballots are counted again: for what the lot decided, for votes
            that were missing in Equal Shares, and for what other methods fund. Without it, these are not known where
            they depend on the lot.
    """
    assert terms.budget is not None, "a budget was counted"
    scored = profile if isinstance(profile, ScoredProfile) else scored_profile({}, options=terms.options, ballots=0)
    facts = [_fact(stage, outcome, terms) for stage in outcome.rounds]
    seen = {stage.option for stage in outcome.rounds}
    left = terms.budget - outcome.spent
    facts += [
        BudgetFact(option=option, score="0", cost=cost, decision="unsupported", left=left, short=max(0, cost - left))
        for option, cost in zip(terms.options, terms.costs, strict=True)
        if option not in seen
    ]
    if isinstance(outcome.endowment, str):
        facts = list(_with_shares(facts, scored, outcome, terms))
    elif outcome.method == "phragmen/1":
        if order is not None or not outcome.draws:
            needed = _missing_approvals(scored, terms, order or terms.options)
            facts = [_with_needed(fact, needed.get(fact.option)) for fact in facts]
    elif outcome.endowment is UNSET:
        facts = [_with_needed(fact, _missing_votes(fact, outcome, terms)) for fact in facts]
        facts = [_with_lot(fact, outcome, terms) for fact in facts]
    others: dict[str, tuple[str, ...]] = {}
    if order is not None:
        if outcome == find(outcome.method).count(profile, terms=terms, order=order):
            facts = list(_counted_again(facts, scored, outcome, terms=terms, order=order))
        others = _other_methods(scored, outcome, terms=terms, order=order)
    return BudgetExplanation(
        ballots=profile.ballots,
        budget=terms.budget,
        spent=outcome.spent,
        left=left,
        facts=tuple(facts),
        other_methods=others,
        endowment=outcome.endowment,
    )


def _fact(stage: BudgetRound, outcome: BudgetOutcome, terms: Terms) -> BudgetFact:
    earlier = outcome.rounds[: stage.number - 1]
    left = earlier[-1].left if earlier else terms.budget
    assert left is not None, "a budget was counted"
    mates = _mates(stage.option, terms)
    rivals = (other.option for other in earlier if other.decision == "funded" and other.option in mates)
    return BudgetFact(
        option=stage.option,
        score=stage.score,
        cost=stage.cost,
        decision=stage.decision,
        left=left,
        short=max(0, stage.cost - left) if stage.decision == "skipped" else 0,
        excluded_by=next(rivals, None) if stage.decision == "excluded" else None,
    )


def _with_needed(fact: BudgetFact, needed: int | None) -> BudgetFact:
    if fact.decision == "funded":
        return fact
    return msgspec.structs.replace(fact, needed=None if needed is None else str(needed))


def _mates(option: str, terms: Terms) -> set[str]:
    return {name for group in terms.groups if option in group for name in group} - {option}


# -- in order of votes, or of votes for the money ----------------------------------------------


def _with_lot(fact: BudgetFact, outcome: BudgetOutcome, terms: Terms) -> BudgetFact:
    """Whether a project that is not funded would have been, had the lot put it first among those tied with it."""
    if fact.decision != "funded":
        for draw in outcome.draws:
            if fact.option in draw.among:
                funds = _fits_before(draw.round, fact.option, cost=fact.cost, outcome=outcome, terms=terms)
                return msgspec.structs.replace(fact, by_lot=funds)
    return fact


def _missing_votes(fact: BudgetFact, outcome: BudgetOutcome, terms: Terms) -> int | None:
    """The least rise of a project's score that funds it whatever the lot.

    A project that is not funded takes no money and excludes nobody, so the others' turns are the same without it. It
    is enough to look at every turn it could have had.
    """
    per_cost = outcome.method == "greedy-cost/1"
    score = int(fact.score)
    others = [stage for stage in outcome.rounds if stage.option != fact.option]

    def turn(votes: int, cost: int) -> tuple[bool, Fraction, int, int]:
        if per_cost and cost == 0:
            return False, Fraction(0), 0, -votes
        return True, Fraction(-votes, cost if per_cost else 1), cost, 0

    def level(stage: BudgetRound) -> int:
        """The most votes with which it would not stand before that project."""
        if per_cost and stage.cost and fact.cost:
            return int(stage.score) * fact.cost // stage.cost
        return int(stage.score)

    wanted_ones = {1, *(level(stage) + more for stage in others for more in (0, 1))}
    for wanted in sorted(value for value in wanted_ones if value > score):
        before = [stage for stage in others if turn(int(stage.score), stage.cost) <= turn(wanted, fact.cost)]
        number = before[-1].number + 1 if before else 1
        if _fits_before(number, fact.option, cost=fact.cost, outcome=outcome, terms=terms):
            return wanted - score
    return None


def _fits_before(number: int, option: str, *, cost: int, outcome: BudgetOutcome, terms: Terms) -> bool:
    """Whether a project could be funded if its turn came just before this round."""
    earlier = outcome.rounds[: number - 1]
    left = earlier[-1].left if earlier else terms.budget
    assert left is not None, "a budget was counted"
    mates = _mates(option, terms)
    return cost <= left and not any(stage.decision == "funded" and stage.option in mates for stage in earlier)


# -- Phragmen's method -------------------------------------------------------------------------


def _missing_approvals(profile: ScoredProfile, terms: Terms, order: Sequence[str]) -> dict[str, int]:
    """How many more ballots for it alone each project needed to be bought, whatever the lot.

    Until a project is bought, it changes nothing for the others. So it must come strictly before some purchase, or
    before the end, at a moment when there is money for it; the more votes, the earlier, and the more money.
    """
    market = open_market(profile, terms)
    purchases, _, end = purchases_of(profile, terms, order)
    bought = {purchase.option for purchase in purchases}
    index = {option: place for place, option in enumerate(terms.options)}
    assert terms.budget is not None, "a budget was counted"
    found = {}
    for name, option in index.items():
        if option in bought:
            continue
        cost, score = terms.costs[option], market.scores[option]
        rows = market.wanted[option].rows.tolist()
        paid_at = dict.fromkeys(rows, Fraction(0))
        left = terms.budget
        needed: list[int] = []
        for step in range(len(purchases) + 1):
            moment = purchases[step].level if step < len(purchases) else end
            held = sum((paid_at[row] * int(profile.counts[row]) for row in rows), Fraction(0)) + cost
            if cost <= left and (moment is None or moment > 0):
                votes = 1 if moment is None else floor(held / moment) + 1
                needed.append(max(1, votes - score))
            if step == len(purchases) or purchases[step].option in market.mates[option]:
                break
            left -= terms.costs[purchases[step].option]
            payers = set(market.wanted[purchases[step].option].rows.tolist())
            paid_at |= {row: purchases[step].level for row in rows if row in payers}
        if needed:
            found[name] = min(needed)
    return found


# -- Equal Shares ------------------------------------------------------------------------------


class _Course(NamedTuple):
    """A run in whole numbers: parts of a minor unit that is small enough for all of its amounts.

    `prices` holds, for each purchase, what each point paid; `marks` what each ballot gives what was bought.
    """

    unit: int
    share: int
    prices: list[int]
    marks: list[dict[int, int]]


def _with_shares(
    facts: Iterable[BudgetFact], profile: ScoredProfile, outcome: BudgetOutcome, terms: Terms
) -> Iterator[BudgetFact]:
    """What those who want a project lacked in the run that counts, and how many more with a full share it needed."""
    market = open_market(profile, terms)
    index = {option: place for place, option in enumerate(terms.options)}
    cardinal = outcome.method == CARDINAL_NAME
    bought = iter([index[stage.option] for stage in outcome.rounds if stage.share is not None])
    assert isinstance(outcome.endowment, str), "checked by the caller"

    def choose(level: list[int]) -> tuple[int, tuple[int, ...]]:
        chosen = next(bought)
        assert chosen in level, "the run is the one that was published"
        return chosen, (chosen,)

    run = buy(market, endowment=Fraction(outcome.endowment), cardinal=cardinal, choose=choose)
    course = _course(profile, run)
    for fact in facts:
        if fact.decision == "funded":
            yield fact
            continue
        held, needed = _missing_shares(market, run, course, index[fact.option], cardinal=cardinal)
        yield msgspec.structs.replace(
            fact,
            held=floor(held),
            short=max(0, ceil(fact.cost - held)) if fact.decision != "excluded" else 0,
            needed_same_shares=None if needed is None else str(needed),
        )


def _course(profile: ScoredProfile, run: Run) -> _Course:
    unit = lcm(run.endowment.denominator, *(purchase.level.denominator for purchase in run.purchases))
    bought = {purchase.option for purchase in run.purchases}
    starts, members, values = profile.starts.tolist(), profile.members.tolist(), profile.values.tolist()
    return _Course(
        unit=unit,
        share=int(run.endowment * unit),
        prices=[int(purchase.level * unit) for purchase in run.purchases],
        marks=[
            {members[at]: values[at] for at in range(start, end) if members[at] in bought}
            for start, end in pairwise(starts)
        ],
    )


def _missing_shares(
    market: Market, run: Run, course: _Course, option: int, *, cardinal: bool
) -> tuple[Fraction, int | None]:
    """What those who want a project have left at the end, and how many ballots for it alone have it bought in this run.

    Each of these ballots has a full share. Until the project is bought it changes nothing for the others. Before a
    purchase it must have a lower rate than what is bought, so that no lot matters; at the end it must only be paid for.
    """
    wanted = market.wanted[option]
    rows, counts = wanted.rows.tolist(), market.counts[wanted.rows].tolist()
    points = [1] * len(rows) if wanted.points is None else [int(point) for point in wanted.points]
    money = [course.share] * len(rows)
    cost = market.costs[option] * course.unit
    found: list[int] = []
    excluded = False
    for purchase, price in zip(run.purchases, course.prices, strict=True):
        # the level at which both would be as good a purchase, in parts of 1 / `by`
        by = 1 if cardinal else max(1, market.costs[purchase.option])
        level = price if cardinal else price * market.costs[option]
        if price and not market.costs[option] and not excluded:
            found.append(1)  # what costs nothing comes before all that costs something
        elif level and not excluded:
            given = sum(
                min(amount * by, level * point) * count
                for amount, point, count in zip(money, points, counts, strict=True)
            )
            each = min(course.share * by, level)
            votes, rest = divmod(cost * by - given, each)
            # just enough is as good a purchase, unless all give all they have before that level is reached
            spent = level > course.share * by and all(
                amount * by < level * point for amount, point in zip(money, points, strict=True)
            )
            found.append(max(1, votes if spent and not rest else votes + 1))
        excluded = excluded or purchase.option in market.mates[option]
        for place, row in enumerate(rows):
            given_to_it = course.marks[row].get(purchase.option)
            if given_to_it:
                money[place] = max(0, money[place] - price * given_to_it)
    held = sum(amount * count for amount, count in zip(money, counts, strict=True))
    if not excluded and (course.share or not cost):
        found.append(max(1, -(-(cost - held) // max(1, course.share))))
    return Fraction(held, course.unit), min(found, default=None)


# -- counted again -----------------------------------------------------------------------------


def _counted_again(
    facts: Iterable[BudgetFact], profile: ScoredProfile, outcome: BudgetOutcome, *, terms: Terms, order: Sequence[str]
) -> Iterator[BudgetFact]:
    """What another order of the lot would have funded, and how many ballots are enough in Equal Shares."""
    method = find(outcome.method)
    by_turn = outcome.method in ("greedy/1", "greedy-cost/1")
    drawn = {name for draw in outcome.draws for name in draw.among}
    cheap = isinstance(outcome.endowment, str) and _work(profile, outcome, terms) <= _WORK_MAX
    for fact in facts:
        changes: dict[str, object] = {}
        if not by_turn and fact.option in drawn and fact.decision != "funded":
            first = (fact.option, *(name for name in order if name != fact.option))
            changes["by_lot"] = _funds(method.count(profile, terms=terms, order=first), fact.option)
        if cheap and isinstance(fact.needed_same_shares, str):
            votes = int(fact.needed_same_shares)
            for _ in range(_TRIES):
                more = _with_ballots(profile, terms, fact.option, votes)
                if _funds(method.count(more, terms=terms, order=order), fact.option):
                    changes |= {"needed": str(votes), "needed_kind": "upper_bound"}
                    break
                votes *= 2
        yield msgspec.structs.replace(fact, **changes)


def _funds(outcome: object, option: str) -> bool:
    assert isinstance(outcome, BudgetOutcome), "a budget method"
    return option in outcome.funded


def _work(profile: ScoredProfile, outcome: BudgetOutcome, terms: Terms) -> int:
    """About how many looks it takes to count once more for every project that is not funded."""
    assert isinstance(outcome.endowment, str), "checked by the caller"
    assert terms.budget is not None, "a budget was counted"
    raised = Fraction(outcome.endowment) - Fraction(terms.budget, profile.ballots)
    runs = int(raised / raise_of(terms, profile.ballots)) + 2
    return runs * (len(profile.members) + 100 * len(terms.options)) * (len(terms.options) - len(outcome.funded))


def _with_ballots(profile: ScoredProfile, terms: Terms, option: str, votes: int) -> ScoredProfile:
    """The same ballots and some more, which give one point to one project."""
    index = {name: place for place, name in enumerate(terms.options)}
    counted: Counter[tuple[tuple[int, int], ...]] = Counter()
    for ballot, times in profile.unique():
        counted[tuple((index[name], value) for name, value in ballot.items())] += times
    counted[((index[option], 1),)] += votes
    return scored_profile(counted, options=terms.options, ballots=profile.ballots + votes)


def _other_methods(
    profile: ScoredProfile, outcome: BudgetOutcome, *, terms: Terms, order: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """What every other budget method funds; Phragmen's takes approvals alone."""
    approvals = not len(profile.values) or int(profile.values.max()) == 1
    newest = {method.id: method for method in METHODS if method.kind == "budget"}
    found = {}
    for method in newest.values():
        if method.name != outcome.method and (approvals or "points" in method.ballot_kinds):
            other = method.count(profile, terms=terms, order=order)
            assert isinstance(other, BudgetOutcome), "a budget method"
            found[method.name] = other.funded
    return found
