"""The log: close record and beacon."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from schemas.base import Count, Hex32, PosixTime, Record


class Close(Record):
    """What the last entry of the log commits to."""

    ctx: Hex32
    n_ballots: Count
    n_batches: Count


class BeaconDraw(Record, kw_only=True):
    """The public seed and where it came from. Kind `reveal` has a secret, kind `dice20` has digits."""

    kind: Literal["reveal", "dice20"]
    secret: Hex32 | UnsetType = UNSET
    digits: Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{20}\Z")] | UnsetType = UNSET
    drawn_at: PosixTime
    seed: Annotated[str, msgspec.Meta(pattern=r"\A([0-9a-f]{64}|[0-9]{20})\Z")]
