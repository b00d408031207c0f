"""What millions of lines say, packed: a hundred bytes a ballot, so that a verifier runs on a laptop.

A bundle stays in memory as its bytes; what is made of a line is forgotten once its few numbers are kept here.
"""

import base64
import io
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.ballot import BallotLine, Header
from schemas.roll import IssuanceEntry
from voting.errors import InvalidBundle, InvalidProof, VotingError
from voting.proof import ballot, canonical, log, roll
from voting.proof.base64s import from_base64
from voting.proof.roll import Leaf

_BALLOT = np.dtype([
    ("pk", ">u8", 4), ("rev", ">u4"), ("digest", ">u8", 4), ("cls", ">u4"), ("ctx", ">u4"), ("tokens", "u1"),
    ("why", ">u4"), ("choices", ">u4"), ("sealed", "u1"),
])  # fmt: skip
"""What is kept of a line: key, revision and digest; places in lists of texts; how many tokens; whether it is sealed."""
_SLICE = 4096
_SHUT = "\n"
"""Stands for the choices of a ballot that is not opened. No choices are these: a line feed is refused in any text."""


def lines(name: str, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Give each line of a file with its number from 1, without its line feed.

    Raises:
        InvalidBundle: The last line has no line feed.
    """
    for number, line in enumerate(io.BytesIO(data), start=1):
        if not line.endswith(b"\n"):
            raise InvalidBundle(f"{name} does not end with a line feed")
        yield number, line[:-1]


class Roll(Mapping[bytes, Leaf]):
    """A roll.txt as a mapping from public key to leaf, looked up in the file itself: its lines are sorted and equal in
    length.
    """

    def __init__(self, data: bytes) -> None:
        """Read every line once.

        Raises:
            InvalidEncoding: As `roll.leaves`.
        """
        self._data = data
        self._size = sum(1 for _ in roll.leaves(data))

    def index(self, roll_pk: bytes) -> int | None:
        """Return the place of a code, from 0; None where it is not on the roll."""
        wanted = roll_pk.hex().encode()
        place = bisect_left(range(self._size), wanted, key=lambda at: self._line(at)[:64])
        return place if place < self._size and self._line(place)[:64] == wanted else None

    def _line(self, place: int) -> bytes:
        return self._data[roll.LINE_SIZE * place : roll.LINE_SIZE * (place + 1) - 1]

    def __getitem__(self, roll_pk: bytes) -> Leaf:
        """Return the leaf of a code."""
        place = self.index(roll_pk)
        if place is None:
            raise KeyError(roll_pk)
        return self.leaf(place)

    def leaf(self, place: int) -> Leaf:
        """Return the leaf at a place."""
        return roll.leaf(bytes.fromhex(self._line(place).decode()))

    def __iter__(self) -> Iterator[bytes]:
        """Give the public keys, ascending."""
        return (leaf.roll_pk for leaf in self.leaves())

    def __len__(self) -> int:
        """Return how many codes there are."""
        return self._size

    def leaves(self) -> Iterator[Leaf]:
        """Give the leaves by ascending key."""
        return roll.leaves(self._data)


class Entries(Sequence[bytes]):
    """The entries of a log, 33 bytes each, as they lie in the file."""

    def __init__(self, data: bytes) -> None:
        """Take an entries.bin.

        Raises:
            InvalidProof: The length is not a multiple of 33.
        """
        if len(data) % log.ENTRY_SIZE:
            raise InvalidProof(f"{len(data)} bytes are not whole entries of {log.ENTRY_SIZE}")
        self._data = data

    @overload
    def __getitem__(self, place: int) -> bytes: ...
    @overload
    def __getitem__(self, place: slice) -> "Entries": ...
    def __getitem__(self, place: int | slice) -> "bytes | Entries":
        """Return one entry, or a row of them."""
        if isinstance(place, slice):
            first, last, step = place.indices(len(self))
            assert step == 1, "entries are cut into rows"
            return Entries(self._data[log.ENTRY_SIZE * first : log.ENTRY_SIZE * max(first, last)])
        at = range(len(self))[place] * log.ENTRY_SIZE
        return self._data[at : at + log.ENTRY_SIZE]

    def __len__(self) -> int:
        """Return how many entries there are."""
        return len(self._data) // log.ENTRY_SIZE

    def __iter__(self) -> Iterator[bytes]:
        """Give the entries in log order."""
        size = log.ENTRY_SIZE
        return (self._data[at : at + size] for at in range(0, len(self._data), size))

    def of_kind(self, kind: int) -> "Entries":
        """Return the entries of one type, in log order; these very ones where there is no other at either end."""
        kinds = np.frombuffer(self._data, np.uint8)[:: log.ENTRY_SIZE]
        found = np.flatnonzero(kinds == kind)
        first, last = (int(found[0]), int(found[-1])) if len(found) else (0, -1)
        if last - first + 1 == len(found):
            return self[first : last + 1]
        return Entries(b"".join(self[place] for place in found.tolist()))

    def digests(self) -> NDArray[np.uint8]:
        """Return the digests of all entries, shape (entries, 32): a view of the file."""
        return np.frombuffer(self._data, np.uint8).reshape(-1, log.ENTRY_SIZE)[:, 1:]


class Issuances:
    """The entries of an issuance log, decoded anew on every pass."""

    def __init__(self, name: str, data: bytes) -> None:
        """Read every line strictly once.

        Raises:
            InvalidBundle: A line is malformed. The text names it.
        """
        self._data, self._size = data, 0
        for number, line in lines(name, data):
            try:
                canonical.decode(line, IssuanceEntry)
            except VotingError as error:
                raise InvalidBundle(f"{name} line {number}: {error}") from error
            self._size = number

    def __len__(self) -> int:
        """Return how many entries there are."""
        return self._size

    def __iter__(self) -> Iterator[IssuanceEntry]:
        """Give the entries in log order."""
        return map(_ENTRY.decode, io.BytesIO(self._data))


class Lines:
    """Some of the lines of a file, by number from 1."""

    def __init__(self, marks: NDArray[np.bool_]) -> None:
        self.marks = marks

    def __contains__(self, number: int) -> bool:
        """Tell whether a line is among them."""
        return bool(self.marks[number - 1])

    def __len__(self) -> int:
        """Return how many there are."""
        return int(np.count_nonzero(self.marks))


class Survey:
    """The lines of ballots.jsonl, each read strictly once, as columns.

    Attributes:
        classes: The class ids that occur.
        contests: The contest identities that occur.
        reasons: The reasons for not counting that occur; "" is none.
        texts: The opened choices that occur; the first stands for those of a ballot that is not opened.
        table: A row a line; columns `pk`, `rev`, `digest`, `tokens`, `sealed`, and places in the lists above.
    """

    def __init__(self, name: str, data: bytes) -> None:
        """Read every line.

        Raises:
            InvalidBundle: One is malformed. The text names it.
        """
        classes, contests, reasons, texts = _Texts(), _Texts(), _Texts(), _Texts(_SHUT)
        packed = bytearray()
        for number, line in lines(name, data):
            try:
                record = canonical.decode(line, BallotLine)
                raw = record.header.encode()
                header = canonical.decode(raw, Header)
                sig = from_base64(record.sig, 64)
                for token in header.tok:
                    from_base64(token, 256)
                if isinstance(record.sealed, str):
                    from_base64(record.sealed)
            except VotingError as error:
                raise InvalidBundle(f"{name} line {number}: {error}") from error
            opened = texts[_SHUT if record.open is None else record.open.choices]
            packed += b"".join((
                bytes.fromhex(header.pk), header.rev.to_bytes(4, "big"), ballot.digest(raw, sig),
                classes[header.cls].to_bytes(4, "big"), contests[header.ctx].to_bytes(4, "big"),
                bytes((len(header.tok),)), reasons[record.why].to_bytes(4, "big"), opened.to_bytes(4, "big"),
                bytes((isinstance(record.sealed, str),)),
            ))  # fmt: skip
        self.table = np.frombuffer(packed, _BALLOT)
        self.classes, self.contests = tuple(classes), tuple(contests)
        self.reasons, self.texts = tuple(reasons), tuple(texts)

    def __len__(self) -> int:
        """Return how many ballots there are."""
        return len(self.table)

    def differ(self, logged: Entries) -> NDArray[np.bool_]:
        """Return which lines are not the ballot of the log's entry at the same place. As many entries as lines."""
        theirs, marks = logged.digests(), np.zeros(len(self), np.bool_)
        for at in range(0, len(self), _SLICE):
            ours = np.ascontiguousarray(self.table["digest"][at : at + _SLICE]).view(np.uint8).reshape(-1, 32)
            marks[at : at + _SLICE] = np.any(ours != theirs[at : at + _SLICE], axis=1)
        return marks

    def find(self, digests: Set[bytes]) -> dict[bytes, int]:
        """Return the first line, from 1, of each of some digests that is there."""
        found: dict[bytes, int] = {}
        for at in range(0, len(self), _SLICE):
            ours = np.ascontiguousarray(self.table["digest"][at : at + _SLICE]).tobytes()
            for place in range(len(ours) // 32):
                digest = ours[32 * place : 32 * place + 32]
                if digest in digests:
                    found.setdefault(digest, at + place + 1)
        return found

    def opened(self) -> NDArray[np.bool_]:
        """Return which lines are opened."""
        marks: NDArray[np.bool_] = self.table["choices"] != 0
        return marks

    def why(self, *reasons: str) -> NDArray[np.bool_]:
        """Return which lines give one of these reasons."""
        wanted = [self.reasons.index(one) for one in reasons if one in self.reasons]
        marks: NDArray[np.bool_] = np.isin(self.table["why"], wanted)
        return marks

    def count_reasons(self, among: Lines) -> Counter[str]:
        """Return how often each reason is given among some lines."""
        found = np.bincount(self.table["why"][among.marks].astype(np.int64), minlength=len(self.reasons))
        return Counter({reason: times for reason, times in zip(self.reasons, found.tolist(), strict=True) if times})

    def finals(self) -> tuple[Lines, Counter[str], int]:
        """Return the last revision of each key, how many keys each class has, and how many lines lost to an equal one.

        The highest revision is the last; of two equal ones, that with the smaller digest.
        """
        table = self.table
        pk, digest, rev = table["pk"], table["digest"], ~table["rev"]
        order = np.lexsort((*(digest[:, at] for at in (3, 2, 1, 0)), rev, *(pk[:, at] for at in (3, 2, 1, 0))))
        first = np.ones(len(table), np.bool_)
        if len(table):
            first[1:] = np.logical_or.reduce([_changes(pk[order, at]) for at in range(4)])
        marks = np.zeros(len(table), np.bool_)
        marks[order[first]] = True
        equal = int(np.count_nonzero(~first[1:] & ~_changes(table["rev"][order]))) if len(table) else 0
        return Lines(marks), self._count_keys(order, first), equal

    def _count_keys(self, order: NDArray[np.intp], first: NDArray[np.bool_]) -> Counter[str]:
        """Return how many different keys there are in each class; a key in two classes counts in both."""
        cls = self.table["cls"][order].astype(np.int64)
        if len(cls) and np.any(~first[1:] & _changes(cls)):
            key = np.cumsum(first)
            pairs = np.unique(np.stack((key, cls)), axis=1)
            found = np.bincount(pairs[1], minlength=len(self.classes))
        else:
            found = np.bincount(cls[first], minlength=len(self.classes))
        return Counter(dict(zip(self.classes, found.tolist(), strict=True)))


def _changes(column: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Where a value differs from the one before it, from the second on."""
    changed: NDArray[np.bool_] = column[1:] != column[:-1]
    return changed


class _Texts(dict[str, int]):
    """Texts by the order in which they came."""

    def __init__(self, *known: str) -> None:
        super().__init__({text: place for place, text in enumerate(known)})

    def __missing__(self, text: str) -> int:
        place = self[text] = len(self)
        return place


_ENTRY = msgspec.json.Decoder(IssuanceEntry)
_LINE = msgspec.json.Decoder(BallotLine)
_HEADER = msgspec.json.Decoder(Header)


def decode_ballot(line: bytes) -> tuple[BallotLine, Header, bytes]:
    """Return a line that was read strictly before, its header, and its signature, 64 bytes."""
    record = _LINE.decode(line)
    return record, _HEADER.decode(record.header), base64.b64decode(record.sig)
