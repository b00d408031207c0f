"""PrefLib, the text format of ranked data (preflib.github.io/PrefLib-Jekyll/format).

    # TITLE: Board, 2026
    # DATA TYPE: toi
    # NUMBER ALTERNATIVES: 3
    # NUMBER VOTERS: 7
    # ALTERNATIVE NAME 1: Ann
    ...
    5: 1,3                  five ballots: alternative 1, then 3
    2: 3,{1,2}              two ballots: 3, then 1 and 2 on one rank

The data type says what ballots may be: `soc` rank every alternative, one a rank; `soi` some of them, one a rank; `toc`
every one, several may share a rank; `toi` is anything of that. A ballot that ranks nothing has no place in it.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from schemas.base import SAFE_INTEGER
from voting.errors import InvalidFile
from voting.formats.lines import BLOCK, Lines, Merger, Source, names_an_option_twice, number_rows, sorted_ties
from voting.formats.names import check_names, fault_of
from voting.profile import RankedProfile

DataType = Literal["soc", "soi", "toc", "toi"]
DATA_TYPES: tuple[DataType, ...] = ("soc", "soi", "toc", "toi")

_MOST_ALTERNATIVES = 10_000
_HEADER = re.compile(r"#\s*([^:]*[^:\s])\s*:(.*)", re.DOTALL)
_NAME = re.compile(r"ALTERNATIVE NAME ([1-9][0-9]{0,4})")
_BALLOT = re.compile(r"([1-9][0-9]{0,15})\s*:\s*(.*)")
_RANKS = re.compile(r"\{[^{}]*\}|[^{},]+|,|.")
_KNOWN = 1 << 16
_CELLS = 1 << 23
_WRITTEN = ("FILE NAME", "TITLE", "DATA TYPE", "NUMBER ALTERNATIVES", "NUMBER VOTERS", "NUMBER UNIQUE ORDERS")


@dataclass(frozen=True, eq=False)
class PreflibFile:
    """What a PrefLib file says.

    Attributes:
        headers: Every `# KEY: value` line but those with names, in order.
        data_type: What ballots may be.
        profile: The ballots over the alternatives, in the order of their numbers.
    """

    headers: dict[str, str]
    data_type: DataType
    profile: RankedProfile

    @property
    def title(self) -> str:
        """Empty where there is none."""
        return self.headers.get("TITLE", "")


def read_preflib(data: Source, *, data_type: DataType | None = None, equal_ranks: bool = True) -> PreflibFile:
    """Return the election in a PrefLib file, or refuse all of it.

    Args:
        data: The file, UTF-8, or its chunks; of chunks only the different rankings are kept.
        data_type: As the file's name ends; the header DATA TYPE must say the same where there is one.
        equal_ranks: Whether braces are allowed; False for methods that don't take them.

    Raises:
        InvalidFile: With the number of the line, the reason, and how to mend it.
    """
    lines = Lines(data)
    headers, names = _read_headers(lines)
    named = headers.get("DATA TYPE", "").lower()
    kind = next((kind for kind in DATA_TYPES if kind == (named or data_type or "toi")), None)
    if kind is None:
        raise InvalidFile(f"header DATA TYPE is {named[:40]!r}; it must be one of {', '.join(DATA_TYPES)}")
    if data_type is not None and kind != data_type:
        raise InvalidFile(f"header DATA TYPE is {kind}, but the file is read as .{data_type}; rename it to .{kind}")
    ballots = _Ballots(lines, size=len(names), kind=kind, equal_ranks=equal_ranks)
    ballots.read()
    profile = ballots.merger.profile(names)
    if "NUMBER VOTERS" in headers and headers["NUMBER VOTERS"] != str(profile.ballots):
        raise InvalidFile(
            f"header NUMBER VOTERS is {headers['NUMBER VOTERS'][:40]!r}, but the file holds {profile.ballots}; "
            "the file may be cut off"
        )
    return PreflibFile(headers=headers, data_type=kind, profile=profile)


def write_preflib(
    profile: RankedProfile, *, data_type: DataType, title: str = "", headers: Mapping[str, str] | None = None
) -> bytes:
    """Return the PrefLib file of a profile, most frequent rankings first.

    Args:
        profile: The ballots.
        data_type: What the file's name will end with.
        title: The header TITLE.
        headers: Further headers to keep, such as DESCRIPTION; those that the ballots decide are written anew.

    Raises:
        InvalidFile: Ballots that this data type can't hold.
    """
    check_names(profile.options, target="PrefLib")
    check_type(profile, data_type)
    kept = {key: value for key, value in (headers or {}).items() if key not in _WRITTEN}
    fixed = (
        (headers or {}).get("FILE NAME", ""), title, data_type, len(profile.options), profile.ballots,
        len(profile.counts),
    )  # fmt: skip
    lines = [f"# {key}: {value}" for key, value in (*zip(_WRITTEN, fixed, strict=True), *kept.items())]
    lines += [f"# ALTERNATIVE NAME {number}: {name}" for number, name in enumerate(profile.options, 1)]
    for row in np.argsort(-profile.counts, kind="stable").tolist():
        ranks: list[list[str]] = []
        for place, index in enumerate(profile.rankings[row].tolist()):
            if index < 0:
                break
            if profile.tied is not None and profile.tied[row, place]:
                ranks[-1].append(str(index + 1))
            else:
                ranks.append([str(index + 1)])
        text = ",".join(rank[0] if len(rank) == 1 else "{" + ",".join(rank) + "}" for rank in ranks)
        lines.append(f"{profile.counts[row]}: {text}")
    if any("\n" in line or "\r" in line for line in lines):
        raise InvalidFile("a header holds a line end, which PrefLib can't hold; put it on one line")
    return "".join(line.rstrip() + "\n" for line in lines).encode()


def check_type(profile: RankedProfile, data_type: DataType) -> None:
    """Refuse a profile that a data type can't hold.

    Raises:
        InvalidFile: With the reason and the type that can.
    """
    if profile.empty:
        raise InvalidFile(
            f"{profile.empty} ballots rank nothing, which PrefLib can't hold; leave them out with --drop-empty"
        )
    if profile.tied is not None and data_type in ("soc", "soi"):
        raise InvalidFile(f"ballots with equal ranks, which .{data_type} can't hold; write .toi")
    size = len(profile.options)
    shortest = int((profile.rankings >= 0).sum(axis=1).min()) if len(profile.counts) else size
    if shortest < size and data_type in ("soc", "toc"):
        fix = "soi" if data_type == "soc" else "toi"
        raise InvalidFile(f"a ballot ranks {shortest} of {size} options, which .{data_type} can't hold; write .{fix}")


def _read_headers(lines: Lines) -> tuple[dict[str, str], tuple[str, ...]]:
    headers: dict[str, str] = {}
    names: dict[int, str] = {}
    while (line := lines.take()) is not None:
        text = lines.text(line).strip()
        if text and not text.startswith("#"):
            lines.give_back(line)
            lines.number -= 1
            break
        found = _HEADER.fullmatch(text)
        if found is None:
            continue
        key, value = found[1].upper(), found[2].strip()
        where = f"line {lines.number}"
        if numbered := _NAME.fullmatch(key):
            number = int(numbered[1])
            if number in names:
                raise InvalidFile(f"{where}: alternative {number} has a name already; remove one")
            if fault := fault_of(value):
                raise InvalidFile(f"{where}: the name of alternative {number} {fault}; mend it")
            if value in names.values():
                raise InvalidFile(f"{where}: the name {value[:80]!r} stands twice; make the names differ")
            names[number] = value
        elif key in headers:
            raise InvalidFile(f"{where}: header {key[:40]!r} stands twice; remove one")
        else:
            headers[key] = value
    where = f"line {lines.number + 1}"
    if "NUMBER ALTERNATIVES" not in headers:
        raise InvalidFile(f"{where}: no header NUMBER ALTERNATIVES above; add '# NUMBER ALTERNATIVES: 4'")
    given = headers["NUMBER ALTERNATIVES"]
    if not re.fullmatch(r"[1-9][0-9]{0,4}", given) or int(given) > _MOST_ALTERNATIVES:
        raise InvalidFile(f"header NUMBER ALTERNATIVES is {given[:40]!r}; it must be 1 to {_MOST_ALTERNATIVES}")
    wanted = range(1, int(given) + 1)
    if missing := next((number for number in wanted if number not in names), None):
        raise InvalidFile(f"{where}: no header ALTERNATIVE NAME {missing} above; name all {given} alternatives")
    if strange := set(names) - set(wanted):
        raise InvalidFile(f"header ALTERNATIVE NAME {min(strange)}, but there are {given} alternatives; mend one")
    return headers, tuple(names[number] for number in wanted)


class _Ballots:
    """The ballots, block by block: at once where a block is plain and right, else line by line."""

    def __init__(self, lines: Lines, *, size: int, kind: DataType, equal_ranks: bool) -> None:
        self.merger = Merger()
        self._lines = lines
        self._size = size
        self._complete = kind in ("soc", "toc")
        self._kind = kind
        self._equal_ranks = equal_ranks
        self._known: dict[bytes, tuple[int, tuple[int, ...]]] = {}

    def read(self) -> None:
        """Read to the end of the file."""
        size = BLOCK
        while block := self._lines.take_block(size):
            if not self._read_at_once(block):
                self._read_lines(block)
                size = 8 * BLOCK  # the more lines at a time, the more of them are equal

    def _read_at_once(self, block: bytes) -> bool:
        """Take a block of plain lines; False, with nothing taken, where it is something else or errs."""
        block = block.replace(b": ", b":")
        found = number_rows(block.replace(b"\r\n", b"\n") if b"\r" in block else block, first=b":", between=b",")
        if found is None:
            return False
        numbers, ends = found
        starts = np.concatenate(([0], ends[:-1] + 1))
        weights = numbers[starts].astype(np.int64)
        ranks = ends - starts
        longest = int(ranks.max())
        if not numbers.all() or longest * len(ends) > _CELLS or self.merger.ballots + int(weights.sum()) > SAFE_INTEGER:
            return False
        if self._complete and int(ranks.min()) < self._size:
            return False
        codes = np.zeros((len(ends), longest), np.int32, order="F")
        for place in range(longest):
            rows = np.flatnonzero(ranks > place)
            codes[rows, place] = numbers[starts[rows] + (place + 1)]
        if int(codes.max()) > self._size or names_an_option_twice(codes, size=self._size):
            return False
        self.merger.add(codes, weights, size=self._size)
        self._lines.number += len(ends)
        return True

    def _read_lines(self, block: bytes) -> None:
        lines = block.split(b"\n")[:-1]
        first = self._lines.number + 1
        rows: Counter[tuple[int, ...]] = Counter()
        total = self.merger.ballots
        at = 0
        for line, times in Counter(lines).items():
            at = lines.index(line, at)
            known = self._known.get(line)
            if known is None:
                if len(self._known) > _KNOWN:
                    self._known.clear()
                self._known[line] = known = self._parse(line, number=first + at)
            weight, row = known
            if weight:
                rows[row] += weight * times
                total += weight * times
            if total > SAFE_INTEGER:
                raise InvalidFile(f"line {first + at}: more than {SAFE_INTEGER} ballots; correct the number")
        self.merger.add_rows(rows, size=self._size)
        self._lines.number += len(lines)

    def _parse(self, line: bytes, *, number: int) -> tuple[int, tuple[int, ...]]:
        """The weight and the ranking of a line; weight 0 where it says nothing."""
        text = self._lines.text(line, number=number).strip()
        if not text or text.startswith("#"):
            return 0, ()
        where = f"line {number}"
        found = _BALLOT.fullmatch(text)
        if found is None:
            raise InvalidFile(
                f"{where}: {text[:40]!r} is no ballot; write a number from 1, a colon, a ranking: '3: 1,2'"
            )
        ranking: list[list[int]] = []
        seen: set[int] = set()
        comma = True
        for part in _RANKS.findall(found[2]):
            if part == ",":
                if comma:
                    raise InvalidFile(f"{where}: nothing stands before a comma; remove it")
                comma = True
                continue
            if not comma or part in ("{", "}"):
                raise InvalidFile(f"{where}: {part[:40]!r} stands where a comma belongs; mend the braces and commas")
            comma = False
            if part[0] == "{" and not self._equal_ranks:
                raise InvalidFile(
                    f"{where}: equal ranks ({part[:40]}), which this method does not take; rank one after the other"
                )
            if part[0] == "{" and self._kind in ("soc", "soi"):
                raise InvalidFile(f"{where}: equal ranks ({part[:40]}), which .{self._kind} can't hold; name it .toi")
            ranking.append(self._rank(part.strip("{}"), seen, where=where))
        if comma:
            raise InvalidFile(f"{where}: a ranking must not be empty or end with a comma; name an alternative")
        if self._complete and len(seen) < self._size:
            raise InvalidFile(
                f"{where}: {len(seen)} of {self._size} alternatives, but .{self._kind} ranks all; name the file "
                f".{self._kind[:-1]}i"
            )
        return int(found[1]), sorted_ties(ranking)

    def _rank(self, text: str, seen: set[int], *, where: str) -> list[int]:
        rank = []
        for word in text.split(","):
            name = word.strip()
            if not re.fullmatch(r"[1-9][0-9]{0,4}", name) or int(name) > self._size:
                raise InvalidFile(f"{where}: {name[:40]!r} is no alternative; they are 1 to {self._size}")
            if int(name) in seen:
                raise InvalidFile(f"{where}: alternative {name} is ranked twice; name each once")
            seen.add(int(name))
            rank.append(int(name))
        return rank
