"""Tokens: a voter's public key, blind-signed by each issuer (RFC 9578 section 6, RFC 9474).

What is here is what everybody can check. Blinding is the client's (service/client.py), signing the registrar's.
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from voting.errors import InvalidProof
from voting.proof.tags import u16

TOKEN_TYPE = 2
MODULUS_BITS = 2048
EXPONENT = 65537
SALT_SIZE = 48
"""RSABSSA-SHA384-PSS-Deterministic: the salt is as long as SHA-384."""

# AlgorithmIdentifier of id-RSASSA-PSS with SHA-384, MGF1 with SHA-384, salt length 48 (RFC 9578 section 6.5).
_ALGORITHM = bytes.fromhex(
    "303d06092a864886f70d01010a3030a00d300b0609608648016503040202"
    "a11a301806092a864886f70d010108300b0609608648016503040202a203020130"
)


def encode_spki(modulus: int, exponent: int = EXPONENT) -> bytes:
    """Return the SubjectPublicKeyInfo of an RSASSA-PSS key, DER."""
    key = _der(0x30, _integer(modulus) + _integer(exponent))
    return _der(0x30, _ALGORITHM + _der(0x03, b"\0" + key))


def decode_spki(spki: bytes) -> int:
    """Return the modulus of an issuer's key.

    The key must be exactly what `encode_spki` would write, so that its hash names it once.

    Raises:
        InvalidProof: Not this DER, not 2048 bits, an even modulus, or another exponent than 65537.
    """
    tail = _integer(EXPONENT)
    start = len(spki) - len(tail) - MODULUS_BITS // 8
    if start < 0:
        raise InvalidProof("an issuer's key is too short")
    modulus = int.from_bytes(spki[start : len(spki) - len(tail)], "big")
    if modulus.bit_length() != MODULUS_BITS or not modulus & 1:
        raise InvalidProof(f"an issuer's modulus is not an odd number of {MODULUS_BITS} bits")
    if encode_spki(modulus) != spki:
        raise InvalidProof("an issuer's key is not an RSASSA-PSS key with exponent 65537 in DER")
    return modulus


def challenge(issuer_host: str, ctx: bytes, box_host: str) -> bytes:
    """Return the TokenChallenge (RFC 9577 section 2.1) whose redemption context is the contest."""
    issuer, box = issuer_host.encode(), box_host.encode()
    return u16(TOKEN_TYPE) + u16(len(issuer)) + issuer + bytes([32]) + ctx + u16(len(box)) + box


def token_input(pk: bytes, *, challenge_digest: bytes, spki: bytes) -> bytes:
    """Return the 98 bytes that an issuer signs blindly (RFC 9578 section 6.1), the nonce being the voter's key."""
    return u16(TOKEN_TYPE) + pk + challenge_digest + hashlib.sha256(spki).digest()


def input_maker(challenge: bytes, spki: bytes) -> Callable[[bytes], bytes]:
    """Return `token_input` for one issuer's key and challenge: a function of the voter's key alone."""
    challenge_digest, key_id = hashlib.sha256(challenge).digest(), hashlib.sha256(spki).digest()
    return lambda pk: u16(TOKEN_TYPE) + pk + challenge_digest + key_id


def request(spki: bytes, blinded_message: bytes) -> bytes:
    """Return the TokenRequest (RFC 9578 section 6.1): type, last byte of the key's hash, blinded message."""
    return u16(TOKEN_TYPE) + hashlib.sha256(spki).digest()[-1:] + blinded_message


def read_request(data: bytes, spki: bytes) -> bytes:
    """Return the blinded message of a TokenRequest to the issuer with key `spki`.

    Raises:
        InvalidProof: Another length, type or key.
    """
    if len(data) != 3 + MODULUS_BITS // 8 or data[:3] != u16(TOKEN_TYPE) + hashlib.sha256(spki).digest()[-1:]:
        raise InvalidProof("not a token request to this issuer's key")
    return data[3:]


def is_token(spki: bytes, message: bytes, authenticator: bytes) -> bool:
    """Tell whether `authenticator` is the issuer's RSASSA-PSS signature over `message` (a token input)."""
    if len(authenticator) != MODULUS_BITS // 8:
        return False
    try:
        _public_key(spki).verify(authenticator, message, _PADDING, _HASH)
    except InvalidSignature:
        return False
    return True


_HASH = hashes.SHA384()
_PADDING = padding.PSS(padding.MGF1(_HASH), SALT_SIZE)


@lru_cache(maxsize=1024)
def _public_key(spki: bytes) -> RSAPublicKey:
    return RSAPublicNumbers(EXPONENT, decode_spki(spki)).public_key()


def _der(kind: int, value: bytes) -> bytes:
    size = len(value)
    if size < 128:
        return bytes([kind, size]) + value
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([kind, 0x80 | len(length)]) + length + value


def _integer(number: int) -> bytes:
    return _der(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))
