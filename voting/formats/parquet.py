"""Parquet and Arrow files of packed rankings: read piece by piece, written whole. The form is that of packed.py.

pyarrow reads and writes them. It comes with the extra `cluster`, is imported only where it is needed, and decides
nothing: what it gives is checked like any other file.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from voting.errors import InvalidFile
from voting.formats.names import shown
from voting.formats.packed import (
    COUNT,
    KEY,
    METADATA,
    Gathering,
    Layout,
    packed_columns,
    rank_columns,
    read_layout,
    write_layout,
)
from voting.profile import RankedProfile

PackedForm = Literal["parquet", "arrow"]
Where = Any
"""What pyarrow opens: the path of a file, or an object that holds its bytes."""

_PIECE_ROWS = 1 << 20
_WRITTEN_ROWS = 1 << 20


@dataclass(frozen=True)
class Shape:
    """What the end of a file says of it, before its rows are read.

    Attributes:
        layout: What its numbers mean.
        pieces: Row groups of a Parquet file, record batches of an Arrow file.
        rows: All rows.
    """

    layout: Layout
    pieces: int
    rows: int


def read_shape(where: Where, *, form: PackedForm) -> Shape:
    """Return what a file says of itself.

    Raises:
        InvalidFile: It is no file of this form, or pyarrow is not installed.
        OSError: It can't be opened.
    """
    with _refusing(form), _opened(where, form) as file:
        return file.shape()


def read_packed(
    where: Where, *, form: PackedForm, first: int = 0, last: int | None = None, equal_ranks: bool = True
) -> tuple[Layout, RankedProfile]:
    """Return the rankings of a file, or of some of its pieces.

    Args:
        where: A path, or bytes as pyarrow's buffer.
        form: Which of the two.
        first: The first piece, from 0.
        last: The one after the last piece; all that follow by default.
        equal_ranks: Whether options may share a rank; False for methods that don't take it.

    Raises:
        InvalidFile: With what is wrong and how to mend it.
        OSError: It can't be opened.
    """
    with _refusing(form), _opened(where, form) as file:
        layout = file.shape().layout
        if twice := sorted(name for name in set(file.names) if file.names.count(name) > 1):
            raise InvalidFile(f"it has two columns {twice[0]!r}; leave one out")
        columns = rank_columns(file.names, layout)
        counted = COUNT in file.names
        gathering = Gathering(layout, equal_ranks=equal_ranks)
        for batch in file.batches([*columns, *([COUNT] if counted else [])], first, last):
            arrays = [_integers(batch.column(name), name) for name in columns]
            counts = _integers(batch.column(COUNT), COUNT) if counted else None
            if columns == (KEY,):
                gathering.add_keys(arrays[0], counts)
            else:
                gathering.add_ranks(_beside(arrays), counts)
        return layout, gathering.profile()


def write_packed(profile: RankedProfile, *, form: PackedForm, seats: int = 1) -> bytes:
    """Return a file with the ballots of a profile, one row a different ranking; the same bytes for the same profile.

    Raises:
        InvalidFile: A name that no file can hold, or pyarrow is not installed.
    """
    layout, columns = packed_columns(profile)
    layout = Layout(layout.options, layout.ranks, seats)
    pyarrow = _pyarrow()
    sink = pyarrow.BufferOutputStream()
    with PackedWriter(sink, layout, form=form) as writer:
        for start in range(0, len(columns[COUNT]), _WRITTEN_ROWS):
            writer.add({name: column[start : start + _WRITTEN_ROWS] for name, column in columns.items()})
        if not len(columns[COUNT]):
            writer.add(columns)
    return bytes(sink.getvalue())


class PackedWriter:
    """Writes a file piece by piece, for ballots that are too many to hold.

    Args:
        where: A path, or a sink of pyarrow's.
        layout: What the numbers mean.
        form: Which of the two.

    Raises:
        InvalidFile: A name that no file can hold, or pyarrow is not installed.
        OSError: The file can't be made.
    """

    def __init__(self, where: Where, layout: Layout, *, form: PackedForm) -> None:
        self._pyarrow = _pyarrow()
        self._where = where
        self._form = form
        self._metadata = {METADATA: write_layout(layout)}
        self._writer: Any = None

    def __enter__(self) -> "PackedWriter":
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def add(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Write a piece, the same columns each time: `key` or `rank1`, ..., then `count` if rows are many ballots."""
        batch = self._pyarrow.RecordBatch.from_pydict(dict(columns))
        schema = batch.schema.with_metadata(self._metadata)
        if self._writer is None:
            self._writer = self._open(schema)
        self._writer.write_batch(batch.replace_schema_metadata(self._metadata))

    def _open(self, schema: Any) -> Any:
        if self._form == "arrow":
            return self._pyarrow.ipc.new_file(self._where, schema)
        from pyarrow import parquet

        return parquet.ParquetWriter(self._where, schema, compression="zstd", use_dictionary=False)


class _ParquetFile:
    """One open Parquet file."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.names: list[str] = file.schema_arrow.names

    def __enter__(self) -> "_ParquetFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def shape(self) -> Shape:
        """What the file's footer says."""
        metadata = self._file.metadata
        layout = read_layout((self._file.schema_arrow.metadata or {}).get(METADATA))
        return Shape(layout, pieces=metadata.num_row_groups, rows=metadata.num_rows)

    def batches(self, columns: list[str], first: int, last: int | None) -> Iterator[Any]:
        """The rows of some row groups, piece by piece."""
        groups = list(range(self._file.metadata.num_row_groups))[first:last]
        yield from self._file.iter_batches(_PIECE_ROWS, row_groups=groups, columns=columns, use_threads=False)


class _ArrowFile:
    """One open Arrow file."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.names: list[str] = file.schema.names

    def __enter__(self) -> "_ArrowFile":
        return self

    def __exit__(self, *_: object) -> None:
        pass  # its memory map goes with it

    def shape(self) -> Shape:
        """What the file's footer says; `rows` by adding up its batches, which are not read for that."""
        layout = read_layout((self._file.schema.metadata or {}).get(METADATA))
        pieces = self._file.num_record_batches
        return Shape(layout, pieces=pieces, rows=sum(self._file.get_batch(at).num_rows for at in range(pieces)))

    def batches(self, columns: list[str], first: int, last: int | None) -> Iterator[Any]:
        """The rows of some record batches, piece by piece."""
        for at in range(self._file.num_record_batches)[first:last]:
            batch = self._file.get_batch(at).select(columns)
            for start in range(0, batch.num_rows, _PIECE_ROWS):
                yield batch.slice(start, _PIECE_ROWS)


def _opened(where: Where, form: PackedForm) -> "_ParquetFile | _ArrowFile":
    pyarrow = _pyarrow()
    if form == "arrow":
        source = pyarrow.memory_map(where) if isinstance(where, str) else where
        return _ArrowFile(pyarrow.ipc.open_file(source))
    from pyarrow import parquet

    return _ParquetFile(parquet.ParquetFile(where))


@contextmanager
def _refusing(form: PackedForm) -> Iterator[None]:
    """Refuse what pyarrow can't read. What the system says of a file that isn't there passes."""
    pyarrow = _pyarrow()
    try:
        yield
    except pyarrow.ArrowException as error:
        raise InvalidFile(f"not a whole .{form} file ({shown(error)}); copy it again") from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise InvalidFile(f"damaged .{form} file ({shown(error)}); copy it again") from None


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError:
        raise InvalidFile("Parquet and Arrow files need pyarrow, which is missing; install weighin[cluster]") from None
    return pyarrow


def _integers(column: Any, name: str) -> NDArray[np.integer[Any]]:
    """A column as numbers, without a copy where its memory is as NumPy's."""
    if not _pyarrow().types.is_integer(column.type):
        raise InvalidFile(f"the column {name!r} holds {column.type}; it must hold whole numbers")
    if column.null_count:
        raise InvalidFile(f"the column {name!r} has missing values; write 0 for a blank")
    array: NDArray[np.integer[Any]] = column.to_numpy(zero_copy_only=False)
    if array.dtype != np.uint64:
        return array
    if len(array) and int(array.max()) >= 2**63:
        raise InvalidFile(f"the column {name!r} holds numbers of 2^63 and more")
    return array.astype(np.int64)


def _beside(arrays: list[NDArray[np.integer[Any]]]) -> NDArray[np.integer[Any]]:
    """Columns as one array of shape (rows, columns), each column in one piece of memory."""
    whole = np.empty((len(arrays[0]), len(arrays)), np.result_type(*arrays), order="F")
    for place, array in enumerate(arrays):
        whole[:, place] = array
    return whole
