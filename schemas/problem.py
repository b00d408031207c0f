"""A refusal as a program reads it (RFC 9457)."""

from msgspec import UNSET, UnsetType

from schemas.base import Record


class Problem(Record):
    """The body of every error. `errors` names fields; `last_rev` helps a client that lost count of its revisions."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[str, ...] | UnsetType = UNSET
    last_rev: int | UnsetType = UNSET
