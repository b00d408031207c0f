"""What the tallier does when the desk asks: hand in its key, draw the seed, open and count."""

import asyncio
import hashlib

import asyncpg
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from schemas.contest import Manifest
from schemas.draft import CountPart, TallierPart
from schemas.log import BeaconDraw
from service import handover
from service.database.queries import load
from service.keys import KeyFolder
from service.refusals import NotReady, Refused
from service.tallier.counting import count
from service.tallier.opening import SealedBallot, open_ballots
from voting.errors import VotingError
from voting.proof import canonical, log, statement
from voting.proof.base64s import to_base64

_SQL = load("tallier")


async def attend(conn: asyncpg.Connection, keys: KeyFolder) -> None:
    """Do everything that waits for the tallier, once.

    Args:
        conn: A connection of the tallier with no transaction open.
        keys: Its key folder.
    """
    for act, part, deed in (("open", "keys", _hand_in_keys), ("draw", "beacon", _draw), ("publish", "count", _count)):
        for asked in await handover.list_requests(conn, act):  # type: ignore[arg-type]
            if part not in await handover.list_parts(conn, asked.contest_id, "tallier"):
                try:
                    await deed(conn, asked.contest_id, keys)
                except Refused as refusal:
                    await handover.refuse(conn, asked, "tallier", refusal)
                except VotingError as error:  # told, so that no other contest waits for this one
                    await handover.refuse(conn, asked, "tallier", NotReady(str(error)))


async def _hand_in_keys(conn: asyncpg.Connection, contest_id: str, keys: KeyFolder) -> None:
    point = _seal_key(keys, contest_id).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    secret = keys.secret(contest_id, "beacon.secret")
    part = TallierPart(seal_key=to_base64(point), beacon_commit=hashlib.sha256(secret).hexdigest())
    async with conn.transaction():
        await handover.hand_in(conn, contest_id, "tallier", "keys", canonical.encode(part))


async def _draw(conn: asyncpg.Connection, contest_id: str, keys: KeyFolder) -> None:
    """Reveal the secret, once the final checkpoint's time lies behind us."""
    manifest, entries, closed_at = await _read_closed(conn, contest_id)
    if manifest.beacon.kind != "reveal":
        raise NotReady("this contest's seed is rolled with dice: run `weighin contest draw ID --dice DIGITS`")
    if await conn.fetchval(_SQL["read_posix"]) <= closed_at:
        return  # the next second will do: the draw is strictly later than the checkpoint
    secret = keys.secret(contest_id, "beacon.secret")
    digests = [entry[1:] for entry in entries if entry[0] in (log.BALLOT, log.PAPER_BATCH)]
    seed = log.reveal_seed(secret, ctx=statement.contest_ctx(manifest), digests=digests)
    drawn_at = await conn.fetchval(_SQL["read_posix"])
    draw = BeaconDraw(kind="reveal", secret=secret.hex(), drawn_at=drawn_at, seed=seed)
    async with conn.transaction():
        await handover.hand_in(conn, contest_id, "tallier", "beacon", canonical.encode(draw))


async def _count(conn: asyncpg.Connection, contest_id: str, keys: KeyFolder) -> None:
    drawn = await handover.read_part(conn, contest_id, "tallier", "beacon")
    if drawn is None:
        raise NotReady(f"the seed is not drawn yet: run `weighin contest draw {contest_id}` first")
    manifest, entries, _ = await _read_closed(conn, contest_id)
    ballots = {
        row["digest"]: SealedBallot(
            pk=row["pk"], rev=row["rev"], digest=row["digest"], header=row["header"], sealed=row["sealed"],
            sig=row["sig"],
        )
        for row in await conn.fetch(_SQL["list_ballots"], contest_id)
    }  # fmt: skip
    draw: BeaconDraw = canonical.decode(drawn, BeaconDraw)
    key = _seal_key(keys, contest_id)
    opened = await asyncio.to_thread(open_ballots, manifest, key, entries, ballots)
    counted = await asyncio.to_thread(count, manifest, opened.choices, draw.seed)
    part = CountPart(
        engines=counted.engines, opinions=counted.opinions, chosen=counted.chosen, cast=len(ballots),
        final=opened.final, invalid=opened.invalid,
    )  # fmt: skip
    async with conn.transaction():
        await handover.hand_in(conn, contest_id, "tallier", "ballots.jsonl", opened.lines)
        await handover.hand_in(conn, contest_id, "tallier", "tally/rounds.json", counted.rounds)
        await handover.hand_in(conn, contest_id, "tallier", "count", canonical.encode(part))


async def _read_closed(conn: asyncpg.Connection, contest_id: str) -> tuple[Manifest, list[bytes], int]:
    """Return manifest, log entries and the latest cosignature time of the final checkpoint of a closed contest."""
    epochs = await conn.fetch(_SQL["list_epochs"], contest_id)
    signed = dict(await handover.list_signed(conn))
    if not epochs or contest_id not in signed:
        raise NotReady(f"contest {contest_id!r} is not closed: its last checkpoint is not signed yet")
    manifest = signed[contest_id]
    _, note = log.read_checkpoint(
        epochs[-1]["checkpoint"], origin=manifest.log_origin, log_vkey=manifest.log_vkey,
        others=(manifest.log_time_vkey,),
    )  # fmt: skip
    entries = log.split_entries(b"".join(row["entries"] for row in epochs))
    return manifest, entries, max(note.times.values())


def _seal_key(keys: KeyFolder, contest_id: str) -> ec.EllipticCurvePrivateKey:
    pem = keys.keep(
        contest_id,
        "seal.pem",
        make=lambda: ec.generate_private_key(ec.SECP256R1()).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ),
    )
    key = load_pem_private_key(pem, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey), "the tallier writes P-256 keys only"
    return key
