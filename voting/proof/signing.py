"""Ed25519 (RFC 8032), verified strictly: S below the group order, points in their one encoding."""

from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_P = 2**255 - 19


def public_key(secret: bytes) -> bytes:
    """Return the public key of a 32-byte private key."""
    return _key(secret).public_key().public_bytes_raw()


def sign(secret: bytes, message: bytes) -> bytes:
    """Return the 64-byte signature; the same message always gives the same one."""
    return _key(secret).sign(message)


@lru_cache(maxsize=8)
def _key(secret: bytes) -> Ed25519PrivateKey:
    """Return a key made ready. A service signs with the same few; making one costs as much as signing."""
    return Ed25519PrivateKey.from_private_bytes(secret)


def is_canonical(point: bytes) -> bool:
    """Tell whether 32 bytes spell a point in the one way RFC 8032 section 5.1.2 gives it."""
    number = int.from_bytes(point, "little")
    y = number & ((1 << 255) - 1)
    return y < _P and not (number >> 255 and y in (1, _P - 1))


def verify(key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether `signature` is `key`'s over `message`. Malformed keys and signatures are False, never an error."""
    if len(key) != 32 or len(signature) != 64 or not is_canonical(key):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
