"""Domain separation: every hash and signature says what it is for (protocol section 2)."""

import hashlib
import struct
from typing import Literal

Tag = Literal[
    "manifest", "voter", "choices", "leaf", "issue", "lookup", "ballot", "seal", "roll", "paper-batch", "paper-cvr",
    "issuance", "notice", "close", "seed", "lot", "result",
]  # fmt: skip
"""The registered tags. No tag is ever used for two layouts."""


def tag(name: Tag) -> bytes:
    """Return the prefix of everything hashed or signed under `name`: ASCII text and a zero byte.

    Example:
        >>> tag("lot")
        b'weighin/v1/lot\\x00'
    """
    return b"weighin/v1/" + name.encode() + b"\0"


def tagged_hash(name: Tag, *parts: bytes) -> bytes:
    """Return SHA-256 of the tag and the parts, 32 bytes.

    Every part has a fixed length or carries its length (see `lp`), except at most the last one.
    """
    return hashlib.sha256(tag(name) + b"".join(parts)).digest()


def lp(data: bytes) -> bytes:
    """Return `data` behind its length as u32, big-endian."""
    return struct.pack(">I", len(data)) + data


def u16(number: int) -> bytes:
    """Return `number` as two bytes, big-endian."""
    return struct.pack(">H", number)


def u32(number: int) -> bytes:
    """Return `number` as four bytes, big-endian."""
    return struct.pack(">I", number)
