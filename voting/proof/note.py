"""Signed notes (c2sp.org/signed-note): a short text and lines of signatures, made to be read by people too."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache

from voting.errors import InvalidProof
from voting.proof import signing

ED25519 = 0x01
COSIGNATURE = 0x04
"""Algorithm bytes of a key: a plain signature, and a cosignature with its time (c2sp.org/tlog-cosignature)."""


@dataclass(frozen=True)
class VerifierKey:
    """A name and a public key; written `name+id+base64`."""

    name: str
    algorithm: int
    key: bytes

    @cached_property
    def id(self) -> bytes:
        """The four bytes that a signature line starts with."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.algorithm]) + self.key).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([self.algorithm]) + self.key).decode()}"


@dataclass(frozen=True)
class SignatureLine:
    """One line of signature: who says it, with which key, and the raw signature."""

    name: str
    id: bytes
    signature: bytes


def parse_vkey(text: str) -> VerifierKey:
    """Return the key that a `name+id+base64` string spells.

    Raises:
        InvalidProof: Malformed, of an unknown algorithm, or the id is not that of the key.
    """
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise InvalidProof(f"verifier key {text[:60]!r} is not name+id+key")
    name, key_id, encoded = parts
    key = _base64(encoded)
    if not _is_name(name) or len(key) != 33 or key[0] not in (ED25519, COSIGNATURE):
        raise InvalidProof(f"verifier key {name!r} is malformed or of an unknown algorithm")
    vkey = VerifierKey(name=name, algorithm=key[0], key=key[1:])
    if vkey.id.hex() != key_id:
        raise InvalidProof(f"verifier key {name!r} carries the wrong id")
    return vkey


@lru_cache(maxsize=32)
def vkey_of(secret: bytes, name: str, algorithm: int = ED25519) -> VerifierKey:
    """Return the verifier key of a 32-byte private key under `name`."""
    return VerifierKey(name=name, algorithm=algorithm, key=signing.public_key(secret))


def sign(text: str, secret: bytes, name: str) -> str:
    """Return the signature line of `text`, which ends in a line feed, under an ED25519 key."""
    return _line(vkey_of(secret, name), signing.sign(secret, text.encode()))


def cosign(text: str, secret: bytes, name: str, *, at: int) -> str:
    """Return a cosignature line: the key saw `text` at `at`, POSIX seconds (c2sp.org/tlog-cosignature, v1)."""
    stamp = at.to_bytes(8, "big")
    return _line(vkey_of(secret, name, COSIGNATURE), stamp + signing.sign(secret, _cosigned(text, at)))


def assemble(text: str, *lines: str) -> bytes:
    """Return the note: the text, an empty line, the signature lines."""
    return (text + "\n" + "".join(lines)).encode()


def split(note: bytes) -> tuple[str, list[SignatureLine]]:
    """Return a note's text, with its last line feed, and its signature lines, unverified.

    Raises:
        InvalidProof: Not a note.
    """
    try:
        whole = note.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidProof("a note is not UTF-8") from error
    if any(char < " " and char != "\n" for char in whole):
        raise InvalidProof("a note holds a control character")
    end = whole.rfind("\n\n")
    text, signatures = whole[: end + 1], whole[end + 2 :]
    if end < 0 or not signatures.endswith("\n"):
        raise InvalidProof("a note has no signature lines, or no line feed at its end")
    return text, [_parse_line(line) for line in signatures[:-1].split("\n")]


@dataclass(frozen=True)
class Signed:
    """A note whose every line was checked.

    Attributes:
        text: The note's text, with its last line feed.
        signers: The keys that signed.
        times: For each cosignature, its time, POSIX seconds, by key.
    """

    text: str
    signers: tuple[VerifierKey, ...]
    times: dict[VerifierKey, int]


def verify(note: bytes, keys: tuple[VerifierKey, ...]) -> Signed:
    """Return the note once every signature line is a valid one of a key in `keys`, each at most once.

    Unknown lines are refused, not skipped: what can't be checked could say anything.

    Raises:
        InvalidProof: Not a note, a line by an unknown key, an invalid line, or a key twice.
    """
    text, lines = split(note)
    known = {(key.name, key.id): key for key in keys}
    signers: list[VerifierKey] = []
    times: dict[VerifierKey, int] = {}
    for line in lines:
        key = known.get((line.name, line.id))
        if key is None:
            raise InvalidProof(f"signed by {line.name!r}, a key that nobody named")
        if key in signers:
            raise InvalidProof(f"signed twice by {line.name!r}")
        if key.algorithm == COSIGNATURE:
            if len(line.signature) != 72:
                raise InvalidProof(f"the cosignature by {line.name!r} has the wrong length")
            at = int.from_bytes(line.signature[:8], "big")
            good = signing.verify(key.key, _cosigned(text, at), line.signature[8:])
            times[key] = at
        else:
            good = signing.verify(key.key, text.encode(), line.signature)
        if not good:
            raise InvalidProof(f"the signature by {line.name!r} is not valid")
        signers.append(key)
    return Signed(text=text, signers=tuple(signers), times=times)


def _cosigned(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def _line(key: VerifierKey, signature: bytes) -> str:
    return f"— {key.name} {base64.b64encode(key.id + signature).decode()}\n"


def _parse_line(line: str) -> SignatureLine:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "—" or not _is_name(parts[1]):
        raise InvalidProof(f"signature line {line[:60]!r} is malformed")
    data = _base64(parts[2])
    if len(data) < 5:
        raise InvalidProof(f"signature line of {parts[1]!r} is too short")
    return SignatureLine(name=parts[1], id=data[:4], signature=data[4:])


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(char.isspace() for char in name)


def _base64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidProof("a key or signature is not base64") from error
    if base64.b64encode(data).decode() != text:
        raise InvalidProof("a key or signature is not in canonical base64")
    return data
