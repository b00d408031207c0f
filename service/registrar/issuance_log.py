"""The issuance log: who asked, sealed in epochs, complete at close (protocol section 6)."""

import asyncpg

from schemas.contest import Manifest
from schemas.roll import IssuanceEntry
from schemas.turnout import Turnout, TurnoutCell
from service import epochs, handover, published
from service.database.queries import load
from service.keys import KeyFolder
from voting.proof import canonical, issuance, statement
from voting.proof.base64s import to_base64
from voting.proof.statement import Signer

_SQL = load("registrar")
ENTRY_SIZE = 32


def log_signer(keys: KeyFolder, contest_id: str, host: str) -> Signer:
    """Return the key of a contest's issuance log; its name is the log's origin."""
    return keys.signer(contest_id, "log.key", name=f"{host}/issuance/{contest_id}")


async def seal(conn: asyncpg.Connection, contest_id: str, keys: KeyFolder) -> bool:
    """Seal the pending issuances when their epoch is due, and end issuing once the contest is over.

    Args:
        conn: A connection of the registrar with no transaction open.
        contest_id: A contest that issues.
        keys: The registrar's folder. At the end the issuer's keys in it are destroyed.

    Returns:
        True when something was sealed or ended.
    """
    look = await conn.fetchrow(_SQL["look_at_epoch"], contest_id)
    if look is None:
        return False
    manifest: Manifest = canonical.decode(look["manifest"], Manifest)
    if look["now"] < min(look["closes_at"], look["epoch_started_at"] + epochs.age_min(manifest.epoch)):
        return False
    async with conn.transaction():
        held = await conn.fetchrow(_SQL["hold_for_epoch"], contest_id)
        if held is None or held["state"] != "issuing":
            return False
        now, number = held["now"], held["epoch"]
        over = now >= held["closes_at"]
        waiting = await conn.fetchval(_SQL["count_pending"], contest_id)
        due = epochs.is_due(manifest.epoch, waiting=waiting, started_at=held["epoch_started_at"], now=now)
        if not due and not over:
            return False
        earlier = await conn.fetch(_SQL["list_epochs"], contest_id)
        if waiting or (over and not earlier):
            await _add_epoch(conn, contest_id, manifest, keys, number=number, now=now, earlier=earlier)
        if over:
            await _end(conn, contest_id, manifest)
            # Before the commit: whoever stops in between destroys them again, and nobody forgets it.
            for cls in manifest.classes:
                keys.destroy(contest_id, f"{cls.id}.pem")
        await _publish_turnout(conn, contest_id)
    return True


async def _add_epoch(
    conn: asyncpg.Connection,
    contest_id: str,
    manifest: Manifest,
    keys: KeyFolder,
    *,
    number: int,
    now: int,
    earlier: list[asyncpg.Record],
) -> None:
    ctx = statement.contest_ctx(manifest).hex()
    rows = await conn.fetch(_SQL["list_issuances"], contest_id)
    pending = epochs.shuffled(row["roll_pk"] for row in rows if row["position"] is None)
    by_key = {row["roll_pk"]: issuance.entry_hash(_entry(row, ctx)) for row in rows if row["position"] is None}
    entries = [by_key[roll_pk] for roll_pk in pending]
    signer = log_signer(keys, contest_id, manifest.issuers[0].host)
    size, note = epochs.extend(
        [row["entries"] for row in earlier], entries, signer=signer, entry_size=ENTRY_SIZE, at=now
    )
    await conn.execute(_SQL["add_epoch"], contest_id, number, size, b"".join(entries), note)
    await conn.execute(_SQL["place_issuances"], contest_id, pending, number, size - len(entries))
    await conn.execute(_SQL["begin_epoch"], contest_id, number + 1, now)
    await published.write(conn, contest_id, f"issuance/{manifest.issuers[0].host}/checkpoint", note)


async def _end(conn: asyncpg.Connection, contest_id: str, manifest: Manifest) -> None:
    ctx, folder = statement.contest_ctx(manifest).hex(), f"issuance/{manifest.issuers[0].host}"
    await conn.execute(_SQL["end_issuing"], contest_id)
    rows = await conn.fetch(_SQL["list_issuances"], contest_id)
    lines = b"".join(canonical.encode(_entry(row, ctx)) + b"\n" for row in rows)
    notes = [row["checkpoint"] for row in await conn.fetch(_SQL["list_epochs"], contest_id)]
    await published.write(conn, contest_id, f"{folder}/entries.jsonl", lines)
    await published.write(conn, contest_id, f"{folder}/checkpoints.txt", b"".join(note + b"\n" for note in notes))
    await handover.hand_in(conn, contest_id, "registrar", "closed", b"")


async def _publish_turnout(conn: asyncpg.Connection, contest_id: str) -> None:
    rows = await conn.fetch(_SQL["count_turnout"], contest_id)
    turnout = Turnout(
        issued=_down(sum(row["issued"] for row in rows)),
        cells=tuple(
            TurnoutCell(
                cls=row["class"], area=row["area"], eligible=_down(row["eligible"]), issued=_down(row["issued"])
            )
            for row in rows
        ),
    )
    await published.write(conn, contest_id, "turnout.json", canonical.encode(turnout))


def _down(number: int) -> int:
    return number // 10 * 10


def _entry(row: asyncpg.Record, ctx: str) -> IssuanceEntry:
    return IssuanceEntry(
        ctx=ctx,
        cls=row["class"],
        roll_pk=row["roll_pk"].hex(),
        channel=row["channel"],
        requests=tuple(row["requests"].split()),
        sig=to_base64(row["sig"]),
    )
