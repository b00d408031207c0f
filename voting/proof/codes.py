"""One-time codes: 80 bits in four groups of five characters, each with its own check character (protocol section 4)."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from voting.errors import InvalidEncoding
from voting.proof.tags import tag

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base32: no I, L, O, U."""
_READ = {char: value for value, char in enumerate(ALPHABET)} | {"I": 1, "L": 1, "O": 0}
_WEIGHTS = (1, 3, 5, 7)


class InvalidCode(InvalidEncoding):
    """A mistyped code. `group` is the group at fault, from 1; None where the length is wrong."""

    def __init__(self, detail: str, group: int | None = None) -> None:
        super().__init__(detail)
        self.group = group


def format_groups(data: bytes) -> str:
    """Return bytes as groups of four data characters and a check character, joined by hyphens.

    Bits are read from the front, zero-padded to whole groups of 20. A code has 10 bytes and 4 groups, a recovery
    phrase 32 bytes and 13 groups.

    Example:
        >>> format_groups(bytes(10))
        '00009-0000J-0000V-00004'
    """
    count = -(-len(data) * 8 // 20)
    number = int.from_bytes(data, "big") << (count * 20 - len(data) * 8)
    groups = []
    for index in range(count):
        twenty = number >> (20 * (count - 1 - index)) & 0xFFFFF
        digits = [twenty >> shift & 31 for shift in (15, 10, 5, 0)]
        groups.append("".join(ALPHABET[digit] for digit in digits) + ALPHABET[_check(digits, index + 1)])
    return "-".join(groups)


def parse_groups(text: str, size: int) -> bytes:
    """Return the `size` bytes that groups spell. Case, spaces and hyphens do not matter; I and L read as 1, O as 0.

    Raises:
        InvalidCode: Wrong length, a character that is none, or a check character that does not fit; `group` says where.
    """
    chars = [char for char in text.upper() if char not in " -\t\r\n\u2010\u2011\u2012\u2013\u00a0"]
    count = -(-size * 8 // 20)
    for index, char in enumerate(chars):
        if char not in _READ:
            raise InvalidCode(f"{char!r} is in no code: group {index // 5 + 1} has a typing error", index // 5 + 1)
    if len(chars) != count * 5:
        raise InvalidCode(f"a code has {count * 5} characters in {count} groups of 5, this one has {len(chars)}")
    number = 0
    for index in range(count):
        digits = [_READ[char] for char in chars[index * 5 : index * 5 + 5]]
        if digits.pop() != _check(digits, index + 1):
            raise InvalidCode(f"group {index + 1} has a typing error", index + 1)
        for digit in digits:
            number = number << 5 | digit
    spare = count * 20 - size * 8
    if number & ((1 << spare) - 1):
        raise InvalidCode(f"group {count} has a typing error", count)
    return (number >> spare).to_bytes(size, "big")


def roll_secret(code: bytes, roll_id: bytes) -> bytes:
    """Return the Ed25519 private key of a code, 32 bytes: HKDF-SHA256 of its 10 bytes, bound to the roll."""
    return HKDF(hashes.SHA256(), 32, salt=None, info=tag("roll") + roll_id).derive(code)


def _check(digits: list[int], group: int) -> int:
    return (sum(weight * digit for weight, digit in zip(_WEIGHTS, digits, strict=True)) + 9 * group) % 32
