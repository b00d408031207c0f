"""The issuance log: what a code signs to get tokens, and the entry that proves it did (protocol sections 5 and 6)."""

import hashlib
from collections.abc import Iterable

from schemas.roll import IssuanceEntry, IssueRequest
from voting.errors import InvalidProof
from voting.proof import canonical, signing
from voting.proof.base64s import from_base64
from voting.proof.tags import tag, tagged_hash


def issue_message(ctx: bytes, request_hashes: Iterable[bytes]) -> bytes:
    """Return what the code's key signs: the contest and the SHA-256 of the request to each issuer, in order."""
    return tag("issue") + ctx + b"".join(request_hashes)


def lookup_message(ctx: bytes) -> bytes:
    """Return what the code's key signs to look itself up."""
    return tag("lookup") + ctx


def check_request(body: IssueRequest, request: bytes) -> None:
    """Check that the code asked for exactly this request.

    Raises:
        InvalidProof: The request is not the one that was signed for, or the signature is not the code's.
    """
    if body.issuer >= len(body.hashes) or hashlib.sha256(request).hexdigest() != body.hashes[body.issuer]:
        raise InvalidProof("the request is not the one whose hash is signed")
    message = issue_message(bytes.fromhex(body.ctx), map(bytes.fromhex, body.hashes))
    if not signing.verify(bytes.fromhex(body.roll_pk), message, from_base64(body.sig, 64)):
        raise InvalidProof("the signature is not made with this code")


def entry_hash(entry: IssuanceEntry) -> bytes:
    """Return the log's entry for one issuance, 32 bytes."""
    return tagged_hash("issuance", canonical.encode(entry))


def is_signed(entry: IssuanceEntry) -> bool:
    """Tell whether the holder of the code signed this issuance."""
    message = issue_message(bytes.fromhex(entry.ctx), map(bytes.fromhex, entry.requests))
    return signing.verify(bytes.fromhex(entry.roll_pk), message, from_base64(entry.sig, 64))
