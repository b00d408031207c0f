"""The voter's side in Python: from a code to a promise. Used by `vote`, `replay`, the demonstration and tests.

The TypeScript in frontend/client/ does the same, byte for byte. Everything a voter needs comes from one 32-byte seed,
so a lost answer can be asked for again (protocol sections 5 and 7).
"""

import asyncio
import hashlib
import secrets
from dataclasses import dataclass
from functools import cached_property
from math import gcd

import gmpy2
import httpx
import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from schemas.ballot import CastAnswer, CastRequest, Choices, Header
from schemas.contest import Channel, Manifest
from schemas.problem import Problem
from schemas.roll import IssueAnswer, IssueRequest, LookupRequest
from voting.errors import InvalidProof
from voting.proof import ballot, canonical, codes, issuance, promise, signing, statement, tokens
from voting.proof.base64s import from_base64, to_base64
from voting.proof.tags import lp, tag, u32

_HASH_SIZE = 48
_MODULUS_SIZE = tokens.MODULUS_BITS // 8


class WrongToken(InvalidProof):
    """An issuer's answer is no token under its published key: a key made to tag this voter, or a malformed one.

    Attributes:
        evidence: Request and answer as they went over the line, JSON. It holds the public key of the code, no choices.
    """

    def __init__(self, text: str, *, request: bytes, answer: bytes) -> None:
        super().__init__(text)
        self.evidence = msgspec.json.encode({"request": request.decode(), "answer": answer.decode()})


def pss_encode(message: bytes, salt: bytes, bits: int) -> bytes:
    """Return EMSA-PSS of `message` with SHA-384 and MGF1 (RFC 8017 section 9.1.1).

    Args:
        message: What is signed.
        salt: Its length is the salt length.
        bits: Bit length of the modulus less 1.
    """
    size = -(-bits // 8)
    digest = hashlib.sha384(bytes(8) + hashlib.sha384(message).digest() + salt).digest()
    block = bytes(size - len(salt) - _HASH_SIZE - 2) + b"\x01" + salt
    mask = b"".join(hashlib.sha384(digest + u32(n)).digest() for n in range(-(-len(block) // _HASH_SIZE)))
    masked = bytearray(a ^ b for a, b in zip(block, mask, strict=False))
    masked[0] &= 0xFF >> (8 * size - bits)
    return bytes(masked) + digest + b"\xbc"


def blind(modulus: int, message: bytes, *, salt: bytes, factor: int, exponent: int = tokens.EXPONENT) -> bytes:
    """Return the blinded message (RFC 9474 section 4.2) for a given salt and blinding factor r.

    Raises:
        InvalidProof: The encoded message shares a factor with the modulus: the modulus is not an honest one.
    """
    encoded = int.from_bytes(pss_encode(message, salt, modulus.bit_length() - 1), "big")
    if gcd(encoded, modulus) != 1:
        raise InvalidProof("the issuer's modulus is not an honest one")
    blinded = encoded * int(gmpy2.powmod(factor, exponent, modulus)) % modulus
    return blinded.to_bytes(-(-modulus.bit_length() // 8), "big")


def unblind(modulus: int, blind_signature: bytes, factor: int) -> bytes:
    """Return the signature in a blind signature (RFC 9474 section 4.4), unverified."""
    inverse = int(gmpy2.invert(factor, modulus))
    value = int.from_bytes(blind_signature, "big") * inverse % modulus
    return value.to_bytes(len(blind_signature), "big")


@dataclass(frozen=True)
class Voter:
    """One voter in one contest: everything derived from `seed`, 32 bytes.

    Attributes:
        manifest: The contest; the caller has checked whose it is.
        seed: From the operating system's generator, never from the code: who made the code could link.
        cls: The voter's class.
    """

    manifest: Manifest
    seed: bytes
    cls: str

    @classmethod
    def new(cls, manifest: Manifest, voter_class: str) -> "Voter":
        """Return a voter with a fresh seed."""
        return cls(manifest=manifest, seed=secrets.token_bytes(32), cls=voter_class)

    @cached_property
    def ctx(self) -> bytes:
        """The contest's identity, 32 bytes."""
        return statement.contest_ctx(self.manifest)

    @cached_property
    def secret(self) -> bytes:
        """The Ed25519 private key that signs every revision."""
        return self.derive(b"sign", 32)

    @cached_property
    def pk(self) -> bytes:
        """The public key: what the issuers sign blindly."""
        return signing.public_key(self.secret)

    def derive(self, label: bytes, size: int) -> bytes:
        """Return K(label, size) of protocol section 5."""
        return HKDF(hashes.SHA256(), size, salt=None, info=tag("voter") + self.ctx + lp(label)).derive(self.seed)

    def _spki(self, issuer: int) -> bytes:
        return from_base64(self.manifest.issuers[issuer].spki[self.cls])

    def token_input(self, issuer: int) -> bytes:
        """Return what issuer number `issuer` (from 0) signs, 98 bytes."""
        host = self.manifest.issuers[issuer].host
        digest = hashlib.sha256(tokens.challenge(host, self.ctx, self.manifest.box_host)).digest()
        return tokens.token_input(self.pk, challenge_digest=digest, spki=self._spki(issuer))

    def _factor(self, issuer: int) -> int:
        modulus = tokens.decode_spki(self._spki(issuer))
        host = self.manifest.issuers[issuer].host.encode()
        for j in range(256):
            factor = int.from_bytes(self.derive(b"blind" + host + bytes([j]), _MODULUS_SIZE), "big")
            if 1 < factor < modulus and gcd(factor, modulus) == 1:
                return factor
        raise InvalidProof("no blinding factor fits the issuer's modulus")

    def token_request(self, issuer: int) -> bytes:
        """Return the TokenRequest to one issuer; always the same bytes."""
        spki = self._spki(issuer)
        salt = self.derive(b"pss" + self.manifest.issuers[issuer].host.encode(), tokens.SALT_SIZE)
        blinded = blind(tokens.decode_spki(spki), self.token_input(issuer), salt=salt, factor=self._factor(issuer))
        return tokens.request(spki, blinded)

    def issue_requests(self, roll_secret: bytes, channel: Channel = "letter") -> list[bytes]:
        """Return the canonical body of the request to each issuer, in the manifest's order."""
        requests = [self.token_request(issuer) for issuer in range(len(self.manifest.issuers))]
        digests = [hashlib.sha256(request).digest() for request in requests]
        signature = signing.sign(roll_secret, issuance.issue_message(self.ctx, digests))
        return [
            canonical.encode(
                IssueRequest(
                    type="weighin/v1/issue",
                    ctx=self.ctx.hex(),
                    cls=self.cls,
                    roll_pk=signing.public_key(roll_secret).hex(),
                    channel=channel,
                    hashes=tuple(digest.hex() for digest in digests),
                    issuer=issuer,
                    request=to_base64(request),
                    sig=to_base64(signature),
                )
            )
            for issuer, request in enumerate(requests)
        ]

    def token(self, issuer: int, response: bytes) -> bytes:
        """Return the token in an issuer's answer.

        Raises:
            InvalidProof: It does not verify under the manifest's key: evidence of a key made to tag this voter.
        """
        spki = self._spki(issuer)
        if len(response) != _MODULUS_SIZE:
            raise InvalidProof("the issuer's answer has the wrong length")
        authenticator = unblind(tokens.decode_spki(spki), response, self._factor(issuer))
        if not tokens.is_token(spki, self.token_input(issuer), authenticator):
            raise InvalidProof("the issuer's answer is not a signature under the key in the manifest")
        return authenticator

    def ballot_body(self, choices: Choices, *, rev: int, held_tokens: list[bytes]) -> bytes:
        """Return the body of a cast, `body_size` bytes. Sealing draws randomness: keep the bytes, and resend them."""
        manifest = self.manifest
        words = canonical.encode(choices)
        salt = self.derive(b"salt" + u32(rev), ballot.SALT_SIZE)
        commit = ballot.commitment(ctx=self.ctx, pk=self.pk, rev=rev, salt=salt, choices=words)
        sealed = ballot.SUITE.encrypt(
            ballot.plaintext(salt, words, manifest.pad),
            EllipticCurvePublicKey.from_encoded_point(SECP256R1(), from_base64(manifest.seal_key, 65)),
            ballot.seal_info(ctx=self.ctx, pk=self.pk, rev=rev, commit=commit),
        )
        header = canonical.encode(
            Header(
                type="weighin/v1/ballot",
                ctx=self.ctx.hex(),
                cls=self.cls,
                pk=self.pk.hex(),
                rev=rev,
                commit=commit.hex(),
                seal=hashlib.sha256(sealed).hexdigest(),
                tok=tuple(to_base64(token) for token in held_tokens),
            )
        )
        signature = signing.sign(self.secret, ballot.signed_bytes(header))
        return ballot.request_body(header=header, sealed=sealed, signature=signature, size=manifest.body_size)


def lookup_request(ctx: bytes, roll_secret: bytes) -> bytes:
    """Return the canonical body that asks whether a code was used."""
    return canonical.encode(
        LookupRequest(
            type="weighin/v1/lookup",
            ctx=ctx.hex(),
            roll_pk=signing.public_key(roll_secret).hex(),
            sig=to_base64(signing.sign(roll_secret, issuance.lookup_message(ctx))),
        )
    )


def roll_secret_of(code: str, manifest: Manifest) -> bytes:
    """Return the private key of a typed code.

    Raises:
        voting.proof.codes.InvalidCode: Mistyped; it says in which group.
    """
    return codes.roll_secret(codes.parse_groups(code, 10), bytes.fromhex(manifest.roll_id))


class Answered(Exception):
    """The service said no. `problem` is its problem document."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


class Unreachable(Exception):
    """The service did not answer in time, however often it was asked."""


ATTEMPTS = 40
"""How often the same bytes are sent before giving up; about half a minute."""


async def read_manifest(http: httpx.AsyncClient, contest_id: str) -> Manifest:
    """Return a contest's manifest, once its own authority's signature holds.

    Raises:
        Answered, Unreachable: No such contest, or no answer.
        InvalidProof: Not signed as it says.
    """
    answer = await _send(http, "GET", f"/api/v1/contests/{contest_id}/manifest")
    return statement.verify_manifest(answer)


async def obtain_tokens(http: httpx.AsyncClient, voter: Voter, roll_secret: bytes) -> list[bytes]:
    """Ask every issuer for its token and return them in the manifest's order. The same requests as often as needed.

    Raises:
        Answered, Unreachable: An issuer said no, or nothing.
        WrongToken: An issuer answered with something else than a token under its published key.
    """
    held = []
    for issuer, body in enumerate(voter.issue_requests(roll_secret)):
        answer = await _send(http, "POST", f"/api/v1/contests/{voter.manifest.slug}/issue", body)
        response = msgspec.json.decode(answer, type=IssueAnswer)
        try:
            held.append(voter.token(issuer, from_base64(response.response)))
        except InvalidProof as error:
            raise WrongToken(str(error), request=body, answer=answer) from error
    return held


async def cast(http: httpx.AsyncClient, manifest: Manifest, body: bytes) -> bytes:
    """Send a ballot until the box promises it, and return the promise, a note, once it is checked.

    Raises:
        Answered, Unreachable: The box said no, or nothing.
        InvalidProof: Its promise is not for this ballot, or not signed by this box.
    """
    answer = await _send(http, "POST", f"/api/v1/contests/{manifest.slug}/ballots", body)
    note = msgspec.json.decode(answer, type=CastAnswer).promise.encode()
    check_promise(note, manifest, body)
    return note


def check_promise(note: bytes, manifest: Manifest, body: bytes) -> promise.Promise:
    """Return the promise in a note, once it is the box's and for this ballot.

    Raises:
        InvalidProof: It is not.
    """
    word = promise.verify(note, manifest.box_vkey)
    request: CastRequest = canonical.decode(body, CastRequest)
    digest = ballot.digest(request.header.encode(), from_base64(request.sig, 64))
    if word.digest != digest or word.ctx != statement.contest_ctx(manifest):
        raise InvalidProof("the promise is for another ballot")
    if word.include_by > manifest.closes_at + 2 * 86400:
        raise InvalidProof("the promise is for a time long after the end")
    return word


async def _send(http: httpx.AsyncClient, method: str, path: str, body: bytes | None = None) -> bytes:
    """Send until there is an answer; 5xx, refusals to connect and lost connections are tried again."""
    last = "no answer"
    for attempt in range(ATTEMPTS):
        try:
            answer = await http.request(
                method, path, content=body, headers={} if body is None else {"content-type": "application/json"}
            )
        except httpx.TransportError as error:
            last = type(error).__name__
        else:
            if answer.is_success:
                return answer.content
            if answer.status_code < 500:
                raise Answered(_problem(answer))
            last = _problem(answer).detail
        await asyncio.sleep(min(1.0, 0.05 * (attempt + 1)))
    raise Unreachable(f"{http.base_url}: {last}; tried {ATTEMPTS} times")


def _problem(answer: httpx.Response) -> Problem:
    try:
        return msgspec.json.decode(answer.content, type=Problem)
    except msgspec.MsgspecError:
        return Problem(
            type="about:blank", title="no problem document", status=answer.status_code,
            detail=f"the server answered {answer.status_code} and no reason",
        )  # fmt: skip
