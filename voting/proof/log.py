"""The log's entries, its signed checkpoints, and the seed that is drawn from it (protocol sections 9 and 10)."""

import hashlib
from collections.abc import Iterable, Sequence

from schemas.log import BeaconDraw, Close
from voting.errors import InvalidProof
from voting.proof import canonical, checkpoint, note
from voting.proof.checkpoint import Checkpoint
from voting.proof.statement import Signer
from voting.proof.tags import tagged_hash

BALLOT, PAPER_BATCH, STATEMENT, CLOSE = 0x01, 0x02, 0x03, 0x04
"""What an entry is: a ballot's digest, a paper batch, the manifest or a notice, the close."""
ENTRY_SIZE = 33


def entry(kind: int, digest: bytes) -> bytes:
    """Return a log entry, 33 bytes: what it is, and its digest."""
    return bytes([kind]) + digest


def close_digest(close: Close) -> bytes:
    """Return the digest of the last entry."""
    return tagged_hash("close", canonical.encode(close))


def split_entries(data: bytes) -> list[bytes]:
    """Return the entries of an entries.bin.

    Raises:
        InvalidProof: The length is not a multiple of 33.
    """
    if len(data) % ENTRY_SIZE:
        raise InvalidProof(f"{len(data)} bytes are not whole entries of {ENTRY_SIZE}")
    return [data[at : at + ENTRY_SIZE] for at in range(0, len(data), ENTRY_SIZE)]


def sign_checkpoint(point: Checkpoint, signer: Signer, *, at: int) -> bytes:
    """Return the checkpoint note: signed by the log, and cosigned by it with a time, POSIX seconds."""
    text = point.text()
    return note.assemble(
        text, note.sign(text, signer.secret, signer.name), note.cosign(text, signer.secret, signer.name, at=at)
    )


def read_checkpoint(
    data: bytes, *, origin: str, log_vkey: str, others: Sequence[str]
) -> tuple[Checkpoint, note.Signed]:
    """Return a checkpoint that the log signed, and its verified signatures.

    Args:
        data: The note.
        origin: The log's name, its first line.
        log_vkey: The log's key, which must have signed.
        others: Keys that may sign as well: the log's cosignature key, witnesses.

    Raises:
        InvalidProof: Not a checkpoint, of another log, unsigned, or with a line by an unknown key.
    """
    log_key = note.parse_vkey(log_vkey)
    signed = note.verify(data, (log_key, *map(note.parse_vkey, others)))
    point = checkpoint.parse(signed.text)
    if point.origin != origin:
        raise InvalidProof(f"a checkpoint of {point.origin!r}, not of {origin!r}")
    if log_key not in signed.signers:
        raise InvalidProof("a checkpoint without the log's own signature")
    return point, signed


def reveal_seed(secret: bytes, *, ctx: bytes, digests: Iterable[bytes]) -> str:
    """Return the seed of a `reveal` beacon, 64 hex digits.

    Args:
        secret: The 32 bytes that the manifest commits to.
        ctx: The contest's identity.
        digests: The digests of all ballot and paper entries of the final log, in any order: the seed is bound to the
            set, since an operator can reorder an epoch at will.
    """
    joined = hashlib.sha256(b"".join(sorted(digests))).digest()
    return tagged_hash("seed", secret, ctx, joined).hex()


def check_beacon(draw: BeaconDraw, *, kind: str, commit: str | None, ctx: bytes, digests: Iterable[bytes]) -> None:
    """Check that a drawn seed is the one that could be drawn.

    Raises:
        InvalidProof: Another kind, a secret that does not fit its commitment, or a seed that does not follow from it.
    """
    if draw.kind != kind:
        raise InvalidProof(f"the seed was drawn by {draw.kind}, the manifest says {kind}")
    if draw.kind == "reveal":
        if not isinstance(draw.secret, str) or isinstance(draw.digits, str):
            raise InvalidProof("a reveal has a secret, and no digits")
        secret = bytes.fromhex(draw.secret)
        if hashlib.sha256(secret).hexdigest() != commit:
            raise InvalidProof("the revealed secret is not the one the manifest commits to")
        if reveal_seed(secret, ctx=ctx, digests=digests) != draw.seed:
            raise InvalidProof("the seed does not follow from the secret and the logged ballots")
    elif not isinstance(draw.digits, str) or isinstance(draw.secret, str) or draw.seed != draw.digits:
        raise InvalidProof("the seed of a dice roll is its 20 digits, and there is no secret")
