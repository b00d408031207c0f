"""Whole databases of a server: make one, drop one, list them."""

from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from service.database.queries import load

_SQL = load("database")


def with_database(url: str, name: str) -> str:
    """Return the address of another database on the same server.

    Example:
        >>> with_database("postgresql://weighin@db.example:5432/weighin?sslmode=require", "trial")
        'postgresql://weighin@db.example:5432/trial?sslmode=require'
    """
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(name)}"))


async def create_database(url: str, name: str, *, template: str = "template0") -> str:
    """Make a database and return its address.

    Args:
        url: Any database of the server, by a role that may create databases.
        name: The new database, 1 to 63 bytes.
        template: The database to copy. Nobody may be connected to it.

    Raises:
        asyncpg.DuplicateDatabaseError: There is one of that name.
        asyncpg.ObjectInUseError: Somebody is connected to the template.
    """
    conn = await asyncpg.connect(url)
    try:
        await conn.execute(await conn.fetchval(_SQL["create_database_statement"], name, template))
    finally:
        await conn.close()
    return with_database(url, name)


async def drop_database(url: str, name: str) -> None:
    """Drop a database with all that is in it, and cut the connections to it. Nothing happens where there is none."""
    conn = await asyncpg.connect(url)
    try:
        await conn.execute(await conn.fetchval(_SQL["drop_database_statement"], name))
    finally:
        await conn.close()


async def list_databases(url: str) -> list[str]:
    """Return the names of all databases that aren't the server's own, sorted."""
    conn = await asyncpg.connect(url)
    try:
        return [row["name"] for row in await conn.fetch(_SQL["list_databases"])]
    finally:
        await conn.close()
