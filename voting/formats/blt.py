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
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from schemas.base import SAFE_INTEGER
from voting.errors import InvalidFile
from voting.profile import IntArray, RankedProfile, ranked_profile, ranking_codes

_MOST_CANDIDATES = 10_000
_PLAIN_BALLOTS = re.compile(rb"(?:[1-9][0-9]{0,15}+(?: [1-9][0-9]{0,5}+)*+ 0\r?\n)*+")
"""Ballot lines without anything special: numbers, one space between them, 0 at the end."""
_WHOLE = re.compile(r"0|[1-9][0-9]{0,15}")


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


def read_blt(data: bytes, *, equal_ranks: bool = True) -> BltFile:
    """Return the election in a BLT file, or refuse all of it.

    Args:
        data: The file, UTF-8.
        equal_ranks: Whether `=` is allowed; False for methods that don't take it.

    Raises:
        InvalidFile: With the number of the line, the reason, and how to mend it.
    """
    lines = _Lines(data)
    size, seats = _read_header(lines)
    withdrawn = _read_withdrawn(lines, size)
    standing = [number for number in range(1, size + 1) if number not in withdrawn]
    if not standing:
        raise lines.invalid("every candidate has withdrawn; at least one must stand")
    plain = _read_plain_ballots(lines, size)
    if plain is None:
        rankings, weights = _read_ballots(lines, size, equal_ranks=equal_ranks)
    names, title = _read_names(lines, size)
    options = [names[number - 1] for number in standing]
    if plain is not None:
        codes, weights = plain
        renumbered = np.zeros(size + 1, np.int64)
        renumbered[standing] = np.arange(1, len(standing) + 1)
        codes = renumbered[codes]
    else:
        kept = [
            [[names[number - 1] for number in rank if number not in withdrawn] for rank in ranking]
            for ranking in rankings
        ]
        codes = ranking_codes([[rank for rank in ranking if rank] for ranking in kept], options)
    return BltFile(
        title=title,
        seats=seats,
        candidates=tuple(names),
        withdrawn=tuple(names[number - 1] for number in sorted(withdrawn)),
        profile=ranked_profile(codes, options=options, weights=weights),
    )


def write_blt(profile: RankedProfile, *, seats: int, title: str) -> bytes:
    """Return the BLT file of a profile: most frequent rankings first, empty ballots last."""
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


class _Lines:
    """The lines of a file that say something, one after the other, with their numbers."""

    def __init__(self, data: bytes) -> None:
        try:
            self.text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            number = data.count(b"\n", 0, error.start) + 1
            raise InvalidFile(f"line {number}: not UTF-8; save the file as UTF-8") from None
        self.number = 0
        self._at = 0

    def next(self, *, wanted: str) -> str:
        """Return the next line without comment and outer blanks."""
        while self._at < len(self.text):
            end = self.text.find("\n", self._at)
            end = len(self.text) if end < 0 else end
            line = _uncomment(self.text[self._at : end])
            self._at = end + 1
            self.number += 1
            if line:
                return line
        self.number += 1
        raise self.invalid(f"the file ends, but {wanted} must follow")

    def end(self) -> bool:
        """Whether nothing but blanks and comments is left."""
        at, number = self._at, self.number
        try:
            self.next(wanted="")
        except InvalidFile:
            return True
        self._at, self.number = at, number
        return False

    def back(self, line_number: int, at: int) -> None:
        """Return to a place that `here` gave."""
        self.number, self._at = line_number, at

    def here(self) -> tuple[int, int]:
        """Return the place before the next line."""
        return self.number, self._at

    def take_plain(self) -> bytes | None:
        """Take all ballot lines with the 0 line behind them, if they are nothing but plain numbers."""
        rest = self.text[self._at :].encode()
        found = _PLAIN_BALLOTS.match(rest)
        assert found, "the pattern matches nothing, too"
        close = re.compile(rb"0\r?\n").match(rest, found.end())
        if close is None:
            return None
        self.number += rest.count(b"\n", 0, close.end())
        self._at += close.end()
        return found[0]

    def invalid(self, reason: str) -> InvalidFile:
        """Return the refusal of the line that was read last."""
        return InvalidFile(f"line {self.number}: {reason}")


def _uncomment(line: str) -> str:
    quote = line.find('"')
    mark = line.find("#")
    if 0 <= quote < mark:
        mark = line.find("#", line.rfind('"') + 1)
    return (line if mark < 0 else line[:mark]).strip()


def _read_header(lines: _Lines) -> tuple[int, int]:
    words = lines.next(wanted="the numbers of candidates and seats").split()
    if len(words) != 2 or not all(_WHOLE.fullmatch(word) for word in words):
        raise lines.invalid("the first line must be two whole numbers, candidates and seats, such as '4 1'")
    size, seats = map(int, words)
    if not 1 <= size <= _MOST_CANDIDATES:
        raise lines.invalid(f"{size} candidates; there must be 1 to {_MOST_CANDIDATES}")
    if not 1 <= seats <= size:
        raise lines.invalid(f"{seats} seats for {size} candidates; there must be 1 to {size}")
    return size, seats


def _read_withdrawn(lines: _Lines, size: int) -> set[int]:
    withdrawn: set[int] = set()
    while True:
        place = lines.here()
        line = lines.next(wanted="the ballots and a line with 0")
        if not line.startswith("-"):
            lines.back(*place)
            return withdrawn
        for word in line.split():
            number = word.removeprefix("-")
            if number == word or not _WHOLE.fullmatch(number) or not 1 <= int(number) <= size:
                raise lines.invalid(f"{word!r} must be a withdrawn candidate, -1 to -{size}")
            withdrawn.add(int(number))


def _read_plain_ballots(lines: _Lines, size: int) -> tuple[IntArray, IntArray] | None:
    """Read the ballots at once where every line is plain and right; None, with nothing taken, where one is not."""
    place = lines.here()
    found = lines.take_plain()
    if found is None:
        return None
    words = found.split()
    numbers = np.fromiter(map(int, words), np.int64, len(words))
    ends = np.flatnonzero(numbers == 0)
    starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else ends
    weights = numbers[starts]
    lengths = ends - starts - 1
    longest = int(lengths.max()) if len(lengths) else 0
    codes = np.zeros((len(ends), longest), np.int64)
    filled = np.arange(longest) < lengths[:, None]
    ranked = np.ones(len(numbers), np.bool_)
    ranked[starts] = ranked[ends] = False
    codes[filled] = numbers[ranked]
    ordered = np.sort(codes, axis=1)
    repeated = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] > 0)).any()
    if repeated or (longest and int(codes.max()) > size) or int(weights.astype(object).sum()) > SAFE_INTEGER:
        lines.back(*place)
        return None
    return codes, weights


def _read_ballots(lines: _Lines, size: int, *, equal_ranks: bool) -> tuple[list[list[list[int]]], IntArray]:
    """Read the ballots line by line: slower, and every fault has its line."""
    rankings: list[list[list[int]]] = []
    weights: list[int] = []
    total = 0
    while True:
        words = lines.next(wanted="more ballots or a line with 0").split()
        if words == ["0"]:
            return rankings, np.array(weights, np.int64)
        if words[0].startswith('"'):
            raise lines.invalid("a name, but the ballots have not ended; put a line with 0 before the names")
        if not _WHOLE.fullmatch(words[0]) or words[0] == "0":
            raise lines.invalid(f"{words[0]!r} must be a number of ballots, a whole number from 1")
        if words[-1] != "0" or len(words) == 1:
            raise lines.invalid("a ballot must end with 0; add it")
        total += int(words[0])
        if total > SAFE_INTEGER:
            raise lines.invalid(f"more than {SAFE_INTEGER} ballots")
        weights.append(int(words[0]))
        rankings.append(_read_ranking(lines, words[1:-1], size, equal_ranks=equal_ranks))


def _read_ranking(lines: _Lines, words: Sequence[str], size: int, *, equal_ranks: bool) -> list[list[int]]:
    ranking = []
    seen: set[int] = set()
    for word in words:
        rank = word.split("=")
        if len(rank) > 1 and not equal_ranks:
            raise lines.invalid(f"equal ranks ({word}), which this method does not take; rank one after the other")
        for number in rank:
            if not _WHOLE.fullmatch(number) or not 1 <= int(number) <= size:
                raise lines.invalid(f"{number!r} is no candidate; they are 1 to {size}, and 0 ends a ballot")
            if int(number) in seen:
                raise lines.invalid(f"candidate {number} is ranked twice; name each candidate once")
            seen.add(int(number))
        ranking.append([int(number) for number in rank])
    return ranking


def _read_names(lines: _Lines, size: int) -> tuple[list[str], str]:
    names: list[str] = []
    for number in range(1, size + 1):
        name = _unquote(lines, lines.next(wanted=f"the name of candidate {number} of {size}"))
        if not name:
            raise lines.invalid(f"candidate {number} has no name; give it one")
        if name in names:
            raise lines.invalid(f"the name {name!r} stands twice; make the names differ")
        names.append(name)
    title = "" if lines.end() else _unquote(lines, lines.next(wanted="the title"))
    if not lines.end():
        lines.next(wanted="")
        raise lines.invalid(f"more text after {size} names and the title; correct the first line or remove it")
    return names, title


def _unquote(lines: _Lines, line: str) -> str:
    if len(line) < 2 or line[0] != '"' or line[-1] != '"':
        raise lines.invalid(f"expected a name in quotes, not {line[:40]!r}")
    name = line[1:-1].replace('""', '"').strip()
    if not name.isprintable():
        raise lines.invalid("a name holds control characters; remove them")
    return name


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
