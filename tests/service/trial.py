"""A place to try the rooms in: a rehearsal database, a data folder, small contests, voters with tokens.

All rooms run in this process, each on a pool under its own database role, as in the service; nothing is replaced. What
the service does by itself every moment (`attend`), a test does when it wants it.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import msgspec

from schemas.ballot import Choices, Ranking
from schemas.contest import AuditRules, EpochRules, Manifest, Option, RankingRules, ResponsePromise
from schemas.draft import ContestDraft
from schemas.listing import ContestText, OptionText
from schemas.roll import IssueAnswer
from service import client, installing, published
from service.box import duties as box_duties
from service.box.casting import Box
from service.database.pool import open_pool
from service.desk import asking
from service.desk import duties as desk_duties
from service.handover import Act
from service.keys import KeyFolder
from service.registrar import duties as registrar_duties
from service.registrar import roll
from service.registrar.issuing import Registrar
from service.registrar.roll import Code
from service.rehearsing import Rehearsal
from service.tallier import duties as tallier_duties
from voting.proof import statement
from voting.proof.base64s import from_base64

HOST = "weighin.example"
HOUR, DAY = 3600, 86400
OPTIONS = ("ash", "elm", "oak")
ROOMS = ("registrar", "box", "tallier", "desk")
LONG_EPOCHS = EpochRules(min_batch=10_000, min_s=30 * DAY, max_s=60 * DAY)
"""Nothing is sealed before the contest closes."""
QUICK_EPOCHS = EpochRules(min_batch=1, min_s=0, max_s=60 * DAY)
"""Every look of the sequencer seals what waits."""


@dataclass(frozen=True)
class Trial:
    """A rehearsal database and a data folder for keys."""

    url: str
    data: Path

    def keys(self, room: str) -> KeyFolder:
        """Return a room's key folder."""
        return KeyFolder(self.data, room)


@dataclass(frozen=True)
class Opened:
    """A contest that takes ballots: its manifest, and the codes on its roll, mailed ones first."""

    manifest: Manifest
    codes: tuple[Code, ...]

    @property
    def id(self) -> str:
        """The contest's id."""
        return self.manifest.slug

    @property
    def ctx(self) -> bytes:
        """The contest's identity."""
        return statement.contest_ctx(self.manifest)


@dataclass(frozen=True)
class Holder:
    """A voter who holds tokens."""

    voter: client.Voter
    tokens: list[bytes]

    def ballot(self, *ranking: str, rev: int = 1) -> bytes:
        """Return the body of a cast; sealing draws randomness, so every call gives other bytes."""
        return self.voter.ballot_body(Ranking(ranking or OPTIONS[:2]), rev=rev, held_tokens=self.tokens)


def make_draft(slug: str, *, now: int, lasts: int = DAY, **changes: object) -> ContestDraft:
    """Return a small ranked contest that opens in an hour."""
    text = ContestText(
        title="Which tree?",
        question="Which tree shall stand in the yard?",
        official="Robin Reed, gardener",
        department="The yard",
        options={option: OptionText(title=option.title()) for option in OPTIONS},
    )
    draft = ContestDraft(
        slug=slug,
        topic="policy-proposal",
        kind="ranked",
        level="standard",
        department="yard",
        languages=("en",),
        texts={"en": text},
        options=tuple(Option(id=option) for option in OPTIONS),
        seats=1,
        method_id="irv",
        method_version=1,
        ballot=RankingRules(max_ranks=3, equal=False),
        classes=("resident",),
        assisted=False,
        issues_from=now + HOUR,
        opens_at=now + HOUR,
        closes_at=now + HOUR + lasts,
        epoch=LONG_EPOCHS,
        max_rev=5,
        beacon="reveal",
        min_cell=10,
        response_promise=ResponsePromise(official=text.official, due=now + 400 * DAY, binding=False),
        audit=AuditRules(issuance_n=5, paper_rule="none"),
    )
    return msgspec.structs.replace(draft, **changes)


class Rooms:
    """All rooms in this process. The registrar and the box are those that the routes call."""

    def __init__(self, trial: Trial, pools: dict[str, asyncpg.Pool]) -> None:
        self.trial = trial
        self.pools = pools
        self.registrar = Registrar(pools["registrar"], trial.keys("registrar"))
        self.box = Box(pools["box"], trial.keys("box"))
        self.rehearsal = Rehearsal(trial.url, "")

    async def attend(self) -> None:
        """Let every room do what waits for it, once."""
        deeds = {
            "registrar": lambda conn: registrar_duties.attend(conn, self.trial.keys("registrar"), HOST),
            "box": lambda conn: box_duties.attend(conn, self.trial.keys("box"), HOST),
            "tallier": lambda conn: tallier_duties.attend(conn, self.trial.keys("tallier")),
            "desk": lambda conn: desk_duties.attend(conn, self.trial.keys("desk"), HOST),
        }
        for room, deed in deeds.items():
            async with self.pools[room].acquire() as conn:
                await deed(conn)

    async def act(self, contest_id: str, act: Act) -> None:
        """Ask for an act and attend until it is done, or refused."""
        async with self.pools["desk"].acquire() as conn:
            await asking.ask(conn, contest_id, act, by=self.rehearsal.approver)
            for _ in range(20):
                await self.attend()
                row = await conn.fetchrow(
                    "SELECT state FROM desk.request WHERE contest_id = $1 AND act = $2 ORDER BY request_id DESC",
                    contest_id,
                    act,
                )
                if row is None or row["state"] != "waiting":
                    break
                await asyncio.sleep(0.1)
            await asking.wait(conn, contest_id, act, seconds=0)

    async def open(
        self, slug: str, *, size: int = 3, reserve: int = 0, begun: bool = True, **changes: object
    ) -> Opened:
        """Open a contest with codes; `begun` moves the clock to its first second."""
        now = await installing.read_clock(self.trial.url)
        draft = make_draft(slug, now=now, **changes)
        await self.rehearsal.add_staff()
        codes = []
        for number, cls in enumerate(draft.classes):
            if number == 0:
                codes += await self.rehearsal.prepare(draft, [("", size, reserve)], cls=cls)
            else:
                codes += await self.more_codes(slug, size=size, cls=cls)
        await self.act(slug, "open")
        if begun:
            await installing.move_clock(self.trial.url, draft.opens_at)
        async with self.pools["desk"].acquire() as conn:
            note = await published.read(conn, slug, "manifest.note")
        return Opened(manifest=statement.verify_manifest(note), codes=tuple(codes))

    async def more_codes(self, slug: str, *, size: int, cls: str) -> list[Code]:
        """Add codes of another class."""
        async with self.pools["registrar"].acquire() as conn:
            return await roll.make_codes(conn, slug, size=size, reserve=0, cls=cls, area="")

    async def holder(self, opened: Opened, number: int = 0) -> Holder:
        """Return a voter who got a token for the contest's code `number`."""
        return await obtain(self, opened, opened.codes[number])

    async def close(self, opened: Opened) -> None:
        """Move the clock to the end and let the rooms close the contest."""
        await installing.move_clock(self.trial.url, opened.manifest.closes_at)
        await self.act(opened.id, "close")

    async def publish(self, opened: Opened) -> bytes:
        """Close, draw, publish; return the bundle."""
        await self.close(opened)
        await self.act(opened.id, "draw")
        await self.act(opened.id, "publish")
        async with self.pools["desk"].acquire() as conn:
            return await published.read(conn, opened.id, "bundle.tar")

    async def fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Ask the database as its owner, who may see everything."""
        conn = await asyncpg.connect(self.trial.url)
        try:
            return list(await conn.fetch(query, *arguments))
        finally:
            await conn.close()


@asynccontextmanager
async def running_rooms(trial: Trial) -> AsyncIterator[Rooms]:
    """Give the rooms on pools of this event loop."""
    pools = {room: await open_pool(trial.url, room, size=6) for room in ROOMS}
    rooms = Rooms(trial, pools)
    try:
        yield rooms
    finally:
        await rooms.box.close()
        await rooms.registrar.close()
        for pool in pools.values():
            await asyncio.wait_for(pool.close(), 20)


async def obtain(rooms: Rooms, opened: Opened, code: Code) -> Holder:
    """Return a voter who got a token for a code, without HTTP."""
    voter = client.Voter.new(opened.manifest, code.cls)
    secret = client.roll_secret_of(code.text, opened.manifest)
    (body,) = voter.issue_requests(secret)
    answer = msgspec.json.decode(await rooms.registrar.issue(opened.id, body), type=IssueAnswer)
    return Holder(voter=voter, tokens=[voter.token(0, from_base64(answer.response))])


def ballots(codes: Sequence[Code], *rankings: Sequence[str]) -> list[tuple[Code, Choices]]:
    """Return each code with a ranking; the rankings go round."""
    return [(code, Ranking(tuple(rankings[number % len(rankings)]))) for number, code in enumerate(codes)]


async def rewrite_function(url: str, name: str, guard: str, instead: str) -> None:
    """Take a guard out of a function of the database: what a test that rests on it must fail without."""
    conn = await asyncpg.connect(url)
    try:
        text = await conn.fetchval("SELECT pg_get_functiondef($1::regproc)", name)
        assert text.count(guard) == 1, "the guard is there once"
        await conn.execute(text.replace(guard, instead))
    finally:
        await conn.close()
