"""What the tests of attacks share: a way to ask which checks fail, and small frauds that several need."""

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from schemas.roll import IssuanceEntry
from tests.honest import Contest, header_of, signed_line
from voting.proof import issuance, signing
from voting.proof.base64s import to_base64
from voting.verify import BundleRejected, verify_bundle

edit = msgspec.structs.replace


def failures(source: dict[str, bytes], **brought: Any) -> dict[str, str]:
    """Return why each failed check failed; empty where the bundle passes."""
    try:
        verify_bundle(source, **brought)
    except BundleRejected as error:
        return {check.id: check.detail for check in error.report.checks if check.passed is False}
    return {}


def final_place(contest: Contest, why: str = "") -> int:
    """Return the first line with this fate."""
    return next(place for place, line in enumerate(contest.lines) if line.why == why)


def signed_entry(contest: Contest, secret: bytes) -> IssuanceEntry:
    """An issuance that this key did sign."""
    requests = (hashlib.sha256(secret).hexdigest(),)
    signature = signing.sign(secret, issuance.issue_message(contest.ctx, map(bytes.fromhex, requests)))
    pk = signing.public_key(secret).hex()
    return edit(contest.issuances[0], roll_pk=pk, requests=requests, sig=to_base64(signature))


def recast(contest: Contest, change: Callable[[Any], Any], *, signed: bool = True) -> None:
    """Let a voter change the header of their ballot and sign it again."""
    place = final_place(contest)
    line = contest.lines[place]
    owner = next(one for one, _ in contest.voters if one.pk.hex() == header_of(line).pk)
    contest.lines[place] = signed_line(line, change(header_of(line)), owner.secret if signed else bytes(32))
    contest.revise()
    contest.relog()
