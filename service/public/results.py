"""A finished count as sentences and tables, in one language. Facts come from tally/rounds.json and `voting.explain`."""

from collections.abc import Sequence
from dataclasses import replace

from msgspec import UNSET

from schemas.bundle import Opinion, Result
from schemas.explanation import BudgetExplanation, PairsExplanation, ScoresExplanation, SeatsExplanation
from schemas.listing import ContestListing
from schemas.outcome import BudgetRounds, Draw, RankedRounds
from service.public import telling_budget, telling_pairs, telling_rounds, telling_scores
from service.public.comparing import tell_close, tell_needed, tell_others
from service.public.explaining import Explained
from service.public.result_view import DrawText, OutcomeView
from service.public.voice import Voice


def tell(
    contest: ContestListing,
    count: RankedRounds | BudgetRounds,
    result: Result,
    explained: Explained,
    *,
    voice: Voice,
) -> OutcomeView:
    """Return the view of a contest's count.

    Args:
        contest: Whose count it is.
        count: As published.
        result: The body of its result note.
        explained: Why it came out so.
        voice: The language to tell it in.
    """
    facts = explained.facts
    if isinstance(facts, BudgetExplanation):
        assert isinstance(count, BudgetRounds), "a budget was counted"
        view = telling_budget.tell(contest, count, result, facts, voice=voice)
        close = tell_needed(facts, voice=voice)
        chosen: Sequence[str] = () if result.funded is UNSET else result.funded
    else:
        assert isinstance(count, RankedRounds), "options were elected"
        chosen = () if result.elected is UNSET else result.elected
        close = tell_close(facts, everyone=len(chosen) == len(contest.options), voice=voice)
        if isinstance(facts, PairsExplanation):
            view = telling_pairs.tell(contest, count, result, facts, voice=voice)
        elif isinstance(facts, ScoresExplanation):
            view = telling_scores.tell(contest, count, result, facts, voice=voice)
        else:
            view = telling_rounds.tell(contest, count, result, facts, voice=voice)
    return replace(
        view,
        tie=view.tie or _tie(count.draws, chosen, explained, voice),
        draws=tuple(_draw(draw, number, explained, voice) for number, draw in enumerate(count.draws)),
        close=close if explained.compared else (),
        others=tell_others(facts, chosen, voice=voice) if explained.compared else (),
    )


def tell_opinions(opinions: Sequence[Opinion], *, voice: Voice) -> tuple[tuple[str, str], ...]:
    """Return for each program of other people what it said of the count in a sentence, and its own reason."""
    _ = voice.say
    told = []
    for opinion in opinions:
        name = f"{opinion.name} {opinion.version}".strip()
        if not opinion.speaks:
            sentence = (
                _("We know of no program of other people that counts by this method.")
                if opinion.name == "none"
                else _("%(program)s, a program of other people, was not asked.", program=name)
            )
        elif opinion.agrees:
            sentence = _("%(program)s, a program of other people, got the same result.", program=name)
        else:
            sentence = _("%(program)s, a program of other people, got another result.", program=name)
        told.append((sentence, opinion.reason))
    return tuple(told)


def _tie(draws: Sequence[Draw], chosen: Sequence[str], explained: Explained, voice: Voice) -> str:
    """Say so where the lot decided who won and who did not."""
    _ = voice.say
    facts = explained.facts
    if not isinstance(facts, BudgetExplanation) and facts.ties:
        return " ".join(
            _(
                "Tied for the fewest votes in round %(round)s: %(options)s. The public draw decided, and with it who"
                " won.",
                round=voice.whole(tie.round),
                options=voice.names(tie.among),
            )
            if tie.decided == "eliminate"
            else _("Tied: %(options)s. A public draw broke the tie.", options=voice.names(tie.among))
            for tie in facts.ties
            if tie.decisive
        )
    for draw in draws:
        inside = [option for option in draw.order if option in chosen]
        if draw.decided in ("elect", "order", "fund") and inside and len(inside) < len(draw.among):
            return _("Tied: %(options)s. A public draw broke the tie.", options=voice.names(draw.among))
    return ""


def _draw(draw: Draw, number: int, explained: Explained, voice: Voice) -> DrawText:
    _ = voice.say
    facts = explained.facts
    decided = _("The draw put them in this order: %(order)s.", order=voice.names(draw.order))
    first, last = voice.name(draw.order[0]), voice.name(draw.order[-1])
    match draw.decided:
        case "eliminate":
            decided += " " + _("So %(option)s is out.", option=last)
        case "elect" if draw.order[0] in _winners(explained) and draw.order[-1] not in _winners(explained):
            decided += " " + _("So %(option)s wins.", option=first)
        case "fund":
            decided += " " + _("So %(option)s is paid for first.", option=first)
        case "order" | "transfer" | "lock":
            decided += " " + _("So %(option)s comes first.", option=first)
    effect = ""
    if not isinstance(facts, BudgetExplanation) and number < len(facts.ties):
        effect = (
            _("In the opposite order, someone else would have won.")
            if facts.ties[number].decisive
            else _("In the opposite order, the same would have won.")
        )
    where = _("Round %(number)s", number=voice.whole(draw.round))
    if isinstance(facts, PairsExplanation | ScoresExplanation):
        where = _("Tie")
    return DrawText(where=where, among=voice.names(draw.among), decided=decided, effect=effect)


def _winners(explained: Explained) -> Sequence[str]:
    facts = explained.facts
    if isinstance(facts, BudgetExplanation):
        return [fact.option for fact in facts.facts if fact.decision == "funded"]
    if isinstance(facts, SeatsExplanation):
        return [seat.option for seat in facts.won]
    return facts.elected
