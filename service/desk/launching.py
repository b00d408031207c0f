"""The story of a launch: the rooms' keys and the draft become the manifest, signed before the first token."""

import hashlib

import asyncpg
from msgspec import UNSET

from schemas.contest import Authority, Beacon, Manifest, MethodPin
from schemas.draft import BoxPart, ContestDraft, RegistrarPart, TallierPart
from schemas.listing import ContestListing, Phase
from service import handover, published
from service.database.queries import load
from service.keys import KeyFolder
from service.refusals import NotReady
from voting import methods
from voting.proof import ballot, canonical, statement
from voting.proof.statement import Signer

_SQL = load("desk")
SMALLEST_CLASS = 300
"""Below it, what a group votes could show who did (protocol section 17); waived in a rehearsal."""


def authority_signer(keys: KeyFolder, host: str) -> Signer:
    """Return the election authority's key."""
    return keys.signer("authority.key", name=f"{host}/authority")


async def sign(conn: asyncpg.Connection, contest_id: str, keys: KeyFolder, host: str) -> bool:
    """Sign the manifest once every room has handed in its keys. False while one is missing.

    Raises:
        NotReady: The roll is too small, or the clock has passed `issues_from`.
    """
    bodies = [await handover.read_part(conn, contest_id, room, "keys") for room in handover.ROOMS]
    if any(body is None for body in bodies):
        return False
    registrar, box, tallier = (body or b"" for body in bodies)
    async with conn.transaction():
        row = await conn.fetchrow(_SQL["hold_contest"], contest_id)
        if row is None or row["manifest"] is not None or row["phase"] != "approved":
            return False
        draft: ContestDraft = canonical.decode(row["draft"], ContestDraft)
        rehearsal = bool(await conn.fetchval(_SQL["read_rehearsal"]))
        signer = authority_signer(keys, host)
        manifest = make_manifest(
            draft,
            canonical.decode(registrar, RegistrarPart),
            canonical.decode(box, BoxPart),
            canonical.decode(tallier, TallierPart),
            authority=signer.vkey,
            rehearsal=rehearsal,
        )
        small = [cls.id for cls in manifest.classes if cls.roll_size + cls.reserve_size < SMALLEST_CLASS]
        if small and not rehearsal:
            raise NotReady(f"class {small[0]!r} has fewer than {SMALLEST_CLASS} codes: its result could name people")
        if await conn.fetchval(_SQL["read_posix"]) > manifest.issues_from:
            raise NotReady(f"contest {contest_id!r} must open before its codes work (codes_from), which is past")
        note = statement.sign(statement.MANIFEST, manifest, [signer])
        await conn.execute(_SQL["sign_contest"], contest_id, note, statement.contest_ctx(manifest))
    return True


def make_manifest(
    draft: ContestDraft, registrar: RegistrarPart, box: BoxPart, tallier: TallierPart, *, authority: str,
    rehearsal: bool,
) -> Manifest:  # fmt: skip
    """Return the manifest of a draft and of what the rooms handed in."""
    method = methods.find(f"{draft.method_id}/{draft.method_version}")
    pad = ballot.pad_size(draft.ballot, [option.id for option in draft.options])
    class_ids = [cls.id for cls in registrar.classes]
    return Manifest(
        type="weighin/v1/manifest",
        level=draft.level,
        rehearsal=rehearsal,
        slug=draft.slug,
        title=draft.texts[draft.languages[0]].title,
        languages=draft.languages,
        texts_sha256={
            lang: hashlib.sha256(canonical.encode(draft.texts[lang])).hexdigest() for lang in draft.languages
        },
        kind=draft.kind,
        options=draft.options,
        exclusion_groups=draft.exclusion_groups,
        budget=draft.budget,
        currency=draft.currency,
        minor_digits=draft.minor_digits,
        seats=draft.seats,
        method=MethodPin(
            id=method.id,
            version=method.version,
            spec_sha256=hashlib.sha256(method.spec).hexdigest(),
            vectors_sha256=hashlib.sha256(method.vectors).hexdigest(),
        ),
        ballot=draft.ballot,
        pad=pad,
        classes=registrar.classes,
        roll_id=registrar.roll_id,
        roll_root=registrar.roll_root,
        roll_size=registrar.roll_size,
        issuers=(registrar.issuer,),
        issuer_policy="all",
        box_host=box.box_host,
        box_vkey=box.box_vkey,
        log_origin=box.log_origin,
        log_vkey=box.log_vkey,
        log_time_vkey=box.log_time_vkey,
        policy=(f"log {box.log_vkey}", "quorum none"),
        seal_key=tallier.seal_key,
        assisted=draft.assisted,
        opens_at=draft.opens_at,
        issues_from=draft.issues_from,
        closes_at=draft.closes_at,
        epoch=draft.epoch,
        max_rev=draft.max_rev,
        body_size=ballot.body_size(pad=pad, issuers=1, class_ids=class_ids, max_rev=draft.max_rev),
        beacon=Beacon(kind=draft.beacon, commit=tallier.beacon_commit if draft.beacon == "reveal" else UNSET),
        min_cell=draft.min_cell,
        response_promise=draft.response_promise,
        authority=Authority(keys=(authority,), threshold=1),
        audit=draft.audit,
    )


async def publish_opening(conn: asyncpg.Connection, contest_id: str) -> None:
    """Make an opened contest public: its manifest, policy and rules. Inside the caller's transaction."""
    row = await conn.fetchrow(_SQL["find_contest"], contest_id)
    assert row is not None, "an opened contest is there"
    manifest: Manifest = statement.verify_manifest(row["manifest"])
    method = methods.find(f"{manifest.method.id}/{manifest.method.version}")
    files = {
        "manifest.note": row["manifest"],
        "policy.txt": policy(manifest),
        "method/spec.md": method.spec,
        "method/vectors.json": method.vectors,
    }
    for name, body in files.items():
        await published.write(conn, contest_id, name, body)
    await publish_listing(conn, contest_id, "open")


def policy(manifest: Manifest) -> bytes:
    """Return policy.txt: the manifest's policy, a line each."""
    return "".join(f"{line}\n" for line in manifest.policy).encode()


async def publish_listing(conn: asyncpg.Connection, contest_id: str, phase: Phase) -> None:
    """Publish what pages show of a contest. Inside the caller's transaction."""
    row = await conn.fetchrow(_SQL["find_contest"], contest_id)
    assert row is not None, "a contest that is listed is there"
    draft: ContestDraft = canonical.decode(row["draft"], ContestDraft)
    manifest: Manifest = statement.verify_manifest(row["manifest"])
    listing = ContestListing(
        id=contest_id,
        ctx=row["ctx"].hex(),
        phase=phase,
        topic=draft.topic,
        kind=draft.kind,
        level=draft.level,
        rehearsal=manifest.rehearsal,
        assisted=manifest.assisted,
        languages=draft.languages,
        texts=draft.texts,
        options=draft.options,
        method=f"{manifest.method.id}/{manifest.method.version}",
        ballot=draft.ballot,
        seats=draft.seats or None,
        budget=draft.budget or None,
        currency=draft.currency or None,
        minor_digits=draft.minor_digits if isinstance(draft.minor_digits, int) else None,
        classes=draft.classes,
        issuer_hosts=tuple(issuer.host for issuer in manifest.issuers),
        box_host=manifest.box_host,
        issues_from=manifest.issues_from,
        opens_at=manifest.opens_at,
        closes_at=manifest.closes_at,
        response_due=manifest.response_promise.due,
        binding=manifest.response_promise.binding,
        eligible=manifest.roll_size,
        issued=0,
    )
    await published.write(conn, contest_id, "listing.json", canonical.encode(listing))
