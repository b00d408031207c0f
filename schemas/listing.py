"""A contest as people read it: words in every language beside the facts of the manifest."""

from typing import Annotated, Literal

import msgspec

from schemas.base import ClassId, ContestId, Count, Hex32, Host, Language, OptionId, Positive, PosixTime, Record
from schemas.contest import BallotRules, Kind, Level, Option

Phase = Literal["draft", "approved", "open", "closed", "counted", "answered", "cancelled"]
Topic = Literal["strategic-plan", "technology-adoption", "enforcement-priorities", "policy-proposal"]


class OptionText(Record):
    """One option in words: a title, and the same thing said plainly and for experts."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    plain: str = ""
    expert: str = ""


class ContestText(Record):
    """A contest in the words of one language. Canonical JSON of this is what `texts_sha256` hashes."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    question: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    official: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    """Name and title of who must answer."""
    department: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    """Name of whose question it is."""
    options: dict[OptionId, OptionText]
    short: str = ""
    why_now: str = ""
    eligibility: str = ""
    areas_note: str = ""
    method_note: str = ""
    promise_to_respond: str = ""
    visibility_note: str = ""
    last_time: str = ""


class ContestListing(Record, kw_only=True):
    """What pages and `GET /api/v1/contests/{id}` show. Nothing here varies with the votes before publication."""

    id: ContestId
    ctx: Hex32
    phase: Phase
    topic: Topic
    kind: Kind
    level: Level
    rehearsal: bool
    assisted: bool
    languages: tuple[Language, ...]
    texts: dict[Language, ContestText]
    options: tuple[Option, ...]
    """In the manifest's order."""
    method: str
    """Such as "irv/1"."""
    ballot: BallotRules
    seats: Positive | None
    budget: Positive | None
    currency: str | None
    minor_digits: int | None
    classes: tuple[ClassId, ...]
    issuer_hosts: tuple[Host, ...]
    box_host: Host
    issues_from: PosixTime
    opens_at: PosixTime
    closes_at: PosixTime
    response_due: PosixTime
    binding: bool
    eligible: Count
    """Codes on the roll."""
    issued: Count
    """Codes used so far, rounded down to a multiple of 10."""


class Place(Record):
    """Whose service this is, in words by language."""

    name: dict[Language, str]
    tagline: dict[Language, str]
    about: dict[Language, str]
    rehearsal: bool
    time_zone: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "UTC"
    """IANA name of the zone that pages show moments in."""
    territory: Annotated[str, msgspec.Meta(pattern=r"\A[A-Z]{2}\Z")] = "US"
    """Country whose habits numbers and dates follow."""
