"""A ballot's arithmetic: commitment, seal, signature, digest, and its size on the wire (protocol sections 7 and 10)."""

from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from schemas.ballot import Allocation, Approval, CastRequest, Choices, Header, Ranking, Scores
from schemas.contest import ApprovalRules, BallotRules, KnapsackRules, PointsRules, RankingRules, ScoreRules
from voting.errors import InvalidProof
from voting.proof import canonical
from voting.proof.base64s import to_base64
from voting.proof.tags import lp, tag, tagged_hash, u32

SUITE = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_128_GCM)
"""DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM (RFC 9180)."""
SALT_SIZE = 32
_ENC_SIZE = 65
_TAG_SIZE = 16
_SIGNATURE_SIZE = 64
_TOKEN_SIZE = 256


def commitment(*, ctx: bytes, pk: bytes, rev: int, salt: bytes, choices: bytes) -> bytes:
    """Return what binds a voter to choices without showing them, 32 bytes."""
    return tagged_hash("choices", ctx, pk, u32(rev), salt, choices)


def seal_info(*, ctx: bytes, pk: bytes, rev: int, commit: bytes) -> bytes:
    """Return HPKE's `info`: it ties a sealed text to its one header."""
    return tag("seal") + ctx + pk + u32(rev) + commit


def plaintext(salt: bytes, choices: bytes, pad: int) -> bytes:
    """Return what is sealed: salt, and choices padded with spaces to `pad` bytes."""
    if len(choices) > pad:
        raise InvalidProof(f"choices of {len(choices)} bytes do not fit the {pad} that the manifest gives them")
    return salt + choices.ljust(pad, b" ")


def open_sealed(key: EllipticCurvePrivateKey, sealed: bytes, info: bytes) -> tuple[bytes, bytes]:
    """Return salt and choices of a sealed text.

    Raises:
        InvalidProof: Sealed to another key, for another header, or altered.
    """
    try:
        opened = SUITE.decrypt(sealed, key, info)
    except (InvalidTag, ValueError) as error:
        raise InvalidProof("the sealed text does not open") from error
    if len(opened) < SALT_SIZE:
        raise InvalidProof("the sealed text is too short to hold a salt")
    return opened[:SALT_SIZE], opened[SALT_SIZE:].rstrip(b" ")


def signed_bytes(header: bytes) -> bytes:
    """Return what the voter's key signs."""
    return tag("ballot") + header


def digest(header: bytes, signature: bytes) -> bytes:
    """Return the ballot's 32-byte digest: what the promise names and the log holds."""
    return tagged_hash("leaf", lp(header), signature)


def pad_size(rules: BallotRules, option_ids: Iterable[str]) -> int:
    """Return the manifest's `pad`: the least multiple of 64 bytes that holds the longest legal choices.

    For `knapsack` and `points` it is a bound that is simple to compute: all options could be named, and every amount
    could have as many digits as the largest one.
    """
    ids = sorted(option_ids, key=len, reverse=True)
    longest: Choices
    match rules:
        case RankingRules(equal=True):
            ranks = min(rules.max_ranks, len(ids))
            longest = Ranking((*((one,) for one in ids[: ranks - 1]), tuple(ids[ranks - 1 :])))
        case RankingRules():
            longest = Ranking(tuple(ids[: rules.max_ranks]))
        case ApprovalRules():
            longest = Approval(tuple(ids[: rules.max_choices]))
        case KnapsackRules():
            longest = Approval(tuple(ids))
        case PointsRules():
            longest = Allocation(tuple((one, rules.points) for one in ids[: max(1, rules.points // rules.step)]))
        case ScoreRules():
            longest = Scores(tuple((one, rules.max_score) for one in ids))
    return _up(len(canonical.encode(longest)), 64)


def body_size(*, pad: int, issuers: int, class_ids: Iterable[str], max_rev: int) -> int:
    """Return the manifest's `body_size`: the least multiple of 256 bytes that holds the longest legal request."""
    header = Header(
        type="weighin/v1/ballot", ctx="0" * 64, cls=max(class_ids, key=len), pk="0" * 64, rev=max_rev,
        commit="0" * 64, seal="0" * 64, tok=(to_base64(bytes(_TOKEN_SIZE)),) * issuers,
    )  # fmt: skip
    sealed = bytes(_ENC_SIZE + SALT_SIZE + pad + _TAG_SIZE)
    return _up(len(_body(canonical.encode(header), sealed, bytes(_SIGNATURE_SIZE))), 256)


def request_body(*, header: bytes, sealed: bytes, signature: bytes, size: int) -> bytes:
    """Return the canonical body of a cast, filled with zeros to exactly `size` bytes.

    Raises:
        InvalidProof: It does not fit.
    """
    bare = _body(header, sealed, signature)
    if len(bare) > size:
        raise InvalidProof(f"a request of {len(bare)} bytes does not fit the manifest's {size}")
    return _body(header, sealed, signature, "0" * (size - len(bare)))


def _body(header: bytes, sealed: bytes, signature: bytes, pad: str = "") -> bytes:
    return canonical.encode(
        CastRequest(header=header.decode(), sealed=to_base64(sealed), sig=to_base64(signature), pad=pad)
    )


def _up(size: int, unit: int) -> int:
    return -(-size // unit) * unit
