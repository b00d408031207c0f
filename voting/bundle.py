"""The bundle: everything an auditor needs, as named files, and the one tar that holds them (protocol section 14).

A bundle is a mapping from name to bytes. The tar is canonical: the files alone decide every byte of it, so rebuilding
it shows that nothing else is in it.
"""

import hashlib
import io
import re
from collections.abc import Mapping
from typing import BinaryIO

from voting.errors import InvalidBundle

BLOCK = 512
"""Tar works in blocks of so many bytes."""
END = bytes(2 * BLOCK)
"""What follows the last file."""
SIZE_MAX = 8**11 - 1
"""The largest file that a header can name: 8 GiB less a byte."""
NAME_MAX = 100
_CHUNK = 1 << 20

MANIFEST, POLICY, ROLL = "manifest.note", "policy.txt", "roll.txt"
LOG_CHECKPOINT, LOG_CHECKPOINTS, LOG_ENTRIES = "log/checkpoint", "log/checkpoints.txt", "log/entries.bin"
BALLOTS, BEACON, ROUNDS = "ballots.jsonl", "beacon.json", "tally/rounds.json"
SPEC, VECTORS = "method/spec.md", "method/vectors.json"
README, SHA256SUMS, RESULT = "README", "SHA256SUMS", "result.note"
NEEDED = (
    MANIFEST, POLICY, ROLL, LOG_CHECKPOINT, LOG_CHECKPOINTS, LOG_ENTRIES, BALLOTS, BEACON, ROUNDS, SPEC, VECTORS,
    README, SHA256SUMS, RESULT,
)  # fmt: skip
"""The files that every bundle has, beside those of each issuer."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*(/[A-Za-z0-9][A-Za-z0-9._:-]*)*")


def notice_name(number: int) -> str:
    """Return the file of notice `number`, from 1.

    Example:
        >>> notice_name(7)
        'notices/000007.note'
    """
    return f"notices/{number:06d}.note"


def issuance_name(host: str, file: str) -> str:
    """Return a file of an issuer's log; `file` is `checkpoint`, `checkpoints.txt` or `entries.jsonl`."""
    return f"issuance/{host}/{file}"


def sha256sums(files: Mapping[str, bytes]) -> bytes:
    """Return the file SHA256SUMS, as `sha256sum -c` reads it: all files but itself and result.note, sorted bytewise."""
    return b"".join(
        f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n".encode()
        for name in _sorted(files)
        if name not in (SHA256SUMS, RESULT)
    )


def tar_header(name: str, size: int) -> bytes:
    """Return the 512 bytes before a file: POSIX ustar, mode 0644, everything else that may be zero is zero.

    A bundle can be written as a stream: for each name in bytewise order its header, its bytes and `padding`; at last
    `END`.

    Raises:
        InvalidBundle: A name that is too long or could lead out of a folder, or a file above `SIZE_MAX`.
    """
    if len(name) > NAME_MAX or not _NAME.fullmatch(name):
        raise InvalidBundle(f"{name[:120]!r} can't be a file of a bundle")
    if not 0 <= size <= SIZE_MAX:
        raise InvalidBundle(f"{name}: {size} bytes are more than a tar header can say")
    front = (
        name.encode().ljust(NAME_MAX, b"\0")
        + b"0000644\0" + b"0000000\0" + b"0000000\0"  # mode, uid, gid
        + f"{size:011o}\0".encode() + b"00000000000\0"  # size, mtime
    )  # fmt: skip
    back = (
        b"0" + bytes(100) + b"ustar\x0000"  # regular file, no link, magic and version
        + bytes(32) + bytes(32) + b"0000000\0" + b"0000000\0"  # uname, gname, devices
        + bytes(155) + bytes(12)  # prefix, rest of the block
    )  # fmt: skip
    checksum = sum(front) + sum(back) + 8 * ord(" ")
    return front + f"{checksum:06o}\0 ".encode() + back


def padding(size: int) -> bytes:
    """Return the zeros that fill a file of `size` bytes to whole blocks."""
    return bytes(-size % BLOCK)


def write_tar(files: Mapping[str, bytes]) -> bytes:
    """Return the canonical tar of the files.

    Raises:
        InvalidBundle: A name or a size that can't stand in it.
    """
    parts: list[bytes] = []
    for name in _sorted(files):
        parts += (tar_header(name, len(files[name])), files[name], padding(len(files[name])))
    return b"".join((*parts, END))


def read_tar(source: bytes | BinaryIO) -> dict[str, bytes]:
    """Return the files of a canonical tar.

    Each header is compared with the one that `tar_header` writes, so passing means that `write_tar` of what is
    returned gives back the same bytes, without building them.

    Args:
        source: The tar, or a stream of it, which is read to its end: then each byte is in memory once.

    Raises:
        InvalidBundle: It is not one; the text says where.
    """
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    files: dict[str, bytes] = {}
    at, last = 0, ""
    while (header := _take(stream, BLOCK)) != bytes(BLOCK):
        name, size = _read_header(header, at)
        if header != tar_header(name, size):
            raise InvalidBundle(f"the tar header of {name} at byte {at} is not in canonical form")
        if files and name <= last:
            raise InvalidBundle(f"{name} stands after {last} in the tar: files must be sorted, each once")
        data, zeros = _take(stream, size), _take(stream, -size % BLOCK)
        if len(data) + len(zeros) < size + -size % BLOCK:
            raise InvalidBundle(f"the tar ends inside {name}")
        if any(zeros):
            raise InvalidBundle(f"the tar holds bytes behind {name}, where zeros belong")
        at += BLOCK + size + len(zeros)
        files[name], last = data, name
    if _take(stream, BLOCK + 1) != bytes(BLOCK):
        raise InvalidBundle("the tar does not end with two zero blocks and nothing more")
    return files


def _take(stream: BinaryIO, size: int) -> bytes:
    """Return the next bytes of a stream, fewer only at its end; never more memory than there are bytes."""
    if size <= _CHUNK:
        return stream.read(size)
    kept = io.BytesIO()  # which gives its buffer away without a copy
    while size and (part := stream.read(min(size, _CHUNK))):
        kept.write(part)
        size -= len(part)
    return kept.getvalue()


def _read_header(header: bytes, at: int) -> tuple[str, int]:
    if len(header) != BLOCK or header[257:265] != b"ustar\x0000":
        raise InvalidBundle(f"no ustar header at byte {at}: the file is cut short, or not a canonical tar")
    digits = header[124:135]
    if not digits.isdigit() or b"8" in digits or b"9" in digits:
        raise InvalidBundle(f"the tar header at byte {at} has no octal size")
    try:
        return header[:NAME_MAX].rstrip(b"\0").decode("ascii"), int(digits, 8)
    except UnicodeDecodeError as error:
        raise InvalidBundle(f"the tar header at byte {at} has a name that is not ASCII") from error


def _sorted(files: Mapping[str, bytes]) -> list[str]:
    return sorted(files, key=str.encode)
