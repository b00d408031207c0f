"""Migrations: each once, in order, by whoever comes first, and never against a ledger that says otherwise."""

import asyncio
import hashlib

import asyncpg
import pytest

from service.database.migrate import MigrationError, migrate, read_migrations

FIRST = "CREATE TABLE numbers (n integer PRIMARY KEY);\n"
SECOND = "INSERT INTO numbers SELECT generate_series(1, 3);\n"


@pytest.fixture
def folder(tmp_path):
    """Two migrations; the second can't run twice."""
    (tmp_path / "0001_numbers.sql").write_text(FIRST)
    (tmp_path / "0002_three.sql").write_text(SECOND)
    return tmp_path


@pytest.fixture
async def empty(empty_database_url):
    """A connection to a database without any migration."""
    conn = await asyncpg.connect(empty_database_url)
    yield conn
    await conn.close()


async def test_what_is_missing_is_applied_once(empty, folder):
    """Both the first time, nothing the second time, and only the new one after that."""
    assert await migrate(empty, folder) == ["0001_numbers.sql", "0002_three.sql"]
    assert await migrate(empty, folder) == []

    (folder / "0003_more.sql").write_text("INSERT INTO numbers VALUES (4);\n")
    assert await migrate(empty, folder) == ["0003_more.sql"]

    assert await empty.fetchval("SELECT array_agg(n ORDER BY n) FROM numbers") == [1, 2, 3, 4]
    ledger = await empty.fetch("SELECT number, sha256 FROM weighin.migrations ORDER BY number")
    assert [row["number"] for row in ledger] == [1, 2, 3]
    assert ledger[0]["sha256"] == hashlib.sha256(FIRST.encode()).digest()


async def test_eight_at_once_apply_each_once(empty_database_url, folder):
    """Eight processes start on an empty database: one of them does the work, seven find it done."""

    async def run_one():
        conn = await asyncpg.connect(empty_database_url)
        try:
            return await migrate(conn, folder)
        finally:
            await conn.close()

    done = await asyncio.gather(*[run_one() for _ in range(8)])

    assert sorted(map(len, done)) == [0] * 7 + [2]


async def test_an_edit_is_refused(empty, folder):
    """One more blank in an applied file: refused by name, and what is new isn't applied either."""
    await migrate(empty, folder)
    (folder / "0001_numbers.sql").write_text(FIRST + " ")
    (folder / "0003_more.sql").write_text("INSERT INTO numbers VALUES (4);\n")

    with pytest.raises(MigrationError, match=r"^0001_numbers\.sql: was changed after it was applied"):
        await migrate(empty, folder)
    assert await empty.fetchval("SELECT max(n) FROM numbers") == 3


async def test_a_renamed_file_is_refused(empty, folder):
    """The ledger says what it was called."""
    await migrate(empty, folder)
    (folder / "0002_three.sql").rename(folder / "0002_tree.sql")

    with pytest.raises(MigrationError, match=r"^0002_tree\.sql: was applied as 0002_three\.sql"):
        await migrate(empty, folder)


async def test_a_gap_is_refused(empty, folder):
    """0002 and then 0004: nothing is applied, not even what comes before the gap."""
    (folder / "0004_later.sql").write_text("SELECT 1;\n")

    with pytest.raises(MigrationError, match=r"^0004_later\.sql: number 0003 was expected"):
        await migrate(empty, folder)
    assert await empty.fetchval("SELECT to_regclass('numbers')") is None


def test_a_careless_name_is_refused(tmp_path):
    """`3_more.sql` would sort behind `0010`."""
    (tmp_path / "3_more.sql").write_text("SELECT 1;\n")

    with pytest.raises(MigrationError, match=r"^3_more\.sql: a migration is named like"):
        read_migrations(tmp_path)


async def test_a_newer_database_is_refused(empty, folder):
    """An old program on a database that has gone on: it must not run at all."""
    (folder / "0003_more.sql").write_text("INSERT INTO numbers VALUES (4);\n")
    await migrate(empty, folder)
    (folder / "0003_more.sql").unlink()

    with pytest.raises(MigrationError, match=r"newer than this program: it has had 0003_more\.sql"):
        await migrate(empty, folder)


async def test_a_failed_migration_leaves_nothing(empty, folder):
    """What came before it stays; of itself neither table nor line in the ledger; the next runner isn't locked out."""
    (folder / "0003_bad.sql").write_text("CREATE TABLE half ();\nSELECT 1 / 0;\n")

    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty, folder)

    assert await empty.fetchval("SELECT to_regclass('half')") is None
    assert await empty.fetchval("SELECT max(number) FROM weighin.migrations") == 2
    (folder / "0003_bad.sql").write_text("CREATE TABLE whole ();\n")
    assert await migrate(empty, folder) == ["0003_bad.sql"]


async def test_a_busy_table_is_waited_for_in_short_turns(empty_database_url, empty, folder):
    """While a ballot holds the table, the migration stands aside: a reader that comes later gets through at once."""
    await migrate(empty, folder)
    (folder / "0003_column.sql").write_text("ALTER TABLE numbers ADD COLUMN word text;\n")
    holder = await asyncpg.connect(empty_database_url)
    reader = await asyncpg.connect(empty_database_url)
    try:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("SELECT n FROM numbers")
        work = asyncio.create_task(migrate(empty, folder))
        await asyncio.sleep(0.2)
        await asyncio.wait_for(reader.execute("SELECT n FROM numbers"), 2)
        assert not work.done()
        await transaction.rollback()
        assert await asyncio.wait_for(work, 5) == ["0003_column.sql"]
    finally:
        await holder.close()
        await reader.close()


def test_line_ends_do_not_count(tmp_path):
    """The same file checked out on Windows is the same migration."""
    (tmp_path / "0001_numbers.sql").write_bytes(FIRST.replace("\n", "\r\n").encode())

    assert read_migrations(tmp_path)[0].sha256 == hashlib.sha256(FIRST.encode()).digest()
