"""A contest as it is published: the manifest that is signed, and the notices that may follow it.

Byte for byte: protocol weighin/v1, section 3, and voting/FORMAT.md.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from schemas.base import (
    Base64,
    ClassId,
    ContestId,
    Count,
    Hex32,
    Host,
    Language,
    OptionId,
    Positive,
    PosixTime,
    Record,
    VKey,
)

Kind = Literal["ranked", "budget"]
Level = Literal["standard", "high"]


class Option(Record):
    """Anything that can be voted for. `cost` is in minor units of the contest's currency, budget contests only."""

    id: OptionId
    cost: Positive | UnsetType = UNSET


class MethodPin(Record):
    """The counting method, pinned by the hashes of its published spec and vectors."""

    id: Annotated[str, msgspec.Meta(pattern=r"\A[a-z-]{1,32}\Z")]
    version: Positive
    spec_sha256: Hex32
    vectors_sha256: Hex32


class RankingRules(Record, tag="ranking", tag_field="kind"):
    """Rank up to `max_ranks` options; `equal` allows several on one rank."""

    max_ranks: Positive
    equal: bool


class ApprovalRules(Record, tag="approval", tag_field="kind"):
    """Approve up to `max_choices` options."""

    max_choices: Positive


class KnapsackRules(Record, tag="knapsack", tag_field="kind"):
    """Approve any projects that fit the budget together."""


class PointsRules(Record, tag="points", tag_field="kind"):
    """Give out up to `points`, in multiples of `step`."""

    points: Positive
    step: Positive


class ScoreRules(Record, tag="score", tag_field="kind"):
    """Score each option from 1 to `max_score`; unscored is 0."""

    max_score: Positive


BallotRules = RankingRules | ApprovalRules | KnapsackRules | PointsRules | ScoreRules


class VoterClass(Record):
    """One class of voters: how many codes were mailed (pool 0) and kept in reserve (pool 1)."""

    id: ClassId
    roll_size: Count
    reserve_size: Count


class Issuer(Record):
    """One party that must blind-sign every token, with a key for each class."""

    host: Host
    spki: dict[ClassId, Base64]
    log_vkey: VKey
    log_time_vkey: VKey


class EpochRules(Record):
    """When pending ballots are sealed into the log; seconds."""

    min_batch: Positive
    min_s: Count
    max_s: Positive


class Beacon(Record):
    """Where the public seed of the lot comes from. `commit` is the SHA-256 of the secret, kind `reveal` only."""

    kind: Literal["reveal", "dice20"]
    commit: Hex32 | UnsetType = UNSET


class ResponsePromise(Record):
    """Who must answer in public, by when, and whether the result binds."""

    official: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    due: PosixTime
    binding: bool


class Authority(Record):
    """The keys of the election authority, and how many of them must sign."""

    keys: tuple[VKey, ...]
    threshold: Positive


class AuditRules(Record):
    """How many issuances are called back after close, and how paper is audited."""

    issuance_n: Count
    paper_rule: Annotated[str, msgspec.Meta(max_length=64)]


class Manifest(Record, kw_only=True):
    """Everything that is fixed before the first token. `ctx`, its hash, is the contest's identity everywhere."""

    type: Literal["weighin/v1/manifest"]
    level: Level
    rehearsal: bool
    slug: ContestId
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    languages: Annotated[tuple[Language, ...], msgspec.Meta(min_length=1, max_length=40)]
    texts_sha256: dict[Language, Hex32]
    kind: Kind
    options: Annotated[tuple[Option, ...], msgspec.Meta(min_length=1, max_length=1000)]
    exclusion_groups: tuple[tuple[OptionId, ...], ...]
    budget: Positive | UnsetType = UNSET
    currency: Annotated[str, msgspec.Meta(pattern=r"\A[A-Z]{3}\Z")] | UnsetType = UNSET
    minor_digits: Annotated[int, msgspec.Meta(ge=0, le=6)] | UnsetType = UNSET
    seats: Positive | UnsetType = UNSET
    method: MethodPin
    ballot: BallotRules
    pad: Positive
    classes: Annotated[tuple[VoterClass, ...], msgspec.Meta(min_length=1, max_length=1000)]
    roll_id: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
    roll_root: Hex32
    roll_size: Count
    issuers: Annotated[tuple[Issuer, ...], msgspec.Meta(min_length=1, max_length=16)]
    issuer_policy: Literal["all"]
    box_host: Host
    box_vkey: VKey
    log_origin: Annotated[str, msgspec.Meta(pattern=r"\A[^ +\n]{1,255}\Z")]
    log_vkey: VKey
    log_time_vkey: VKey
    policy: tuple[str, ...]
    seal_key: Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9+/]{87}=\Z")]
    """Uncompressed P-256 point, 65 bytes as base64."""
    assisted: bool
    opens_at: PosixTime
    issues_from: PosixTime
    closes_at: PosixTime
    epoch: EpochRules
    max_rev: Annotated[int, msgspec.Meta(ge=1, le=2**32 - 1)]
    body_size: Positive
    beacon: Beacon
    min_cell: Count
    response_promise: ResponsePromise
    authority: Authority
    audit: AuditRules


class CancelNotice(Record, tag="cancel", tag_field="act"):
    """The contest is called off."""

    type: Literal["weighin/v1/notice"]
    ctx: Hex32
    n: Positive
    at: PosixTime
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class ExtendNotice(Record, tag="extend", tag_field="act"):
    """Voting closes later than the manifest says; made before the old time is reached."""

    type: Literal["weighin/v1/notice"]
    ctx: Hex32
    n: Positive
    at: PosixTime
    closes_at: PosixTime


class ClientNotice(Record, tag="client", tag_field="act"):
    """A file of the voting page, by its hash."""

    type: Literal["weighin/v1/notice"]
    ctx: Hex32
    n: Positive
    at: PosixTime
    file: Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")]
    sha256: Hex32


class VoidNotice(Record, tag="void", tag_field="act"):
    """A code that no longer counts."""

    type: Literal["weighin/v1/notice"]
    ctx: Hex32
    n: Positive
    at: PosixTime
    roll_pk: Hex32


Channel = Literal["letter", "link", "desk", "kiosk", "paper"]


class ReplaceNotice(Record, tag="replace", tag_field="act"):
    """A code that no longer counts, since a reserve code took its place."""

    type: Literal["weighin/v1/notice"]
    ctx: Hex32
    n: Positive
    at: PosixTime
    roll_pk: Hex32
    channel: Channel


class HandoutNotice(Record, tag="handout", tag_field="act"):
    """Reserve codes that were handed out, as a count."""

    type: Literal["weighin/v1/notice"]
    ctx: Hex32
    n: Positive
    at: PosixTime
    cls: ClassId
    channel: Channel
    count: Positive


class IncidentNotice(Record, tag="incident", tag_field="act"):
    """Something went wrong, in words."""

    type: Literal["weighin/v1/notice"]
    ctx: Hex32
    n: Positive
    at: PosixTime
    text: dict[Language, str]


Notice = CancelNotice | ExtendNotice | ClientNotice | VoidNotice | ReplaceNotice | HandoutNotice | IncidentNotice
