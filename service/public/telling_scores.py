"""Counts in which each option has one number and the highest win, in words: points, approvals, first choices."""

from fractions import Fraction

from schemas.bundle import Result
from schemas.explanation import ScoresExplanation
from schemas.listing import ContestListing
from schemas.outcome import RankedRounds
from service.public.result_view import Fate, OutcomeView
from service.public.voice import Voice


def tell(
    contest: ContestListing, count: RankedRounds, result: Result, facts: ScoresExplanation, *, voice: Voice
) -> OutcomeView:
    """Return the view of a count by scores, without ties and comparisons.

    Args:
        contest: Whose count it is.
        count: As published.
        result: The body of its result note.
        facts: Of this count.
        voice: The language.
    """
    _ = voice.say
    unit = _unit(count.method, voice)
    numbers = [
        (_("Ballots counted"), voice.whole(result.counts.final)),
        (_("Of all codes"), voice.formats.percent(result.counts.final, result.counts.eligible)),
    ]
    if facts.losses and facts.won:
        label = _("Lead") if len(facts.won) == 1 else _("Lead of the last winner")
        numbers.append((label, voice.votes(facts.losses[0].behind)))
    if count.rounds and Fraction(count.rounds[-1].exhausted):
        numbers.append((_("Ballots without a choice"), voice.votes(count.rounds[-1].exhausted)))
    most = max((Fraction(held) for held in _scores(facts).values()), default=Fraction(0))
    return OutcomeView(
        kind="scores",
        sentence=_sentence(facts, unit, voice),
        tie="",
        facts=tuple(numbers),
        ballots=voice.whole(result.counts.final),
        draws=(),
        seed=result.seed,
        close=(),
        others=(),
        fates=tuple(_fates(facts, unit, most, voice)),
    )


def _unit(method: str, voice: Voice) -> str:
    _ = voice.say
    if method.startswith("borda"):
        return _("Points")
    return _("Approvals") if method.startswith("approval") else _("First choices")


def _scores(facts: ScoresExplanation) -> dict[str, str]:
    return {
        **{won.option: won.votes for won in facts.won},
        **{loss.option: loss.score for loss in facts.losses},
    }


def _sentence(facts: ScoresExplanation, unit: str, voice: Voice) -> str:
    _ = voice.say
    if not facts.elected:
        return _("No option was chosen.")
    if len(facts.elected) > 1:
        return _("%(options)s won the places.", options=voice.names(facts.elected))
    values = {"option": voice.name(facts.elected[0]), "unit": unit, "score": voice.votes(facts.won[0].votes)}
    if not facts.losses:
        return _("%(option)s came first. %(unit)s: %(score)s.", **values)
    next_one = facts.losses[0]
    if next_one.by_lot:
        return _(
            "%(option)s and %(other)s were tied. %(unit)s: %(score)s each. The public draw decided for %(option)s.",
            other=voice.name(next_one.option),
            **values,
        )
    return _(
        "%(option)s came first. %(unit)s: %(score)s, and %(other)s for the next.",
        other=voice.votes(next_one.score),
        **values,
    )


def _fates(facts: ScoresExplanation, unit: str, most: Fraction, voice: Voice) -> list[Fate]:
    _ = voice.say
    fates = []
    for won in facts.won:
        why = _("%(unit)s: %(score)s.", unit=unit, score=voice.votes(won.votes))
        fates.append(_fate(_("Wins"), won.option, why, won.votes, most, voice, won=True))
    for loss in facts.losses:
        values = {"unit": unit, "score": voice.votes(loss.score)}
        if loss.by_lot:
            why = _("%(unit)s: %(score)s. Tied for the last place, and the public draw decided.", **values)
        else:
            why = _("%(unit)s: %(score)s, %(behind)s behind.", behind=voice.votes(loss.behind), **values)
        fates.append(_fate(_("Not chosen"), loss.option, why, loss.score, most, voice, won=False))
    return fates


def _fate(place: str, option: str, why: str, score: str, most: Fraction, voice: Voice, *, won: bool) -> Fate:
    share = float(100 * Fraction(score) / most) if most else 0.0
    shift = 100 - share if voice.rtl else 0.0
    return Fate(place, voice.titles[option], (why,), won=won, share=f"{share:.2f}", shift=f"{shift:.2f}")
