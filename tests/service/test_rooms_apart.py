"""The rooms are apart: what one may read, write or change of another's is decided by the database, not by our code."""

import asyncio

import asyncpg
import pytest

from service import installing
from service.desk import drafting
from service.refusals import NotAllowed, UnsafeInstallation, WrongPhase
from tests.conftest import run_apart
from tests.service.trial import DAY, QUICK_EPOCHS, Opened, make_draft, running_rooms

ROOMS = ("registrar", "box", "tallier", "desk", "public")
MAY_USE = {
    "registrar": {"registrar", "desk", "published", "weighin"},
    "box": {"box", "desk", "published", "weighin"},
    "tallier": {"box", "desk", "published", "weighin"},
    "desk": {"desk", "published", "weighin"},
    "public": {"published", "weighin"},
}
"""Schemas by room; within them, tables by the test below."""
MAY_READ = {
    "registrar": {"registrar.*", "desk.request", "desk.contest", "desk.handover", "published.file"},
    "box": {"box.contest", "box.pending", "box.pending_*", "box.ballot", "box.epoch", "desk.request", "desk.contest",
            "desk.handover", "published.file"},
    "tallier": {"box.closed_ballot", "box.closed_epoch", "desk.request", "desk.contest", "desk.handover",
                "published.file"},
    "desk": {"desk.*", "published.file"},
    "public": {"published.file"},
}  # fmt: skip


@pytest.fixture(scope="module")
def contest(trial) -> Opened:
    """An open contest with a sealed ballot and a pending one."""

    async def make() -> Opened:
        async with running_rooms(trial) as rooms:
            opened = await rooms.open("apart", size=2, lasts=90 * DAY, epoch=QUICK_EPOCHS)
            await rooms.box.cast(opened.id, (await rooms.holder(opened, 0)).ballot())
            await rooms.attend()
            await rooms.box.cast(opened.id, (await rooms.holder(opened, 1)).ballot())
            return opened

    return run_apart(make())


@pytest.fixture
async def as_room(trial, contest):
    """A connection under the role of a room."""
    made = []

    async def connect(room: str) -> asyncpg.Connection:
        conn = await asyncpg.connect(trial.url, server_settings={"role": f"weighin_{room}"})
        made.append(conn)
        return conn

    yield connect
    for conn in made:
        await conn.close()


def _fits(name: str, patterns: set[str]) -> bool:
    schema = name.partition(".")[0]
    return (
        name in patterns
        or f"{schema}.*" in patterns
        or (name.startswith("box.pending_") and "box.pending_*" in patterns)
    )


@pytest.mark.parametrize("room", ROOMS)
async def test_a_room_reads_its_own_tables_and_what_is_handed_over(as_room, rooms, room):
    """Every table and view of every schema, tried: a room can read what is listed above, and nothing else.

    A new table fails here until somebody has said who may read it. Seen to fail with a GRANT too many.
    """
    conn = await as_room(room)
    names = [
        row["name"]
        for row in await rooms.fetch(
            "SELECT format('%I.%I', schemaname, name) AS name FROM ("
            " SELECT schemaname, tablename AS name FROM pg_tables UNION ALL SELECT schemaname, viewname FROM pg_views"
            ") AS all_names WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY name"
        )
    ]
    assert "box.ballot" in names
    readable = set()
    for name in names:
        try:
            await conn.fetch(f"SELECT FROM {name} LIMIT 1")
        except asyncpg.InsufficientPrivilegeError:
            continue
        readable.add(name)

    assert readable == {name for name in names if _fits(name, MAY_READ[room] | {"weighin.installation"})}


@pytest.mark.parametrize("room", ROOMS)
async def test_nobody_changes_a_ballot_or_a_log(as_room, room):
    """No room may UPDATE or DELETE ballots, epochs, issuances' proof, the roll or what was handed in; none may TRUNCATE
    what is sealed. Seen to fail with a GRANT too many."""
    conn = await as_room(room)
    deeds = [
        *(f"UPDATE {table} SET {column} = {column}"
          for table, column in (
              ("box.ballot", "sealed"), ("box.pending", "sealed"), ("box.epoch", "entries"),
              ("registrar.issuance", "sig"), ("registrar.issuance", "requests"), ("registrar.epoch", "entries"),
              ("registrar.roll", "roll_pk"), ("registrar.roll", "class"), ("desk.handover", "body"),
              ("weighin.installation", "clock_offset"), ("weighin.migrations", "name"),
          )),
        *(f"{verb} {table}"
          for verb in ("DELETE FROM", "TRUNCATE")
          for table in (
              "box.ballot", "box.pending", "box.epoch", "box.contest", "registrar.issuance", "registrar.roll",
              "registrar.epoch", "registrar.contest", "desk.handover", "desk.contest", "desk.request", "desk.staff",
              "weighin.installation",
          )),
    ]  # fmt: skip

    for deed in deeds:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute(deed)


async def test_a_room_writes_only_the_files_that_are_its_own(as_room, rooms, contest):
    """Row policies of published.file: the box writes log/, the registrar issuance/, roll.txt and turnout.json, the desk
    the rest, tallier and public nothing; none can change or remove another's. Seen to fail without the policies."""
    names = {
        "box": ["log/checkpoint", "log/x"],
        "registrar": ["issuance/x/checkpoint", "roll.txt", "turnout.json"],
        "desk": ["manifest.note", "listing.json", "result.note", "tally/rounds.json", "bundle.tar"],
    }
    add = "INSERT INTO published.file (contest_id, name, piece, body) VALUES ('try', $1, 0, '')"
    for room in ROOMS:
        conn = await as_room(room)
        for owner, files in names.items():
            for name in files:
                transaction = conn.transaction()
                await transaction.start()
                try:
                    if room == owner:
                        await conn.execute(add, name)
                    else:
                        with pytest.raises(asyncpg.InsufficientPrivilegeError):
                            await conn.execute(add, name)
                finally:
                    await transaction.rollback()
    before = await rooms.fetch("SELECT name, md5(body) FROM published.file ORDER BY 1, 2")
    for room in ("registrar", "box"):
        conn = await as_room(room)
        for deed in ("UPDATE published.file SET body = '\\x00'", "DELETE FROM published.file"):
            transaction = conn.transaction()
            await transaction.start()
            await conn.execute(deed + " WHERE name IN ('manifest.note', 'listing.json')")
            left = await conn.fetch("SELECT name, md5(body) FROM published.file ORDER BY 1, 2")
            assert left == before
            await transaction.rollback()


async def test_a_room_hands_in_for_itself_only(as_room, contest):
    """Row policies of desk.handover: the box can't hand in the registrar's keys, nor read the tallier's count."""
    add = "INSERT INTO desk.handover (contest_id, room, part, body) VALUES ($1, $2, 'try', '')"
    for room in ("registrar", "box", "tallier"):
        conn = await as_room(room)
        seen = {row["room"] for row in await conn.fetch("SELECT room FROM desk.handover")}
        assert seen == {room}
        for other in {"registrar", "box", "tallier"} - {room}:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await conn.execute(add, contest.id, other)
    desk = await as_room("desk")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await desk.execute(add, contest.id, "box")


async def test_the_tallier_sees_no_ballot_of_an_open_contest(own_rooms):
    """While open: no rows, whatever is asked. Closed: every sealed ballot, and the log."""
    contest = await own_rooms.open("sealed", size=2, epoch=QUICK_EPOCHS)
    await own_rooms.box.cast(contest.id, (await own_rooms.holder(contest)).ballot())
    await own_rooms.attend()
    assert len(await own_rooms.fetch("SELECT FROM box.ballot")) == 1
    async with own_rooms.pools["tallier"].acquire() as conn:
        assert await conn.fetch("SELECT digest FROM box.closed_ballot") == []
        assert await conn.fetch("SELECT number FROM box.closed_epoch") == []

    await own_rooms.close(contest)

    async with own_rooms.pools["tallier"].acquire() as conn:
        assert len(await conn.fetch("SELECT digest FROM box.closed_ballot")) == 1
        assert len(await conn.fetch("SELECT number FROM box.closed_epoch")) == 3


# -- rules that are frozen -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("draft = '\\x00'", "rules are frozen"),
        ("author = 'approver@rehearsal.example'", "frozen"),
        ("approver = 'author@rehearsal.example'", "frozen"),
        ("approver = NULL", "frozen"),
        ("manifest = '\\x00'", "never changes"),
        ("ctx = decode(repeat('00', 32), 'hex')", "never changes"),
        ("manifest = NULL, ctx = NULL", "never changes"),
        ("phase = 'approved'", "cannot go from open to approved"),
        ("phase = 'draft'", "cannot go"),
        ("phase = 'counted'", "cannot go"),
        ("phase = 'answered'", "cannot go"),
    ],
)
async def test_an_open_contest_can_not_be_changed(conn_of_owner, contest, change, said):
    """Not even by the owner of the database: draft, author, approver, manifest, ctx and the order of phases.

    Each seen to fail without the trigger keep_rules.
    """
    with pytest.raises(asyncpg.RaiseError, match=said):
        await conn_of_owner.execute(f"UPDATE desk.contest SET {change} WHERE contest_id = $1", contest.id)


@pytest.fixture
async def conn_of_owner(trial):
    """A connection of the database's owner, whose changes are rolled back."""
    conn = await asyncpg.connect(trial.url)
    transaction = conn.transaction()
    await transaction.start()
    yield conn
    await transaction.rollback()
    await conn.close()


async def test_a_cancelled_contest_stays_cancelled(conn_of_owner, contest):
    """From any phase to cancelled, and from there nowhere."""
    await conn_of_owner.execute("UPDATE desk.contest SET phase = 'cancelled' WHERE contest_id = $1", contest.id)

    with pytest.raises(asyncpg.RaiseError, match="cannot go from cancelled"):
        await conn_of_owner.execute("UPDATE desk.contest SET phase = 'open' WHERE contest_id = $1", contest.id)


async def test_an_approved_draft_is_frozen_and_takes_two_people(own_rooms):
    """The author can't approve, nobody else who may not; an approved draft can't be replaced.

    The database refuses the first one also where our statement would not: seen with the condition removed.
    """
    rooms = own_rooms
    await rooms.rehearsal.add_staff()
    author, approver = rooms.rehearsal.author, rooms.rehearsal.approver
    now = await installing.read_clock(rooms.trial.url)
    draft = make_draft("two-people", now=now)
    async with rooms.pools["desk"].acquire() as conn:
        await drafting.create(conn, draft, author=author)
        with pytest.raises(WrongPhase, match="second officer"):
            await drafting.approve(conn, draft.slug, approver=author)
        with pytest.raises(NotAllowed):
            await drafting.approve(conn, draft.slug, approver="stranger@example.org")
        with pytest.raises(asyncpg.CheckViolationError):
            await conn.execute(
                "UPDATE desk.contest SET phase = 'approved', approver = author WHERE contest_id = $1", draft.slug
            )
        await drafting.create(conn, make_draft("two-people", now=now, max_rev=7), author=author)

        await drafting.approve(conn, draft.slug, approver=approver)

        with pytest.raises(WrongPhase, match="frozen"):
            await drafting.create(conn, draft, author=author)
        with pytest.raises(WrongPhase):
            await drafting.approve(conn, draft.slug, approver=approver)
        kept, _ = await drafting.show(conn, draft.slug)
        assert kept.max_rev == 7


# -- the clock -------------------------------------------------------------------------------------------


async def test_a_rehearsals_clock_goes_forward_only(own_trial):
    """Moved forward it stays ahead; moved back it does not move, and no statement can do it.

    Seen to fail without the trigger keep_installation.
    """
    start = await installing.read_clock(own_trial.url)
    await installing.move_clock(own_trial.url, start + 1000)
    assert 1000 <= await installing.read_clock(own_trial.url) - start < 1060
    await installing.move_clock(own_trial.url, start)
    assert await installing.read_clock(own_trial.url) >= start + 1000

    conn = await asyncpg.connect(own_trial.url)
    for change, said in (("clock_offset = '0'", "never goes back"), ("rehearsal = false", "said once")):
        with pytest.raises(asyncpg.RaiseError, match=said):
            await conn.execute(f"UPDATE weighin.installation SET {change}")
    await conn.close()


async def test_a_real_database_has_the_real_time(empty_database_url):
    """No clock can be moved in it, and it never becomes a rehearsal. Seen to fail without the CHECK."""
    await installing.install(empty_database_url, rehearsal=False)
    now = await installing.read_clock(empty_database_url)

    with pytest.raises(asyncpg.CheckViolationError):
        await installing.move_clock(empty_database_url, now + 3600)
    with pytest.raises(UnsafeInstallation, match="real contests"):
        await installing.install(empty_database_url, rehearsal=True)

    conn = await asyncpg.connect(empty_database_url)
    assert abs(await conn.fetchval("SELECT extract(epoch FROM weighin.clock() - clock_timestamp())")) < 1
    with pytest.raises(asyncpg.RaiseError):
        await conn.execute("UPDATE weighin.installation SET rehearsal = true")
    with pytest.raises(asyncpg.UniqueViolationError):
        await conn.execute("INSERT INTO weighin.installation (rehearsal) VALUES (true)")
    await conn.close()


async def test_a_rehearsal_never_becomes_real(own_trial):
    """A service for real contests refuses a rehearsal's database."""
    with pytest.raises(UnsafeInstallation, match="rehearsal"):
        await installing.install(own_trial.url, rehearsal=False)


# -- durability ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
async def test_no_contest_opens_on_a_database_that_could_lose_ballots(own_rooms, setting):
    """The setting switched off: opening is refused and the setting is named. On again: it opens.

    Seen to fail without box.duties._refuse_fragile.
    """
    rooms = own_rooms
    owner = await asyncpg.connect(rooms.trial.url)
    try:
        await owner.execute(f"ALTER SYSTEM SET {setting} = off")
        await owner.execute("SELECT pg_reload_conf()")
        await _until(owner, setting, "off")
        with pytest.raises(Exception, match=rf"could lose ballots: turn on .*{setting}"):
            await rooms.open("fragile")
    finally:
        await owner.execute(f"ALTER SYSTEM RESET {setting}")
        await owner.execute("SELECT pg_reload_conf()")
        await _until(owner, setting, "on")
        await owner.close()

    await rooms.act("fragile", "open")


async def _until(conn: asyncpg.Connection, setting: str, value: str) -> None:
    for _ in range(200):
        if await conn.fetchval("SELECT current_setting($1)", setting) == value:
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"{setting} did not become {value}")


async def test_every_connection_of_a_room_waits_for_the_disk(own_rooms):
    """synchronous_commit is on for each room, also where the database says otherwise. Seen to fail without the setting
    of the pool."""
    owner = await asyncpg.connect(own_rooms.trial.url)
    name = await owner.fetchval("SELECT quote_ident(current_database())")
    await owner.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    await owner.close()

    for room, pool in own_rooms.pools.items():
        async with pool.acquire() as conn:
            assert await conn.fetchval("SELECT current_setting('synchronous_commit')") == "on", room
