"""Sealing an epoch: what waits is shuffled into the log, and the order of arrival is gone. The last epoch closes."""

from typing import Literal

import asyncpg

from schemas.contest import Manifest
from schemas.log import Close
from service import epochs, handover, published
from service.box.casting import promise_signer
from service.database.queries import load
from service.keys import KeyFolder
from voting.proof import canonical, log, statement
from voting.proof.statement import Signer

_SQL = load("box")
CLOSING_GRACE_SECONDS = 3600
"""How long after its end a contest's last epoch may take (protocol section 8)."""


def log_signer(keys: KeyFolder, contest_id: str, host: str) -> Signer:
    """Return the key of a contest's log; its name is the log's origin."""
    return keys.signer(contest_id, "log.key", name=f"{host}/log/{contest_id}")


async def begin(conn: asyncpg.Connection, contest_id: str, manifest: Manifest, keys: KeyFolder) -> bool:
    """Begin a contest: its manifest becomes entry 0 of its log. False when that was done."""
    ctx, signer = statement.contest_ctx(manifest), log_signer(keys, contest_id, manifest.box_host)
    assert manifest.box_vkey == promise_signer(keys, canonical.encode(manifest)).vkey, "the manifest names our keys"
    async with conn.transaction():
        now = await conn.fetchval(_SQL["read_posix"])
        started = max(now, manifest.opens_at)
        added = await conn.fetchval(
            _SQL["add_contest"], contest_id, canonical.encode(manifest), ctx, manifest.opens_at, manifest.closes_at,
            started, _include_by(manifest, started, manifest.closes_at),
        )  # fmt: skip
        if added is None:
            return False
        await conn.execute(_SQL["make_pending"], contest_id)
        entry = log.entry(log.STATEMENT, ctx)
        size, note = epochs.extend([], [entry], signer=signer, entry_size=log.ENTRY_SIZE, at=now)
        await conn.execute(_SQL["add_epoch"], contest_id, 0, size, entry, note, started)
        await _publish(conn, contest_id, number=0, entries=entry, note=note)
        await handover.hand_in(conn, contest_id, "box", "opened", b"")
    return True


async def seal(conn: asyncpg.Connection, contest_id: str, keys: KeyFolder) -> bool:
    """Seal the pending ballots when their epoch is due; close the contest when its time is over.

    Most looks find nothing to do, and hold nobody up. Else one transaction: it holds the contest, so that no cast is in
    flight; appends the shuffled digests to the log, moves
    the ballots to the sealed ones in the order of their digests, and truncates where they waited.

    Args:
        conn: A connection of the box with no transaction open.
        contest_id: A contest that is not closed.
        keys: The box's key folder.

    Returns:
        True when an epoch was sealed.
    """
    look = await conn.fetchrow(_SQL["look_at_epoch"], contest_id)
    if look is None:
        return False
    manifest: Manifest = canonical.decode(look["manifest"], Manifest)
    if look["now"] < min(look["closes_at"], look["epoch_started_at"] + epochs.age_min(manifest.epoch)):
        return False
    if _next_step(manifest, look, await conn.fetchval(_SQL["count_pending"], contest_id)) is None:
        return False
    async with conn.transaction():
        held = await conn.fetchrow(_SQL["hold_for_epoch"], contest_id)
        if held is None or held["state"] != "open":
            return False
        now, number, closes_at = held["now"], held["epoch"], held["closes_at"]
        digests = [row["digest"] for row in await conn.fetch(_SQL["list_pending"], contest_id)]
        step = _next_step(manifest, held, len(digests))
        if step is None:
            return False
        if step == "begin again":
            await conn.execute(_SQL["begin_epoch"], contest_id, number, now, _include_by(manifest, now, closes_at))
            return False

        over = step == "end"
        earlier = await conn.fetch(_SQL["list_epochs"], contest_id)
        entries = epochs.shuffled(log.entry(log.BALLOT, digest) for digest in digests)
        if over:
            before = b"".join(row["entries"] for row in earlier)
            sealed = sum(entry[0] == log.BALLOT for entry in log.split_entries(before))
            close = Close(ctx=held["ctx"].hex(), n_ballots=sealed + len(digests), n_batches=0)
            entries.append(log.entry(log.CLOSE, log.close_digest(close)))
        size, note = epochs.extend(
            [row["entries"] for row in earlier], entries, signer=log_signer(keys, contest_id, manifest.box_host),
            entry_size=log.ENTRY_SIZE, at=now,
        )  # fmt: skip
        joined = b"".join(entries)
        await conn.execute(_SQL["add_epoch"], contest_id, number, size, joined, note, held["include_by"])
        await conn.execute(_SQL["move_pending"], contest_id, number)
        await conn.execute(_SQL["clear_pending"], contest_id)
        await conn.execute(_SQL["begin_epoch"], contest_id, number + 1, now, _include_by(manifest, now, closes_at))
        await _publish(conn, contest_id, number=number, entries=joined, note=note)
        if over:
            await _end(conn, contest_id, close)
    return True


def _next_step(manifest: Manifest, row: asyncpg.Record, waiting: int) -> Literal["end", "seal", "begin again"] | None:
    """What is to do now. An epoch in which nobody voted begins again, so that the next promise is not a late one."""
    now, started_at = row["now"], row["epoch_started_at"]
    if now >= row["closes_at"]:
        return "end"
    if epochs.is_due(manifest.epoch, waiting=waiting, started_at=started_at, now=now):
        return "seal"
    if not waiting and row["include_by"] - now < manifest.epoch.max_s // 2 and now > started_at:
        return "begin again"
    return None


async def _end(conn: asyncpg.Connection, contest_id: str, close: Close) -> None:
    await conn.execute(_SQL["end_casting"], contest_id)
    rows = await conn.fetch(_SQL["list_epochs"], contest_id)
    await published.write(conn, contest_id, "log/entries.bin", b"".join(row["entries"] for row in rows))
    await published.write(conn, contest_id, "log/checkpoints.txt", b"".join(row["checkpoint"] + b"\n" for row in rows))
    await handover.hand_in(conn, contest_id, "box", "closed", canonical.encode(close))


async def _publish(conn: asyncpg.Connection, contest_id: str, *, number: int, entries: bytes, note: bytes) -> None:
    await published.write(conn, contest_id, f"log/epoch/{number}", entries)
    await published.write(conn, contest_id, "log/checkpoint", note)


def _include_by(manifest: Manifest, started_at: int, closes_at: int) -> int:
    return min(started_at + manifest.epoch.max_s, closes_at + CLOSING_GRACE_SECONDS)
