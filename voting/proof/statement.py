"""Statements of the election authority as signed notes: manifest, notices, result (protocol sections 3 and 13)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from schemas.bundle import Result
from schemas.contest import Authority, Manifest, Notice
from voting.errors import InvalidEncoding, InvalidProof
from voting.proof import canonical, note
from voting.proof.tags import tagged_hash

T = TypeVar("T")
MANIFEST, NOTICE, RESULT = "weighin/v1/manifest", "weighin/v1/notice", "weighin/v1/result"
"""The first line of each, so that no note of one type parses as another."""


@dataclass(frozen=True)
class Signer:
    """One key that can sign notes: its 32-byte secret and its name."""

    secret: bytes
    name: str

    @property
    def vkey(self) -> str:
        """The verifier key, as manifests and policies write it."""
        return str(note.vkey_of(self.secret, self.name))

    @property
    def time_vkey(self) -> str:
        """The verifier key of its cosignatures, which carry a time."""
        return str(note.vkey_of(self.secret, self.name, note.COSIGNATURE))


def contest_ctx(manifest: Manifest) -> bytes:
    """Return the contest's identity, 32 bytes: the hash of the manifest's canonical JSON."""
    return tagged_hash("manifest", canonical.encode(manifest))


def notice_hash(notice: Notice) -> bytes:
    """Return the digest under which a notice stands in the log, 32 bytes."""
    return tagged_hash("notice", canonical.encode(notice))


def sign(kind: str, body: Any, signers: Sequence[Signer]) -> bytes:
    """Return the note: the line `kind`, the canonical JSON of `body`, a signature line of each signer."""
    text = f"{kind}\n{canonical.encode(body).decode()}\n"
    return note.assemble(text, *(note.sign(text, signer.secret, signer.name) for signer in signers))


def read(kind: str, data: bytes, body_type: type[T] | Any) -> T:
    """Return the body of a statement, its signatures unchecked: for the manifest, which names its own signers.

    Raises:
        InvalidProof: Not a note of this kind, or its body is not canonical.
    """
    text, _ = note.split(data)
    body: T = _body(kind, text, body_type)
    return body


def verify(kind: str, data: bytes, body_type: type[T] | Any, authority: Authority) -> T:
    """Return the body of a statement that the authority's threshold signed.

    Raises:
        InvalidProof: Not of this kind, not canonical, too few signatures, or one that is unknown or invalid.
    """
    keys = tuple(note.parse_vkey(key) for key in authority.keys)
    signed = note.verify(data, keys)
    if len(signed.signers) < authority.threshold:
        raise InvalidProof(f"signed by {len(signed.signers)} of the authority's keys, {authority.threshold} must")
    body: T = _body(kind, signed.text, body_type)
    return body


def verify_manifest(data: bytes) -> Manifest:
    """Return the manifest of a note that its own authority signed. Whether that is *the* authority, the user must know.

    Raises:
        InvalidProof: As `verify`.
    """
    manifest: Manifest = read(MANIFEST, data, Manifest)
    verified: Manifest = verify(MANIFEST, data, Manifest, manifest.authority)
    return verified


def verify_result(data: bytes, authority: Authority) -> Result:
    """Return the result of a note that the authority signed."""
    result: Result = verify(RESULT, data, Result, authority)
    return result


def _body(kind: str, text: str, body_type: Any) -> Any:
    lines = text.split("\n")
    if len(lines) != 3 or lines[0] != kind or lines[2]:
        raise InvalidProof(f"not a note of type {kind}")
    try:
        return canonical.decode(lines[1].encode(), body_type)
    except InvalidEncoding as error:
        raise InvalidProof(f"{kind}: {error}") from error
