"""Whole contests on a rehearsal database: opened, voted in through the front door, closed, drawn, published.

The demonstration and `replay` use it. Ballots go over HTTP with the whole protocol, like everyone's; only the desk's
acts are done from here, and the clock is moved between the phases.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import asyncpg
import httpx

from schemas.ballot import Choices
from schemas.contest import Manifest
from schemas.draft import ContestDraft
from service import client, installing
from service.desk import asking, drafting, staffing
from service.handover import Act
from service.registrar import roll
from service.registrar.roll import Code

AUTHOR, APPROVER = "author@rehearsal.example", "approver@rehearsal.example"
Progress = Callable[[int], None]
_ENDING: tuple[Act, ...] = ("close", "draw", "publish")


@dataclass
class Rehearsal:
    """A rehearsal database and the service that runs on it.

    Attributes:
        database_url: The database, by a role that owns it.
        base_url: The service.
        author: E-mail of who writes contests.
        approver: E-mail of who approves and asks for acts.
        seconds: Time spent, by kind of work, as it goes on.
    """

    database_url: str
    base_url: str
    author: str = AUTHOR
    approver: str = APPROVER
    seconds: dict[str, float] = field(default_factory=lambda: {"issue": 0.0, "cast": 0.0, "close": 0.0, "verify": 0.0})

    async def add_staff(self) -> None:
        """Add the two officers that a contest takes."""
        async with _desk(self.database_url) as conn:
            await staffing.add(conn, self.author, role="officer", department="rehearsal")
            await staffing.add(conn, self.approver, role="approver", department="rehearsal")

    async def prepare(self, draft: ContestDraft, codes: Sequence[tuple[str, int, int]], *, cls: str) -> list[Code]:
        """Create and approve a contest, and make its codes.

        Args:
            draft: The contest.
            codes: For each area: its id, codes to mail, codes in reserve.
            cls: The voters' class.
        """
        async with _desk(self.database_url) as conn:
            await drafting.create(conn, draft, author=self.author)
            await drafting.approve(conn, draft.slug, approver=self.approver)
        conn = await asyncpg.connect(self.database_url, server_settings={"role": "weighin_registrar"})
        try:
            made: list[Code] = []
            for area, size, reserve in codes:
                made += await roll.make_codes(conn, draft.slug, size=size, reserve=reserve, cls=cls, area=area)
            return made
        finally:
            await conn.close()

    async def act(self, contest_id: str, act: Act) -> None:
        """Ask the rooms for an act and wait until they have done it.

        Raises:
            NotReady: They did not.
        """
        async with _desk(self.database_url) as conn:
            await asking.ask(conn, contest_id, act, by=self.approver)
            await asking.wait(conn, contest_id, act)

    async def move_clock(self, to: int) -> None:
        """Move the clock forward to `to`, POSIX seconds."""
        await installing.move_clock(self.database_url, to)

    async def vote(
        self,
        contest_id: str,
        ballots: Sequence[tuple[Code, Choices]],
        *,
        concurrency: int,
        progress: Progress = lambda _done: None,
    ) -> Manifest:
        """Cast ballots, each with a code of its own, through the front door.

        Args:
            contest_id: An open contest.
            ballots: Codes, each with what its holder chooses.
            concurrency: How many voters are at it at once.
            progress: Called with the number of ballots cast so far.

        Returns:
            The manifest that every ballot was cast under.

        Raises:
            client.Answered, client.Unreachable: A ballot did not get in.
        """
        # A client for each voter at work: a pool of many connections looks at all of them for every request.
        trust = httpx.create_ssl_context()
        async with contextlib.AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(httpx.AsyncClient(base_url=self.base_url, timeout=30, verify=trust))
                for _ in range(concurrency)
            ]
            manifest = await client.read_manifest(clients[0], contest_id)
            waiting = iter(ballots)
            done = 0

            async def keep_voting(http: httpx.AsyncClient) -> None:
                nonlocal done
                for code, choices in waiting:
                    voter = client.Voter.new(manifest, code.cls)
                    secret = client.roll_secret_of(code.text, manifest)
                    start = time.perf_counter()
                    held = await client.obtain_tokens(http, voter, secret)
                    between = time.perf_counter()
                    body = voter.ballot_body(choices, rev=1, held_tokens=held)
                    await client.cast(http, manifest, body)
                    self.seconds["issue"] += (between - start) / concurrency
                    self.seconds["cast"] += (time.perf_counter() - between) / concurrency
                    done += 1
                    progress(done)

            async with asyncio.TaskGroup() as group:
                for http in clients:
                    group.create_task(keep_voting(http))
        return manifest

    async def finish(self, contest_id: str, *, closes_at: int) -> None:
        """Close, draw and publish, the clock moved to the end first.

        Raises:
            NotReady: A room refused.
        """
        start = time.perf_counter()
        await self.move_clock(closes_at)
        for act in _ENDING:
            await self.act(contest_id, act)
        self.seconds["close"] += time.perf_counter() - start


class _desk:
    """A connection of the desk, closed behind the caller."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def __aenter__(self) -> asyncpg.Connection:
        self._conn = await asyncpg.connect(self._url, server_settings={"role": "weighin_desk"})
        return self._conn

    async def __aexit__(self, *_: object) -> None:
        await self._conn.close()
