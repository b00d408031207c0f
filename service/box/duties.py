"""What the box does when the desk asks, and by itself: hand in its keys, begin, seal epochs, close in time."""

import asyncpg

from schemas.draft import BoxPart
from service import handover
from service.box import sequencing
from service.database.queries import load
from service.keys import KeyFolder
from service.refusals import Refused, UnsafeInstallation
from voting.proof import canonical

_SQL = load("box")


async def attend(conn: asyncpg.Connection, keys: KeyFolder, host: str) -> None:
    """Do everything that waits for the box, once.

    Args:
        conn: A connection of the box with no transaction open.
        keys: Its key folder.
        host: Its host, as manifests name it.
    """
    for asked in await handover.list_requests(conn, "open"):
        if "keys" not in await handover.list_parts(conn, asked.contest_id, "box"):
            try:
                await _refuse_fragile(conn)
                await _hand_in_keys(conn, asked.contest_id, keys, host)
            except Refused as refusal:
                await handover.refuse(conn, asked, "box", refusal)
    for contest_id, manifest in await handover.list_signed(conn):
        if "opened" not in await handover.list_parts(conn, contest_id, "box"):
            await sequencing.begin(conn, contest_id, manifest, keys)
    for row in await conn.fetch(_SQL["list_open"]):
        await sequencing.seal(conn, row["contest_id"], keys)


async def _hand_in_keys(conn: asyncpg.Connection, contest_id: str, keys: KeyFolder, host: str) -> None:
    log_key = sequencing.log_signer(keys, contest_id, host)
    part = BoxPart(
        box_host=host,
        box_vkey=keys.signer(contest_id, "promise.key", name=f"{host}/promise").vkey,
        log_origin=log_key.name,
        log_vkey=log_key.vkey,
        log_time_vkey=log_key.time_vkey,
    )
    async with conn.transaction():
        await handover.hand_in(conn, contest_id, "box", "keys", canonical.encode(part))


async def _refuse_fragile(conn: asyncpg.Connection) -> None:
    """Refuse a database that could lose what it acknowledged.

    Our own connections wait for the disk anyway; a server that is told not to is refused all the same, because nobody
    else's connection would: a clerk's, a backup's, a program's to come.

    Raises:
        UnsafeInstallation: fsync, full_page_writes, data_checksums or synchronous_commit is off.
    """
    rows = await conn.fetch(_SQL["read_durability"])
    off = [row["name"] for row in rows if {row["setting"], row["server_has"]} & {"off", "local"}]
    if off:
        raise UnsafeInstallation(f"the database could lose ballots: turn on {', '.join(off)}")
