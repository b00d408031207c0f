"""The story of a draft: a department's contest.toml and its texts become one frozen definition."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from schemas.contest import (
    ApprovalRules,
    BallotRules,
    EpochRules,
    KnapsackRules,
    Option,
    PointsRules,
    RankingRules,
    ScoreRules,
)
from schemas.draft import ContestDraft
from schemas.listing import ContestText
from service.database.queries import load
from service.desk.staffing import require
from service.refusals import InvalidRequest, NotFound, WrongPhase
from voting import methods
from voting.errors import InvalidMethod
from voting.proof import canonical

_SQL = load("desk")
REAL_EPOCHS = EpochRules(min_batch=50, min_s=3600, max_s=86400)
REHEARSAL_EPOCHS = EpochRules(min_batch=1, min_s=5, max_s=60)
_DURATION = re.compile(r"(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_DAY = 86400
_KEYS = frozenset(
    "id topic kind level department languages method ballot max_ranks max_choices points step max_score seats budget "
    "currency minor_digits exclusion_groups class classes options schedule promise_to_respond tie_draw epoch max_rev "
    "min_cell issuance_n text "
    # read by pages and rooms to come
    "phase method_text assisted_casting areas last_time hours_to_assign questions completion suggested_minimum "
    "skip_rule draft".split()
)
"""What a contest.toml may say."""

Names = Mapping[str, Mapping[str, str]]
"""Names by language, by the id that a contest.toml uses for a person or a department."""


def read_contest(path: Path, *, now: int, rehearsal: bool, names: Names | None = None) -> ContestDraft:
    """Return the draft that a contest.toml describes, with its texts.

    Args:
        path: The file. Texts stand in `text.<lang>.toml` beside it, or in `[text.<lang>]` inside.
        now: Start of the schedule for durations such as "P5D", POSIX seconds.
        rehearsal: Short epochs and small classes are allowed then.
        names: Names of officials and departments by id; what is not in it stands for itself.

    Raises:
        InvalidRequest: The file can't be read, or says something that can't be; the text names file, key and fix.
    """
    raw = _read_toml(path)
    if unknown := sorted(set(raw) - _KEYS):
        raise InvalidRequest(f"{path}: there is no key {unknown[0]!r}; there are {', '.join(sorted(_KEYS))}")
    kind, languages = _need(path, raw, "kind", str), tuple(_need(path, raw, "languages", list))
    promise, schedule = _need(path, raw, "promise_to_respond", dict), _need(path, raw, "schedule", dict)
    closes_at = _moment(path, "schedule.closes", _need(path, schedule, "closes", object), now)
    opens_at = _moment(path, "schedule.opens", _need(path, schedule, "opens", object), now)
    issues_from = _moment(path, "schedule.codes_from", schedule.get("codes_from", schedule["opens"]), now)
    options = tuple(_option(path, option, kind) for option in _need(path, raw, "options", list))
    official, department = _need(path, promise, "official", str), _need(path, raw, "department", str)
    method_id, version = _method(path, _need(path, raw, "method", str), kind)
    money: dict[str, Any] = {key: raw[key] for key in ("budget", "currency", "minor_digits") if key in raw}
    seats = {"seats": raw.get("seats", 1)} if kind == "ranked" else {}
    texts = {
        lang: _text(
            path,
            raw,
            lang,
            options,
            official=(names or {}).get(official, {}).get(lang, official),
            department=(names or {}).get(department, {}).get(lang, department),
        )
        for lang in languages
    }
    values: dict[str, Any] = {
        "slug": _need(path, raw, "id", str),
        "topic": _need(path, raw, "topic", str),
        "kind": kind,
        "level": raw.get("level", "standard"),
        "department": department,
        "languages": languages,
        "texts": msgspec.to_builtins(texts),
        "options": msgspec.to_builtins(options),
        "exclusion_groups": [
            _need(path, group, "options", list) if isinstance(group, dict) else group
            for group in _get(path, raw, "exclusion_groups", list, [])
        ],
        **money,
        **seats,
        "method_id": method_id,
        "method_version": version,
        "ballot": msgspec.to_builtins(_ballot_rules(path, raw, kind, len(options))),
        "classes": raw.get("classes", [raw.get("class", "resident")]),
        "assisted": False,
        "issues_from": issues_from,
        "opens_at": opens_at,
        "closes_at": closes_at,
        "epoch": raw.get("epoch", msgspec.to_builtins(REHEARSAL_EPOCHS if rehearsal else REAL_EPOCHS)),
        "max_rev": raw.get("max_rev", 50),
        "beacon": raw.get("tie_draw", "reveal"),
        "min_cell": raw.get("min_cell", 10),
        "response_promise": {
            "official": next(iter(texts.values())).official,
            "due": _moment(path, "promise_to_respond.respond_within", promise.get("respond_within"), closes_at),
            "binding": promise.get("force", "advisory") == "binding",
        },
        "audit": {"issuance_n": raw.get("issuance_n", 59), "paper_rule": "none"},
    }
    try:
        draft = msgspec.convert(values, ContestDraft)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{path}: {error}") from None
    check_draft(draft, where=str(path))
    return draft


def check_draft(draft: ContestDraft, *, where: str) -> None:
    """Check what the parts of a draft must be to each other.

    Raises:
        InvalidRequest: They contradict each other.
    """

    def refuse(text: str) -> None:
        raise InvalidRequest(f"{where}: {text}")

    ids = [option.id for option in draft.options]
    if len(set(ids)) != len(ids):
        refuse("two options have the same id")
    if not draft.issues_from <= draft.opens_at < draft.closes_at:
        refuse("codes_from must not be after opens, and opens must be before closes")
    if draft.response_promise.due <= draft.closes_at:
        refuse("the answer is due after voting closes: mend promise_to_respond.respond_within")
    if len(set(draft.classes)) != len(draft.classes):
        refuse("two classes have the same id")
    if draft.level == "high":
        refuse('level "high" needs several issuers, witnesses and trustees, which this installation does not have')
    grouped = [option for group in draft.exclusion_groups for option in group]
    if set(grouped) - set(ids):
        refuse("an exclusion group names an option that is not there")
    costs = [option.cost for option in draft.options]
    if draft.kind == "budget":
        if not all(isinstance(cost, int) for cost in costs):
            refuse("every project of a budget needs a cost")
        if not (
            isinstance(draft.budget, int) and isinstance(draft.currency, str) and isinstance(draft.minor_digits, int)
        ):
            refuse("a budget contest needs budget, currency and minor_digits")
    else:
        if not isinstance(draft.seats, int) or draft.seats > len(ids):
            refuse("a ranked contest needs seats, no more than there are options")
        method = methods.find(f"{draft.method_id}/{draft.method_version}")
        if method.seats == "one" and draft.seats != 1:
            refuse(f"{method.name} elects one option, not {draft.seats}: set seats to 1 or take another method")
    for lang in draft.languages:
        text = draft.texts.get(lang)
        if text is None or set(text.options) != set(ids):
            refuse(f"the texts in {lang!r} do not name every option once")


async def create(conn: asyncpg.Connection, draft: ContestDraft, *, author: str) -> None:
    """Store a draft, or replace one that nobody has approved.

    Raises:
        NotAllowed: The author may not write contests.
        WrongPhase: A contest of this id is approved or further.
    """
    async with conn.transaction():
        await require(conn, author, "officer", "administrator")
        body = canonical.encode(draft)
        added = await conn.fetchval(_SQL["add_contest"], draft.slug, body, author)
        if added is None and await conn.fetchval(_SQL["replace_draft"], draft.slug, body, author) is None:
            raise WrongPhase(f"contest {draft.slug!r} is approved: its rules are frozen. Take another id")


async def approve(conn: asyncpg.Connection, contest_id: str, *, approver: str) -> None:
    """Approve a draft: from here its rules are frozen.

    Raises:
        NotAllowed: This person may not approve.
        NotFound: No such contest.
        WrongPhase: It is approved already, or the author would approve it.
    """
    async with conn.transaction():
        await require(conn, approver, "approver", "officer", "administrator")
        if await conn.fetchval(_SQL["approve_contest"], contest_id, approver) is None:
            row = await conn.fetchrow(_SQL["find_contest"], contest_id)
            if row is None:
                raise NotFound(f"there is no contest {contest_id!r}")
            if row["author"] == approver and row["phase"] == "draft":
                raise WrongPhase("whoever wrote a contest can't approve it: ask a second officer")
            raise WrongPhase(f"contest {contest_id!r} is {row['phase']}: there is nothing to approve")


async def list_contests(conn: asyncpg.Connection) -> list[asyncpg.Record]:
    """Return all contests: contest_id, phase, author, approver."""
    return list(await conn.fetch(_SQL["list_contests"]))


async def show(conn: asyncpg.Connection, contest_id: str) -> tuple[ContestDraft, dict[str, str | None]]:
    """Return a contest's draft and its facts: id, phase, author, approver, ctx.

    Raises:
        NotFound: No such contest.
    """
    row = await conn.fetchrow(_SQL["find_contest"], contest_id)
    if row is None:
        raise NotFound(f"there is no contest {contest_id!r}")
    facts = {"id": contest_id, "phase": row["phase"], "author": row["author"], "approver": row["approver"],
             "ctx": row["ctx"].hex() if row["ctx"] else None}  # fmt: skip
    return canonical.decode(row["draft"], ContestDraft), facts


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InvalidRequest(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidRequest(f"{path}: {error}") from None


def _need(path: Path, table: Mapping[str, Any], key: str, kind: type) -> Any:
    if key not in table:
        raise InvalidRequest(f"{path}: {key!r} is missing")
    return _get(path, table, key, kind, None)


def _get(path: Path, table: Mapping[str, Any], key: str, kind: type, default: Any) -> Any:
    value = table.get(key, default)
    if key in table and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
        raise InvalidRequest(f"{path}: {key!r} must be {_KINDS.get(kind, 'something else')}, it is {value!r}")
    return value


_KINDS = {str: "text", int: "a whole number", list: "a list", dict: "a table"}


def _option(path: Path, table: object, kind: str) -> Option:
    if not isinstance(table, dict):
        raise InvalidRequest(f"{path}: an option is a table with an id, such as [[options]], it is {table!r}")
    name = _need(path, table, "id", str)
    return Option(id=name, cost=_need(path, table, "cost", int)) if kind == "budget" else Option(id=name)


def _moment(path: Path, key: str, value: object, start: int) -> int:
    """Return POSIX seconds of a TOML time with zone, an RFC 3339 string, or a duration from `start`."""
    if hasattr(value, "tzinfo") and hasattr(value, "timestamp"):
        if value.tzinfo is None:
            raise InvalidRequest(f"{path}: {key} has no time zone: write 2026-05-29T20:00:00-07:00")
        return int(value.timestamp())
    if isinstance(value, str):
        if (match := _DURATION.fullmatch(value)) and any(match.groups()[1:]):
            days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[1:])
            length = days * _DAY + hours * 3600 + minutes * 60 + seconds
            return start - length if match[1] else start + length
        try:
            return _moment(path, key, tomllib.loads(f"time = {value}")["time"], start)
        except (tomllib.TOMLDecodeError, RecursionError):
            pass
    raise InvalidRequest(f'{path}: {key} is {value!r}; write a time such as 2026-05-29T20:00:00-07:00, or "P5D"')


def _method(path: Path, name: str, kind: str) -> tuple[str, int]:
    try:
        method = methods.find(name)
    except InvalidMethod as error:
        raise InvalidRequest(f"{path}: {error}") from None
    if method.kind != kind:
        raise InvalidRequest(f"{path}: method {name!r} counts {method.kind} contests, this one is {kind}")
    return method.id, method.version


def _ballot_rules(path: Path, raw: Mapping[str, Any], kind: str, options: int) -> BallotRules:
    ballot = raw.get("ballot", "ranking" if kind == "ranked" else "approval")
    match ballot:
        case "ranking":
            return RankingRules(max_ranks=min(_get(path, raw, "max_ranks", int, 5), options), equal=False)
        case "approval":
            return ApprovalRules(max_choices=_get(path, raw, "max_choices", int, options))
        case "knapsack":
            return KnapsackRules()
        case "points":
            return PointsRules(points=_need(path, raw, "points", int), step=_get(path, raw, "step", int, 1))
        case "score":
            return ScoreRules(max_score=_need(path, raw, "max_score", int))
    raise InvalidRequest(f"{path}: ballot {ballot!r}; there are ranking, approval, knapsack, points and score")


def _text(
    path: Path, raw: Mapping[str, Any], lang: str, options: tuple[Option, ...], *, official: str, department: str
) -> ContestText:
    inside = _get(path, raw, "text", dict, {}).get(lang)
    beside = path.with_name(f"text.{lang}.toml")
    if inside is None and not beside.exists():
        raise InvalidRequest(f"{path}: no texts in {lang!r}: write {beside.name} beside it, or [text.{lang}] inside")
    where = path if inside is not None else beside
    table = inside if inside is not None else _read_toml(beside)
    wanted = {field.name for field in msgspec.structs.fields(ContestText)} - {"official", "department", "options"}
    words: dict[str, Any] = {key: value for key, value in table.items() if key in wanted}
    words |= {"official": official, "department": department}
    named = _need(where, table, "options", dict)
    try:
        words["options"] = {
            option.id: {
                key: value
                for key, value in _need(where, named, option.id, dict).items()
                if key in ("title", "plain", "expert")
            }
            for option in options
        }
        return msgspec.convert(words, ContestText)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{where}: {error}") from None
