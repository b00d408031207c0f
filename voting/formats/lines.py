"""The lines of a ballot file as they come: whole files or chunks of them, never more than a chunk at a time.

A file of ten million ballots holds few different ones. Readers take a header line by line, then blocks of whole lines,
and keep the different rankings only; so the memory they need does not grow with the file.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voting.errors import InvalidFile
from voting.profile import IntArray, RankedProfile, ranked_profile

Source = bytes | Iterable[bytes]
"""A file: all of it, or its chunks in order."""

BLOCK = 1 << 18
"""A block holds about so many bytes: what is made of them stays in the processor's cache."""
_LINE_MAX = 16 << 20
_ROWS = 1 << 17
"""From so many rows on, rankings are merged before more are read."""
_DIGITS = 9


class Lines:
    """The lines of a file, one by one or in blocks, with their numbers.

    Attributes:
        number: How many lines have been read, which is the number of the last one.
    """

    def __init__(self, source: Source) -> None:
        self.number = 0
        self._chunks = _chunks(source)
        self._held = b""
        self._at = 0
        self._ended = False
        self._fill()
        if self._held.startswith(b"\xef\xbb\xbf"):
            self._at = 3

    def take(self) -> bytes | None:
        """Return the next line with its line end, or None at the end of the file."""
        while (end := self._held.find(b"\n", self._at)) < 0 and self._fill():
            pass
        if self._at == len(self._held):
            return None
        stop = len(self._held) if end < 0 else end + 1
        line = self._held[self._at : stop]
        self._at = stop
        self.number += 1
        return line

    def take_block(self, size: int = BLOCK) -> bytes:
        """Return whole lines, about `size` bytes of them, each with a line end; nothing at the end of the file.

        `number` stays where it is: whoever reads the block adds the lines it read.
        """
        while len(self._held) - self._at < size and self._fill():
            pass
        if self._at == len(self._held):
            return b""
        end = self._held.rfind(b"\n", self._at)
        while end < 0 and self._fill():
            end = self._held.rfind(b"\n", self._at)
        stop = len(self._held) if end < 0 else end + 1
        block = self._held[self._at : stop]
        self._at = stop
        return block if end >= 0 else block + b"\n"

    def give_back(self, block: bytes) -> None:
        """Put back whole lines of the block that was taken last; `number` stays where it is."""
        self._held = block + self._held[self._at :]
        self._at = 0

    def text(self, line: bytes, *, number: int | None = None) -> str:
        """Return a line as text.

        Raises:
            InvalidFile: Not UTF-8.
        """
        try:
            return line.decode()
        except UnicodeDecodeError:
            raise InvalidFile(f"line {number or self.number}: not UTF-8; save the file as UTF-8") from None

    def _fill(self) -> bool:
        """Read one chunk more; False at the end of the file."""
        held = len(self._held) - self._at
        if held > _LINE_MAX:
            raise InvalidFile(f"line {self.number + 1}: longer than {_LINE_MAX >> 20} MiB; this is no ballot file")
        parts = [self._held[self._at :]]
        while not self._ended:
            chunk = next(self._chunks, None)
            if chunk is None:
                self._ended = True
                break
            parts.append(chunk)
            held += len(chunk)
            if b"\n" in chunk or held > _LINE_MAX:
                break
        self._held = b"".join(parts)
        self._at = 0
        return len(parts) > 1


def _chunks(source: Source) -> Iterator[bytes]:
    if isinstance(source, bytes):
        return (source[at : at + BLOCK] for at in range(0, len(source), BLOCK))
    return (chunk for chunk in source if chunk)


class Merger:
    """Rankings as they come, equal ones merged now and then, so that only the different ones are kept.

    A ranking is a row of signed numbers: k is option k, from 1, on a rank of its own; -k is option k on the rank of the
    one before it; 0 is a blank.

    Attributes:
        ballots: All ballots so far, those without a ranking too.
    """

    def __init__(self) -> None:
        self.ballots = 0
        self._waiting: list[tuple[NDArray[np.int32], IntArray]] = []
        self._waiting_rows = 0
        self._merged: RankedProfile | None = None

    def add(self, codes: NDArray[np.int32], weights: IntArray, *, size: int) -> None:
        """Take the rankings of a block.

        Args:
            codes: Shape (rows, ranks), signed numbers, no option twice in a row.
            weights: Shape (rows): how many ballots each row stands for, 1 or more.
            size: How many options there are so far.
        """
        self.ballots += int(weights.sum())
        self._waiting.append((codes, weights))
        self._waiting_rows += len(codes)
        if self._waiting_rows > max(_ROWS, 0 if self._merged is None else 2 * len(self._merged.counts)):
            self._merge(size)

    def add_rows(self, rows: Counter[tuple[int, ...]], *, size: int) -> None:
        """Take rankings that are tuples of signed numbers, each with its multiplicity."""
        codes = np.zeros((len(rows), max(map(len, rows), default=0)), np.int32)
        for place, row in enumerate(rows):
            codes[place, : len(row)] = row
        self.add(codes, np.fromiter(rows.values(), np.int64, len(rows)), size=size)

    def profile(self, options: tuple[str, ...]) -> RankedProfile:
        """Return everything that was taken, by the names of the options."""
        merged = self._merge(len(options))
        return RankedProfile(
            options=options,
            rankings=merged.rankings,
            tied=merged.tied,
            counts=merged.counts,
            ballots=self.ballots,
        )

    def _merge(self, size: int) -> RankedProfile:
        merged = _merge_rows(self._waiting, size)
        if self._merged is not None:
            parts = [(_signed(part), part.counts) for part in (self._merged, merged)]
            merged = _merge_rows(parts, size)
        self._waiting, self._waiting_rows = [], 0
        self._merged = merged
        return merged


def _merge_rows(parts: list[tuple[NDArray[np.int32], IntArray]], size: int) -> RankedProfile:
    longest = max((codes.shape[1] for codes, _ in parts), default=0)
    rows = np.zeros((sum(len(codes) for codes, _ in parts), longest), np.int32, order="F")
    at = 0
    for codes, _ in parts:
        rows[at : at + len(codes), : codes.shape[1]] = codes
        at += len(codes)
    weights = np.concatenate([np.zeros(0, np.int64), *(weights for _, weights in parts)])
    once = bool((weights == 1).all())  # then there is a faster way
    return ranked_profile(_unsigned(rows, size), options=("",) * size, weights=None if once else weights)


def names_an_option_twice(codes: NDArray[np.int32], *, size: int) -> bool:
    """Return whether any row does, of positive numbers up to `size` with zeros behind them."""
    if size > 62:
        ordered = np.sort(codes, axis=1)
        return bool(((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] > 0)).any())
    seen = np.zeros(len(codes), np.int64)
    for column in codes.T:
        bits = np.left_shift(1, column, dtype=np.int64)
        bits &= -2  # a blank is no option
        if (seen & bits).any():
            return True
        seen |= bits
    return False


def _unsigned(codes: NDArray[np.integer[Any]], size: int) -> NDArray[np.integer[Any]]:
    """Signed numbers as `ranked_profile` takes them."""
    return np.where(codes < 0, size - codes, codes) if codes.size and codes.min() < 0 else codes


def _signed(profile: RankedProfile) -> NDArray[np.int32]:
    codes = profile.rankings + np.int32(1)
    if profile.tied is not None:
        codes[profile.tied] *= -1
    return codes


def sorted_ties(ranking: Iterable[Iterable[int]]) -> tuple[int, ...]:
    """Return a ranking, given as option numbers rank by rank, as signed numbers; ties in order of the numbers.

    Example:
        >>> sorted_ties([[2], [3, 1], []])
        (2, 1, -3)
    """
    row: list[int] = []
    for rank in ranking:
        place = sorted(rank)
        row += place[:1]
        row += [-option for option in place[1:]]
    return tuple(row)


def number_rows(block: bytes, *, first: bytes, between: bytes) -> tuple[NDArray[np.int32], IntArray] | None:
    """Return the numbers of a block of lines, and where each line ends; None where it isn't that plain.

    Plain is: numbers of at most 9 digits without leading zeros, `first` behind the first number of a line, `between`
    between the others, a line feed at the end of every line, two numbers in it at least.

    Returns:
        The numbers in order, and for each line the place of its last one.
    """
    marks = np.frombuffer(block, np.uint8)
    if not len(marks) or int(marks.max()) > 57:
        return None
    ends = np.flatnonzero(marks < 48)
    if not len(ends) or ends[-1] != len(marks) - 1:
        return None
    starts = np.empty_like(ends)
    starts[0] = 0
    np.add(ends[:-1], 1, out=starts[1:])
    lengths = (ends - starts).astype(np.int32)
    longest = int(lengths.max())
    if int(lengths.min()) < 1 or longest > _DIGITS:
        return None
    kinds = marks[ends]
    lasts = np.flatnonzero(kinds == 10)
    leads = np.concatenate(([0], lasts[:-1] + 1))
    if kinds[-1] != 10 or (kinds[leads] != first[0]).any():
        return None
    others = np.count_nonzero(kinds == between[0]) + (0 if first == between else len(leads))
    if len(ends) != len(lasts) + others:
        return None
    values = marks[starts].astype(np.int32)
    values -= 48
    if longest > 1:
        more = np.flatnonzero(lengths > 1)
        if not values[more].all():
            return None
        for place in range(1, longest):
            values[more] = values[more] * 10 + marks[starts[more] + place] - 48
            more = more[lengths[more] > place + 1]
    return values, lasts
