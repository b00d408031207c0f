"""Bring a database up to date: numbered SQL files, forward only, each once."""

import asyncio
import hashlib
import re
from pathlib import Path

import asyncpg

from schemas.base import Record
from service.database.queries import load

MIGRATIONS = Path(__file__).resolve().parent / "migrations"

_SQL = load("database")
_FILE_NAME = re.compile(r"([0-9]{4})_[a-z0-9_]+\.sql")
_LOCK = int.from_bytes(b"weighin")
_ATTEMPTS = 60
_PAUSE_SECONDS = 0.25


class MigrationError(Exception):
    """The files and the database disagree about what has been applied. The text says which file, and how."""


class Migration(Record, frozen=True):
    """One step from the schema before it to the next."""

    number: int
    name: str
    """The file's name, such as 0001_clock.sql."""
    sql: str

    @property
    def sha256(self) -> bytes:
        """SHA-256 of the file's text with line feeds, 32 bytes."""
        return hashlib.sha256(self.sql.encode()).digest()


def read_migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """Return the migrations of a folder, in order. Other files than `*.sql` don't count.

    Raises:
        MigrationError: A name isn't like 0001_clock.sql, or the numbers don't run 1, 2, 3 without a gap.
    """
    migrations = []
    for number, path in enumerate(sorted(folder.glob("*.sql")), start=1):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name}: a migration is named like 0001_what_it_does.sql")
        if int(match[1]) != number:
            raise MigrationError(f"{path.name}: number {number:04} was expected here")
        migrations.append(Migration(number=number, name=path.name, sql=path.read_text("utf-8")))
    return migrations


async def migrate(conn: asyncpg.Connection, folder: Path = MIGRATIONS) -> list[str]:
    """Apply what the database hasn't had yet, each file in a transaction of its own.

    Every process may call this at its start: one does the work and the others wait for it, then find nothing to do.
    The schema `weighin` is there before the first migration runs; it holds the ledger, `weighin.migrations`.

    A migration that waits more than half a second for a table gives up, lets the traffic pass, and tries again.

    Args:
        conn: A connection with no transaction open, by a role that owns the schema. Not through a pooler that shares
            connections between transactions.
        folder: Where the files are.

    Returns:
        The names of the files that were applied, in order.

    Raises:
        MigrationError: A file is missing, was changed or renamed after it was applied, or the database is newer than
            the files. Nothing was applied then.
        asyncpg.PostgresError: A migration failed. Those before it stay applied; of this one nothing is left.
    """
    migrations = read_migrations(folder)
    await conn.fetchval(_SQL["lock_migrations"], _LOCK)
    try:
        await conn.execute(_SQL["create_ledger_schema"])
        await conn.execute(_SQL["create_ledger"])
        applied = await conn.fetch(_SQL["list_migrations"])
        _compare(migrations, applied)
        pending = migrations[len(applied) :]
        for migration in pending:
            await _apply(conn, migration)
        return [migration.name for migration in pending]
    finally:
        if not conn.is_closed():
            await conn.fetchval(_SQL["unlock_migrations"], _LOCK)


def _compare(migrations: list[Migration], applied: list[asyncpg.Record]) -> None:
    if len(applied) > len(migrations):
        row = applied[len(migrations)]
        raise MigrationError(
            f"the database is newer than this program: it has had {row['name']}; install the newer one"
        )
    for migration, row in zip(migrations, applied, strict=False):
        if row["number"] != migration.number:
            raise MigrationError(
                f"{migration.name}: the database has not had number {migration.number:04}, but later ones"
            )
        if row["name"] != migration.name:
            raise MigrationError(f"{migration.name}: was applied as {row['name']} and renamed since; restore the name")
        if row["sha256"] != migration.sha256:
            raise MigrationError(f"{migration.name}: was changed after it was applied; restore it and add a new one")


async def _apply(conn: asyncpg.Connection, migration: Migration) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            async with conn.transaction():
                await conn.fetchval(_SQL["limit_lock_wait"])
                await conn.execute(migration.sql)
                await conn.execute(_SQL["add_migration"], migration.number, migration.name, migration.sha256)
            return
        except asyncpg.LockNotAvailableError:
            if attempt == _ATTEMPTS:
                raise
            await asyncio.sleep(_PAUSE_SECONDS)
