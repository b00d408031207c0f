"""BLT, the plain text format of ranked ballots.

    4 1                     four candidates, one seat
    -3                      candidate 3 has withdrawn
    5 1 2 0                 five ballots: candidate 1, then 2
    2 4 2=1 0               two ballots: 4, then 2 and 1 on one rank
    3 0                     three ballots without a ranking
    0                       end of the ballots
    "Ann"                   the names, in order of their numbers
    ...
    "Board, 2026"           the title, which may be missing

A `#` outside quotes starts a comment; empty lines are passed over. The format has no standard: this is what the
programs of the Electoral Reform Society and OpenSTV write, and whatever else is in a file is refused.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from schemas.base import SAFE_INTEGER
from voting.errors import InvalidFile
from voting.formats.lines import Lines, Merger, Source, names_an_option_twice, number_rows, sorted_ties
from voting.formats.names import check_names
from voting.profile import RankedProfile

_MOST_CANDIDATES = 10_000
_WHOLE = re.compile(r"0|[1-9][0-9]{0,15}")
_KNOWN = 1 << 16
"""So many different lines are remembered where lines are read one by one."""
_CELLS = 1 << 23
"""A block whose rankings take more room than this when they are all as long as the longest is read line by line."""


@dataclass(frozen=True, eq=False)
class BltFile:
    """What a BLT file says.

    Attributes:
        title: Empty where there is none.
        seats: As in the first line.
        candidates: All names, in the order of their numbers.
        withdrawn: The names of those who have withdrawn.
        profile: The ballots over those who stand, in the order of their numbers; withdrawn ones are passed over.
    """

    title: str
    seats: int
    candidates: tuple[str, ...]
    withdrawn: tuple[str, ...]
    profile: RankedProfile


def read_blt(data: Source, *, equal_ranks: bool = True) -> BltFile:
    """Return the election in a BLT file, or refuse all of it.

    Args:
        data: The file, UTF-8, or its chunks; of chunks only the different rankings are kept.
        equal_ranks: Whether `=` is allowed; False for methods that don't take it.

    Raises:
        InvalidFile: With the number of the line, the reason, and how to mend it.
    """
    reader = _Reader(data)
    size, seats = reader.header()
    withdrawn = reader.withdrawn(size)
    standing = [number for number in range(1, size + 1) if number not in withdrawn]
    if not standing:
        raise reader.invalid("every candidate has withdrawn; at least one must stand")
    ballots = _Ballots(reader, size=size, standing=standing, equal_ranks=equal_ranks)
    ballots.read()
    names, title = reader.names(size)
    return BltFile(
        title=title,
        seats=seats,
        candidates=tuple(names),
        withdrawn=tuple(names[number - 1] for number in sorted(withdrawn)),
        profile=ballots.merger.profile(tuple(names[number - 1] for number in standing)),
    )


def write_blt(profile: RankedProfile, *, seats: int, title: str) -> bytes:
    """Return the BLT file of a profile: most frequent rankings first, empty ballots last.

    Raises:
        InvalidFile: A name or a title that can't stand in it.
    """
    check_names(profile.options, target="BLT")
    check_names([title] if title else [], target="the title of a BLT file")
    size = len(profile.options)
    lines = [f"{size} {seats}"]
    for row in np.argsort(-profile.counts, kind="stable").tolist():
        text = ""
        for place, index in enumerate(profile.rankings[row].tolist()):
            if index < 0:
                break
            same = profile.tied is not None and profile.tied[row, place]
            text += f"{'=' if same else ' '}{index + 1}"
        lines.append(f"{profile.counts[row]}{text} 0")
    if profile.empty:
        lines.append(f"{profile.empty} 0")
    lines += ["0", *(_quote(name) for name in profile.options), _quote(title)]
    return "".join(line + "\n" for line in lines).encode()


class _Reader:
    """The lines of a file that say something, one after the other."""

    def __init__(self, data: Source) -> None:
        self.lines = Lines(data)

    def next(self, *, wanted: str) -> str:
        """Return the next line without comment and outer blanks."""
        while (line := self.lines.take()) is not None:
            if text := _uncomment(self.lines.text(line)):
                return text
        raise InvalidFile(f"line {self.lines.number + 1}: the file ends, but {wanted} must follow")

    def invalid(self, reason: str) -> InvalidFile:
        """Return the refusal of the line that was read last."""
        return InvalidFile(f"line {self.lines.number}: {reason}")

    def header(self) -> tuple[int, int]:
        """Return how many candidates and seats there are."""
        words = self.next(wanted="the numbers of candidates and seats").split()
        if len(words) != 2 or not all(_WHOLE.fullmatch(word) for word in words):
            raise self.invalid("the first line must be two whole numbers, candidates and seats, such as '4 1'")
        size, seats = map(int, words)
        if not 1 <= size <= _MOST_CANDIDATES:
            raise self.invalid(f"{size} candidates; there must be 1 to {_MOST_CANDIDATES}")
        if not 1 <= seats <= size:
            raise self.invalid(f"{seats} seats for {size} candidates; there must be 1 to {size}")
        return size, seats

    def withdrawn(self, size: int) -> set[int]:
        """Return the numbers of those who have withdrawn."""
        withdrawn: set[int] = set()
        while (line := self.lines.take()) is not None:
            text = _uncomment(self.lines.text(line))
            if text and not text.startswith("-"):
                self.lines.give_back(line)
                self.lines.number -= 1
                break
            for word in text.split():
                number = word.removeprefix("-")
                if number == word or not _WHOLE.fullmatch(number) or not 1 <= int(number) <= size:
                    raise self.invalid(f"{word!r} must be a withdrawn candidate, -1 to -{size}")
                withdrawn.add(int(number))
        return withdrawn

    def names(self, size: int) -> tuple[list[str], str]:
        """Return the names of all candidates and the title, which end the file."""
        names: dict[str, None] = {}
        for number in range(1, size + 1):
            name = self._unquote(self.next(wanted=f"the name of candidate {number} of {size}"))
            if not name:
                raise self.invalid(f"candidate {number} has no name; give it one")
            if name in names:
                raise self.invalid(f"the name {name!r} stands twice; make the names differ")
            names[name] = None
        title = self._rest()
        if title and self._rest():
            raise self.invalid(f"more text after {size} names and the title; correct the first line or remove it")
        return list(names), self._unquote(title) if title else ""

    def _rest(self) -> str:
        """Return the next line that says something, or nothing at the end of the file."""
        while (line := self.lines.take()) is not None:
            if text := _uncomment(self.lines.text(line)):
                return text
        return ""

    def _unquote(self, line: str) -> str:
        if len(line) < 2 or line[0] != '"' or line[-1] != '"':
            raise self.invalid(f"expected a name in quotes, not {line[:40]!r}")
        name = line[1:-1].replace('""', '"').strip()
        if not name.isprintable():
            raise self.invalid("a name holds control characters; remove them")
        return name


class _Ballots:
    """The ballots, block by block: at once where a block is plain and right, else line by line."""

    def __init__(self, reader: _Reader, *, size: int, standing: Sequence[int], equal_ranks: bool) -> None:
        self.merger = Merger()
        self._lines = reader.lines
        self._size = size
        self._equal_ranks = equal_ranks
        self._options = len(standing)
        self._renumbered = np.zeros(size + 1, np.int32)
        self._renumbered[list(standing)] = np.arange(1, len(standing) + 1)
        self._known: dict[bytes, tuple[int, tuple[int, ...]] | None] = {}

    def read(self) -> None:
        """Read up to the line with 0."""
        while block := self._lines.take_block():
            if self._read_at_once(block):
                continue
            at = _end_of_ballots(block)
            if at >= 0 and self._read_at_once(block[:at]):
                self._lines.give_back(block[at:])
                self._lines.take()
                return
            if self._read_lines(block):
                return
        raise InvalidFile(
            f"line {self._lines.number + 1}: the file ends, but more ballots or a line with 0 must follow"
        )

    def _read_at_once(self, block: bytes) -> bool:
        """Take a block of plain numbers; False, with nothing taken, where it is something else or errs."""
        if not block:
            return True
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n")
        found = number_rows(block, first=b" ", between=b" ")
        if found is None:
            return False
        numbers, ends = found
        if np.count_nonzero(numbers) != len(numbers) - len(ends) or numbers[ends].any():
            return False
        starts = np.concatenate(([0], ends[:-1] + 1))
        weights = numbers[starts].astype(np.int64)
        longest = int((ends - starts).max()) - 1
        if longest * len(ends) > _CELLS or self.merger.ballots + int(weights.sum()) > SAFE_INTEGER:
            return False
        codes = np.empty((len(ends), longest), np.int32, order="F")
        for place in range(longest):
            codes[:, place] = numbers[np.minimum(starts + (place + 1), ends)]  # behind the last rank stands the 0
        if longest and (int(codes.max()) > self._size or names_an_option_twice(codes, size=self._size)):
            return False
        if self._options < self._size:
            codes = self._renumbered[codes]
        self.merger.add(codes, weights, size=self._options)
        self._lines.number += len(ends)
        return True

    def _read_lines(self, block: bytes) -> bool:
        """Read a block line by line, each different line once; True where the line with 0 was found."""
        lines = block.split(b"\n")[:-1]
        first = self._lines.number + 1
        rows: Counter[tuple[int, ...]] = Counter()
        total = self.merger.ballots
        at = 0
        for line, times in Counter(lines).items():
            at = lines.index(line, at)
            ballot = self._ballot(line, number=first + at)
            if ballot is None:
                self._read_lines(b"".join(earlier + b"\n" for earlier in lines[:at]))
                self._lines.give_back(b"".join(later + b"\n" for later in lines[at + 1 :]))
                self._lines.number += 1
                return True
            weight, row = ballot
            if weight:
                rows[row] += weight * times
                total += weight * times
        if total > SAFE_INTEGER:
            raise self._too_many(lines, first=first)
        self.merger.add_rows(rows, size=self._options)
        self._lines.number += len(lines)
        return False

    def _ballot(self, line: bytes, *, number: int) -> tuple[int, tuple[int, ...]] | None:
        """The weight and the ranking of a line, weight 0 where it says nothing, or None for the line with 0."""
        if line not in self._known:
            if len(self._known) > _KNOWN:
                self._known.clear()
            self._known[line] = self._parse(line, number=number)
        return self._known[line]

    def _parse(self, line: bytes, *, number: int) -> tuple[int, tuple[int, ...]] | None:
        words = _uncomment(self._lines.text(line, number=number)).split()
        where = f"line {number}"
        if not words:
            return 0, ()
        if words == ["0"]:
            return None
        if words[0].startswith('"'):
            raise InvalidFile(f"{where}: a name, but the ballots have not ended; put a line with 0 before the names")
        if not _WHOLE.fullmatch(words[0]) or words[0] == "0":
            raise InvalidFile(f"{where}: {words[0]!r} must be a number of ballots, a whole number from 1")
        if words[-1] != "0" or len(words) == 1:
            raise InvalidFile(f"{where}: a ballot must end with 0; add it")
        ranking = self._ranking(words[1:-1], where=where)
        return int(words[0]), sorted_ties(
            [[new for old in rank if (new := int(self._renumbered[old]))] for rank in ranking]
        )

    def _ranking(self, words: Sequence[str], *, where: str) -> list[list[int]]:
        ranking = []
        seen: set[int] = set()
        for word in words:
            rank = word.split("=")
            if len(rank) > 1 and not self._equal_ranks:
                raise InvalidFile(
                    f"{where}: equal ranks ({word}), which this method does not take; rank one after the other"
                )
            for number in rank:
                if not _WHOLE.fullmatch(number) or not 1 <= int(number) <= self._size:
                    raise InvalidFile(
                        f"{where}: {number!r} is no candidate; they are 1 to {self._size}, and 0 ends a ballot"
                    )
                if int(number) in seen:
                    raise InvalidFile(f"{where}: candidate {number} is ranked twice; name each candidate once")
                seen.add(int(number))
            ranking.append([int(number) for number in rank])
        return ranking

    def _too_many(self, lines: Sequence[bytes], *, first: int) -> InvalidFile:
        total = self.merger.ballots
        for number, line in enumerate(lines, first):
            ballot = self._parse(line, number=number)
            total += ballot[0] if ballot else 0
            if total > SAFE_INTEGER:
                break
        return InvalidFile(f"line {number}: more than {SAFE_INTEGER} ballots; such a number can't be right")


def _end_of_ballots(block: bytes) -> int:
    """Where a plain line with 0 begins; -1 where there is none."""
    if block.startswith((b"0\n", b"0\r\n")):
        return 0
    places = [block.find(mark) for mark in (b"\n0\n", b"\n0\r\n")]
    return min((place + 1 for place in places if place >= 0), default=-1)


def _uncomment(line: str) -> str:
    quote = line.find('"')
    mark = line.find("#")
    if 0 <= quote < mark:
        mark = line.find("#", line.rfind('"') + 1)
    return (line if mark < 0 else line[:mark]).strip()


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
