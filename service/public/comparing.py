"""How close a count was, and what other methods choose from the same ballots, in words."""

from collections.abc import Sequence

from msgspec import UnsetType

from schemas.explanation import BudgetExplanation, BudgetFact, Closeness, Explanation, RankedFacts
from service.public.method_wording import METHODS, OTHER_METHOD
from service.public.result_view import Other
from service.public.voice import Voice


def tell_close(facts: RankedFacts, *, everyone: bool, voice: Voice) -> tuple[str, ...]:
    """Return how few ballots, cast another way, could have changed the outcome.

    Args:
        facts: Of a count whose ballots were compared.
        everyone: Whether every option won a place.
        voice: The language.
    """
    _ = voice.say
    if everyone:
        return (_("There were as many places as options, so each one won."),)
    if not facts.closeness:
        return (_("How close it was is not known. It would take too long to find out."),)
    told = [_close(number, voice) for number in facts.closeness]
    kinds = {number.margin_kind for number in facts.closeness}
    if "exact" not in kinds:
        told.append(_("The true number is not known. It would take too long to find out."))
    return tuple(told)


def _close(number: Closeness, voice: Voice) -> str:
    _ = voice.say
    if number.ballots == 0:
        return _("It could not have been closer: the public draw decided who won.")
    ballots = voice.whole(number.ballots)
    one = number.ballots == 1
    option = voice.name(number.challenger) if number.challenger else ""
    match number.margin_kind:
        case "exact":
            told = (
                _("One ballot, cast another way, could have changed the result.")
                if one
                else _(
                    "%(ballots)s ballots, cast another way, could have changed the result. Fewer could not.",
                    ballots=ballots,
                )
            )
        case "upper_bound":
            told = (
                _("One ballot, cast another way, could have changed the result.")
                if one
                else _(
                    "%(ballots)s ballots, cast another way, would have been enough to change the result. Fewer may be"
                    " enough, too.",
                    ballots=ballots,
                )
            )
        case "lower_bound":
            return _(
                "Fewer than %(ballots)s ballots, cast another way, could not have changed the result.", ballots=ballots
            )
    return told + " " + _("Then %(option)s could have won.", option=option) if option else told


def tell_needed(facts: BudgetExplanation, *, voice: Voice) -> tuple[str, ...]:
    """Return which project came nearest to the money, and what it lacked."""
    _ = voice.say
    lost = [fact for fact in facts.facts if fact.decision != "funded"]
    if not lost:
        return (_("Every project is paid for."),)
    if any(fact.by_lot for fact in lost):
        return (_("It could not have been closer: the public draw decided what is paid for."),)
    near = sorted((int(fact.needed), fact.option) for fact in lost if isinstance(fact.needed, str))
    if not near:
        return ()
    option = near[0][1]
    fact = next(fact for fact in lost if fact.option == option)
    return (_("The nearest was %(option)s.", option=voice.name(option)) + " " + tell_missing(fact, voice=voice),)


def tell_missing(fact: BudgetFact, *, voice: Voice) -> str:
    """Return how many more votes would have had a project paid for; empty where that is not known."""
    _ = voice.say
    if isinstance(fact.needed, UnsetType):
        told = ""
    elif fact.needed is None:
        told = _("No number of votes would have been enough.")
    elif fact.needed_kind == "upper_bound":
        told = _(
            "More ballots for it alone that are known to be enough: %(needed)s. Fewer may be enough.",
            needed=voice.votes(fact.needed),
        )
    else:
        told = _("Votes that it lacked: %(needed)s.", needed=voice.votes(fact.needed))
    return told


def tell_others(facts: Explanation, chosen: Sequence[str], *, voice: Voice) -> tuple[Other, ...]:
    """Return what every other method makes of the same ballots, methods with the same outcome together.

    Args:
        facts: Of a count whose ballots were compared.
        chosen: Who won, or what is paid for.
        voice: The language.
    """
    _ = voice.say
    found: dict[tuple[str, ...], list[str]] = {}
    for name, options in facts.other_methods.items():
        found.setdefault(tuple(sorted(options)), []).append(name.partition("/")[0])
    here = set(chosen)
    told = []
    for options in sorted(found, key=lambda options: (set(options) != here, -len(found[options]), options)):
        more, less = [o for o in options if o not in here], [o for o in chosen if o not in options]
        if not more and not less:
            text = _("The same")
        elif len(here) == 1 and len(options) == 1:
            text = voice.name(options[0])
        else:
            parts = [_("In: %(options)s.", options=voice.names(more))] if more else []
            parts += [_("Not in: %(options)s.", options=voice.names(less))] if less else []
            text = " ".join(parts)
        methods = tuple((method, _(METHODS.get(method, OTHER_METHOD).name)) for method in found[options])
        told.append(Other(methods=methods, chosen=text, same=not more and not less))
    return tuple(told)
