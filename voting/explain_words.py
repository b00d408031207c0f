"""Facts of ranked counts as plain English sentences, for the command line. Pages have words of their own."""

from collections.abc import Sequence

from msgspec import UnsetType

from schemas.explanation import (
    Chain,
    Closeness,
    PairLoss,
    PairsExplanation,
    RankedFacts,
    RoundsExplanation,
    ScoresExplanation,
    SeatsExplanation,
    Tie,
)
from voting.words import plural


def pairs_sentences(facts: PairsExplanation) -> list[str]:
    """Say who won a count by pairs, and why each of the others did not."""
    winner = facts.elected[0]
    if facts.condorcet_winner is not None:
        lines = [f"{winner} beats every other option, one against one, and wins."]
    else:
        lines = [f"No option beats all others. Those who beat everyone outside their group: {', '.join(facts.smith)}."]
        lines.append(f"{winner} wins{' by lot' if facts.by_lot else ''}.")
    if facts.passed_over:
        told = "; ".join(f"{' over '.join(one.options)} ({_int(one.strength)})" for one in facts.passed_over)
        lines.append(f"Passed over, since stronger defeats say otherwise: {told}.")
    return lines + [_pair_loss(loss, facts, winner) for loss in facts.losses]


def _pair_loss(loss: PairLoss, facts: PairsExplanation, winner: str) -> str:
    above, below = f"{loss.above:,}", f"{loss.below:,}"
    if loss.margin > 0:
        line = f"{loss.option} lost to {winner}, {below} to {above}: {loss.margin:,} behind."
    elif loss.margin < 0:
        line = f"{loss.option} beat {winner}, {below} to {above}, and did not win all the same."
    else:
        line = f"{loss.option} and {winner} are tied one against one, {above} each."
    if facts.condorcet_winner is not None:
        return line
    if not isinstance(loss.score, UnsetType) and not isinstance(facts.score, UnsetType):
        if facts.strength == "none":
            line += f" It has {loss.score} points, and {winner} has {facts.score}."
        else:
            unit = "by" if facts.strength == "margins" else "against"
            worst, best = _int(loss.score), _int(facts.score)
            line += f" Its worst defeat is {unit} {worst} votes, that of {winner} {unit} {best}."
    if isinstance(loss.chain, Chain) and (loss.margin <= 0 or loss.chain_back):
        line += f" Strongest chain of defeats from {loss.chain.options[0]}: {_chain(loss.chain)};"
        line += f" back: {_chain(loss.chain_back) if isinstance(loss.chain_back, Chain) else 'none'}."
    if isinstance(loss.confirmed, Chain):
        line += f" Confirmed against it: {loss.confirmed.options[0]}, with {_int(loss.confirmed.strength)}."
    if loss.by_lot:
        line += " It could have won as well: the lot decided."
    return line


def _chain(chain: Chain) -> str:
    return f"{' over '.join(chain.options)} ({_int(chain.strength)} at least)"


def scores_sentences(facts: ScoresExplanation) -> list[str]:
    """Say what each option has, and how far it is from a seat."""
    lines = [f"{won.option} has {_int(won.votes)} and is elected." for won in facts.won]
    for loss in facts.losses:
        why = "tied, and out by lot" if loss.by_lot else f"{_int(loss.behind)} behind"
        lines.append(f"{loss.option} has {_int(loss.score)}: {why}.")
    return lines


def rounds_sentences(facts: RoundsExplanation) -> list[str]:
    """Say who is left at the end, and when the others dropped out."""
    lines = [
        f"{', '.join(facts.elected)} elected: {plural(facts.seats, 'seat')} after {plural(facts.rounds, 'round')}."
    ]
    for loss in facts.losses:
        why = "tied and out by lot" if loss.by_lot else f"{_int(loss.behind)} behind"
        lines.append(f"{loss.option} lost in round {loss.round} with {_int(loss.votes)} votes, {why}.")
    return lines


def comparison_sentences(facts: RankedFacts, *, titles: dict[str, str]) -> list[str]:
    """Say how close a count was, what the lot decided, and what other methods make of the same ballots.

    Args:
        facts: Of any ranked count.
        titles: The title of each method by its name with version.
    """
    lines = [_tie(tie) for tie in facts.ties]
    lines += [_close(number) for number in facts.closeness]
    if facts.other_methods:
        elected: dict[tuple[str, ...], list[str]] = {}
        for name, options in facts.other_methods.items():
            elected.setdefault(tuple(sorted(options)), []).append(titles.get(name, name))
        same = elected.pop(tuple(sorted(_elected(facts))), [])
        if same:
            lines.append(f"The same result by {'; '.join(same)}.")
        lines += [f"{', '.join(options)} would win by {'; '.join(names)}." for options, names in elected.items()]
    return lines


def _elected(facts: RankedFacts) -> Sequence[str]:
    return [seat.option for seat in facts.won] if isinstance(facts, SeatsExplanation) else facts.elected


def _tie(tie: Tie) -> str:
    line = f"A tie of {', '.join(tie.among)}: the lot put {tie.first} first and {tie.last} last."
    if tie.decisive:
        return line + " In the opposite order somebody else would have been elected."
    return line + " In the opposite order the same would have been elected."


def _close(number: Closeness) -> str:
    if number.ballots == 0:
        return "It could not have been closer: the lot decided who is elected."
    ballots = plural(number.ballots, "ballot")
    match number.margin_kind:
        case "exact":
            return f"{ballots} cast otherwise could have changed the result ({number.challenger}), and no fewer could."
        case "upper_bound":
            return f"{ballots} cast otherwise could have changed the result ({number.challenger}); fewer may be enough."
        case "lower_bound":
            return f"Fewer than {ballots} cast otherwise could not have changed the result."


def _int(text: str) -> str:
    """A number as published, with a comma at every thousand."""
    whole, point, decimals = text.partition(".")
    return f"{int(whole):,}{point}{decimals}" if whole.isdigit() else text
