"""Hex and base64 in their one canonical spelling: bytes that are written twice are written alike."""

import base64
import binascii

from voting.errors import InvalidEncoding


def to_base64(data: bytes) -> str:
    """Return standard base64 with padding (RFC 4648 section 4)."""
    return base64.b64encode(data).decode()


def from_base64(text: str, size: int | None = None) -> bytes:
    """Return the bytes that `text` spells; `size` is how many there must be.

    Raises:
        InvalidEncoding: Not base64, slack bits set, or of another size. `QR==` is refused: `QQ==` says the same.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidEncoding(f"not base64: {error}") from error
    if base64.b64encode(data).decode() != text:
        raise InvalidEncoding("base64 is not in canonical form")
    if size is not None and len(data) != size:
        raise InvalidEncoding(f"{len(data)} bytes, where {size} are due")
    return data
