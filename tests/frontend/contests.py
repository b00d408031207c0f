"""Contests to show: a ranking that is open, a budget that is counted, and the counts that belong to them."""

from schemas.bundle import Engine, Result, ResultCounts
from schemas.contest import (
    ApprovalRules,
    CancelNotice,
    ExtendNotice,
    HandoutNotice,
    IncidentNotice,
    Option,
    PointsRules,
    RankingRules,
    ScoreRules,
    VoidNotice,
)
from schemas.listing import ContestListing, ContestText, OptionText, Place
from schemas.outcome import BudgetRound, BudgetRounds, Draw, RankedRound, RankedRounds
from service.public.assets import Asset, Assets
from service.public.auditing import Audit, Download, LogState, Trust
from service.public.languages import load
from service.public.rendering import Pages, Site, Visit

NOW = 1_800_000_000
DAY = 86_400
TITLES = {"oak": "Plant oaks <along> Main Street", "elm": "Plant elms & maples", "ash": "Leave the street as it is"}
ASSETS = Assets(
    {"weighin-1.css": Asset(b"", "text/css"), "weighin-2.js": Asset(b"", "text/javascript")},
    {"weighin.css": "weighin-1.css", "weighin.js": "weighin-2.js", "mark.svg": "mark-3.svg"},
)
PLACE = Place(name={"en": "Elmford"}, tagline={"en": "Say what matters."}, about={}, rehearsal=True)


def text(language: str) -> ContestText:
    """The words of the contest in one language; where they are not English, they say so."""
    mark = "" if language == "en" else f" [{language}]"
    return ContestText(
        title="Trees" + mark,
        question="Which trees should we plant?" + mark,
        official="Ada Marsh, Parks" + mark,
        department="Parks" + mark,
        short="Three options." + mark,
        why_now="The old ones are ill." + mark,
        options={id: OptionText(title=title + mark, plain="Plain.", expert="Expert.") for id, title in TITLES.items()},
        promise_to_respond="I will answer." + mark,
    )


RANKED = ContestListing(
    id="trees",
    ctx="0123456789abcdef" * 4,
    phase="open",
    topic="policy-proposal",
    kind="ranked",
    level="standard",
    rehearsal=True,
    assisted=False,
    languages=("en", "es", "ar"),
    texts={language: text(language) for language in ("en", "es", "ar")},
    options=tuple(Option(id=id) for id in TITLES),
    method="irv/1",
    ballot=RankingRules(max_ranks=3, equal=False),
    seats=1,
    budget=None,
    currency=None,
    minor_digits=None,
    classes=("resident",),
    issuer_hosts=("issuer.example",),
    box_host="box.example",
    issues_from=NOW - 2 * DAY,
    opens_at=NOW - DAY,
    closes_at=NOW + DAY,
    response_due=NOW + 30 * DAY,
    binding=False,
    eligible=1200,
    issued=340,
)
COSTS = {"oak": 6000, "elm": 5050, "ash": 4000}


def budget(**changes: object) -> ContestListing:
    """The same as a budget of 100.00 dollars, with approval ballots."""
    values = {name: getattr(RANKED, name) for name in RANKED.__struct_fields__}
    values |= {
        "id": "trees-budget",
        "kind": "budget",
        "options": tuple(Option(id=id, cost=cost) for id, cost in COSTS.items()),
        "method": "greedy/1",
        "ballot": ApprovalRules(max_choices=3),
        "seats": None,
        "budget": 10_000,
        "currency": "USD",
        "minor_digits": 2,
    }
    return ContestListing(**(values | changes))


POINTS = PointsRules(points=10, step=5)
SCORES = ScoreRules(max_score=5)


def ranked_round(number: int, tally: tuple[str | None, ...], **changes: object) -> RankedRound:
    """One round; whole votes."""
    values = {"elected": (), "eliminated": (), "exhausted": "0", "lost_to_rounding": "0"}
    return RankedRound(number=number, tally=tally, **(values | changes))


ROUNDS = RankedRounds(
    type="weighin/v1/rounds",
    ctx=RANKED.ctx,
    method="irv/1",
    quota=None,
    rounds=(
        ranked_round(1, ("40", "35", "35"), eliminated=("ash",)),
        ranked_round(2, ("45", "60", None), elected=("elm",), exhausted="5"),
    ),
    draws=(Draw(round=1, among=("ash", "elm"), order=("elm", "ash"), decided="eliminate"),),
    lots=("0" * 64,) * 3,
)
BUDGET_ROUNDS = BudgetRounds(
    type="weighin/v1/rounds",
    ctx=RANKED.ctx,
    method="greedy/1",
    quota=None,
    rounds=(
        BudgetRound(number=1, option="oak", score="70", cost=6000, decision="funded", left=4000, share=None),
        BudgetRound(number=2, option="elm", score="60", cost=5050, decision="skipped", left=4000, share=None),
    ),
    draws=(),
    lots=("0" * 64,) * 3,
    scores=("70", "60", "0"),
)
RESULT = Result(
    ctx=RANKED.ctx,
    size=112,
    root="0" * 64,
    seed="5f" * 32,
    counts=ResultCounts(eligible=1200, issued=120, cast=115, final=110, superseded=5, invalid={}, paper=0, assisted=0),
    engines=(Engine("a", "1", "0" * 64, True), Engine("b", "1", "0" * 64, True)),
    rounds_sha256="0" * 64,
    elected=("elm",),
    sha256sums_sha256="0" * 64,
)

NOTICES = (
    IncidentNotice(type="weighin/v1/notice", ctx=RANKED.ctx, n=1, at=NOW, text={"en": "A <bag> was lost."}),
    ExtendNotice(type="weighin/v1/notice", ctx=RANKED.ctx, n=2, at=NOW, closes_at=NOW + 2 * DAY),
    HandoutNotice(type="weighin/v1/notice", ctx=RANKED.ctx, n=3, at=NOW, cls="resident", channel="desk", count=7),
    CancelNotice(type="weighin/v1/notice", ctx=RANKED.ctx, n=4, at=NOW, reason="No <reason>."),
    VoidNotice(type="weighin/v1/notice", ctx=RANKED.ctx, n=5, at=NOW, roll_pk="0" * 64),
)
TRUST = Trust(authority=("weighin.test/authority+00000000+AQ==",), issuers=1, witnesses=0, dice=False)
AUDIT = Audit(
    published=True,
    trust=TRUST,
    states=(LogState(1, 116, 117, "5f2c" * 16, NOW), LogState(0, 1, 1, "e04b" * 16, NOW - DAY)),
    downloads=(
        Download("bundle.tar", "Everything in one file: the bundle", 1_540_000),
        Download("issuance/issuer.example:8443/entries.jsonl", "All entries of the log", 900),
    ),
    notices=NOTICES,
)
EARLY_AUDIT = Audit(
    published=False,
    trust=TRUST,
    states=(LogState(None, None, 117, "5f2c" * 16, NOW),),
    downloads=(Download("manifest.note", "The rules that were fixed and signed: the manifest", 3_149),),
    notices=(),
)


def pages(assets: Assets = ASSETS, **site: object) -> Pages:
    """The renderer, with all languages."""
    return Pages(Site(**site), assets)  # type: ignore[arg-type]


def visit(language: str = "en", path: str = "/", *, chosen: bool = False, now: int = NOW) -> Visit:
    """Someone who looks at a page."""
    return Visit(language=load()[language], path=path, chosen=chosen, now=now)
