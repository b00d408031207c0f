"""What tests of the service may ask for: rooms in this process, or a whole service as a child process."""

import itertools
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from schemas.contest import Manifest
from service import installing, published, serving
from service.database.databases import create_database, drop_database
from service.registrar.roll import Code
from service.rehearsing import Rehearsal
from tests.conftest import make_open_folder, run_apart
from tests.service.trial import QUICK_EPOCHS, Opened, Rooms, Trial, make_draft, running_rooms
from voting.proof import statement

_numbers = itertools.count(1)


def make_trial(server_url: str, template: str) -> Iterator[Trial]:
    """Make a rehearsal database and a data folder; take them away afterwards."""
    name = f"trial_{os.getpid()}_{next(_numbers)}"
    url = run_apart(create_database(server_url, name, template=template))
    data = make_open_folder()
    run_apart(installing.install(url, rehearsal=True))
    yield Trial(url=url, data=data)
    run_apart(drop_database(server_url, name))
    shutil.rmtree(data, ignore_errors=True)


@pytest.fixture(scope="module")
def trial(server_url: str, template: str) -> Iterator[Trial]:
    """A rehearsal database for the tests of one file; they share its clock."""
    yield from make_trial(server_url, template)


@pytest.fixture
def own_trial(server_url: str, template: str) -> Iterator[Trial]:
    """A rehearsal database for one test."""
    yield from make_trial(server_url, template)


@pytest.fixture
async def rooms(trial: Trial) -> AsyncIterator[Rooms]:
    """All rooms in this process, on the file's database."""
    async with running_rooms(trial) as running:
        yield running


@pytest.fixture
async def own_rooms(own_trial: Trial) -> AsyncIterator[Rooms]:
    """All rooms in this process, on a database of the test's own."""
    async with running_rooms(own_trial) as running:
        yield running


@dataclass(frozen=True)
class Service:
    """A running service on a rehearsal database.

    Attributes:
        stderr: The file that holds what it says.
    """

    base_url: str
    url: str
    data: Path
    stderr: Path

    @property
    def rehearsal(self) -> Rehearsal:
        """Return what drives it."""
        return Rehearsal(self.url, self.base_url)

    @property
    def environment(self) -> dict[str, str]:
        """Return what a `weighin` command needs to reach its database."""
        return {**os.environ, "WEIGHIN_DATABASE_URL": self.url, "WEIGHIN_DATA": str(self.data)}

    def open(self, slug: str, *, size: int, reserve: int = 0, **changes: object) -> Opened:
        """Open a contest with codes and move the clock to its first second."""
        return run_apart(self._open(slug, size, reserve, changes))

    async def _open(self, slug: str, size: int, reserve: int, changes: dict[str, object]) -> Opened:
        draft = make_draft(slug, now=await installing.read_clock(self.url), **changes)
        await self.rehearsal.add_staff()
        codes = await self.rehearsal.prepare(draft, [("", size, reserve)], cls="resident")
        await self.rehearsal.act(slug, "open")
        await self.rehearsal.move_clock(draft.opens_at)
        return Opened(manifest=await self.manifest(slug), codes=tuple(codes))

    async def manifest(self, slug: str) -> Manifest:
        """Return a contest's manifest."""
        conn = await asyncpg.connect(self.url)
        try:
            return statement.verify_manifest(await published.read(conn, slug, "manifest.note"))
        finally:
            await conn.close()


@pytest.fixture(scope="session")
def service(server_url: str, template: str) -> Iterator[Service]:
    """A running service, for the whole run. Its clock goes on only as contests of the tests need it."""
    for made in make_trial(server_url, template):
        port = serving.free_port()
        stderr = made.data / "stderr.txt"
        environment = {
            "WEIGHIN_DATABASE_URL": made.url,
            "WEIGHIN_DATA": str(made.data / "data"),
            "WEIGHIN_BASE_URL": f"http://127.0.0.1:{port}",
        }
        with open(stderr, "wb") as log, serving.running(environment, port=port, stderr=log) as base_url:
            yield Service(base_url=base_url, url=made.url, data=made.data / "data", stderr=stderr)


@dataclass(frozen=True)
class LongContest:
    """A contest on the shared service that outlives every test, and codes that no test has taken yet."""

    opened: Opened
    unused: Iterator[Code]

    def code(self) -> Code:
        """Take a code."""
        return next(self.unused)


@pytest.fixture(scope="session")
def long_contest(service: Service) -> LongContest:
    """An open contest on the shared service. Take codes by `code()`, each is yours alone."""
    opened = service.open("long-contest", size=120, reserve=2, lasts=300 * 86400, epoch=QUICK_EPOCHS)
    return LongContest(opened=opened, unused=iter([code for code in opened.codes if code.pool == 0]))
