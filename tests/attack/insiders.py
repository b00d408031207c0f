"""What attackers do: voters with another client; the box, the registrar and the tallier beside their programs.

Insiders write under their room's database role and read their room's key folder, as whoever sits there can.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

import httpx
import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from schemas.ballot import CastRequest, Header, Ranking
from schemas.log import BeaconDraw
from schemas.roll import IssueAnswer, IssueRequest
from service import client
from service.registrar import issuing
from tests.attack.cheating import edit
from tests.attack.town import Answer, Town, as_room, post, secret_of
from tests.attack.weakened import TAGS, tagging_signer
from tests.service.trial import Holder, Opened
from voting.proof import ballot, canonical, issuance, signing, tokens
from voting.proof.base64s import from_base64, to_base64
from voting.proof.tags import u16


def header_in(body: bytes) -> Header:
    """Return the header in the body of a cast: what the box sees of a voter."""
    header: Header = canonical.decode(canonical.decode(body, CastRequest).header.encode(), Header)
    return header


def with_header(body: bytes, **changes: object) -> bytes:
    """Return the body of a cast with another header under the old signature."""
    sent: CastRequest = canonical.decode(body, CastRequest)
    header = canonical.encode(edit(header_in(body), **changes))
    return ballot.request_body(
        header=header, sealed=from_base64(sent.sealed), signature=from_base64(sent.sig), size=len(body)
    )


def forged(opened: Opened, body: bytes, *ranking: str) -> bytes:
    """A ballot in a voter's name, by one who knows what the box sees of them: key, class and tokens, no secret."""
    header = header_in(body)
    forger = client.Voter(manifest=opened.manifest, seed=secrets.token_bytes(32), cls=header.cls)
    vars(forger)["pk"] = bytes.fromhex(header.pk)  # what it signs is still signed by its own key
    held = [from_base64(token) for token in header.tok]
    return forger.ballot_body(Ranking(ranking), rev=header.rev + 1, held_tokens=held)


def seal_without_dice(plaintext: bytes, public_key: ec.EllipticCurvePublicKey, info: bytes) -> bytes:
    """Seal as ballots are sealed (RFC 9180, base mode), but with an ephemeral key that is always the same."""
    ephemeral = ec.derive_private_key(7, ec.SECP256R1())
    enc, to = (
        key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint) for key in (ephemeral.public_key(), public_key)
    )

    def extract(suite: bytes, salt: bytes, label: bytes, secret: bytes) -> bytes:
        return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + secret, "sha256")

    def expand(suite: bytes, secret: bytes, label: bytes, about: bytes, size: int) -> bytes:
        labelled = u16(size) + b"HPKE-v1" + suite + label + about
        return HKDFExpand(hashes.SHA256(), size, labelled).derive(secret)

    kem, whole = b"KEM" + u16(0x10), b"HPKE" + u16(0x10) + u16(1) + u16(1)
    agreed = extract(kem, b"", b"eae_prk", ephemeral.exchange(ec.ECDH(), public_key))
    shared = expand(kem, agreed, b"shared_secret", enc + to, 32)
    about = b"\0" + extract(whole, b"", b"psk_id_hash", b"") + extract(whole, b"", b"info_hash", info)
    secret = extract(whole, shared, b"secret", b"")
    key, nonce = expand(whole, secret, b"key", about, 16), expand(whole, secret, b"base_nonce", about, 12)
    return enc + AESGCM(key).encrypt(nonce, plaintext, None)


async def write_ballot(url: str, contest_id: str, body: bytes) -> None:
    """Write a ballot among those that wait, as whoever sits in the box can."""
    sent: CastRequest = canonical.decode(body, CastRequest)
    header, raw, sig = header_in(body), sent.header.encode(), from_base64(sent.sig)
    async with as_room(url, "box") as conn:
        await conn.execute(
            "INSERT INTO box.pending (contest_id, pk, rev, digest, header, sealed, sig)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7)",
            contest_id, bytes.fromhex(header.pk), header.rev, ballot.digest(raw, sig), raw, from_base64(sent.sealed),
            sig,
        )  # fmt: skip


def strayed(town: Town, here: Opened, there: Opened, number: int) -> tuple[Holder, Answer]:
    """Have the issuer of `here` sign a key for `there`: a blind signer can't see what it signs."""
    voter = client.Voter.new(there.manifest, "resident")
    secret, spki = secret_of(here, number), from_base64(here.manifest.issuers[0].spki["resident"])
    modulus = tokens.decode_spki(spki)
    blinded = client.blind(modulus, voter.token_input(0), salt=bytes(48), factor=65539)
    request = tokens.request(spki, blinded)
    digest = hashlib.sha256(request).digest()
    body = canonical.encode(
        IssueRequest(
            type="weighin/v1/issue",
            ctx=here.ctx.hex(),
            cls="resident",
            roll_pk=signing.public_key(secret).hex(),
            channel="letter",
            hashes=(digest.hex(),),
            issuer=0,
            request=to_base64(request),
            sig=to_base64(signing.sign(secret, issuance.issue_message(here.ctx, [digest]))),
        )
    )
    answer = post(town.base_url, here.id, "issue", body)
    response = from_base64(msgspec.json.decode(answer.body, type=IssueAnswer).response)
    return Holder(voter=voter, tokens=[client.unblind(modulus, response, 65539)]), answer


async def ask(address: str, voter: client.Voter, secret: bytes) -> list[bytes]:
    """Let a voter ask an issuer at this address for a token."""
    async with httpx.AsyncClient(base_url=address, timeout=30, verify=False) as http:
        return await client.obtain_tokens(http, voter, secret)


@dataclass(frozen=True)
class Trusting(client.Voter):
    """A client without the check: it takes the issuer's key from the issuer, and not from the manifest."""

    key: bytes

    def _spki(self, _issuer: int) -> bytes:
        return self.key


def trusting(opened: Opened, spki: bytes) -> Trusting:
    """Return a trusting voter whose request both keys can sign, the one it was given and the one of the manifest."""
    modulus = tokens.decode_spki(from_base64(opened.manifest.issuers[0].spki["resident"]))
    while True:
        voter = Trusting(manifest=opened.manifest, seed=secrets.token_bytes(32), cls="resident", key=spki)
        if int.from_bytes(voter.token_request(0)[3:], "big") < modulus:
            return voter


def who_is_it(town: Town, voter: client.Voter, body: bytes) -> str:
    """What an issuer that tags reads from a ballot: for which code the key was made that its token fits."""
    (token,), keys = header_in(body).tok, town.keys("registrar")
    fitting = [
        path.stem
        for path in (keys.path / TAGS).glob("*.pem")
        if tokens.is_token(tagging_signer(keys, path.stem).spki, voter.token_input(0), from_base64(token))
    ]
    return " ".join(fitting)


def sign_for_nobody(town: Town, opened: Opened, number: int) -> list[Holder]:
    """What an issuer can do with its key file alone: sign keys of voters whom nobody asked for."""
    signer = issuing.load_signer(town.keys("registrar"), opened.id, "resident")
    invented = []
    for _ in range(number):
        voter = client.Voter.new(opened.manifest, "resident")
        signed = signer.sign(tokens.read_request(voter.token_request(0), signer.spki))
        invented.append(Holder(voter=voter, tokens=[voter.token(0, signed)]))
    return invented


async def write_issuances(town: Town, opened: Opened, pks: list[bytes]) -> None:
    """Write that these codes asked, as whoever sits in the registrar can; the signature is not theirs to make."""
    async with as_room(town.url, "registrar") as conn:
        await conn.executemany(
            "INSERT INTO registrar.issuance (contest_id, roll_pk, channel, requests, sig) VALUES ($1, $2, $3, $4, $5)",
            [(opened.id, pk, "letter", secrets.token_hex(32), secrets.token_bytes(64)) for pk in pks],
        )


async def drop_ballots(url: str, contest_id: str) -> None:
    """Drop the ballots that wait, as whoever sits in the box can: it may empty what it has sealed."""
    async with as_room(url, "box") as conn:
        await conn.execute("SELECT box.clear_pending($1)", contest_id)


async def write_draw(url: str, contest_id: str, draw: BeaconDraw) -> None:
    """Hand in a draw, as whoever sits in the tallier can: the tallier counts by it, the desk publishes it."""
    async with as_room(url, "tallier") as conn:
        await conn.execute(
            "INSERT INTO desk.handover (contest_id, room, part, body) VALUES ($1, 'tallier', 'beacon', $2)",
            contest_id,
            canonical.encode(draw),
        )
