"""One public lot for each option: what breaks every tie that a method leaves open.

The seed is drawn after the last ballot is in (protocol section 10), so nobody can have chosen it with a tie in mind.
"""

from collections.abc import Collection, Sequence

from voting.errors import InvalidContest
from voting.proof.tags import lp, tagged_hash

NO_CONTEST = bytes(32)
"""The `ctx` of a count without a contest: 32 zero bytes."""


def lot(option: str, ctx: bytes, seed: str) -> str:
    """Return the lot of one option, 64 lower-case hex digits.

    Args:
        option: The option's id.
        ctx: The hash of the contest's manifest, 32 bytes; `NO_CONTEST` offline.
        seed: The public seed, ASCII as published; empty offline.

    Source:
        Protocol section 12.

    Example:
        >>> lot("elm", NO_CONTEST, "")[:16]
        'd3f3c981bacd28b3'
    """
    assert len(ctx) == 32, "ctx is a SHA-256"
    return tagged_hash("lot", ctx, lp(option.encode()), seed.encode("ascii")).hex()


def lot_order(options: Collection[str], *, ctx: bytes = NO_CONTEST, seed: str = "") -> tuple[str, ...]:
    """Return the options by ascending lot: who comes first wins a tie.

    The order in which the options are given has no effect.
    """
    return tuple(sorted(options, key=lambda option: (lot(option, ctx, seed), option)))


def places(order: Sequence[str], options: Sequence[str]) -> dict[str, int]:
    """Return the place of each option in a tie order, 0 for the one that wins every tie.

    Raises:
        InvalidContest: `order` doesn't name every option exactly once.
    """
    found = {option: place for place, option in enumerate(order)}
    if len(order) != len(found) or found.keys() != set(options):
        raise InvalidContest("the tie order must name every option exactly once")
    return found
