"""The database dies under the service, again and again: what was acknowledged is there, once, and nobody has to help.

The database server is started by the test, so that it does not end with the service, and its keeper
(`service.database.embedded`) starts it again. Each form prints its figures; `pytest -m full -s` runs the long ones.
"""

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx
import pytest

from schemas.ballot import Ranking
from schemas.contest import Manifest
from service import client, installing, serving
from service.database.embedded import EmbeddedPostgres
from service.registrar.roll import Code
from service.rehearsing import Rehearsal
from tests.conftest import make_open_folder, run_apart
from tests.service.test_kill import Mortal
from tests.service.trial import LONG_EPOCHS, OPTIONS, make_draft
from voting import bundle, verify
from voting.proof import statement

CLIENTS = 16
REVISIONS = 3
"""Ballots that each code casts before its holder makes way for the next one."""
PAUSE_SECONDS = 0.05
"""Between two ballots of one client."""
GAP_SECONDS = 0.3
"""How long all is well between two blows, once every client has voted again."""
RECOVERY_SECONDS_MAX = 10

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the server's children in /proc"),
]


@dataclass
class Figures:
    """What the clients were told: ballots with their promises, codes with tokens, and how long each blow was felt."""

    given: list[tuple[bytes, bytes]] = field(default_factory=list)
    tokens: int = 0
    recoveries: list[float] = field(default_factory=list)
    newest: dict[int, float] = field(default_factory=dict)
    """When each client began the last request that was answered."""

    def __str__(self) -> str:
        worst = max(self.recoveries, default=0)
        typical = sorted(self.recoveries)[len(self.recoveries) // 2] if self.recoveries else 0
        return (
            f"{len(self.recoveries)} blows, {len(self.given)} promises, {self.tokens} tokens; all {CLIENTS} clients "
            f"voted again after {typical:.1f} s (median), {worst:.1f} s (worst)"
        )


class Storm:
    """A service on a server of its own, 16 clients that never give up, and blows."""

    def __init__(self, server: EmbeddedPostgres, mortal: Mortal) -> None:
        self.server, self.mortal = server, mortal
        self.figures = Figures()
        self._stop = asyncio.Event()

    async def kill_database(self) -> None:
        """Kill the server and all its children at once."""
        family = [self.server.pid, *children(self.server.pid)]
        assert len(family) > 5
        assert "postgres" in Path(f"/proc/{family[0]}/cmdline").read_text()
        for pid in family:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    async def cut_connections(self) -> None:
        """Terminate every client's backend."""
        conn = await asyncpg.connect(self.server.dsn_of("postgres"))
        rows = await conn.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        await conn.close()
        assert rows

    async def kill_service(self) -> None:
        """Kill the service with its workers; nobody but us starts it again."""
        self.mortal.kill()
        await asyncio.to_thread(self.mortal.start)

    async def vote_through(self, blows: list[Callable[[], Awaitable[None]]]) -> None:
        """Let the clients vote while the blows fall; then check all that they were told."""
        rehearsal = Rehearsal(self.mortal.url, self.mortal.base_url)
        now = await installing.read_clock(self.mortal.url)
        draft = make_draft("storm", now=now, epoch=LONG_EPOCHS, max_rev=1_000_000)
        await rehearsal.add_staff()
        codes = await rehearsal.prepare(draft, [("", 200 + 20 * len(blows), 0)], cls="resident")
        await rehearsal.act("storm", "open")
        await rehearsal.move_clock(draft.opens_at)
        async with httpx.AsyncClient(base_url=self.mortal.base_url, timeout=10) as http:
            manifest = await client.read_manifest(http, "storm")
            waiting = iter(codes)
            voters = [
                asyncio.create_task(self._keep_voting(http, manifest, number, waiting)) for number in range(CLIENTS)
            ]
            for blow in blows:
                await asyncio.sleep(GAP_SECONDS)
                began = time.monotonic()
                await blow()
                while len(self.figures.newest) < CLIENTS or min(self.figures.newest.values()) < began:
                    assert not any(voter.done() for voter in voters), [v.exception() for v in voters if v.done()]
                    assert time.monotonic() - began < 60, "the service does not come back"
                    await asyncio.sleep(0.02)
                self.figures.recoveries.append(time.monotonic() - began)
            self._stop.set()
            await asyncio.gather(*voters)
            for body, promised in self.figures.given[:: max(1, len(self.figures.given) // 50)]:
                assert await client.cast(http, manifest, body) == promised
            await rehearsal.finish("storm", closes_at=draft.closes_at)
            tar = (await http.get("/api/v1/contests/storm/bundle", timeout=120)).content
        self._check(tar, manifest)

    async def _keep_voting(
        self, http: httpx.AsyncClient, manifest: Manifest, number: int, codes: Iterator[Code]
    ) -> None:
        """One client: code after code, each for a token and a few ballots; the same bytes until there is an answer."""
        voter, held, rev = None, [], 0
        while not self._stop.is_set():
            code = next(codes, None) if voter is None or rev >= REVISIONS else None
            if code is not None:
                voter, rev = client.Voter.new(manifest, code.cls), 0
                held = await client.obtain_tokens(http, voter, client.roll_secret_of(code.text, manifest))
                self.figures.tokens += 1
            assert voter is not None, "there are more codes than clients"
            rev += 1
            body = voter.ballot_body(Ranking((OPTIONS[(number + rev) % 3],)), rev=rev, held_tokens=held)
            began = time.monotonic()
            self.figures.given.append((body, await client.cast(http, manifest, body)))
            self.figures.newest[number] = began
            await asyncio.sleep(PAUSE_SECONDS)

    def _check(self, tar: bytes, manifest: Manifest) -> None:
        """Every promise is kept by the log; each ballot is there once; as many issuances as tokens."""
        promises = [promised for _, promised in self.figures.given]
        report = verify.verify_bundle(tar, promises=promises)
        files = bundle.read_tar(tar)
        counts = statement.verify_result(files["result.note"], manifest.authority).counts
        logged = files["ballots.jsonl"].count(b"\n")
        print(
            f"\n{self.figures}; acknowledged and lost {len(set(promises)) - logged:+d}, "
            f"counted twice {len(promises) - len(set(promises))}"
        )
        assert report.result == "passed"
        assert next(check for check in report.checks if check.id == "V22").passed
        assert len(set(promises)) == len(promises) == logged == counts.cast
        assert counts.issued == counts.final == self.figures.tokens
        assert counts.invalid == {}
        assert max(self.figures.recoveries) <= RECOVERY_SECONDS_MAX


def children(pid: int) -> list[int]:
    """Return the processes that a process started and that live."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if after_name[1] == str(pid):
            found.append(int(path.parent.name))
    return found


@pytest.fixture
def storm() -> Iterator[Storm]:
    """A service as a child, on a database server that the test has started."""
    folder = make_open_folder()
    with EmbeddedPostgres(folder / "database") as server:
        run_apart(installing.install(server.dsn, rehearsal=True))
        mortal = Mortal(server.dsn, str(folder / "data"))
        try:
            serving.wait_until_ready(mortal.base_url, mortal.child)
            yield Storm(server, mortal)
        finally:
            serving.stop(mortal.child)
    shutil.rmtree(folder, ignore_errors=True)


async def test_a_database_that_is_killed_or_hangs_up_loses_nothing(storm):
    """2 kills of the server with all its children and 3 rounds of pg_terminate_backend, under 16 retrying clients.

    The server comes back by its keeper and the service by itself, within 10 s each time. Seen to fail with
    synchronous_commit off: promised ballots are gone then.
    """
    await storm.vote_through([storm.kill_database, *[storm.cut_connections] * 3, storm.kill_database])


@pytest.mark.full
async def test_fifty_kills_of_the_database(storm):
    """50 kills of the server with all its children."""
    await storm.vote_through([storm.kill_database] * 50)


@pytest.mark.full
async def test_a_hundred_rounds_of_cut_connections(storm):
    """100 times pg_terminate_backend on every connection."""
    await storm.vote_through([storm.cut_connections] * 100)


@pytest.mark.full
async def test_two_hundred_kills_of_the_service(storm):
    """200 kills of the service with its workers."""
    await storm.vote_through([storm.kill_service] * 200)
