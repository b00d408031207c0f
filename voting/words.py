"""How the verifier puts numbers, times and problems into words."""

from collections.abc import Iterator
from datetime import UTC, datetime

from voting.errors import InvalidBundle

_LAST = 253402300799


def plural(count: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun.

    Example:
        >>> plural(1, "ballot"), plural(9120, "entry", "entries")
        ('1 ballot', '9,120 entries')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def utc(at: int) -> str:
    """Return POSIX seconds as a date and time; numbers beyond the year 9999 stay numbers.

    Example:
        >>> utc(1_800_000_000)
        '2027-01-15 08:00:00 UTC'
    """
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC" if at <= _LAST else f"second {at}"


def settle(problems: Iterator[str]) -> None:
    """Say the first problem, and how many more there are.

    Raises:
        InvalidBundle: There is at least one.
    """
    first = next(problems, None)
    if first is not None:
        more = sum(1 for _ in problems)
        raise InvalidBundle(f"{first} (and {more:,} more)" if more else first)
