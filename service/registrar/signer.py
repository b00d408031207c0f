"""The hardened blind signer: RSA with CRT, base blinding, constant-time exponentiation and a fault check.

gmpy2's `powmod_sec` takes the same time for any exponent of a length; a random base hides what is signed from timing;
the last check keeps a bit flip from giving the key away (Boneh, DeMillo, Lipton 1997).
"""

import secrets

import gmpy2
from cryptography.hazmat.primitives.asymmetric import rsa

from voting.errors import InvalidProof
from voting.proof import tokens


class BlindSigner:
    """One issuer's private key for one contest and class. Methods are safe to call from several threads."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        numbers = key.private_numbers()
        public = numbers.public_numbers
        if public.n.bit_length() != tokens.MODULUS_BITS or public.e != tokens.EXPONENT:
            raise InvalidProof("an issuer's key is RSA-2048 with exponent 65537")
        self._p, self._q = gmpy2.mpz(numbers.p), gmpy2.mpz(numbers.q)
        self._dp, self._dq = gmpy2.mpz(numbers.dmp1), gmpy2.mpz(numbers.dmq1)
        self._q_inverse = gmpy2.mpz(numbers.iqmp)
        self._n = gmpy2.mpz(public.n)
        self.spki = tokens.encode_spki(public.n)

    def accepts(self, blinded_message: bytes) -> bool:
        """Tell whether this can be signed: 256 bytes, a number below the modulus."""
        return len(blinded_message) == tokens.MODULUS_BITS // 8 and int.from_bytes(blinded_message, "big") < self._n

    def sign(self, blinded_message: bytes) -> bytes:
        """Return the blind signature (RFC 9474 section 4.3), 256 bytes; the same message always gives the same one.

        Raises:
            InvalidProof: Not a number below the modulus.
        """
        if not self.accepts(blinded_message):
            raise InvalidProof("a blinded message is 256 bytes, and below the modulus")
        message = gmpy2.mpz(int.from_bytes(blinded_message, "big"))
        mask = gmpy2.mpz(1 + secrets.randbelow(int(self._n) - 1))
        masked = message * gmpy2.powmod(mask, tokens.EXPONENT, self._n) % self._n
        by_p = gmpy2.powmod_sec(masked % self._p, self._dp, self._p)
        by_q = gmpy2.powmod_sec(masked % self._q, self._dq, self._q)
        signature = by_q + self._q * ((by_p - by_q) * self._q_inverse % self._p)
        signature = signature * gmpy2.invert(mask, self._n) % self._n
        if gmpy2.powmod(signature, tokens.EXPONENT, self._n) != message:
            raise RuntimeError("a fault while signing; nothing was given out")
        return int(signature).to_bytes(tokens.MODULUS_BITS // 8, "big")


def new_key() -> rsa.RSAPrivateKey:
    """Return a fresh issuer key."""
    return rsa.generate_private_key(tokens.EXPONENT, tokens.MODULUS_BITS)
