"""The base of every struct, and the small types that many of them share."""

from typing import Annotated, dataclass_transform

import msgspec


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A frozen struct that refuses fields it does not know."""


SAFE_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader keeps exact (RFC 8785 section 3.2.2.3)."""

OptionId = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9_-]{1,32}\Z")]
ContestId = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9](-?[a-z0-9]){0,63}\Z", max_length=64)]
ClassId = Annotated[str, msgspec.Meta(pattern=r"\A[a-z_]{1,32}\Z")]
Language = Annotated[str, msgspec.Meta(pattern=r"\A[a-z]{2,3}(-[A-Z]{2})?\Z")]
Hex32 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
"""32 bytes as 64 lower-case hex digits: hashes and Ed25519 public keys."""
Base64 = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9+/]*={0,2}\Z", max_length=16384)]
"""Standard base64 with padding; canonical form is checked by encoding again."""
Count = Annotated[int, msgspec.Meta(ge=0, le=SAFE_INTEGER)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=SAFE_INTEGER)]
PosixTime = Annotated[int, msgspec.Meta(ge=0, le=SAFE_INTEGER)]
"""Seconds since 1970-01-01T00:00:00Z."""
Host = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9.-]{1,253}(:[0-9]{1,5})?\Z")]
VKey = Annotated[str, msgspec.Meta(pattern=r"\A[^ +\n]{1,255}\+[0-9a-f]{8}\+[A-Za-z0-9+/]+={0,2}\Z")]
"""A verifier key of a C2SP signed note: name, key id, algorithm byte and key."""
