"""The promise: the box's signed word that a ballot will be in the log by a time (protocol section 8)."""

from dataclasses import dataclass

from voting.errors import InvalidEncoding, InvalidProof
from voting.proof import note
from voting.proof.base64s import from_base64, to_base64

_TYPE = "weighin/v1/promise"


@dataclass(frozen=True)
class Promise:
    """`ctx` and `digest` are 32 bytes; `include_by` is POSIX seconds."""

    ctx: bytes
    digest: bytes
    include_by: int

    def text(self) -> str:
        """Return the note's text."""
        return f"{_TYPE}\n{self.ctx.hex()}\n{to_base64(self.digest)}\n{self.include_by}\n"


def sign(promise: Promise, secret: bytes, name: str) -> bytes:
    """Return the signed note. Ed25519 is deterministic, so a repeated request gets the same bytes."""
    return note.assemble(promise.text(), note.sign(promise.text(), secret, name))


def verify(data: bytes, box_vkey: str) -> Promise:
    """Return the promise once it is signed by the box that the manifest names.

    Raises:
        InvalidProof: Not a promise, or not signed by this box.
    """
    signed = note.verify(data, (note.parse_vkey(box_vkey),))
    lines = signed.text.split("\n")
    if len(lines) != 5 or lines[0] != _TYPE or lines[4]:
        raise InvalidProof("not a promise of weighin/v1")
    try:
        ctx, digest = bytes.fromhex(lines[1]), from_base64(lines[2], 32)
        promise = Promise(ctx=ctx, digest=digest, include_by=int(lines[3]))
    except (ValueError, InvalidEncoding) as error:
        raise InvalidProof(f"a promise is malformed: {error}") from error
    if promise.text() != signed.text:
        raise InvalidProof("a promise is not in canonical form")
    return promise
