"""One value, one string of bytes: the JSON that is hashed, signed and sent (protocol section 2).

The form is RFC 8785 for a small language: objects with ASCII keys, arrays, strings in NFC without control characters,
integers that every reader keeps exact, true, false, null. On that language msgspec's sorted encoding is RFC 8785.
"""

import unicodedata
from typing import Any, TypeVar, overload

import msgspec

from voting.errors import InvalidEncoding

T = TypeVar("T")
_encoder = msgspec.json.Encoder(order="sorted")
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def encode(value: Any) -> bytes:
    """Return the canonical JSON of a struct or of plain values: keys sorted, no spaces, integers only."""
    return _encoder.encode(value)


@overload
def decode(data: bytes, kind: type[T]) -> T: ...
@overload
def decode(data: bytes, kind: Any) -> Any: ...
def decode(data: bytes, kind: Any) -> Any:
    """Return the value that `data` is the canonical JSON of (rule R0).

    Encoding again must give the same bytes. So a doubled key, a space, an escape, another order of keys, `-0` or
    slack bits are refused, and not just overlooked.

    Raises:
        InvalidEncoding: Not JSON, not of this kind, or not canonical.
    """
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    try:
        value = decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InvalidEncoding(f"not a {_name(kind)}: {error}") from error
    if _encoder.encode(value) != data:
        raise InvalidEncoding(
            f"{_name(kind)} is not in canonical form (RFC 8785): encode it with sorted keys, no spaces"
        )
    check_text(data)
    return value


def check_text(data: bytes) -> None:
    """Check what re-encoding can't: NFC, and no control characters (they would have to be escaped).

    Raises:
        InvalidEncoding: A string is not in NFC or holds a control character.
    """
    if b"\\" in data and b"\\" in data.replace(b"\\\\", b"").replace(b'\\"', b""):
        raise InvalidEncoding("a string holds a control character")
    if not data.isascii() and not unicodedata.is_normalized("NFC", data.decode()):
        raise InvalidEncoding("a string is not in Unicode normal form NFC")


def _name(kind: Any) -> str:
    return getattr(kind, "__name__", str(kind))
