"""The roll and the issuing of tokens: requests, answers and the entries of the issuance log."""

from typing import Annotated, Literal

import msgspec

from schemas.base import Base64, ClassId, Count, Hex32, Record
from schemas.contest import Channel


class IssueRequest(Record):
    """Asks one issuer to blind-sign. `hashes` are the SHA-256 of the requests to all issuers, in manifest order."""

    type: Literal["weighin/v1/issue"]
    ctx: Hex32
    cls: ClassId
    roll_pk: Hex32
    channel: Channel
    hashes: Annotated[tuple[Hex32, ...], msgspec.Meta(min_length=1, max_length=16)]
    issuer: Annotated[int, msgspec.Meta(ge=0, le=15)]
    """Position in the manifest's list of issuers, from 0."""
    request: Base64
    sig: Base64


class IssueAnswer(Record):
    """The blind signature, 256 bytes as base64."""

    response: Base64


class LookupRequest(Record):
    """The holder of a code asks whether it was used."""

    type: Literal["weighin/v1/lookup"]
    ctx: Hex32
    roll_pk: Hex32
    sig: Base64


class LookupAnswer(Record):
    """Whether a token was issued for this code, and if so by which request hashes."""

    issued: bool
    voided: bool
    requests: tuple[Hex32, ...]


class IssuanceEntry(Record):
    """One line of an issuance log's entries.jsonl; its hash is the log's entry."""

    ctx: Hex32
    cls: ClassId
    roll_pk: Hex32
    channel: Channel
    requests: tuple[Hex32, ...]
    sig: Base64


class RollLine(Record):
    """One leaf of the roll: a code's public key, the index of its class, and its pool (0 mailed, 1 reserve)."""

    roll_pk: Hex32
    cls: Count
    pool: Literal[0, 1]
