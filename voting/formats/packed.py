"""Rankings as columns of numbers: the form for many millions of ballots, in Parquet or Arrow files.

A file says once, in its metadata, what its numbers mean, and then holds a row a ballot in one of two ways:

    rank1 rank2 rank3         key         with the options Ann, Ben, Cas: 1 is Ann, 2 is Ben, 3 is Cas, 0 a blank
        1     2     0          24         Ann, then Ben:  24 = 1 * 16 + 2 * 4 + 0
        3     0     0          48         Cas alone:      48 = 3 * 16

- Rank columns `rank1`, `rank2`, ...: whole numbers of any width, best first. With n options, n + 1 to 2n are the same
  options where they share the rank of the one before. Blanks may stand anywhere.
- One column `key`: the ranking as one whole number in base n + 1, the first rank its highest digit. It takes less room
  and less time, and holds no equal ranks.
- A column `count`, where there is one: how many ballots the row stands for, 0 or more; 1 each without it.
- The metadata `weighin` of the schema: JSON, `{"options":["Ann","Ben","Cas"],"ranks":3,"seats":1}`.

Parts of one contest are files of this form that say the same in their metadata.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.base import SAFE_INTEGER
from voting.errors import InvalidFile
from voting.formats.names import check_names, fault_of, shown
from voting.profile import IntArray, RankedProfile, count_keys, merge_profiles, ranked_profile

METADATA = b"weighin"
"""Under this key a file's schema says what its numbers mean."""
KEY = "key"
COUNT = "count"

_MOST_OPTIONS = 10_000
_MOST_RANKS = 20_000
_MOST_KEYS = 2**63 - 1
_DENSE_KEYS = 2**24
"""Up to so many possible keys are counted in one table, 128 MB at most; above, they are sorted piece by piece."""
_WAITING = 1 << 21
"""So many different rankings wait until they are merged."""


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the numbers of a file mean.

    Attributes:
        options: Their names; number k is the k-th of them.
        ranks: How many ranks a key holds, or how many rank columns there are; 1 or more.
        seats: How many are elected.
    """

    options: tuple[str, ...]
    ranks: int
    seats: int = 1

    @property
    def possible(self) -> int:
        """How many keys there are: from 0 to one below this."""
        return int((len(self.options) + 1) ** self.ranks)


def read_layout(text: bytes | None) -> Layout:
    """Return what a file's metadata say.

    Args:
        text: The value of `METADATA`; None where a file has none.

    Raises:
        InvalidFile: They are missing, or contradict themselves.
    """
    if text is None:
        raise InvalidFile(
            'its schema has no metadata "weighin"; add {"options":[...],"ranks":...,"seats":...}, '
            "or write it with the command convert"
        )
    try:
        layout = msgspec.json.decode(text, type=Layout)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise InvalidFile(f'the metadata "weighin": {shown(error)}') from None
    for name in layout.options:
        if fault := fault_of(name):
            raise InvalidFile(f'the metadata "weighin": the option {shown(name[:80])!r} {fault}')
    if not 1 <= len(layout.options) <= _MOST_OPTIONS or len(set(layout.options)) != len(layout.options):
        raise InvalidFile(f'the metadata "weighin": options must be 1 to {_MOST_OPTIONS:,} different names')
    if not 1 <= layout.ranks <= _MOST_RANKS or not 1 <= layout.seats <= len(layout.options):
        raise InvalidFile(
            f'the metadata "weighin": {layout.ranks} ranks and {layout.seats} seats for {len(layout.options)} options'
        )
    return layout


def write_layout(layout: Layout) -> bytes:
    """Return metadata that `read_layout` reads.

    Raises:
        InvalidFile: A name that no file can hold.
    """
    check_names(layout.options, target="a packed file")
    return msgspec.json.encode(layout, order="sorted")


def rank_columns(names: Sequence[str], layout: Layout) -> tuple[str, ...]:
    """Return the columns to read of a file, without `count`: the key, or every rank, best first.

    Raises:
        InvalidFile: Neither a key nor as many ranks as the metadata say, or keys that 64 bits don't hold.
    """
    if KEY in names:
        if layout.possible - 1 > _MOST_KEYS:
            raise InvalidFile(
                f"{layout.ranks} ranks of {len(layout.options)} options don't fit into a key; use columns rank1, ..."
            )
        return (KEY,)
    wanted = tuple(f"rank{number}" for number in range(1, layout.ranks + 1))
    if missing := [name for name in wanted if name not in names]:
        raise InvalidFile(f"it has neither {KEY!r} nor {missing[0]!r}, and its metadata say {layout.ranks} ranks")
    return wanted


class Gathering:
    """Takes rows piece by piece and keeps only the different rankings. Any order of pieces gives the same profile.

    Args:
        layout: What the numbers mean.
        equal_ranks: Whether options may share a rank; False for methods that don't take it.
    """

    def __init__(self, layout: Layout, *, equal_ranks: bool = True) -> None:
        self._layout = layout
        self._equal_ranks = equal_ranks
        self._table: IntArray | None = None
        self._merged: list[RankedProfile] = []
        self._waiting = 0
        self._ballots = 0

    def add_keys(self, keys: NDArray[np.integer[Any]], counts: NDArray[np.integer[Any]] | None = None) -> None:
        """Take a piece of the column `key`, with that of `count` where there is one.

        Raises:
            InvalidFile: A key of no ranking, or a count below 0.
        """
        if not len(keys):
            return
        possible = self._layout.possible
        if keys.min() < 0 or int(keys.max()) >= possible:
            wrong = int(keys.min()) if keys.min() < 0 else int(keys.max())
            raise InvalidFile(f"the key {wrong} is no ranking: keys go from 0 to {possible - 1}")
        weights = self._weights(counts, rows=len(keys))
        if possible <= _DENSE_KEYS:
            if self._table is None:
                self._table = np.zeros(possible, np.int64)
            np.add.at(self._table, keys.astype(np.intp, copy=False), 1 if weights is None else weights)
            return
        keys = keys.astype(np.int64)
        if weights is not None:
            keys, weights = keys[weights > 0], weights[weights > 0]
        self._wait(self._unpacked(*count_keys(keys, weights)))

    def add_ranks(self, codes: NDArray[np.integer[Any]], counts: NDArray[np.integer[Any]] | None = None) -> None:
        """Take a piece of the rank columns, shape (rows, ranks), with that of `count` where there is one.

        Raises:
            InvalidFile: A number of no option, an equal rank that is shared with nothing, or a count below 0.
        """
        if not len(codes):
            return
        size = len(self._layout.options)
        if codes.min() < 0 or int(codes.max()) > 2 * size:
            wrong = int(codes.min()) if codes.min() < 0 else int(codes.max())
            raise InvalidFile(f"the number {wrong} is no option: there are {size}")
        if int(codes.max()) > size:
            if not self._equal_ranks:
                raise InvalidFile("options share a rank, which this method does not take")
            alone = np.concatenate((codes[:, :1] > size, (codes[:, 1:] > size) & (codes[:, :-1] == 0)), axis=1)
            if alone.any():
                raise InvalidFile("an option shares the rank of a blank; the first of a rank has its own number")
        weights = self._weights(counts, rows=len(codes))
        if weights is not None:
            codes, weights = codes[weights > 0], weights[weights > 0]
        self._wait(ranked_profile(codes, options=self._layout.options, weights=weights))

    def profile(self) -> RankedProfile:
        """Return all that was taken as one profile.

        Raises:
            InvalidFile: A ranking that names an option twice.
        """
        if self._table is not None:
            keys = np.flatnonzero(self._table)
            self._wait(self._unpacked(keys, self._table[keys]))
            self._table = None
        if not self._merged:
            nothing = np.zeros((0, self._layout.ranks), np.int64)
            return ranked_profile(nothing, options=self._layout.options)
        self._merged, self._waiting = [merge_profiles(self._merged)], 0
        _check_repeats(self._merged[0])
        return self._merged[0]

    def _unpacked(self, keys: IntArray, counts: IntArray) -> RankedProfile:
        base, ranks = len(self._layout.options) + 1, self._layout.ranks
        codes = np.empty((len(keys), ranks), np.int32, order="F")
        for rank in range(ranks - 1, -1, -1):
            keys, codes[:, rank] = np.divmod(keys, base)
        return ranked_profile(codes, options=self._layout.options, weights=counts)

    def _wait(self, part: RankedProfile) -> None:
        self._merged.append(part)
        self._waiting += len(part.counts)
        # at least as many as are merged already: where nearly all rankings differ, merging is not done again and again.
        if self._waiting > max(_WAITING, len(self._merged[0].counts)):
            self._merged, self._waiting = [merge_profiles(self._merged)], 0

    def _weights(self, counts: NDArray[np.integer[Any]] | None, *, rows: int) -> IntArray | None:
        """The counts of a piece, checked; the sum of all so far is exact."""
        if counts is None:
            self._ballots += rows
        else:
            if counts.min() < 0:
                raise InvalidFile(f"the count {int(counts.min())} is below 0")
            small = int(counts.max()) * rows <= SAFE_INTEGER
            self._ballots += int(counts.sum(dtype=np.int64)) if small else sum(counts.tolist())
        if self._ballots > SAFE_INTEGER:
            raise InvalidFile("more than 2^53 - 1 ballots")
        return None if counts is None else counts.astype(np.int64)


def packed_columns(profile: RankedProfile) -> tuple[Layout, dict[str, IntArray]]:
    """Return a profile as the columns of a file, one row a different ranking, and the layout for one seat.

    A key where there is one, else rank columns. Ballots that rank nothing come last, as one row.

    Returns:
        Columns by name, shape (rows) each: `key` or `rank1`, ..., then `count`.
    """
    size = len(profile.options)
    layout = Layout(profile.options, ranks=max(1, profile.rankings.shape[1]))
    rows = len(profile.counts) + bool(profile.empty)
    codes = np.zeros((rows, layout.ranks), np.int64)
    filled = codes[: len(profile.counts), : profile.rankings.shape[1]]
    filled[:] = profile.rankings + 1
    if profile.tied is not None:
        filled[profile.tied] += size
    counts = np.append(profile.counts, [profile.empty] if profile.empty else []).astype(np.int64)
    if profile.tied is None and layout.possible - 1 <= _MOST_KEYS:
        return layout, {KEY: pack_keys(codes, layout), COUNT: counts}
    return layout, {f"rank{number}": codes[:, number - 1] for number in range(1, layout.ranks + 1)} | {COUNT: counts}


def pack_keys(codes: NDArray[np.integer[Any]], layout: Layout) -> IntArray:
    """Return the keys of rankings without equal ranks, shape (rows); `codes` is of shape (rows, ranks).

    Example:
        >>> pack_keys(np.array([[1, 2, 0], [3, 0, 0]]), Layout(("Ann", "Ben", "Cas"), ranks=3)).tolist()
        [24, 48]
    """
    keys = np.zeros(len(codes), np.int64)
    for column in codes.T:
        keys *= len(layout.options) + 1
        keys += column
    return keys


def _check_repeats(profile: RankedProfile) -> None:
    ordered = np.sort(profile.rankings, axis=1)
    repeated = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any(axis=1)
    if repeated.any():
        row = profile.rankings[int(np.argmax(repeated))].tolist()
        names = ", ".join(profile.options[index] for index in row if index >= 0)
        raise InvalidFile(f"a ballot names an option twice: {names[:200]}")
