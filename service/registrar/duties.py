"""What the registrar does when the desk asks: make its keys, begin to issue, seal its log, end."""

import asyncio

import asyncpg
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from schemas.contest import Issuer, VoterClass
from schemas.draft import RegistrarPart
from service import handover, published
from service.database.queries import load
from service.keys import KeyFolder
from service.refusals import NotReady, Refused
from service.registrar import issuance_log
from service.registrar.issuing import load_signer
from service.registrar.signer import new_key
from voting.proof import canonical, roll
from voting.proof.base64s import to_base64

_SQL = load("registrar")


async def attend(conn: asyncpg.Connection, keys: KeyFolder, host: str) -> None:
    """Do everything that waits for the registrar, once.

    Args:
        conn: A connection of the registrar with no transaction open.
        keys: Its key folder.
        host: Its host, as manifests name it.
    """
    for asked in await handover.list_requests(conn, "open"):
        if "keys" not in await handover.list_parts(conn, asked.contest_id, "registrar"):
            try:
                await _hand_in_keys(conn, asked.contest_id, keys, host)
            except Refused as refusal:
                await handover.refuse(conn, asked, "registrar", refusal)
    for contest_id, manifest in await handover.list_signed(conn):
        async with conn.transaction():
            begun = await conn.fetchval(
                _SQL["begin_issuing"], contest_id, canonical.encode(manifest), manifest.issues_from, manifest.closes_at
            )
            if begun is not None:
                await published.write(conn, contest_id, "roll.txt", roll.write((await _leaves(conn, contest_id))[0]))
                await handover.hand_in(conn, contest_id, "registrar", "opened", b"")
    for row in await conn.fetch(_SQL["list_issuing"]):
        await issuance_log.seal(conn, row["contest_id"], keys)


async def _hand_in_keys(conn: asyncpg.Connection, contest_id: str, keys: KeyFolder, host: str) -> None:
    draft = await handover.read_draft(conn, contest_id)
    leaves, class_ids = await _leaves(conn, contest_id, draft.classes)
    classes = tuple(
        VoterClass(
            id=cls,
            roll_size=sum(leaf.cls == index and leaf.pool == 0 for leaf in leaves),
            reserve_size=sum(leaf.cls == index and leaf.pool == 1 for leaf in leaves),
        )
        for index, cls in enumerate(class_ids)
    )
    spki = {}
    for cls in class_ids:
        await asyncio.to_thread(keys.keep, contest_id, f"{cls}.pem", make=_new_pem)
        spki[cls] = to_base64(load_signer(keys, contest_id, cls).spki)
    signer = issuance_log.log_signer(keys, contest_id, host)
    contest = await conn.fetchrow(_SQL["read_contest"], contest_id)
    assert contest is not None, "a roll has a contest"
    part = RegistrarPart(
        classes=classes,
        roll_id=contest["roll_id"].hex(),
        roll_root=roll.root(leaves).hex(),
        roll_size=len(leaves),
        issuer=Issuer(host=host, spki=spki, log_vkey=signer.vkey, log_time_vkey=signer.time_vkey),
    )
    async with conn.transaction():
        await handover.hand_in(conn, contest_id, "registrar", "keys", canonical.encode(part))


async def _leaves(
    conn: asyncpg.Connection, contest_id: str, class_ids: tuple[str, ...] | None = None
) -> tuple[list[roll.Leaf], tuple[str, ...]]:
    if class_ids is None:
        class_ids = (await handover.read_draft(conn, contest_id)).classes
    rows = await conn.fetch(_SQL["list_roll"], contest_id)
    if not rows:
        raise NotReady(f"contest {contest_id!r} has no roll yet: run `weighin roll make {contest_id} --size N`")
    unknown = {row["class"] for row in rows} - set(class_ids)
    if unknown:
        raise NotReady(f"the roll has codes of classes that the contest lacks: {', '.join(sorted(unknown))}")
    index = {cls: number for number, cls in enumerate(class_ids)}
    return [roll.Leaf(row["roll_pk"], index[row["class"]], row["pool"]) for row in rows], class_ids


def _new_pem() -> bytes:
    return new_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
