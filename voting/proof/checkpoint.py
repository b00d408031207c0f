"""Checkpoints (c2sp.org/tlog-checkpoint): a log's size and root, in the text of a signed note."""

from dataclasses import dataclass

from voting.errors import InvalidEncoding, InvalidProof
from voting.proof.base64s import from_base64, to_base64


@dataclass(frozen=True)
class Checkpoint:
    """What a log says of itself: its origin, how many entries it has, and their root (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the note's text: origin, size, root; no extension lines."""
        return f"{self.origin}\n{self.size}\n{to_base64(self.root)}\n"


def parse(text: str) -> Checkpoint:
    """Return the checkpoint that a note's text spells.

    Raises:
        InvalidProof: Not three lines, a size with leading zeros or sign, or a root that is not 32 bytes.
    """
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] != "" or not lines[0]:
        raise InvalidProof("a checkpoint has three lines: origin, size, root")
    size = lines[1]
    if not (size.isascii() and size.isdigit()) or (size[0] == "0" and size != "0") or len(size) > 15:
        raise InvalidProof(f"checkpoint size {size[:20]!r} is not a number")
    try:
        root = from_base64(lines[2], 32)
    except InvalidEncoding as error:
        raise InvalidProof(f"checkpoint root: {error}") from error
    return Checkpoint(origin=lines[0], size=int(size), root=root)
