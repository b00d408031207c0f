"""A contest as its department writes it, and what the rooms hand in for it."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from schemas.base import ClassId, ContestId, Count, Hex32, Language, OptionId, Positive, PosixTime, Record
from schemas.bundle import Engine, Opinion
from schemas.contest import (
    AuditRules,
    BallotRules,
    EpochRules,
    Issuer,
    Kind,
    Level,
    Option,
    ResponsePromise,
    VoterClass,
)
from schemas.listing import ContestText, Topic


class ContestDraft(Record, kw_only=True):
    """Everything that a department decides. Frozen when a second officer approves it."""

    slug: ContestId
    topic: Topic
    kind: Kind
    level: Level
    department: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    languages: Annotated[tuple[Language, ...], msgspec.Meta(min_length=1, max_length=40)]
    texts: dict[Language, ContestText]
    options: Annotated[tuple[Option, ...], msgspec.Meta(min_length=1, max_length=1000)]
    exclusion_groups: tuple[tuple[OptionId, ...], ...] = ()
    budget: Positive | UnsetType = UNSET
    currency: Annotated[str, msgspec.Meta(pattern=r"\A[A-Z]{3}\Z")] | UnsetType = UNSET
    minor_digits: Annotated[int, msgspec.Meta(ge=0, le=6)] | UnsetType = UNSET
    seats: Positive | UnsetType = UNSET
    method_id: str
    method_version: Positive
    ballot: BallotRules
    classes: Annotated[tuple[ClassId, ...], msgspec.Meta(min_length=1, max_length=1000)]
    assisted: bool
    issues_from: PosixTime
    opens_at: PosixTime
    closes_at: PosixTime
    epoch: EpochRules
    max_rev: Annotated[int, msgspec.Meta(ge=1, le=2**32 - 1)]
    beacon: Literal["reveal", "dice20"]
    min_cell: Count
    response_promise: ResponsePromise
    audit: AuditRules


class RegistrarPart(Record):
    """What the registrar hands in for the manifest."""

    classes: tuple[VoterClass, ...]
    roll_id: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
    roll_root: Hex32
    roll_size: Count
    issuer: Issuer


class BoxPart(Record):
    """What the box hands in for the manifest."""

    box_host: str
    box_vkey: str
    log_origin: str
    log_vkey: str
    log_time_vkey: str


class TallierPart(Record):
    """What the tallier hands in for the manifest: the key to seal to, and the commitment of the beacon's secret."""

    seal_key: str
    beacon_commit: Hex32


class CountPart(Record):
    """What the tallier hands in beside the files: who counted, what they chose, and what became of the ballots.

    `opinions` is absent where the tallier is of a version that asked nobody.
    """

    engines: tuple[Engine, ...]
    chosen: tuple[str, ...]
    cast: Count
    final: Count
    invalid: dict[str, Count]
    opinions: tuple[Opinion, ...] | UnsetType = UNSET
