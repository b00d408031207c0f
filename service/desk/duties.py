"""What the desk does while the rooms work: sign when all have handed in, move the phase, settle requests."""

import asyncpg

from service import handover, published
from service.database.queries import load
from service.desk import launching, publishing
from service.keys import KeyFolder
from service.refusals import Refused

_SQL = load("desk")
_TAKING_ROOMS: tuple[handover.Room, ...] = ("registrar", "box")


async def attend(conn: asyncpg.Connection, keys: KeyFolder, host: str) -> None:
    """Do everything that waits for the desk, once.

    Args:
        conn: A connection of the desk with no transaction open.
        keys: Its key folder.
        host: The service's host, as manifests name it.
    """
    for row in await conn.fetch(_SQL["list_active"]):
        await _follow(conn, row["contest_id"], row["phase"])
    for row in await conn.fetch(_SQL["list_waiting"]):
        request_id, contest_id, act = row["request_id"], row["contest_id"], row["act"]
        try:
            for room in handover.ROOMS:
                refused = await handover.read_part(conn, contest_id, room, f"refused-{request_id}")
                if refused is not None:
                    raise Refused(f"the {room} says: {refused.decode()}")
            if await _settle(conn, contest_id, act, keys, host):
                await conn.execute(_SQL["settle_request"], request_id, "done", "")
        except Refused as refusal:
            await conn.execute(_SQL["settle_request"], request_id, "refused", str(refusal))


async def _follow(conn: asyncpg.Connection, contest_id: str, phase: str) -> None:
    """Move a contest on when the rooms have: opened by registrar and box, closed by both."""
    part, after = ("opened", "open") if phase == "approved" else ("closed", "closed")
    if not await _all_have(conn, contest_id, part):
        return
    async with conn.transaction():
        if await conn.fetchval(_SQL["move_phase"], contest_id, phase, after) is not None:
            if after == "open":
                await launching.publish_opening(conn, contest_id)
            else:
                await launching.publish_listing(conn, contest_id, "closed")


async def _settle(conn: asyncpg.Connection, contest_id: str, act: str, keys: KeyFolder, host: str) -> bool:
    row = await conn.fetchrow(_SQL["find_contest"], contest_id)
    assert row is not None, "a request has a contest"
    if act == "open":
        if row["manifest"] is None:
            await launching.sign(conn, contest_id, keys, host)
        return bool(row["phase"] != "approved")
    if act == "close":
        return bool(row["phase"] != "open")
    if act == "draw":
        beacon = await handover.read_part(conn, contest_id, "tallier", "beacon")
        if beacon is None:
            return False
        async with conn.transaction():
            await published.write(conn, contest_id, "beacon.json", beacon)
        return True
    if row["phase"] in ("counted", "answered"):
        return True  # it was published before, and we were stopped before we could say so
    return await publishing.publish(conn, contest_id, keys, host)


async def _all_have(conn: asyncpg.Connection, contest_id: str, part: str) -> bool:
    for room in _TAKING_ROOMS:
        if part not in await handover.list_parts(conn, contest_id, room):
            return False
    return True
