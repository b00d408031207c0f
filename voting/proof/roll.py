"""The roll: the public keys of all codes, sorted, under one root (protocol section 4)."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from voting.errors import InvalidEncoding
from voting.proof import merkle
from voting.proof.tags import u16

LEAF_SIZE = 35
LINE_SIZE = 2 * LEAF_SIZE + 1


@dataclass(frozen=True, order=True)
class Leaf:
    """One code's public key (32 bytes), the index of its class in the manifest, its pool (0 mailed, 1 reserve)."""

    roll_pk: bytes
    cls: int
    pool: int

    def data(self) -> bytes:
        """Return the 35 bytes that are hashed."""
        return self.roll_pk + u16(self.cls) + bytes([self.pool])


def root(leaves: Iterable[Leaf]) -> bytes:
    """Return the RFC 6962 root over the leaves in bytewise ascending order."""
    return merkle.root(merkle.leaf_hash(data) for data in sorted(leaf.data() for leaf in leaves))


def write(leaves: Iterable[Leaf]) -> bytes:
    """Return roll.txt: a leaf a line, 70 lower-case hex digits and LF, ascending."""
    return b"".join(data.hex().encode() + b"\n" for data in sorted(leaf.data() for leaf in leaves))


def leaf(data: bytes) -> Leaf:
    """Return the leaf that 35 bytes spell."""
    return Leaf(roll_pk=data[:32], cls=int.from_bytes(data[32:34], "big"), pool=data[34])


def leaves(data: bytes) -> Iterator[Leaf]:
    """Give the leaves of a roll.txt, ascending.

    Raises:
        InvalidEncoding: A line is malformed, out of order, or a key stands twice.
    """
    last = b""
    for number, line in enumerate(io.BytesIO(data), start=1):
        if not line.endswith(b"\n"):
            raise InvalidEncoding("roll.txt does not end with a line feed")
        try:
            raw = bytes.fromhex(line[:-1].decode("ascii"))
        except ValueError as error:
            raise InvalidEncoding(f"roll.txt line {number} is not hex") from error
        if len(raw) != LEAF_SIZE or raw.hex().encode() != line[:-1] or raw[34] > 1:
            raise InvalidEncoding(f"roll.txt line {number} is not 70 lower-case hex digits of a leaf")
        if raw[:32] <= last:
            raise InvalidEncoding(f"roll.txt line {number} is out of order, or its key stands twice")
        last = raw[:32]
        yield leaf(raw)
