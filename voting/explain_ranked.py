"""Facts of ranked counts that need more than the rounds: pairs, scores, ties, and the same ballots by other methods.

`voting.explain` is the way in.
"""

from collections.abc import Sequence
from fractions import Fraction

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from schemas.explanation import (
    Chain,
    OptionVotes,
    PairLoss,
    PairsExplanation,
    RankedFacts,
    RankedLoss,
    RoundsExplanation,
    ScoreLoss,
    ScoresExplanation,
    Tie,
)
from schemas.outcome import RankedOutcome
from voting.closeness import closeness
from voting.methods import METHODS, find
from voting.profile import IntArray, Profile, RankedProfile, Terms
from voting.ranked.pairwise import strengths, widest_paths
from voting.ranked.ranked_pairs import BoolArray, lock
from voting.ties import places


def with_comparisons(
    facts: RankedFacts, profile: Profile, outcome: RankedOutcome, *, terms: Terms, order: Sequence[str]
) -> RankedFacts:
    """Return the facts of a count with those that need the ballots counted again: ties, closeness, other methods."""
    ties = recount_ties(profile, outcome, terms=terms, order=order)
    by_lot = any(tie.decisive for tie in ties)
    return msgspec.structs.replace(
        facts,
        ties=ties,
        closeness=closeness(profile, outcome, terms=terms, order=order, by_lot=by_lot),
        other_methods=other_methods(profile, outcome, terms=terms, order=order),
    )


def recount_ties(profile: Profile, outcome: RankedOutcome, *, terms: Terms, order: Sequence[str]) -> tuple[Tie, ...]:
    """Return every use of the lot, with whether the opposite order of those tied elects somebody else."""
    found = []
    for draw in outcome.draws:
        turned = iter(draw.order[::-1])
        other = [next(turned) if option in draw.among else option for option in order]
        again = _elected(outcome.method, profile, terms=terms, order=other)
        found.append(
            Tie(
                round=draw.round,
                among=draw.among,
                first=draw.order[0],
                last=draw.order[-1],
                decided=draw.decided,
                decisive=set(again) != set(outcome.elected),
            )
        )
    return tuple(found)


def other_methods(
    profile: Profile, outcome: RankedOutcome, *, terms: Terms, order: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Return whom every other method elects from the same ballots, by its name with version.

    Only the newest version of each method, and only where it takes such ballots and fills as many seats. One seat is
    for all of them.

    Args:
        profile: The ballots that were counted.
        outcome: What the contest's method made of them; that method is left out.
        terms: As counted.
        order: The tie order that was used; it decides ties in the other methods, too.
    """
    newest = {method.id: method for method in METHODS if method.kind == "ranked"}
    ranked = isinstance(profile, RankedProfile)
    equal = isinstance(profile, RankedProfile) and profile.tied is not None
    return {
        method.name: _elected(method.name, profile, terms=terms, order=order)
        for method in newest.values()
        if method.name != outcome.method
        and ("ranking" in method.ballot_kinds) == ranked
        and (terms.seats == 1 or method.seats == "several")
        and (method.equal_ranks or not equal)
    }


def _elected(name: str, profile: Profile, *, terms: Terms, order: Sequence[str]) -> tuple[str, ...]:
    outcome = find(name).count(profile, terms=terms, order=order)
    assert isinstance(outcome, RankedOutcome), "a ranked method elects"
    return outcome.elected


# -- pairs ---------------------------------------------------------------------------------------


def explain_pairs(
    profile: Profile, outcome: RankedOutcome, *, terms: Terms, order: Sequence[str] | None
) -> PairsExplanation:
    """Return the facts of a count that compares all options one against one.

    Args:
        profile: The ballots that were counted.
        outcome: Of a method that publishes the matrix.
        terms: As counted.
        order: The tie order that was used. Without it nothing is said of confirmed defeats, which depend on it.
    """
    assert not isinstance(outcome.pairwise, UnsetType), "the method publishes the matrix"
    assert not isinstance(outcome.smith, UnsetType), "and the Smith set with it"
    assert not isinstance(outcome.condorcet_winner, UnsetType), "and the Condorcet winner"
    names = terms.options
    matrix = np.array(outcome.pairwise, np.int64)
    margins = "-margins/" in outcome.method
    strength = strengths(matrix, margins=margins)
    winner = names.index(outcome.elected[0])
    tied = {option for draw in outcome.draws if draw.decided == "elect" for option in draw.among}
    paths = widest_paths(strength) if outcome.method.startswith("schulze") else None
    locked = None
    if outcome.method.startswith("ranked-pairs") and order is not None:
        place = places(order, names)
        locked, _ = lock(strength, {index: place[name] for index, name in enumerate(names)})
    losses = []
    for index in sorted(
        set(range(len(names))) - {winner}, key=lambda o: (matrix[winner, o] - matrix[o, winner], names[o])
    ):
        loss = PairLoss(
            option=names[index],
            above=int(matrix[winner, index]),
            below=int(matrix[index, winner]),
            margin=int(matrix[winner, index] - matrix[index, winner]),
            beaten_by=tuple(sorted(names[other] for other in np.flatnonzero(strength[:, index]))),
            by_lot=names[index] in tied,
        )
        if not isinstance(outcome.scores, UnsetType):
            score, best = Fraction(outcome.scores[index]), Fraction(outcome.scores[winner])
            loss = msgspec.structs.replace(loss, score=outcome.scores[index], behind=_decimal(abs(score - best)))
        if paths is not None:
            start = winner if loss.by_lot else _ahead_of(index, winner, paths)
            loss = msgspec.structs.replace(
                loss,
                chain=_chain(start, index, paths, strength, names),
                chain_back=_chain(index, start, paths, strength, names),
            )
        if locked is not None:
            against = [(-int(strength[other, index]), names[other]) for other in np.flatnonzero(locked[:, index])]
            confirmed = Chain((min(against)[1], names[index]), str(-min(against)[0])) if against else None
            loss = msgspec.structs.replace(loss, confirmed=confirmed)
        losses.append(loss)
    return PairsExplanation(
        ballots=profile.ballots,
        elected=outcome.elected,
        condorcet_winner=outcome.condorcet_winner,
        smith=outcome.smith,
        strength="none" if outcome.method.startswith("copeland") else "margins" if margins else "winning_votes",
        losses=tuple(losses),
        by_lot=bool(tied),
        score=UNSET if isinstance(outcome.scores, UnsetType) else outcome.scores[winner],
        passed_over=UNSET if locked is None else _passed_over(strength, locked, names),
    )


def _passed_over(strength: IntArray, locked: BoolArray, names: Sequence[str]) -> tuple[Chain, ...]:
    pairs = np.argwhere((strength > 0) & ~locked).tolist()
    found = sorted((-int(strength[one, two]), names[one], names[two]) for one, two in pairs)
    return tuple(Chain((one, two), str(-size)) for size, one, two in found)


def _ahead_of(index: int, winner: int, paths: IntArray) -> int:
    """The winner, if its path to an option is stronger than the way back; else another option of which that is so."""
    ahead = paths[:, index] - paths[index, :]
    return winner if ahead[winner] > 0 else int(np.argmax(ahead))


def _chain(start: int, end: int, paths: IntArray, strength: IntArray, names: Sequence[str]) -> Chain | None:
    """The strongest chain between two options; the shortest of several, and of these the first by name."""
    wanted = paths[start, end]
    if wanted == 0:
        return None
    by_name = sorted(range(len(names)), key=names.__getitem__)
    chains = [[start]]
    seen = {start}
    while True:
        longer = []
        for chain in chains:
            for other in by_name:
                if other not in seen and strength[chain[-1], other] >= wanted:
                    if other == end:
                        return Chain(tuple(names[index] for index in [*chain, end]), str(wanted))
                    seen.add(other)
                    longer.append([*chain, other])
        assert longer, "a path of this strength was found"
        chains = longer


# -- scores ----------------------------------------------------------------------------------------


def explain_scores(
    profile: Profile, outcome: RankedOutcome, *, terms: Terms, scores: Sequence[str]
) -> ScoresExplanation:
    """Return the facts of a count in which every option has one score and the highest win.

    Args:
        profile: The ballots that were counted.
        outcome: What was made of them.
        terms: As counted.
        scores: As `voting.closeness.scores_of` finds them, in the order of the options.
    """
    held = dict(zip(terms.options, scores, strict=True))
    tied = {option for draw in outcome.draws for option in draw.among}
    last = min(Fraction(held[option]) for option in outcome.elected)
    ordered = sorted(held, key=lambda option: (-Fraction(held[option]), option))
    return ScoresExplanation(
        ballots=profile.ballots,
        seats=terms.seats,
        elected=outcome.elected,
        won=tuple(OptionVotes(option, held[option]) for option in ordered if option in outcome.elected),
        losses=tuple(
            ScoreLoss(
                option=option,
                score=held[option],
                behind=_decimal(last - Fraction(held[option])),
                by_lot=option in tied and Fraction(held[option]) == last,
            )
            for option in ordered
            if option not in outcome.elected
        ),
        by_lot=any(
            option in tied and Fraction(held[option]) == last for option in held if option not in outcome.elected
        ),
    )


# -- rounds ----------------------------------------------------------------------------------------


def explain_rounds(profile: Profile, outcome: RankedOutcome, *, terms: Terms) -> RoundsExplanation:
    """Return the facts of a count in which options drop out until as many are left as there are seats."""
    rounds = [
        {option: votes for option, votes in zip(terms.options, stage.tally, strict=True) if votes is not None}
        for stage in outcome.rounds
    ]
    drawn = {(draw.round, option) for draw in outcome.draws for option in draw.among}
    losses = []
    for stage, held in zip(outcome.rounds, rounds, strict=True):
        last = stage is outcome.rounds[-1]
        out = [*stage.eliminated, *(option for option in _standing(held) if last and option not in outcome.elected)]
        out = list(dict.fromkeys(out))
        stayed = [Fraction(votes) for option, votes in held.items() if option not in out]
        for option in out:
            behind = min(stayed) - Fraction(held[option])
            losses.append(
                RankedLoss(
                    option=option,
                    round=stage.number,
                    votes=held[option],
                    behind=_decimal(behind),
                    by_lot=behind == 0 and (stage.number, option) in drawn,
                )
            )
    return RoundsExplanation(
        ballots=profile.ballots,
        seats=terms.seats,
        elected=outcome.elected,
        rounds=len(rounds),
        first=tuple(OptionVotes(option, rounds[0][option]) for option in _standing(rounds[0])),
        last=tuple(OptionVotes(option, rounds[-1][option]) for option in _standing(rounds[-1])),
        losses=tuple(losses),
        exhausted=outcome.rounds[-1].exhausted,
        by_lot=any(loss.by_lot for loss in losses),
    )


def _standing(held: dict[str, str]) -> list[str]:
    return sorted(held, key=lambda option: (-Fraction(held[option]), option))


def _decimal(number: Fraction) -> str:
    """A number as a decimal string where its decimals end, else "n/d".

    Example:
        >>> _decimal(Fraction(5)), _decimal(Fraction(3, 2)), _decimal(Fraction(2, 3))
        ('5', '1.5', '2/3')
    """
    if number.denominator == 1:
        return str(number.numerator)
    for digits in range(1, 10):
        if (number * 10**digits).denominator == 1:
            whole, part = divmod(int(number * 10**digits), 10**digits)
            return f"{whole}.{part:0{digits}}"
    return str(number)
