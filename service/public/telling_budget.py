"""Budgets in words and tables: what is paid for, what is not and why, and what it lacked."""

from msgspec import UNSET, UnsetType

from schemas.bundle import Result
from schemas.explanation import BudgetExplanation, BudgetFact
from schemas.listing import ContestListing
from schemas.outcome import BudgetRounds
from service.public.comparing import tell_missing
from service.public.result_view import Fate, OutcomeView, ProjectRow
from service.public.voice import Voice


def tell(
    contest: ContestListing, count: BudgetRounds, result: Result, facts: BudgetExplanation, *, voice: Voice
) -> OutcomeView:
    """Return the view of a budget's count, without ties and comparisons.

    Args:
        contest: Whose count it is.
        count: As published.
        result: The body of its result note.
        facts: Of this count.
        voice: The language.
    """
    _ = voice.say
    funded = [fact for fact in facts.facts if fact.decision == "funded"]
    numbers = {
        "funded": voice.whole(len(funded)),
        "all": voice.whole(len(contest.options)),
        "spent": voice.money(facts.spent),
        "left": voice.money(facts.left),
    }
    shown = [
        (_("Ballots counted"), voice.whole(result.counts.final)),
        (_("Paid for"), _("%(funded)s of %(all)s", funded=numbers["funded"], all=numbers["all"])),
        (_("Used"), numbers["spent"]),
        (_("Left"), numbers["left"]),
    ]
    if isinstance(facts.endowment, str):
        shown.append((_("Share of each ballot"), voice.share(facts.endowment)))
    prices = {stage.option: voice.share(stage.share) for stage in count.rounds if stage.share is not None}
    after = {stage.option: voice.money(stage.left) for stage in count.rounds}
    votes = {} if count.scores is UNSET else dict(zip((o.id for o in contest.options), count.scores, strict=True))
    lost = sorted((fact for fact in facts.facts if fact.decision != "funded"), key=_distance)
    return OutcomeView(
        kind="budget",
        sentence=_("Projects paid for: %(funded)s of %(all)s. They cost %(spent)s, and %(left)s is left.", **numbers),
        tie="",
        facts=tuple(shown),
        ballots=voice.whole(result.counts.final),
        draws=(),
        seed=result.seed,
        close=(),
        others=(),
        fates=tuple(
            Fate(_place(fact, voice), voice.titles[fact.option], tuple(_why(fact, count.method, voice)), won=False)
            for fact in lost
        ),
        projects=tuple(
            ProjectRow(
                name=voice.titles[fact.option],
                verdict=_verdict(fact, voice),
                funded=fact.decision == "funded",
                votes=voice.votes(votes.get(fact.option, fact.score)),
                cost=voice.money(fact.cost),
                left=after.get(fact.option, ""),
                price=prices.get(fact.option, ""),
            )
            for fact in facts.facts
        ),
        price_note=_price_note(count.method, voice) if prices else "",
    )


def _distance(fact: BudgetFact) -> tuple[int, int]:
    """Those that lacked least come first, then those of whom that is not known, then those without a vote."""
    if fact.decision == "unsupported":
        return 2, 0
    return (0, int(fact.needed)) if isinstance(fact.needed, str) else (1, 0)


def _price_note(method: str, voice: Voice) -> str:
    _ = voice.say
    if method.startswith("phragmen"):
        return _("Price: what each ballot had earned when the project was bought.")
    return _("Price: the most that a ballot paid for one vote. Those who had less left paid all that they had.")


def _place(fact: BudgetFact, voice: Voice) -> str:
    _ = voice.say
    match fact.decision:
        case "excluded":
            return _("Ruled out")
        case "unsupported":
            return _("No votes")
    return _("Skipped")


def _verdict(fact: BudgetFact, voice: Voice) -> str:
    _ = voice.say
    match fact.decision:
        case "funded":
            return _("Paid for")
        case "excluded":
            return _("Ruled out by a project that cannot be built beside it")
        case "unsupported":
            return _("Not paid for: no votes")
        case "skipped":
            return _("Skipped, %(short)s short", short=voice.money(fact.short)) if fact.short else _("Skipped")


def _why(fact: BudgetFact, method: str, voice: Voice) -> list[str]:
    _ = voice.say
    lines = []
    cost = voice.money(fact.cost)
    if fact.decision == "unsupported":
        lines.append(_("No ballot asked for it, so it was not paid for."))
    elif fact.decision == "excluded":
        lines.append(
            _("It cannot be built beside %(option)s, which was paid for.", option=voice.name(fact.excluded_by))
            if fact.excluded_by is not None
            else _("It cannot be built beside a project that was paid for.")
        )
    elif not isinstance(fact.held, UnsetType):
        lines.append(
            _(
                "It costs %(cost)s. Those who want it had %(held)s left of their shares: %(short)s too little.",
                cost=cost,
                held=voice.money(fact.held),
                short=voice.money(fact.short),
            )
        )
    elif method.startswith("phragmen"):
        lines.append(_ended(fact, cost, voice))
    elif fact.short:
        lines.append(
            _(
                "It costs %(cost)s, and %(left)s was left when its turn came: %(short)s too little.",
                cost=cost,
                left=voice.money(fact.left),
                short=voice.money(fact.short),
            )
        )
    if fact.by_lot:
        lines.append(_("With another draw it would have been paid for."))
    missing = tell_missing(fact, voice=voice)
    if missing:
        lines.append(missing)
    if isinstance(fact.needed_same_shares, str) and fact.needed_same_shares != fact.needed:
        lines.append(
            _(
                "If all shares had stayed the same, fewer would have done: %(needed)s, each with a full share.",
                needed=voice.votes(fact.needed_same_shares),
            )
            if isinstance(fact.needed, str)
            else _(
                "If all shares had stayed the same, so many more ballots for it alone would have done: %(needed)s.",
                needed=voice.votes(fact.needed_same_shares),
            )
        )
    return lines


def _ended(fact: BudgetFact, cost: str, voice: Voice) -> str:
    """Why a project without a purchase lost where the next one that is too costly ends the count."""
    _ = voice.say
    if fact.short:
        return _(
            "It costs %(cost)s, and %(left)s was left when the count ended: %(short)s too little.",
            cost=cost,
            left=voice.money(fact.left),
            short=voice.money(fact.short),
        )
    return _("It costs %(cost)s. The count ended before its turn: the next project cost more than was left.", cost=cost)
