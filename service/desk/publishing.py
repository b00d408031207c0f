"""The story of a result: every file gathered, verified as a stranger would, signed, and published in one moment."""

import asyncio
import hashlib
from collections.abc import Mapping

import asyncpg

from schemas.bundle import Result, ResultCounts
from schemas.contest import Manifest
from schemas.draft import CountPart
from schemas.log import BeaconDraw
from service import handover, published
from service.database.queries import load
from service.desk.launching import authority_signer, publish_listing
from service.keys import KeyFolder
from service.refusals import NotReady
from voting import bundle, verify
from voting.proof import canonical, checkpoint, note, statement

_SQL = load("desk")
_README = """\
{title}

Everything that is needed to check this contest. Contest: {slug}. Its print: {ctx}

How to check it, with no network and no account:

    weighin verify bundle.tar --ctx <the print on your letter>

Take the program from the project's release, not from here: a bundle made to deceive could carry a verifier made to
deceive. What each file is, byte by byte, and what each check shows: FORMAT.md of the project.
How the votes are counted: method/spec.md. Worked examples of it: method/vectors.json.
"""


async def publish(conn: asyncpg.Connection, contest_id: str, keys: KeyFolder, host: str) -> bool:
    """Publish the result once the tallier has counted. False while it has not.

    Args:
        conn: A connection of the desk with no transaction open.
        contest_id: A closed contest.
        keys: The desk's key folder.
        host: The service's host.

    Raises:
        NotReady: The bundle does not pass our own verifier. Nothing is signed then.
    """
    counted = await handover.read_part(conn, contest_id, "tallier", "count")
    row = await conn.fetchrow(_SQL["find_contest"], contest_id)
    if counted is None or row is None or row["phase"] != "closed":
        return False
    manifest: Manifest = statement.verify_manifest(row["manifest"])
    count: CountPart = canonical.decode(counted, CountPart)
    files = await _gather(conn, contest_id, manifest)
    result = make_result(manifest, files, count)
    signer = authority_signer(keys, host)
    files[bundle.RESULT] = statement.sign(statement.RESULT, result, [signer])
    tar = await asyncio.to_thread(bundle.write_tar, files)
    try:
        await asyncio.to_thread(verify.verify_bundle, tar, ctx=row["ctx"].hex(), authorities=(signer.vkey,))
    except verify.BundleRejected as rejected:
        raise NotReady(f"our own verifier rejects the bundle of {contest_id!r}: {rejected}") from None
    async with conn.transaction():
        if await conn.fetchval(_SQL["move_phase"], contest_id, "closed", "counted") is None:
            return False
        public = set(await published.names(conn, contest_id))
        for name, body in files.items():
            if name not in public:
                await published.write(conn, contest_id, name, body)
        await published.write(conn, contest_id, "bundle.tar", tar)
        await publish_listing(conn, contest_id, "counted")
    return True


def make_result(manifest: Manifest, files: Mapping[str, bytes], count: CountPart) -> Result:
    """Return the body of the result note for the files of a bundle; `files` gains SHA256SUMS before."""
    point = checkpoint.parse(note.split(files[bundle.LOG_CHECKPOINT])[0])
    draw: BeaconDraw = canonical.decode(files[bundle.BEACON], BeaconDraw)
    issued = files[bundle.issuance_name(manifest.issuers[0].host, "entries.jsonl")].count(b"\n")
    chosen = {"funded": count.chosen} if manifest.kind == "budget" else {"elected": count.chosen}
    return Result(
        ctx=statement.contest_ctx(manifest).hex(),
        size=point.size,
        root=point.root.hex(),
        seed=draw.seed,
        counts=ResultCounts(
            eligible=manifest.roll_size,
            issued=issued,
            cast=count.cast,
            final=count.final,
            superseded=count.cast - count.final,
            invalid=count.invalid,
            paper=0,
            assisted=0,
        ),
        engines=count.engines,
        opinions=count.opinions,
        rounds_sha256=hashlib.sha256(files[bundle.ROUNDS]).hexdigest(),
        sha256sums_sha256=hashlib.sha256(files[bundle.SHA256SUMS]).hexdigest(),
        **chosen,
    )


async def _gather(conn: asyncpg.Connection, contest_id: str, manifest: Manifest) -> dict[str, bytes]:
    host = manifest.issuers[0].host
    names = [
        bundle.MANIFEST, bundle.POLICY, bundle.ROLL, bundle.LOG_CHECKPOINT, bundle.LOG_CHECKPOINTS, bundle.LOG_ENTRIES,
        bundle.SPEC, bundle.VECTORS, bundle.BEACON,
        *(bundle.issuance_name(host, file) for file in ("checkpoint", "checkpoints.txt", "entries.jsonl")),
    ]  # fmt: skip
    names += [name for name in await published.names(conn, contest_id) if name.startswith("notices/")]
    files = {name: await published.read(conn, contest_id, name) for name in names}
    for name in (bundle.BALLOTS, bundle.ROUNDS):
        body = await handover.read_part(conn, contest_id, "tallier", name)
        assert body is not None, "the tallier hands in all files in one transaction"
        files[name] = body
    ctx = statement.contest_ctx(manifest).hex()
    files[bundle.README] = _README.format(title=manifest.title, slug=manifest.slug, ctx=ctx).encode()
    files[bundle.SHA256SUMS] = bundle.sha256sums(files)
    return files
