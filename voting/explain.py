"""Why an option won or lost: facts from a finished count, for pages and for `tally --explain`.

Nothing here decides anything, and nothing here is words: pages put the facts into sentences in every language.
"""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import numpy as np
from msgspec import UNSET

from schemas.explanation import (
    BudgetExplanation,
    BudgetFact,
    Explanation,
    Move,
    OptionVotes,
    PaperMoves,
    RankedExplanation,
    RankedLoss,
    RoundMoves,
    SeatLost,
    SeatsExplanation,
    SeatWon,
)
from schemas.outcome import BudgetOutcome, BudgetRound, Outcome, RankedOutcome, RankedRound
from voting.errors import InvalidMethod
from voting.profile import Profile, RankedProfile, Terms


def explain(profile: Profile, outcome: Outcome, *, terms: Terms) -> Explanation:
    """Return the facts of a count by its own method.

    Args:
        profile: The ballots that were counted.
        outcome: What `Method.count` gave for them.
        terms: As counted.

    Raises:
        InvalidMethod: No facts are known for this method.
    """
    if isinstance(outcome, BudgetOutcome):
        return _explain_budget(profile, outcome, terms=terms)
    if outcome.method == "stv-scottish/1":
        return _explain_seats(profile, outcome, terms=terms)
    return _explain_ranked(profile, outcome, terms=terms)


def transfers(profile: Profile, outcome: RankedOutcome) -> tuple[RoundMoves, ...]:
    """Return how many ballots move where after every round in which an option drops out: a flow chart's edges.

    Only edges with votes are listed; sources and targets are in the profile's order of options, exhausted last. What
    leaves an option equals what it held.

    Raises:
        InvalidMethod: A method in which ballots don't move whole.
    """
    if outcome.method != "irv/1":
        raise InvalidMethod(f"{outcome.method} does not move whole ballots")
    if not isinstance(profile, RankedProfile):
        return ()
    names = profile.options
    rows, ranks = profile.rankings.shape
    rankings = np.full((rows, ranks + 1), -1, np.int32)
    rankings[:, :ranks] = profile.rankings
    gone = np.zeros(len(names) + 1, np.bool_)
    now = rankings[:, 0]
    found = []
    for stage in outcome.rounds:
        if not stage.eliminated:
            continue
        gone[[names.index(name) for name in stage.eliminated]] = True
        first = np.argmax(~gone[rankings], axis=1)
        then = rankings[np.arange(rows), first]
        flow = np.zeros((len(names) + 1, len(names) + 1), np.int64)
        moved = np.flatnonzero(now != then)
        np.add.at(flow, (now[moved], then[moved]), profile.counts[moved])
        now = then
        moves = tuple(
            Move(
                source=names[source],
                target=None if target == len(names) else names[target],
                votes=str(flow[source, target]),
            )
            for source, target in np.argwhere(flow).tolist()
        )
        found.append(RoundMoves(after=stage.number, moves=moves))
    return tuple(found)


def _explain_ranked(profile: Profile, outcome: RankedOutcome, *, terms: Terms) -> RankedExplanation:
    moves = transfers(profile, outcome)
    last = _standings(outcome.rounds[-1], terms.options, elected=outcome.elected)
    drawn = {(draw.round, name) for draw in outcome.draws for name in draw.among}
    return RankedExplanation(
        ballots=profile.ballots,
        elected=outcome.elected,
        rounds=len(outcome.rounds),
        first=_standings(outcome.rounds[0], terms.options, elected=outcome.elected),
        last=last,
        exhausted=outcome.rounds[-1].exhausted,
        margin=str(int(last[0].votes) - int(last[1].votes)) if len(last) > 1 else None,
        by_lot=any(draw.decided == "elect" for draw in outcome.draws),
        majority_round=_majority_round(outcome, terms.options),
        losses=tuple(_losses(outcome, terms.options, drawn=drawn)),
        transfers=moves,
    )


def _standings(stage: RankedRound, options: Sequence[str], *, elected: Sequence[str]) -> tuple[OptionVotes, ...]:
    """The continuing options, most votes first; of equals a winner first, then by name."""
    held = [(option, votes) for option, votes in zip(options, stage.tally, strict=True) if votes is not None]
    held.sort(key=lambda pair: (-int(pair[1]), pair[0] not in elected, pair[0]))
    return tuple(OptionVotes(option=option, votes=votes) for option, votes in held)


def _majority_round(outcome: RankedOutcome, options: Sequence[str]) -> int | None:
    winner = options.index(outcome.elected[0])
    for stage in outcome.rounds:
        continuing = sum(int(votes) for votes in stage.tally if votes is not None)
        if 2 * int(stage.tally[winner] or 0) > continuing:
            return stage.number
    return None


def _losses(outcome: RankedOutcome, options: Sequence[str], *, drawn: set[tuple[int, str]]) -> list[RankedLoss]:
    found = []
    for stage in outcome.rounds:
        held = {option: int(votes) for option, votes in zip(options, stage.tally, strict=True) if votes is not None}
        out = stage.eliminated or sorted(held.keys() - set(stage.elected))
        stayed = min(votes for option, votes in held.items() if option not in out)
        found += [
            RankedLoss(
                option=option,
                round=stage.number,
                votes=str(held[option]),
                behind=str(stayed - held[option]),
                by_lot=(stage.number, option) in drawn,
            )
            for option in out
        ]
    return found


# -- several seats: everything follows from the rounds, since one option's papers move at a time -----------


def _explain_seats(profile: Profile, outcome: RankedOutcome, *, terms: Terms) -> SeatsExplanation:
    assert outcome.quota is not None, "a count with surpluses has a quota"
    quota = Decimal(outcome.quota)
    rounds = [_held(stage, terms.options) for stage in outcome.rounds]
    won = [
        SeatWon(
            option=option,
            round=stage.number,
            votes=str(held[option]),
            surplus=str(max(held[option] - quota, held[option] * 0)),
            quota=held[option] >= quota,
        )
        for stage, held in zip(outcome.rounds, rounds, strict=True)
        for option in stage.elected
    ]
    last = outcome.rounds[-1]
    return SeatsExplanation(
        ballots=profile.ballots,
        seats=terms.seats,
        quota=outcome.quota,
        rounds=len(rounds),
        first=tuple(
            OptionVotes(option=option, votes=str(votes))
            for option, votes in sorted(rounds[0].items(), key=lambda pair: (-pair[1], pair[0]))
        ),
        won=tuple(won),
        lost=(*_excluded(outcome, rounds), *_left_over(outcome, rounds[-1])),
        transfers=tuple(_papers(outcome, rounds)),
        exhausted=last.exhausted,
        lost_to_rounding=last.lost_to_rounding,
        by_lot=any(draw.decided == "eliminate" for draw in outcome.draws),
    )


def _held(stage: RankedRound, options: Sequence[str]) -> dict[str, Decimal]:
    """The votes of a round by option, without those excluded before."""
    return {option: Decimal(votes) for option, votes in zip(options, stage.tally, strict=True) if votes is not None}


def _excluded(outcome: RankedOutcome, rounds: Sequence[dict[str, Decimal]]) -> list[SeatLost]:
    drawn = {(draw.round, option) for draw in outcome.draws if draw.decided == "eliminate" for option in draw.among}
    seated: set[str] = set()
    found = []
    for stage, held in zip(outcome.rounds, rounds, strict=True):
        seated.update(stage.elected)
        for option in stage.eliminated:
            others = [votes for other, votes in held.items() if other not in seated and other != option]
            behind = min(others) - held[option]
            by_lot = (stage.number, option) in drawn
            level = [other for other in held if other not in seated and held[other] == held[option]]
            found.append(
                SeatLost(
                    option=option,
                    round=stage.number,
                    votes=str(held[option]),
                    behind=str(behind),
                    excluded=True,
                    earlier=None if behind or by_lot else _deciding_round(option, level, rounds[: stage.number - 1]),
                    by_lot=by_lot,
                )
            )
    return found


def _deciding_round(option: str, level: Sequence[str], earlier: Sequence[dict[str, Decimal]]) -> int | None:
    """The number of the earlier round after which an option was alone among those level with it, as the lowest."""
    for number in range(len(earlier), 0, -1):
        held = earlier[number - 1]
        level = [other for other in level if held[other] == held[option]]
        if level == [option]:
            return number
    return None  # several remained, so the lot decided


def _left_over(outcome: RankedOutcome, held: dict[str, Decimal]) -> list[SeatLost]:
    last = outcome.rounds[-1]
    left = sorted((option for option in held if option not in outcome.elected), key=lambda name: (-held[name], name))
    return [
        SeatLost(
            option=option,
            round=last.number,
            votes=str(held[option]),
            behind=str(min(held[winner] for winner in last.elected) - held[option]),
            excluded=False,
            earlier=None,
            by_lot=False,
        )
        for option in left
    ]


def _papers(outcome: RankedOutcome, rounds: Sequence[dict[str, Decimal]]) -> list[PaperMoves]:
    found = []
    for (stage, before), (after, held) in pairwise(zip(outcome.rounds, rounds, strict=True)):
        change = {option: held.get(option, votes * 0) - votes for option, votes in before.items()}
        source = stage.eliminated[0] if stage.eliminated else min(change, key=lambda option: change[option])
        moves = [Move(source=source, target=option, votes=str(votes)) for option, votes in change.items() if votes > 0]
        if exhausted := Decimal(after.exhausted) - Decimal(stage.exhausted):
            moves.append(Move(source=source, target=None, votes=str(exhausted)))
        found.append(
            PaperMoves(
                after=stage.number,
                source=source,
                surplus=not stage.eliminated,
                votes=str(-change[source]),
                moves=tuple(moves),
                lost_to_rounding=str(Decimal(after.lost_to_rounding) - Decimal(stage.lost_to_rounding)),
            )
        )
    return found


# -- budgets ---------------------------------------------------------------------------------


def _explain_budget(profile: Profile, outcome: BudgetOutcome, *, terms: Terms) -> BudgetExplanation:
    if outcome.method != "greedy/1":
        raise InvalidMethod(f"no facts are known for {outcome.method}")
    assert terms.budget is not None, "a budget was counted"
    left = terms.budget
    facts = []
    for stage in outcome.rounds:
        facts.append(_budget_fact(stage, outcome, left=left, terms=terms))
        left = stage.left
    seen = {stage.option for stage in outcome.rounds}
    facts += [
        BudgetFact(
            option=option,
            score="0",
            cost=cost,
            decision="unsupported",
            left=left,
            short=max(0, cost - left),
            needed=_needed(option, cost=cost, score=0, outcome=outcome, terms=terms),
        )
        for option, cost in zip(terms.options, terms.costs, strict=True)
        if option not in seen
    ]
    return BudgetExplanation(
        ballots=profile.ballots,
        budget=terms.budget,
        spent=outcome.spent,
        left=terms.budget - outcome.spent,
        facts=tuple(facts),
    )


def _budget_fact(stage: BudgetRound, outcome: BudgetOutcome, *, left: int, terms: Terms) -> BudgetFact:
    earlier = [other.option for other in outcome.rounds[: stage.number - 1] if other.decision == "funded"]
    mates = _mates(stage.option, terms)
    return BudgetFact(
        option=stage.option,
        score=stage.score,
        cost=stage.cost,
        decision=stage.decision,
        left=left,
        short=stage.cost - left if stage.decision == "skipped" else 0,
        excluded_by=next((name for name in earlier if name in mates), None) if stage.decision == "excluded" else None,
        needed=UNSET
        if stage.decision == "funded"
        else _needed(stage.option, cost=stage.cost, score=int(stage.score), outcome=outcome, terms=terms),
        by_lot=stage.decision != "funded" and _lost_by_lot(stage, outcome, terms=terms),
    )


def _lost_by_lot(stage: BudgetRound, outcome: BudgetOutcome, *, terms: Terms) -> bool:
    """Whether a project that is not funded would have been, had the lot put it first among those tied with it."""
    for draw in outcome.draws:
        if stage.option in draw.among:
            return _fits_before(draw.round, stage.option, cost=stage.cost, outcome=outcome, terms=terms)
    return False


def _needed(option: str, *, cost: int, score: int, outcome: BudgetOutcome, terms: Terms) -> str | None:
    """The least rise of a project's score that funds it whatever the lot.

    A project that is not funded takes no money and excludes nobody, so the others' turns are the same without it. It
    is enough to look at every turn it could have had.
    """
    others = [stage for stage in outcome.rounds if stage.option != option]
    scores = {1, *(int(stage.score) + more for stage in others for more in (0, 1))}
    for wanted in sorted(value for value in scores if value > score):
        before = [stage for stage in others if (-int(stage.score), stage.cost) <= (-wanted, cost)]
        turn = before[-1].number + 1 if before else 1
        if _fits_before(turn, option, cost=cost, outcome=outcome, terms=terms):
            return str(wanted - score)
    return None


def _fits_before(number: int, option: str, *, cost: int, outcome: BudgetOutcome, terms: Terms) -> bool:
    """Whether a project could be funded if its turn came just before this round."""
    earlier = outcome.rounds[: number - 1]
    left = earlier[-1].left if earlier else terms.budget
    assert left is not None, "a budget was counted"
    mates = _mates(option, terms)
    return cost <= left and not any(stage.decision == "funded" and stage.option in mates for stage in earlier)


def _mates(option: str, terms: Terms) -> set[str]:
    return {name for group in terms.groups if option in group for name in group} - {option}
