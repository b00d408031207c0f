"""CSV of ranks: one ballot a line under a header row, in either of two forms.

    count,rank1,rank2,rank3          a column a rank, cells hold names; blank cells are passed over
    4,Ann,Ben,
    2,Cas,Ann|Ben,                   `|` between names of one rank
    0,Ann,Ben,Cas                    nobody's ballot: says that these options exist, in this order

    Ann,Ben,Cas                      a column an option, cells hold its rank; blank cells are unranked
    1,2,
    2,2,1

The column `count` may be missing: each line is one ballot then. In the first form every column but `count` and `rank1`,
`rank2`, ... (or `choice 1`, `1st preference`) is passed over. Options stand in the order in which they first appear. A
cell that a spreadsheet would take for a formula has `'` before it.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from schemas.base import SAFE_INTEGER
from voting.errors import InvalidFile
from voting.formats.lines import Lines, Merger, Source, sorted_ties
from voting.formats.names import check_names, fault_of
from voting.profile import RankedProfile

_MOST_OPTIONS = 10_000
_MOST_COLUMNS = 20_000
_RANK_COLUMN = re.compile(
    r"(?:rank|choice|preference|pref)[ _.-]?([0-9]{1,4})|([0-9]{1,3})(?:st|nd|rd|th)[ _.-]?(?:rank|choice|preference)",
    re.IGNORECASE,
)
_WHOLE = re.compile(r"0|[1-9][0-9]{0,15}")
_FORMULA = "=+-@"
_KNOWN = 1 << 17
"""So many different lines are remembered, so that each is taken apart once."""
_BLOCK = 1 << 22
_LABELS = ("overvote", "undervote")


@dataclass(frozen=True)
class Header:
    """The header row of a file.

    Attributes:
        columns: All names of columns.
        count: The place of the column `count`, or None.
        ranks: The places of the columns that are ranks, best first; empty where columns are options.
        delimiter: What stands between cells.
    """

    columns: tuple[str, ...]
    count: int | None
    ranks: tuple[int, ...]
    delimiter: str


def read_ranks_csv(data: Source, *, equal_ranks: bool = True) -> RankedProfile:
    """Return the ballots of a CSV of ranks, or refuse all of them.

    Args:
        data: The file, UTF-8, or its chunks; of chunks only the different rankings are kept.
        equal_ranks: Whether options may share a rank; False for methods that don't take it.

    Raises:
        InvalidFile: With the number of the line, the reason, and how to mend it.
    """
    lines = Lines(data)
    header = read_header(lines)
    options: dict[str, int] = {}
    if not header.ranks:
        for place, name in enumerate(header.columns):
            if place != header.count:
                _add_option(options, _plain(name), where=f"line {lines.number}")
    merger = Merger()
    known: dict[tuple[str, ...], tuple[int, ...]] = {}
    for records in each_block(lines, header):
        rows: Counter[tuple[int, ...]] = Counter()
        for cells, times, number in records:
            row = known.get(cells)
            if row is None:
                where = f"line {number}"
                ranking = _named(cells, options, where=where) if header.ranks else _numbered(cells, where=where)
                if not equal_ranks and (tied := next((rank for rank in ranking if len(rank) > 1), None)):
                    names = list(options)
                    shown = "|".join(names[option - 1] for option in tied)[:80]
                    raise InvalidFile(
                        f"{where}: equal ranks ({shown}), which this method does not take; rank one after the other"
                    )
                if len(known) > _KNOWN:
                    known.clear()
                known[cells] = row = sorted_ties(ranking)
            if times:
                rows[row] += times
        merger.add_rows(rows, size=len(options))
    if not options:
        raise InvalidFile(f"line {lines.number}: no option is named; there must be at least one")
    return merger.profile(tuple(options))


def write_ranks_csv(profile: RankedProfile) -> bytes:
    """Return the CSV of a profile: a column a rank, most frequent rankings first, empty ballots last.

    Raises:
        InvalidFile: A name that can't stand in it.
    """
    check_names(profile.options, target="a CSV of ranks", forbidden="|")
    if label := next((name for name in profile.options if name.casefold() in _LABELS), None):
        raise InvalidFile(f"the name {label!r} means something else in a CSV of ranks; rename it")
    table: list[list[str]] = []
    for row in np.argsort(-profile.counts, kind="stable").tolist():
        cells = [str(profile.counts[row])]
        for place, index in enumerate(profile.rankings[row].tolist()):
            if index < 0:
                break
            if profile.tied is not None and profile.tied[row, place]:
                cells[-1] += "|" + profile.options[index]
            else:
                cells.append(_guarded(profile.options[index]))
        table.append(cells)
    seen = dict.fromkeys(name for cells in table for cell in cells[1:] for name in _plain(cell).split("|"))
    if tuple(seen) != profile.options:
        table.insert(0, ["0", *map(_guarded, profile.options)])
    if profile.empty:
        table.append([str(profile.empty)])
    width = max(2, *map(len, table)) if table else 2
    header = ["count", *(f"rank{number}" for number in range(1, width))]
    out = [header, *(cells + [""] * (width - len(cells)) for cells in table)]
    return "".join(",".join(map(_cell, cells)) + "\n" for cells in out).encode()


def read_header(lines: Lines) -> Header:
    """Return what the header row says.

    Raises:
        InvalidFile: No header row that can be used.
    """
    line = lines.take()
    text = "" if line is None else lines.text(line).rstrip("\r\n")
    where = f"line {max(1, lines.number)}"
    if not text.strip(",; \t"):
        raise InvalidFile(f"{where}: no header row; name the columns, such as count,rank1,rank2,rank3")
    delimiter = max(",;\t", key=text.count)
    columns = tuple(cell.strip() for cell in _cells(text, delimiter, where=where))
    if len(columns) > _MOST_COLUMNS:
        raise InvalidFile(f"{where}: {len(columns)} columns; there may be {_MOST_COLUMNS}")
    counts = [place for place, name in enumerate(columns) if name.casefold() == "count"]
    if len(counts) > 1:
        raise InvalidFile(f"{where}: two columns are called count; keep one")
    ranks = [
        (int(found[1] or found[2]), place)
        for place, name in enumerate(columns)
        if (found := _RANK_COLUMN.fullmatch(name))
    ]
    if len({rank for rank, _ in ranks}) != len(ranks):
        raise InvalidFile(f"{where}: two columns are the same rank; number them rank1, rank2, ...")
    return Header(
        columns=columns,
        count=counts[0] if counts else None,
        ranks=tuple(place for _, place in sorted(ranks)),
        delimiter=delimiter,
    )


def each_block(lines: Lines, header: Header) -> Iterator[list[tuple[tuple[str, ...], int, int]]]:
    """Give block by block the different records: cells, how many ballots, the line where it first stands.

    The cells are those of the ranks, or of the options where columns are options, in order.

    Raises:
        InvalidFile: A line with too many or too few cells, or a count that is no number.
    """
    width = len(header.columns)
    wanted = header.ranks or tuple(place for place in range(width) if place != header.count)
    known: dict[bytes, tuple[tuple[str, ...], int]] = {}
    total = 0
    while block := lines.take_block(_BLOCK):
        found = block.split(b"\n")[:-1]
        first = lines.number + 1
        at = 0
        records = []
        for line, times in Counter(found).items():
            at = found.index(line, at)
            record = known.get(line)
            if record is None:
                text = lines.text(line, number=first + at).removesuffix("\r")
                if not text.strip():
                    continue
                record = _record(text, header, wanted, where=f"line {first + at}")
                if len(known) > _KNOWN:
                    known.clear()
                known[line] = record
            cells, count = record
            total += count * times
            if total > SAFE_INTEGER:
                raise InvalidFile(f"line {first + at}: more than {SAFE_INTEGER} ballots; correct the count")
            records.append((cells, count * times, first + at))
        lines.number += len(found)
        yield records


def _record(text: str, header: Header, wanted: Sequence[int], *, where: str) -> tuple[tuple[str, ...], int]:
    """The wanted cells of a line, and how many ballots it is."""
    cells = _cells(text, header.delimiter, where=where)
    if len(cells) != len(header.columns):
        raise InvalidFile(
            f"{where}: {len(cells)} cells, but the header has {len(header.columns)}; quote a cell that holds a comma"
        )
    count = 1
    if header.count is not None:
        given = cells[header.count].strip()
        if not _WHOLE.fullmatch(given):
            raise InvalidFile(f"{where}: the count is {given[:40]!r}; it must be a whole number of ballots")
        count = int(given)
    return tuple([cells[place].strip() for place in wanted]), count


def _cells(text: str, delimiter: str, *, where: str) -> list[str]:
    if '"' not in text:
        return text.split(delimiter)
    try:
        (cells,) = csv.reader([text], delimiter=delimiter, strict=True)
    except csv.Error as error:
        raise InvalidFile(f"{where}: {error}; check the quotes (a cell can't hold a line end)") from None
    return cells


def _named(cells: Sequence[str], options: dict[str, int], *, where: str) -> list[list[int]]:
    """A ballot whose cells are names; new ones become options."""
    ranking: list[list[int]] = []
    seen: set[int] = set()
    for cell in cells:
        if not cell or cell.casefold() == "undervote":
            continue
        rank = []
        for part in _plain(cell).split("|"):
            name = part.strip()
            if name.casefold() == "overvote":
                raise InvalidFile(f"{where}: {cell[:80]!r} stands in raw records; count those with --rctab CONFIG")
            option = options.get(name)
            if option is None:
                option = _add_option(options, name, where=where)
            if option in seen:
                raise InvalidFile(
                    f"{where}: {name[:80]!r} is ranked twice; name each once, or count raw records with --rctab CONFIG"
                )
            seen.add(option)
            rank.append(option)
        ranking.append(rank)
    return ranking


def _numbered(cells: Sequence[str], *, where: str) -> list[list[int]]:
    """A ballot whose cells are ranks."""
    ranks: dict[int, list[int]] = {}
    for option, cell in enumerate(cells, 1):
        if not cell:
            continue
        if not _WHOLE.fullmatch(cell) or cell == "0":
            raise InvalidFile(
                f"{where}: {cell[:80]!r} is no rank; write 1 for the best, "
                "or name the columns rank1, rank2, ... where cells hold names"
            )
        ranks.setdefault(int(cell), []).append(option)
    return [ranks[rank] for rank in sorted(ranks)]


def _add_option(options: dict[str, int], name: str, *, where: str) -> int:
    if fault := fault_of(name):
        raise InvalidFile(f"{where}: the name {name[:80]!r} {fault}; mend it")
    if name in options:
        raise InvalidFile(f"{where}: two columns are called {name[:80]!r}; rename one")
    if len(options) == _MOST_OPTIONS:
        raise InvalidFile(f"{where}: more than {_MOST_OPTIONS} options; cells of ranks must hold names of options")
    options[name] = len(options) + 1
    return len(options)


def _guarded(name: str) -> str:
    return "'" + name if name[0] in _FORMULA or _is_guarded(name) else name


def _plain(cell: str) -> str:
    return cell[1:] if _is_guarded(cell) else cell


def _is_guarded(cell: str) -> bool:
    return cell[:1] == "'" and cell[1:2] != "" and cell[1:2] in _FORMULA + "'"


def _cell(text: str) -> str:
    if any(mark in text for mark in ',;\t"'):
        return '"' + text.replace('"', '""') + '"'
    return text
