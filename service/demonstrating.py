"""The demonstration: a city on a rehearsal database, one contest decided last year and one open now.

Every ballot is cast through the front door with the whole protocol, on a clock that starts a year ago and moves on.
"""

import random
import shutil
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from schemas.ballot import Ranking
from schemas.base import Record
from schemas.contest import Kind
from schemas.draft import ContestDraft
from schemas.listing import Phase, Place
from service import installing, published
from service.desk import staffing
from service.desk.drafting import read_contest
from service.registrar.roll import Code
from service.rehearsing import Rehearsal
from voting.proof import canonical

FOLDER = Path(__file__).with_name("demo")
DECIDED, OPEN = "policy-proposal", "enforcement-priorities"
_START_BEFORE_SECONDS = 370 * 86400
CODES_SHOWN = 8

Said = Callable[[str, int, int], None]
"""Told the kind of work, how much is done, and how much there is."""


class DemoContest(Record):
    """One contest of the demonstration, as `demo --json` prints it."""

    id: str
    title: str
    phase: Phase
    kind: Kind
    path: str
    codes: tuple[str, ...]
    closes_at: int


class Demo(Record):
    """A demonstration that is set up, as its data folder remembers it. The codes are for trying out."""

    contests: tuple[DemoContest, ...]


@dataclass(frozen=True)
class City:
    """What the demonstration knows of its city."""

    raw: dict[str, Any]

    @property
    def names(self) -> dict[str, dict[str, str]]:
        """Name and title of each official, and name of each department, by id and language."""
        people = {
            person: {lang: f"{words['name']}, {words['title']}" for lang, words in by_lang.items()}
            for person, by_lang in self._words("people").items()
        }
        departments = {
            department: {lang: words["name"] for lang, words in by_lang.items()}
            for department, by_lang in self._words("departments").items()
        }
        return people | departments

    @property
    def place(self) -> Place:
        """The city as pages name it."""
        name, tagline, about = (
            {lang: self.raw[lang][key] for lang in self._languages()} for key in ("name", "tagline", "about")
        )
        return Place(
            name=name,
            tagline=tagline,
            about=about,
            rehearsal=True,
            time_zone=self.raw["city"]["time_zone"],
        )

    def codes(self) -> list[tuple[str, int, int]]:
        """Letters by area, then the reserve, as `Rehearsal.prepare` takes them."""
        one_in = self.raw["city"]["letters_one_in"]
        letters = [(area["id"], area["aged_16_or_over"] // one_in, 0) for area in self.raw["areas"]]
        return [*letters, ("", 0, self.raw["city"]["reserve_codes"])]

    def _languages(self) -> list[str]:
        return list(self.raw["city"]["languages"])

    def _words(self, kind: str) -> dict[str, dict[str, dict[str, str]]]:
        ids = self.raw[self._languages()[0]][kind]
        return {one: {lang: self.raw[lang][kind][one] for lang in self._languages()} for one in ids}


def read_city() -> City:
    """Return the city of the demonstration."""
    return City(tomllib.loads((FOLDER / "city.toml").read_text("utf-8")))


def draw_ballots(contest_id: str) -> Iterator[tuple[str, Ranking]]:
    """Draw the ballots of a contest, always the same: for each the voter's area and the ranking.

    A ballot draws a bloc (weights of its area), a depth, then options one by one in proportion to the bloc's strengths.
    """
    params = tomllib.loads((FOLDER / "ballots" / f"{contest_id}.toml").read_text("utf-8"))
    contest = tomllib.loads((FOLDER / "contests" / contest_id / "contest.toml").read_text("utf-8"))
    options = [option["id"] for option in contest["options"]]
    channels, weights = list(params["channels"]), list(params["channels"].values())
    for area, count in params["cast"].items():
        dice = random.Random(f"{params['seed']}/{contest_id}/{area}")  # makes up voters; nothing here is secret
        shares = [bloc["weights"][area] for bloc in params["blocs"]]
        for _ in range(count):
            bloc = dice.choices(params["blocs"], shares)[0]
            depth = dice.choices(range(1, len(params["depth"]) + 1), params["depth"])[0]
            left: list[str] = list(options)
            chosen: list[str] = []
            while left and len(chosen) < depth:
                strengths = [bloc["strengths"].get(option, params["rest"]) for option in left]
                chosen.append(dice.choices(left, strengths)[0])
                left.remove(chosen[-1])
            dice.choices(channels, weights)  # how the ballot came; all come online here
            yield area, Ranking(tuple(chosen))


async def is_current(database_url: str, demo: Demo) -> bool:
    """Tell whether a demonstration that was set up before still has its open contest open."""
    conn = await asyncpg.connect(database_url)
    try:
        if await conn.fetchval("SELECT to_regclass('published.file')") is None:
            return False
        known = set(await published.contests(conn))
    finally:
        await conn.close()
    if known != {contest.id for contest in demo.contests}:
        return False
    now = await installing.read_clock(database_url)
    return all(now < contest.closes_at - 3600 for contest in demo.contests if contest.phase == "open")


def start_at(now: int) -> int:
    """Return where the clock of a new demonstration starts, POSIX seconds."""
    return now - _START_BEFORE_SECONDS


async def set_up(rehearsal: Rehearsal, *, concurrency: int, said: Said) -> Demo:
    """Set the demonstration up on an empty rehearsal database with a running service. Takes about 15 seconds.

    Args:
        rehearsal: Database and service; its clock starts a year ago.
        concurrency: How many voters are at it at once.
        said: Told how far it is.
    """
    city, now = read_city(), int(time.time())
    rehearsal.author, rehearsal.approver = "engagement@mbpd.example.org", "planning@mbpd.example.org"
    conn = await asyncpg.connect(rehearsal.database_url, server_settings={"role": "weighin_desk"})
    try:
        roles = {"officer", "approver", "clerk", "paper_clerk", "auditor", "moderator", "administrator"}
        for person in city.raw["people"]:
            if person["role"] in roles:
                await staffing.add(conn, person["email"], role=person["role"], department=person["department"])
        async with conn.transaction():
            await published.write(conn, "", "place.json", canonical.encode(city.place))
    finally:
        await conn.close()
    decided = await _open(rehearsal, city, DECIDED, now=now, concurrency=concurrency, said=said)
    said(f"counting {DECIDED}", 0, 1)
    await rehearsal.finish(DECIDED, closes_at=decided[0].closes_at)
    current = await _open(rehearsal, city, OPEN, now=now, concurrency=concurrency, said=said)
    await rehearsal.move_clock(now)
    return Demo(contests=(_shown(OPEN, *current, phase="open"), _shown(DECIDED, *decided, phase="counted")))


async def _open(
    rehearsal: Rehearsal, city: City, contest_id: str, *, now: int, concurrency: int, said: Said
) -> tuple[ContestDraft, list[Code]]:
    """Open a contest and cast its ballots; return it with the codes that nobody used."""
    path = FOLDER / "contests" / contest_id / "contest.toml"
    draft = read_contest(path, now=now, rehearsal=True, names=city.names)
    said(f"making codes for {contest_id}", 0, 1)
    codes = await rehearsal.prepare(draft, city.codes(), cls=draft.classes[0])
    await rehearsal.move_clock(draft.issues_from - 3600)
    await rehearsal.act(contest_id, "open")
    await rehearsal.move_clock(draft.opens_at)
    unused = {area: [code for code in codes if code.area == area and code.pool == 0] for area, _, _ in city.codes()}
    ballots = [(unused[area].pop(), ranking) for area, ranking in draw_ballots(contest_id)]
    total = len(ballots)
    await rehearsal.vote(
        contest_id, ballots, concurrency=concurrency,
        progress=lambda done: said(f"casting ballots in {contest_id}", done, total),
    )  # fmt: skip
    return draft, [code for area in unused.values() for code in area]


def _shown(contest_id: str, draft: ContestDraft, unused: list[Code], *, phase: Phase) -> DemoContest:
    step = max(1, len(unused) // CODES_SHOWN)
    return DemoContest(
        id=contest_id,
        title=draft.texts[draft.languages[0]].title,
        phase=phase,
        kind=draft.kind,
        path=f"/contests/{contest_id}",
        codes=tuple(code.text for code in unused[::step][:CODES_SHOWN]) if phase == "open" else (),
        closes_at=draft.closes_at,
    )


def load_demo(path: Path) -> Demo | None:
    """Return the demonstration that a data folder remembers; None where there is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Demo)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def forget(folder: Path) -> None:
    """Remove keys and memory of an earlier demonstration."""
    shutil.rmtree(folder, ignore_errors=True)
