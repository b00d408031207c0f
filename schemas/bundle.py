"""What the verifier says, and the result note."""

from typing import Literal

from msgspec import UNSET, UnsetType

from schemas.base import Count, Hex32, Record


class ResultCounts(Record):
    """How many were eligible, had a token, cast; what became of the ballots."""

    eligible: Count
    issued: Count
    cast: Count
    final: Count
    superseded: Count
    invalid: dict[str, Count]
    paper: Count
    assisted: Count


class Engine(Record):
    """One program that counted: its name, version, the SHA-256 of its source, and whether it agrees with the first."""

    name: str
    version: str
    sha256: Hex32
    agrees: bool


class Opinion(Record, kw_only=True):
    """What a program of other people says of the count, or why it can't say anything.

    `speaks` tells whether it was asked; then `agrees` says whether it found what was expected of it, else it is None.
    `reason` says in plain words what was compared, or what keeps it silent. Where no program knows the method, `name`
    is "none" and `version` empty.
    """

    name: str
    version: str
    speaks: bool
    agrees: bool | None
    reason: str


class Result(Record, kw_only=True):
    """The body of the result note: the outcome, bound to the log and to every file of the bundle.

    `opinions` is absent in notes from before there were any.
    """

    ctx: Hex32
    size: Count
    root: Hex32
    seed: str
    counts: ResultCounts
    engines: tuple[Engine, ...]
    opinions: tuple[Opinion, ...] | UnsetType = UNSET
    rounds_sha256: Hex32
    elected: tuple[str, ...] | UnsetType = UNSET
    funded: tuple[str, ...] | UnsetType = UNSET
    sha256sums_sha256: Hex32


class Check(Record):
    """One numbered check. `passed` is None where the check does not apply."""

    id: str
    name: str
    passed: bool | None
    detail: str


class Report(Record):
    """What `verify --json` prints."""

    contest: str | None
    ctx: str | None
    result: Literal["passed", "rejected"]
    checks: tuple[Check, ...]
    trust: tuple[str, ...]
    elected: tuple[str, ...] | UnsetType = UNSET
    funded: tuple[str, ...] | UnsetType = UNSET
