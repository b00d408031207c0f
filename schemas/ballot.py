"""What a voter sends in: choices, the header that is signed, and the request that carries both."""

from typing import Annotated, Literal

import msgspec

from schemas.base import Base64, ClassId, Hex32, OptionId, Positive, Record


class Ranking(Record):
    """A ranking, best first; an inner list holds options of equal rank, sorted."""

    ranking: tuple[OptionId | tuple[OptionId, ...], ...]


class Approval(Record):
    """The options that are approved, ids sorted."""

    approved: tuple[OptionId, ...]


class Allocation(Record):
    """Points by option, sorted by id; every number is 1 or more."""

    alloc: tuple[tuple[OptionId, Positive], ...]


class Scores(Record):
    """Scores by option, sorted by id; every number is 1 or more."""

    scores: tuple[tuple[OptionId, Positive], ...]


Choices = Ranking | Approval | Allocation | Scores


class Header(Record):
    """The public half of a ballot: who (a key), which revision, and what is committed to. No time, no place."""

    type: Literal["weighin/v1/ballot"]
    ctx: Hex32
    cls: ClassId
    pk: Hex32
    rev: Annotated[int, msgspec.Meta(ge=1, le=2**32 - 1)]
    commit: Hex32
    seal: Hex32
    tok: Annotated[tuple[Base64, ...], msgspec.Meta(min_length=1, max_length=16)]


class CastRequest(Record):
    """The body of a cast. `pad` fills it to the manifest's `body_size`, so that its length says nothing."""

    header: Annotated[str, msgspec.Meta(max_length=16384)]
    sealed: Base64
    sig: Base64
    pad: Annotated[str, msgspec.Meta(pattern=r"\A0*\Z", max_length=65536)]


class CastAnswer(Record):
    """The box's promise, a signed note."""

    promise: str


class Opening(Record):
    """What opens a commitment: the salt and the exact string of the choices."""

    salt: Hex32
    choices: str


class BallotLine(Record):
    """One line of ballots.jsonl, in log order.

    `open` is there for every final revision that could be opened; `why` says what kept a ballot out of the count, and
    `sealed` stands beside `invalid:seal` only.
    """

    header: str
    sig: Base64
    open: Opening | None
    why: Annotated[str, msgspec.Meta(pattern=r"\A(|superseded|unopened|invalid:[a-z_]+)\Z")]
    sealed: Base64 | msgspec.UnsetType = msgspec.UNSET
