"""Pages from structs: pure functions of what they show and who looks. No request, no database, no clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from msgspec import UNSET

from schemas.bundle import Opinion, Result
from schemas.contest import Level, RankingRules
from schemas.listing import ContestListing, ContestText, OptionText, Place
from schemas.outcome import BudgetRounds, RankedRounds
from service.public import audit_wording, method_wording, wording
from service.public.api_description import describe
from service.public.assets import Assets
from service.public.auditing import Audit, act_of
from service.public.explaining import Explained
from service.public.languages import SOURCE, Formats, Language, formats, load
from service.public.method_page import MethodPage
from service.public.results import tell, tell_opinions
from service.public.voice import Voice

FRONTEND = Path(__file__).resolve().parents[2] / "frontend"
FINGERPRINT_DIGITS = 20
ROOT_DIGITS = 16
FILES = (
    ("manifest.note", wording.N_("The rules that were fixed and signed: the manifest")),
    ("result.note", wording.N_("The signed result")),
    ("tally/rounds.json", wording.N_("Every round of the count")),
    ("ballots.jsonl", wording.N_("All ballots, without names")),
    ("roll.txt", wording.N_("The roll: one line for each code, without names")),
    ("SHA256SUMS", wording.N_("Hashes of all files")),
)
"""What the result page offers for download beside the bundle, by name in the bundle."""


@dataclass(frozen=True)
class Site:
    """What differs from one installation to the next.

    Attributes:
        service_urls: Origin of a host that a contest names, where that is not this page's own.
        assist_path: Where browsers without script are helped; `{id}` is the contest. None where nobody does.
    """

    service_urls: Mapping[str, str] = field(default_factory=dict)
    assist_path: str | None = None

    def url_of(self, host: str) -> str:
        """Return the origin of a host, such as "https://box.example"; empty for this page's own."""
        return self.service_urls.get(host, "")


@dataclass(frozen=True)
class Visit:
    """One look at one page.

    Attributes:
        language: To answer in.
        path: Of the page, without its query.
        chosen: Whether the language was asked for in the address. Then links keep it.
        now: The service's clock, POSIX seconds.
    """

    language: Language
    path: str
    chosen: bool
    now: int


def stage_of(contest: ContestListing, now: int) -> str:
    """Return where a contest stands for a resident.

    "draft", "soon", "open", "counting" (ended, no result yet), "counted", "late" (the answer is), "answered" or
    "cancelled".
    """
    match contest.phase:
        case "open" if now < contest.opens_at:
            return "soon"
        case "open" if now < contest.closes_at:
            return "open"
        case "open" | "closed":
            return "counting"
        case "counted":
            return "late" if now > contest.response_due else "counted"
        case "draft" | "approved":
            return "draft"
    return contest.phase


class Pages:
    """Renders every public page. Holds the templates, compiled once."""

    def __init__(self, site: Site, assets: Assets, languages: Mapping[str, Language] | None = None) -> None:
        self.site = site
        self.assets = assets
        self.languages = languages or load()
        self._templates = Environment(
            loader=FileSystemLoader([FRONTEND / "templates", FRONTEND / "elements"]),
            autoescape=select_autoescape(("html",), default=True),
            extensions=["jinja2.ext.i18n"],
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def home(self, contests: Sequence[ContestListing], place: Place, visit: Visit) -> str:
        """Return the first page: what is open, coming and decided."""
        by_stage: dict[str, list[ContestListing]] = {}
        for contest in contests:
            by_stage.setdefault(stage_of(contest, visit.now), []).append(contest)
        opened = sorted(by_stage.get("open", []), key=lambda contest: contest.closes_at)
        coming = sorted(by_stage.get("soon", []), key=lambda contest: contest.opens_at)
        decided = [
            contest
            for stage in ("counting", "counted", "late", "answered", "cancelled")
            for contest in by_stage.get(stage, [])
        ]
        decided.sort(key=lambda contest: -contest.closes_at)
        data = {"strings": {key: visit.language.translations.gettext(wording.CLIENT[key]) for key in _HOME_STRINGS}}
        return self._render(
            "home.html",
            visit,
            place,
            here="home",
            rehearsal=place.rehearsal,
            open=opened,
            voting=opened,
            coming=coming,
            decided=decided,
            data=data,
        )

    def contest(self, contest: ContestListing, place: Place, visit: Visit) -> str:
        """Return the page of one contest: what is asked, of whom, how it is counted, who sees what."""
        points = _points(contest.level, assisted=self._assist(contest) is not None, rehearsal=contest.rehearsal)
        return self._render(
            "contest.html", visit, place, contest=contest, here="contest", parties=wording.PARTIES, points=points
        )

    def vote(self, contest: ContestListing, place: Place, visit: Visit) -> str:
        """Return the page where a ballot is filled in. What is entered there never comes back to this service."""
        return self._render(
            "vote.html",
            visit,
            place,
            contest=contest,
            here="vote",
            calm=True,
            assist_url=self._assist(contest),
            data=self._voting_data(contest, place, visit),
        )

    def result(
        self,
        contest: ContestListing,
        rounds: RankedRounds | BudgetRounds,
        result: Result,
        explained: Explained,
        place: Place,
        visit: Visit,
    ) -> str:
        """Return the page of a published result."""
        say = partial(_say, visit.language)
        voice = _voice(contest, place, visit)
        agree = [engine for engine in result.engines if engine.agrees]
        engines = (
            say("Programs that counted: %(count)s. All got the same number in every round.", count=str(len(agree)))
            if len(agree) == len(result.engines)
            else say(
                "Programs that counted: %(count)s. Those that agreed: %(agree)s.",
                count=str(len(result.engines)),
                agree=str(len(agree)),
            )
        )
        return self._render(
            "result.html",
            visit,
            place,
            contest=contest,
            here="result",
            outcome=tell(contest, rounds, result, explained, voice=voice),
            compared=explained.compared,
            engines=engines,
            programs=result.engines,
            opinions=tell_opinions(_opinions(result), voice=voice),
            files=[(name, say(label)) for name, label in FILES],
        )

    def audits(self, contests: Sequence[ContestListing], place: Place, visit: Visit) -> str:
        """Return the list of contests whose count can be checked, or their log while it grows."""
        shown = [contest for contest in contests if stage_of(contest, visit.now) != "draft"]
        shown.sort(key=lambda contest: -contest.closes_at)
        return self._render("audits.html", visit, place, here="audit", rehearsal=place.rehearsal, contests=shown)

    def audit(self, contest: ContestListing, audit: Audit, place: Place, visit: Visit) -> str:
        """Return the page "Check the count": how to verify, the log, and everything to take along."""
        return self._render(
            "audit.html",
            visit,
            place,
            contest=contest,
            here="audit",
            audit=audit,
            checks=audit_wording.checks(audit.trust),
            unproven=audit_wording.UNPROVEN,
            act_of=act_of,
            notice_words=lambda notice: _words(notice.text, visit.language.tag),
            method_address=f"/methods/{contest.method.split('/')[0]}",
        )

    def privacy(self, place: Place, visit: Visit) -> str:
        """Return the page "Who can see what": each party, what could go wrong, and what to do about it."""
        points = _points(LEVEL, assisted=self.site.assist_path is not None, rehearsal=place.rehearsal)
        return self._render(
            "privacy.html", visit, place, here="privacy", rehearsal=place.rehearsal, level=LEVEL,
            parties=wording.PARTIES, points=points,
        )  # fmt: skip

    def code(self, contest: ContestListing, place: Place, visit: Visit) -> str:
        """Return the page "Was my code used?". The code stays in the browser; a signature made with it asks."""
        data = self._script_data(contest, place, visit, audit_wording.CODE_CLIENT, wording.CLIENT, _CODE_STRINGS)
        data["issuers"] = [self.site.url_of(host) for host in contest.issuer_hosts]
        data["hosts"] = contest.issuer_hosts
        data["closesAt"] = contest.closes_at
        data["closed"] = stage_of(contest, visit.now) not in ("soon", "open")
        return self._render("code.html", visit, place, contest=contest, here="code", calm=True, data=data)

    def check(self, contest: ContestListing, place: Place, visit: Visit) -> str:
        """Return the page "Find my ballot": the browser gets the whole log and searches it by itself."""
        data = self._script_data(contest, place, visit, audit_wording.CHECK_CLIENT, wording.CLIENT, _ERROR_STRINGS)
        return self._render("check.html", visit, place, contest=contest, here="check", calm=True, data=data)

    def api(self, document: Mapping[str, Any], place: Place, visit: Visit) -> str:
        """Return the documentation of the API, from its OpenAPI document."""
        return self._render("api.html", visit, place, here="api", rehearsal=place.rehearsal, **describe(document))

    def methods(self, known: Sequence[str], place: Place, visit: Visit) -> str:
        """Return the list of counting methods; those in `known` have published rules here."""
        groups = [
            (title, [(name, method_wording.METHODS[name]) for name in names if name in known])
            for title, names in method_wording.GROUPS
        ]
        return self._render("methods.html", visit, place, here="methods", rehearsal=place.rehearsal, groups=groups)

    def method(self, page: MethodPage, place: Place, visit: Visit) -> str:
        """Return the page of one method: in plain words, its published rules, examples and code."""
        return self._render(
            "method.html",
            visit,
            place,
            here="methods",
            rehearsal=place.rehearsal,
            page=page,
            words=method_wording.METHODS.get(page.id, method_wording.OTHER_METHOD),
        )

    def problem(self, status: int, detail: str, place: Place | None, visit: Visit) -> str:
        """Return the page of a refusal, or of an error of ours; `detail` is shown as it is and may be empty."""
        say = partial(_say, visit.language)
        heading, advice = {
            404: (say("There is no such page"), say("The address may be old or mistyped.")),
            500: (
                say("Something went wrong on our side"),
                say("Nothing you did caused this. A ballot that you were promised is safe. Please try again."),
            ),
            503: (say("We are busy right now"), say("Please try again in a minute.")),
        }.get(status, (say("We could not do this"), say("Nothing was changed. Go back and try again.")))
        neutral = Place(name={SOURCE: "Weigh In"}, tagline={}, about={}, rehearsal=False)
        return self._render(
            "problem.html",
            visit,
            place or neutral,
            here="problem",
            rehearsal=(place or neutral).rehearsal,
            heading=heading,
            advice=advice,
            detail="" if status >= 500 else detail,
        )

    # -- what templates ask for ----------------------------------------------------------

    def _render(self, name: str, visit: Visit, place: Place, **values: Any) -> str:
        language, shown = visit.language, _formats(visit.language, place)
        contest: ContestListing | None = values.get("contest")
        context: dict[str, Any] = {
            "_": partial(_say, language),
            "lang": language.tag,
            "dir": language.direction,
            "languages": list(self.languages.values()),
            "link": partial(_link, visit),
            "switch": lambda tag: f"{visit.path}?lang={tag}",
            "asset": self.assets.url,
            "script": self.assets.url("weighin.js"),
            "place_name": _words(place.name, language.tag),
            "place_tagline": _words(place.tagline, language.tag),
            "place_about": _words(place.about, language.tag),
            "calm": False,
            "forget": None,
            "iso": lambda at: datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "when": shown.moment,
            "date": shown.date,
            "number": shown.number,
            "file_size": shown.file_size,
            "ordinal": partial(_ordinal, language),
            "stage_of": lambda which: stage_of(which, visit.now),
            "words": lambda which: _text(which, language.tag)[1],
            "text_lang": partial(_text_lang, language),
            "short": lambda digits: _grouped(digits[:ROOT_DIGITS]),
            "option_words": lambda which, option: _option_words(which, language.tag, option),
            "money": lambda which, amount: shown.money(
                amount, currency=which.currency or "USD", minor_digits=which.minor_digits or 0
            ),
        }
        if contest is not None:
            method = contest.method.split("/")[0]
            context |= {
                "text": _text(contest, language.tag)[1],
                "rehearsal": contest.rehearsal or place.rehearsal,
                "method_id": method,
                "method": method_wording.METHODS.get(method, method_wording.OTHER_METHOD),
                "fingerprint": _grouped(contest.ctx[:FINGERPRINT_DIGITS]),
                "fingerprint_plain": contest.ctx[:FINGERPRINT_DIGITS],
                "forget": contest.ctx if contest.phase in ("closed", "counted", "answered", "cancelled") else None,
            }
        return self._templates.get_template(name).render(context | values)

    def _assist(self, contest: ContestListing) -> str | None:
        if not contest.assisted or self.site.assist_path is None:
            return None
        return self.site.assist_path.replace("{id}", contest.id)

    def _script_data(
        self, contest: ContestListing, place: Place, visit: Visit,
        own: Mapping[str, str], shared: Mapping[str, str], borrowed: Sequence[str],
    ) -> dict[str, Any]:  # fmt: skip
        """What a script of a small page needs: the contest, how moments are written, and sentences."""
        language = visit.language
        strings = {**{key: shared[key] for key in borrowed}, **own}
        return {
            "id": contest.id,
            "ctx": contest.ctx,
            "locale": _formats(language, place).tag,
            "timeZone": place.time_zone,
            "strings": {key: language.translations.gettext(text) for key, text in strings.items()},
        }

    def _voting_data(self, contest: ContestListing, place: Place, visit: Visit) -> dict[str, Any]:
        """What the script needs, its sentences included. Goes into the page as JSON."""
        language = visit.language
        ranks = contest.ballot.max_ranks if isinstance(contest.ballot, RankingRules) else 0
        return {
            "id": contest.id,
            "ctx": contest.ctx,
            "box": self.site.url_of(contest.box_host),
            "issuers": [self.site.url_of(host) for host in contest.issuer_hosts],
            "ballot": msgspec.to_builtins(contest.ballot),
            "options": [
                {
                    "id": option.id,
                    "title": _option_words(contest, language.tag, option.id).title,
                    **({} if option.cost is UNSET else {"cost": option.cost}),
                }
                for option in contest.options
            ],
            "budget": contest.budget,
            "currency": contest.currency,
            "minorDigits": contest.minor_digits or 0,
            "locale": _formats(language, place).tag,
            "timeZone": place.time_zone,
            "ordinals": [_ordinal(language, rank) for rank in range(1, ranks + 1)],
            "strings": {key: language.translations.gettext(text) for key, text in wording.CLIENT.items()},
        }


LEVEL: Level = "standard"
"""What this installation runs at: one operator, and pages that say so."""
_HOME_STRINGS = ("groupEmpty", "groupLength", "groupLetters", "groupCheck")
_ERROR_STRINGS = ("errorTitle", "oneError", "someErrors")
_CODE_STRINGS = (*_HOME_STRINGS, *_ERROR_STRINGS, "codeFromLink")


def _points(level: Level, *, assisted: bool, rehearsal: bool) -> list[wording.Point]:
    return [
        point
        for point in wording.POINTS
        if level in point.levels and point.assisted in (None, assisted) and (point.rehearsal or not rehearsal)
    ]


def _voice(contest: ContestListing, place: Place, visit: Visit) -> Voice:
    language = visit.language
    return Voice(
        titles={option.id: _option_words(contest, language.tag, option.id).title for option in contest.options},
        say=partial(_say, language),
        formats=_formats(language, place),
        rtl=language.direction == "rtl",
        currency=contest.currency or "",
        minor_digits=contest.minor_digits or 0,
    )


def _opinions(result: Result) -> tuple[Opinion, ...]:
    return () if result.opinions is UNSET else result.opinions


def _formats(language: Language, place: Place) -> Formats:
    return formats(language, territory=place.territory, zone=ZoneInfo(place.time_zone))


def _say(language: Language, text: str, **values: str) -> str:
    translated = language.translations.gettext(text)
    return translated % values if values else translated


def _link(visit: Visit, path: str, fragment: str = "") -> str:
    query = f"?lang={visit.language.tag}" if visit.chosen else ""
    return quote(path, safe="/") + query + (f"#{fragment}" if fragment else "")


def _words(texts: Mapping[str, str], tag: str) -> str:
    return texts.get(tag) or texts.get(SOURCE) or next(iter(texts.values()), "")


def _text(contest: ContestListing, tag: str) -> tuple[str, ContestText]:
    """The contest's words in this language, or in the first that it offers."""
    spoken = tag if tag in contest.texts else next(known for known in contest.languages if known in contest.texts)
    return spoken, contest.texts[spoken]


def _text_lang(language: Language, contest: ContestListing) -> Markup:
    """The attribute that marks words in another language than the page's; empty where they are in the same."""
    spoken, _ = _text(contest, language.tag)
    return Markup("") if spoken == language.tag else Markup(' lang="{}"').format(spoken)


def _option_words(contest: ContestListing, tag: str, option: str) -> OptionText:
    return _text(contest, tag)[1].options.get(option) or OptionText(title=option)


def _ordinal(language: Language, rank: int) -> str:
    if rank <= len(wording.ORDINALS):
        return language.translations.gettext(wording.ORDINALS[rank - 1])
    return str(rank)


def _grouped(digits: str) -> str:
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))
