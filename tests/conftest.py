"""What every test may ask for: a real PostgreSQL, a fresh database, the shared data."""

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import hypothesis
import pytest

from service.database.databases import create_database, drop_database
from service.database.embedded import EmbeddedPostgres
from service.installing import install

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[1]
_numbers = itertools.count(1)

# A slow machine is no failure of the code, so no example has a deadline.
hypothesis.settings.register_profile("weighin", deadline=None)
hypothesis.settings.load_profile("weighin")


def run_apart(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a thread of its own, so that it doesn't matter whether a loop runs in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def make_open_folder() -> Path:
    """Make a temporary folder that the server's own user can enter; pytest's are closed to all but us."""
    folder = Path(tempfile.mkdtemp(prefix="weighin-test-"))
    folder.chmod(0o711)
    return folder


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """An empty folder that other users may enter."""
    folder = make_open_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The address of a PostgreSQL server: TEST_DATABASE_URL, or one of our own that ends with the run."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
        return
    folder = make_open_folder()
    with EmbeddedPostgres(folder) as server:
        yield server.dsn_of("postgres")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def template(server_url: str) -> Iterator[str]:
    """The name of a rehearsal database with all migrations, to be copied. Nobody may stay connected to it."""
    name = f"template_{os.getpid()}"

    async def make() -> None:
        await install(await create_database(server_url, name), rehearsal=True)

    run_apart(make())
    yield name
    run_apart(drop_database(server_url, name))


@pytest.fixture
def database_url(server_url: str, template: str) -> Iterator[str]:
    """The address of a fresh rehearsal database with all migrations and no rows of anyone else."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    yield run_apart(create_database(server_url, name, template=template))
    run_apart(drop_database(server_url, name))


@pytest.fixture
def empty_database_url(server_url: str) -> Iterator[str]:
    """The address of a fresh database without a single migration."""
    name = f"empty_{os.getpid()}_{next(_numbers)}"
    yield run_apart(create_database(server_url, name))
    run_apart(drop_database(server_url, name))


@pytest.fixture
async def conn(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the test's database."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def other_conn(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A second connection to the same database, for races."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of published data and vectors beside the project."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("there is no ../shared with the published data")
    return folder
