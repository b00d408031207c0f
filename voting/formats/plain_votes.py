"""The VOTES section of a Pabulib file read at once, where it is plain.

Plain is: no quotes, as many cells in every line as there are columns, project ids of at most 16 bytes, and points that
are whole numbers. Whatever isn't is left to the reader that goes line by line and says what is wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voting.profile import IntArray, RankedProfile, ScoredProfile, ranked_profile

_BLOCK = 1 << 18
_CELLS = 1 << 24
_CODES = 1 << 22
_ID_BYTES = 16
_DIGITS = 9
_SHORT = 12
_TABLE_BITS = (12, 14, 16, 18)
_MULTIPLIERS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F)


@dataclass(frozen=True, eq=False)
class Tokens:
    """What stands between commas in one column.

    Attributes:
        starts: Shape (tokens): where each begins in the section.
        lengths: Shape (tokens): how many bytes it has.
        counts: Shape (rows): how many each row has; 0 where the cell is empty.
    """

    starts: NDArray[np.int32]
    lengths: NDArray[np.int32]
    counts: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class PlainVotes:
    """A section whose rows and cells have been found.

    Attributes:
        data: The section below its header line, with zeros behind it.
        line_end: What ends its lines.
        size: How many rows.
        columns: The tokens of the columns that were asked for.
    """

    data: bytes
    line_end: str
    size: int
    columns: dict[str, Tokens]

    def rows(self) -> list[tuple[str, ...]]:
        """Return all cells."""
        text = self.data[:-_ID_BYTES].decode()
        return [tuple(line.split(";")) for line in text.split(self.line_end)[:-1]]


def find_plain_votes(data: bytes, columns: tuple[str, ...], *, wanted: tuple[str, ...]) -> PlainVotes | None:
    """Return where the cells of a section are, or None where it isn't plain.

    Args:
        data: The section below its header line, to the end of the file.
        columns: The names of the columns, two at least.
        wanted: The columns whose tokens are needed, as far as they are there.
    """
    if b'"' in data or len(data) >= 1 << 31:
        return None
    line_end = b"\r\n" if b"\r" in data else b"\n"
    size_bytes = len(data) if not data or data.endswith(b"\n") else len(data) + len(line_end)
    data = b"".join((data, b"" if len(data) == size_bytes else line_end, bytes(_ID_BYTES)))
    places = [(name, columns.index(name)) for name in wanted if name in columns]
    found: dict[str, list[tuple[IntArray, IntArray, IntArray]]] = {name: [] for name, _ in places}
    marks = np.frombuffer(data, np.uint8)
    size = at = 0
    while at < size_bytes:
        end = data.rfind(b"\n", at, at + _BLOCK) + 1 or data.find(b"\n", at) + 1
        block = marks[at:end]
        stops = np.flatnonzero(_STOP[block])
        kinds = block[stops]
        separators = np.flatnonzero(kinds != 44)
        if len(separators) % len(columns):
            return None
        cells = separators.reshape(-1, len(columns))
        if (kinds[cells[:, -1]] != 10).any() or np.count_nonzero(kinds == 10) != len(cells):
            return None
        if len(line_end) > 1:
            stops[cells[:, -1]] -= 1
            if (block[stops[cells[:, -1]]] != 13).any() or np.count_nonzero(block == 13) != len(cells):
                return None
        for name, place in places:
            found[name].append(_tokens(stops, cells, place, at, line_feed=len(line_end)))
        size += len(cells)
        at = end
    return PlainVotes(
        data=data,
        line_end=line_end.decode(),
        size=size,
        columns={name: Tokens(*(_joined(part) for part in zip(*parts, strict=True))) for name, parts in found.items()}
        if size
        else {name: Tokens(_joined(()), _joined(()), _joined(())) for name in found},
    )


def _joined(parts: Sequence[IntArray]) -> NDArray[np.int32]:
    joined = np.empty(sum(map(len, parts)), np.int32)
    at = 0
    for part in parts:
        joined[at : at + len(part)] = part
        at += len(part)
    return joined


def approvals(votes: PlainVotes, options: tuple[str, ...], *, most: int | None = None) -> ScoredProfile | None:
    """Return the profile of approvals, each worth 1; None where one is no project, or one ballot names too many."""
    members = _members(votes, options)
    if members is None:
        return None
    codes = _matrix(members + 1, votes.columns["vote"].counts)
    if codes is None:
        return None
    profile = ranked_profile(_ascending(codes), options=options)
    rows = profile.rankings + 1
    again = np.zeros(rows.shape, np.bool_)
    again[:, 1:] = (rows[:, 1:] == rows[:, :-1]) & (rows[:, 1:] > 0)
    if again.any():
        rows[again] = 0  # named twice is one approval
        profile = ranked_profile(rows, options=options, weights=profile.counts)
    if most is not None and profile.rankings.shape[1] > most and (profile.rankings[:, most:] >= 0).any():
        return None
    return _scored(profile, options=options, ballots=votes.size, span=1, least=1)


def rankings(votes: PlainVotes, options: tuple[str, ...], *, longest: int) -> ScoredProfile | None:
    """Return the profile of rankings worth `longest`, `longest` - 1, ...; None where one repeats, or is too long."""
    members = _members(votes, options)
    counts = votes.columns["vote"].counts
    if members is None or longest * len(options) > _CODES or (len(counts) and int(counts.max()) > longest):
        return None
    places = np.arange(len(members)) - np.repeat(np.cumsum(counts, dtype=np.int32) - counts, counts)
    return _pointed(votes, options, members, longest - places, longest, repeats=False)


def points(votes: PlainVotes, options: tuple[str, ...]) -> ScoredProfile | None:
    """Return the profile of ballots with points, those of a project named twice added up; None where one errs."""
    members = _members(votes, options)
    given = _numbers(votes, "points")
    if members is None or given is None or (votes.columns["points"].counts != votes.columns["vote"].counts).any():
        return None
    counts = votes.columns["vote"].counts
    sums = np.diff(np.concatenate(([0], np.cumsum(given)))[np.concatenate(([0], np.cumsum(counts)))])
    return _pointed(votes, options, members, given, int(sums.max()) if len(sums) else 0, repeats=True)


def _pointed(
    votes: PlainVotes, options: tuple[str, ...], members: IntArray, values: IntArray, highest: int, *, repeats: bool
) -> ScoredProfile | None:
    """Pairs of project and value as one number each; then it goes as for approvals."""
    span = highest + 1
    if span * len(options) > _CODES:
        return None
    pairs = ("",) * (span * len(options))
    codes = _matrix(members * span + values + 1, votes.columns["vote"].counts)
    if codes is None:
        return None
    profile = ranked_profile(_ascending(codes), options=pairs)
    rows = profile.rankings + 1
    owners = (rows - 1) // span
    again = ((owners[:, 1:] == owners[:, :-1]) & (rows[:, 1:] > 0)).any(axis=1)
    if again.any() and not repeats:
        return None
    for place in np.flatnonzero(again).tolist():
        rows[place] = _added_up(rows[place].tolist(), span)
    nothing = (rows - 1) % span == 0
    if again.any() or nothing.any():
        rows[nothing] = 0  # 0 points support nothing
        profile = ranked_profile(rows, options=pairs, weights=profile.counts)
    return _scored(profile, options=options, ballots=votes.size, span=span, least=0)


def _added_up(row: list[int], span: int) -> list[int]:
    """A row of pairs in which each project stands once, with all its points."""
    sums: dict[int, int] = {}
    for code in row:
        if code:
            sums[(code - 1) // span] = sums.get((code - 1) // span, 0) + (code - 1) % span
    codes = [member * span + value + 1 for member, value in sums.items()]
    return codes + [0] * (len(row) - len(codes))


def _scored(profile: RankedProfile, *, options: tuple[str, ...], ballots: int, span: int, least: int) -> ScoredProfile:
    """The profile of rows of pairs, each `span` times the project and its value less `least`."""
    rows = profile.rankings
    held = rows >= 0
    codes = rows[held]
    starts = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(held.sum(axis=1), out=starts[1:])
    return ScoredProfile(
        options=options,
        starts=starts,
        members=(codes // span).astype(np.int32),
        values=(codes % span + least).astype(np.int64),
        counts=profile.counts,
        ballots=ballots,
    )


def _tokens(
    stops: IntArray, cells: IntArray, place: int, at: int, *, line_feed: int
) -> tuple[IntArray, IntArray, IntArray]:
    """Starts, lengths and counts of the tokens of one column, in a block that begins at `at`."""
    lasts = cells[:, place]
    if place:
        firsts = cells[:, place - 1] + 1
    else:
        firsts = np.zeros_like(lasts)
        firsts[1:] = cells[:-1, -1] + 1
    counts = lasts - firsts + 1
    if int(counts.max()) == 1:
        index = lasts
    else:
        index = np.repeat(lasts + 1 - np.cumsum(counts), counts) + np.arange(int(counts.sum()))
    starts = stops[index - 1] + 1
    if place == 0:
        starts[np.cumsum(counts) - counts] += line_feed - 1  # the stop before it is where the line's text ended
        starts[0] = 0
    lengths = stops[index] - starts
    starts += at
    empty = np.flatnonzero(lengths == 0)
    if len(empty):
        rows = np.repeat(np.arange(len(counts)), counts)[empty] if len(index) != len(counts) else empty
        alone = counts[rows] == 1
        counts[rows[alone]] = 0
        kept = np.ones(len(index), np.bool_)
        kept[empty[alone]] = False
        starts, lengths = starts[kept], lengths[kept]
    return starts, lengths, counts


def _members(votes: PlainVotes, options: tuple[str, ...]) -> IntArray | None:
    """The project of every token; None where one is none."""
    tokens = votes.columns["vote"]
    names = [option.encode() for option in options]
    longest = max(map(len, names))
    if longest > _ID_BYTES:
        return None
    lengths = tokens.lengths
    if len(lengths) and (int(lengths.max()) > longest or int(lengths.min()) < 1):
        return None
    keys = _keys(votes.data, tokens.starts, lengths, longest)
    joined = b"".join(names) + bytes(_ID_BYTES)
    sizes = np.array([len(name) for name in names], np.int64)
    own = _keys(joined, np.cumsum(sizes) - sizes, sizes, longest)
    found = _find(keys[0], own[0])
    if found is None:
        return None
    right = (own[0][found] == keys[0]) & (sizes[found] == lengths)
    if longest > 8:
        right &= own[1][found] == keys[1]
    return found if right.all() else None


def _keys(data: bytes, starts: NDArray[Any], lengths: NDArray[Any], longest: int) -> list[NDArray[np.uint64]]:
    """Each token as one number of its first 8 bytes, into which the next 8 are mixed; and those next 8 alone.

    `data` has zeros behind it.
    """
    windows: NDArray[np.uint64] = np.ndarray((len(data) - 7,), "<u8", data, strides=(1,))
    first = windows[starts] & _MASKS[np.minimum(lengths, 8)]
    if longest <= 8:
        return [first]
    second = windows[starts + 8] & _MASKS[np.clip(lengths - 8, 0, 8)]
    return [first ^ (second * np.uint64(_MULTIPLIERS[1])), second]


def _find(keys: NDArray[np.uint64], own: NDArray[np.uint64]) -> IntArray | None:
    """The place in `own` that each key must have if it has one, by a table in which no two of `own` meet."""
    if len(np.unique(own)) != len(own):
        return None
    for bits in _TABLE_BITS:
        for multiplier in _MULTIPLIERS:
            factor, shift = np.uint64(multiplier), np.uint64(64 - bits)
            slots = (own * factor) >> shift
            if len(np.unique(slots)) == len(own):
                table = np.zeros(1 << bits, np.int64)
                table[slots] = np.arange(len(own))
                found: IntArray = table[(keys * factor) >> shift]
                return found
    order = np.argsort(own)
    return order[np.minimum(np.searchsorted(own[order], keys), len(own) - 1)]


def _numbers(votes: PlainVotes, column: str) -> IntArray | None:
    """The value of every token; None where one is no whole number."""
    tokens = votes.columns.get(column)
    if tokens is None:
        return None
    lengths = tokens.lengths
    if not len(lengths):
        return np.zeros(0, np.int64)
    if int(lengths.min()) < 1 or int(lengths.max()) > _DIGITS:
        return None
    marks = np.frombuffer(votes.data, np.uint8)
    values = np.zeros(len(lengths), np.int64)
    for place in range(int(lengths.max())):
        more = np.flatnonzero(lengths > place)
        digits = marks[tokens.starts[more] + place].astype(np.int64) - 48
        if (digits < 0).any() or (digits > 9).any():
            return None
        values[more] = values[more] * 10 + digits
    return values


def _matrix(codes: NDArray[Any], counts: NDArray[Any]) -> NDArray[np.int32] | None:
    """Codes as rows, with zeros behind them; None where that takes too much room."""
    longest = int(counts.max()) if len(counts) else 0
    if longest * len(counts) > _CELLS:
        return None
    matrix = np.zeros((len(counts), longest), np.int32, order="F")
    firsts = np.cumsum(counts) - counts
    for place in range(longest):
        more = np.flatnonzero(counts > place)
        matrix[more, place] = codes[firsts[more] + place]
    return matrix


def _ascending(rows: NDArray[np.int32]) -> NDArray[np.int32]:
    """Rows in ascending order, with zeros behind. Short rows are sorted column by column, all of them at once."""
    codes = rows.view(np.uint32) - np.uint32(1)  # zeros become the largest of all
    longest = rows.shape[1]
    if longest > _SHORT:
        codes.sort(axis=1)
    else:
        for done in range(longest - 1):
            for place in range(longest - 1 - done):
                low = np.minimum(codes[:, place], codes[:, place + 1])
                np.maximum(codes[:, place], codes[:, place + 1], out=codes[:, place + 1])
                codes[:, place] = low
    codes += np.uint32(1)
    return codes.view(np.int32)


_STOP = np.zeros(256, np.bool_)
_STOP[[10, 44, 59]] = True
_MASKS = np.array([(1 << 8 * size) - 1 for size in range(9)], np.uint64)
