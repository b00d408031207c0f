"""Why an option won or lost: facts from a finished count, for pages and for `tally --explain`.

Nothing here decides anything, and nothing here is words: pages put the facts into sentences in every language.
"""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import numpy as np
from msgspec import UnsetType

from schemas.explanation import (
    Explanation,
    Move,
    OptionVotes,
    PaperMoves,
    RankedExplanation,
    RankedFacts,
    RankedLoss,
    RoundMoves,
    SeatLost,
    SeatsExplanation,
    SeatWon,
)
from schemas.outcome import BudgetOutcome, Outcome, RankedOutcome, RankedRound
from voting.closeness import scores_of
from voting.errors import InvalidMethod
from voting.explain_budget import explain_budget
from voting.explain_ranked import explain_pairs, explain_rounds, explain_scores, with_comparisons
from voting.profile import Profile, RankedProfile, Terms


def explain(profile: Profile, outcome: Outcome, *, terms: Terms, order: Sequence[str] | None = None) -> Explanation:
    """Return the facts of a count by its own method.

    Args:
        profile: The ballots that were counted.
        outcome: What `Method.count` gave for them.
        terms: As counted.
        order: The tie order that was used. With it, ranked counts are also compared: how close it was, what the lot
            decided, and whom other methods elect from the same ballots. That counts them again, some dozen times.

    Raises:
        InvalidMethod: No facts are known for this method.
    """
    if isinstance(outcome, BudgetOutcome):
        return explain_budget(profile, outcome, terms=terms, order=order)
    facts = _explain_elected(profile, outcome, terms=terms, order=order)
    return facts if order is None else with_comparisons(facts, profile, outcome, terms=terms, order=order)


def _explain_elected(
    profile: Profile, outcome: RankedOutcome, *, terms: Terms, order: Sequence[str] | None
) -> RankedFacts:
    if not isinstance(outcome.pairwise, UnsetType):
        return explain_pairs(profile, outcome, terms=terms, order=order)
    if outcome.method == "irv/1":
        return _explain_ranked(profile, outcome, terms=terms)
    if outcome.quota is not None:
        return _explain_seats(profile, outcome, terms=terms)
    scores = scores_of(outcome)
    if scores is not None:
        return explain_scores(profile, outcome, terms=terms, scores=scores)
    return explain_rounds(profile, outcome, terms=terms)


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


# -- several seats: everything follows from the rounds, since one option's papers move at a time. Only in Meek's method
# all surpluses move at once, so that nobody can say which votes moved where. ------------------------------------------


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
        transfers=() if outcome.method == "stv-meek/1" else tuple(_papers(outcome, rounds)),
        exhausted=last.exhausted,
        lost_to_rounding=last.lost_to_rounding,
        by_lot=any(draw.decided == "eliminate" for draw in outcome.draws),
    )


def _held(stage: RankedRound, options: Sequence[str]) -> dict[str, Decimal]:
    """The votes of a round by option, without those excluded before."""
    return {option: Decimal(votes) for option, votes in zip(options, stage.tally, strict=True) if votes is not None}


def _excluded(outcome: RankedOutcome, rounds: Sequence[dict[str, Decimal]]) -> list[SeatLost]:
    drawn = {(draw.round, option) for draw in outcome.draws if draw.decided == "eliminate" for option in draw.among}
    by_rounds = outcome.method == "stv-scottish/1"
    seated: set[str] = set()
    found = []
    for stage, held in zip(outcome.rounds, rounds, strict=True):
        seated.update(stage.elected)
        for option in stage.eliminated:
            others = [votes for other, votes in held.items() if other not in seated and other != option]
            others = others or [held[other] for other in stage.elected]  # whoever was left took the seats in this round
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
                    earlier=_deciding_round(option, level, rounds[: stage.number - 1])
                    if by_rounds and not behind and not by_lot
                    else None,
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
    gone = {*outcome.elected, *last.eliminated}
    left = sorted((option for option in held if option not in gone), key=lambda name: (-held[name], name))
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
        if not any(change.values()) and not stage.eliminated:
            continue  # a surplus of nothing
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
