"""Attacks that work on a simpler design: each is carried out on that one, and fails on ours.

A box that replays a token as revision 2, a token of another contest, and votes hidden in the abstention gap are in the
files about box, voters and issuers.
"""

import hashlib
import itertools
import random

import pytest

from schemas.ballot import Ranking
from schemas.log import BeaconDraw
from service.client import Voter
from service.registrar.signer import BlindSigner, new_key
from tests import honest
from voting.errors import InvalidProof
from voting.proof import ballot, canonical, log, tokens
from voting.proof.base64s import from_base64
from voting.ties import lot_order


def test_an_issuer_can_not_tag_a_voter_with_a_key_of_their_own() -> None:
    """A blind signature by another key is a fine signature, under that key: it would name its voter at the box.

    The client takes a token under the manifest's key only. Seen to fail without the check in `Voter.token`.
    """
    manifest = honest.contest().manifest
    cls = manifest.classes[0].id
    voter = Voter.new(manifest, cls)
    spki = from_base64(manifest.issuers[0].spki[cls])
    blinded = tokens.read_request(voter.token_request(0), spki)
    tagger = next(one for one in (BlindSigner(new_key()) for _ in range(50)) if one.accepts(blinded))

    signed = tagger.sign(blinded)

    modulus = tokens.decode_spki(tagger.spki)
    assert pow(int.from_bytes(signed, "big"), tokens.EXPONENT, modulus) == int.from_bytes(blinded, "big")
    with pytest.raises(InvalidProof, match="key in the manifest"):
        voter.token(0, signed)


def rankings(options: int, depth: int) -> list[bytes]:
    """Every ranking of some of the options, as choices are written."""
    ids = [f"o{number:02}" for number in range(1, options + 1)]
    return [
        canonical.encode(Ranking(ranking))
        for length in range(1, depth + 1)
        for ranking in itertools.permutations(ids, length)
    ]


def test_a_commitment_is_not_opened_by_trying_all_rankings() -> None:
    """Of 12 options there are 1,464 rankings of up to three: a bare hash is opened by trying them.

    With a salt of 32 bytes none of them fits, whatever stands in for the salt. Seen to fail with the salt left out.
    """
    all_of_them = rankings(12, 3)
    assert len(all_of_them) == 1464
    voted = all_of_them[1001]
    bare = hashlib.sha256(voted).digest()
    assert [choices for choices in all_of_them if hashlib.sha256(choices).digest() == bare] == [voted]

    known = {"ctx": b"c" * 32, "pk": b"p" * 32, "rev": 1}
    commit = ballot.commitment(**known, salt=hashlib.sha256(b"only the voter knows").digest(), choices=voted)

    for guess in (bytes(32), known["pk"], known["ctx"], commit):
        assert all(ballot.commitment(**known, salt=guess, choices=choices) != commit for choices in all_of_them)


OPTIONS = ("ash", "elm", "fig", "oak")
WANTED = ("oak", "elm", "ash", "fig")
CTX = b"c" * 32


def test_a_seed_made_from_the_number_of_ballots_is_ground() -> None:
    """Whoever may cast a few ballots late reaches any of the 24 orders: about one in 24 numbers gives it."""
    orders = [lot_order(OPTIONS, ctx=CTX, seed=str(40_000 + late)) for late in range(300)]

    assert len(set(orders)) == 24
    assert orders.count(WANTED) < 30


def test_a_seed_made_from_the_logs_order_is_ground_and_ours_is_not() -> None:
    """Whoever shuffles an epoch can shuffle it again until the order of lots pleases; our seed is bound to the set.

    Seen to fail without `sorted` in log.reveal_seed.
    """
    digests = [hashlib.sha256(bytes([number])).digest() for number in range(50)]
    secret = hashlib.sha256(b"the tallier's").digest()
    dice = random.Random(7)
    naive, ours = set(), set()
    for _ in range(500):
        dice.shuffle(digests)
        naive.add(lot_order(OPTIONS, ctx=CTX, seed=hashlib.sha256(b"".join(digests)).hexdigest()))
        ours.add(lot_order(OPTIONS, ctx=CTX, seed=log.reveal_seed(secret, ctx=CTX, digests=digests)))

    assert len(naive) == 24
    assert len(ours) == 1


def test_a_tallier_can_not_choose_among_secrets() -> None:
    """The secret is committed to before the first ballot: with another one, which would please, the draw is refused.

    Seen to fail without the comparison in log.check_beacon.
    """
    digests = [hashlib.sha256(b"a ballot").digest()]
    secret = bytes(32)
    commit = hashlib.sha256(secret).hexdigest()
    pleasing = next(
        other
        for other in (number.to_bytes(32, "big") for number in range(1, 2000))
        if lot_order(OPTIONS, ctx=CTX, seed=log.reveal_seed(other, ctx=CTX, digests=digests)) == WANTED
    )

    def draw(one: bytes) -> BeaconDraw:
        seed = log.reveal_seed(one, ctx=CTX, digests=digests)
        return BeaconDraw(kind="reveal", secret=one.hex(), drawn_at=1, seed=seed)

    log.check_beacon(draw(secret), kind="reveal", commit=commit, ctx=CTX, digests=digests)
    with pytest.raises(InvalidProof, match="commits"):
        log.check_beacon(draw(pleasing), kind="reveal", commit=commit, ctx=CTX, digests=digests)
