"""A ballot's arithmetic: sizes that say nothing, seals that open once, commitments that bind."""

import hashlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.ballot import Approval, CastRequest, Choices, Header, Ranking
from schemas.contest import ApprovalRules, BallotRules, KnapsackRules, PointsRules, RankingRules, ScoreRules
from service.client import Voter
from service.registrar.signer import BlindSigner
from tests import honest
from voting.errors import InvalidBallot, InvalidEncoding, InvalidProof
from voting.profile import read_choices, write_choices
from voting.proof import ballot, canonical, issuance, roll, signing, tokens
from voting.proof.base64s import from_base64
from voting.proof.roll import Leaf

IDS = [option.id for option in honest.RANKED_OPTIONS]


@given(
    ranking=st.permutations(IDS).flatmap(lambda ids: st.integers(0, 3).map(lambda n: tuple(ids[:n]))),
    rev=st.integers(1, 9),
)
def test_every_request_has_the_same_length(ranking: tuple[str, ...], rev: int) -> None:
    """Whatever the choices and the revision, the body has the manifest's size: its length says nothing."""
    contest = honest.contest()
    voter = Voter(manifest=contest.manifest, seed=bytes(32), cls="young")

    body = voter.ballot_body(Ranking(ranking), rev=rev, held_tokens=[bytes(256)])

    assert len(body) == contest.manifest.body_size
    sent = canonical.decode(body, CastRequest)
    header = canonical.decode(sent.header.encode(), Header)
    info = ballot.seal_info(ctx=contest.ctx, pk=voter.pk, rev=rev, commit=bytes.fromhex(header.commit))
    salt, words = ballot.open_sealed(contest.keys.seal, from_base64(sent.sealed), info)
    assert words == canonical.encode(Ranking(ranking))
    assert header.commit == ballot.commitment(ctx=contest.ctx, pk=voter.pk, rev=rev, salt=salt, choices=words).hex()
    assert signing.verify(voter.pk, ballot.signed_bytes(sent.header.encode()), from_base64(sent.sig))


def test_a_seal_opens_for_its_header_only() -> None:
    """Sealed text moved under another revision or commitment does not open."""
    contest = honest.contest()
    voter = Voter(manifest=contest.manifest, seed=bytes(32), cls="young")
    sent = canonical.decode(voter.ballot_body(Ranking(()), rev=1, held_tokens=[bytes(256)]), CastRequest)
    commit = bytes.fromhex(canonical.decode(sent.header.encode(), Header).commit)
    good = ballot.seal_info(ctx=contest.ctx, pk=voter.pk, rev=1, commit=commit)
    assert ballot.open_sealed(contest.keys.seal, from_base64(sent.sealed), good)

    for info in (
        ballot.seal_info(ctx=contest.ctx, pk=voter.pk, rev=2, commit=commit),
        ballot.seal_info(ctx=contest.ctx, pk=voter.pk, rev=1, commit=bytes(32)),
        ballot.seal_info(ctx=bytes(32), pk=voter.pk, rev=1, commit=commit),
    ):
        with pytest.raises(InvalidProof):
            ballot.open_sealed(contest.keys.seal, from_base64(sent.sealed), info)
    for garbage in (b"", bytes(65), bytes(200), from_base64(sent.sealed)[:-1]):
        with pytest.raises(InvalidProof):
            ballot.open_sealed(contest.keys.seal, garbage, good)


@pytest.mark.parametrize(
    "rules",
    [
        RankingRules(max_ranks=2, equal=False), RankingRules(max_ranks=9, equal=False),
        RankingRules(max_ranks=1, equal=True), RankingRules(max_ranks=3, equal=True), ApprovalRules(max_choices=2),
        ApprovalRules(max_choices=9), KnapsackRules(), PointsRules(points=10, step=5), PointsRules(points=100, step=1),
        ScoreRules(max_score=10),
    ],
    ids=str,
)  # fmt: skip
@given(data=st.data())
def test_every_legal_choice_fits(rules: BallotRules, data: st.DataObject) -> None:
    """Whatever the ballot rules allow is no longer than the manifest's pad."""
    options = honest.BUDGET_OPTIONS
    ids = [option.id for option in options]
    kind = msgspec.to_builtins(rules)["kind"]
    amounts = st.dictionaries(st.sampled_from(ids), st.integers(1, 100)).map(lambda one: sorted(one.items()))
    plain = {
        "ranking": st.permutations(ids).flatmap(
            lambda all_ids: cuts(all_ids) if rules_equal(rules) else parts(all_ids)
        ),
        "approval": st.lists(st.sampled_from(ids), unique=True).map(sorted),
        "knapsack": st.lists(st.sampled_from(ids), unique=True).map(sorted),
        "points": amounts,
        "score": amounts,
    }[kind]
    field = {"ranking": "ranking", "points": "alloc", "score": "scores"}.get(kind, "approved")
    text = msgspec.json.encode({field: data.draw(plain)}).decode()
    try:
        choices: Choices = read_choices(text, rules=rules, options=options, budget=700)
    except InvalidBallot:
        return

    assert len(write_choices(choices)) <= ballot.pad_size(rules, ids)


def rules_equal(rules: BallotRules) -> bool:
    return isinstance(rules, RankingRules) and rules.equal


def parts(ids: list[str]) -> st.SearchStrategy[Any]:
    return st.integers(0, len(ids)).map(lambda n: ids[:n])


def cuts(ids: list[str]) -> st.SearchStrategy[Any]:
    """Ranks of one or several options."""
    return st.lists(st.integers(1, len(ids)), max_size=len(ids), unique=True).map(
        lambda at: [sorted(ids[a:b]) for a, b in zip([0, *sorted(at)], sorted(at), strict=False)]
    )


def test_choices_too_long_are_refused() -> None:
    """What does not fit is an error, never cut."""
    assert len(ballot.plaintext(bytes(32), b"x" * 64, 64)) == 96

    with pytest.raises(InvalidProof, match="do not fit"):
        ballot.plaintext(bytes(32), b"x" * 65, 64)
    with pytest.raises(InvalidProof, match="does not fit"):
        ballot.request_body(header=b"x" * 100, sealed=b"", signature=b"", size=100)


# -- tokens, issuing, roll -----------------------------------------------------------------


def test_issuer_keys_have_one_form() -> None:
    """Another exponent, an even or short modulus, or other DER around it is refused."""
    spki = honest.issuer_key(0, "resident").spki
    n = tokens.decode_spki(spki)
    assert tokens.encode_spki(n) == spki

    for bad in (
        tokens.encode_spki(n, 3), tokens.encode_spki(n - 1), tokens.encode_spki(n >> 1 | 1), spki + b"\0", spki[:-1],
        spki.replace(b"\x02\x01\x30", b"\x02\x01\x20", 1), b"",
    ):  # fmt: skip
        with pytest.raises(InvalidProof):
            tokens.decode_spki(bad)


def test_a_token_is_for_one_key_contest_and_issuer() -> None:
    """The same signature over another voter key, contest, host or issuer key is no token."""
    contest = honest.contest(level="high")
    voter, held = contest.invent(b"someone")
    one, other = (by_class["resident"].spki for by_class in contest.keys.issuers)

    def is_token(spki: bytes, host: str, ctx: bytes, pk: bytes, box: str) -> bool:
        digest = hashlib.sha256(tokens.challenge(host, ctx, box)).digest()
        return tokens.is_token(spki, tokens.token_input(pk, challenge_digest=digest, spki=spki), held[0])

    host, box = contest.manifest.issuers[0].host, contest.manifest.box_host
    assert is_token(one, host, contest.ctx, voter.pk, box)
    assert not is_token(other, host, contest.ctx, voter.pk, box)
    assert not is_token(one, "registrar1.example", contest.ctx, voter.pk, box)
    assert not is_token(one, host, bytes(32), voter.pk, box)
    assert not is_token(one, host, contest.ctx, bytes(32), box)
    assert not is_token(one, host, contest.ctx, voter.pk, "other.example")


def test_a_token_from_a_tagging_key_is_refused_by_the_client() -> None:
    """An issuer that signs with a key of its own for one voter is found out by that voter."""
    contest = honest.contest()
    voter = Voter(manifest=contest.manifest, seed=bytes(32), cls="resident")
    tagging: BlindSigner = honest.issuer_key(1, "resident")
    blinded = tokens.read_request(voter.token_request(0), contest.keys.issuers[0]["resident"].spki)

    reduced = int.from_bytes(blinded, "big") % tokens.decode_spki(tagging.spki)

    with pytest.raises(InvalidProof, match="under the key in the manifest"):
        voter.token(0, tagging.sign(reduced.to_bytes(256, "big")))


def test_the_same_request_gets_the_same_answer() -> None:
    """Asking again after a lost answer repeats request and answer byte for byte, though the signer blinds anew."""
    contest = honest.contest()
    voter = Voter(manifest=contest.manifest, seed=bytes(32), cls="resident")
    signer = contest.keys.issuers[0]["resident"]
    request = voter.token_request(0)

    assert voter.token_request(0) == request
    blinded = tokens.read_request(request, signer.spki)
    assert signer.sign(blinded) == signer.sign(blinded)
    for bad in (b"", blinded[:-1], b"\xff" * 256):
        with pytest.raises(InvalidProof):
            signer.sign(bad)


def test_an_issuance_is_signed_with_its_code() -> None:
    """Every field of the entry that the signature covers is bound to the code."""
    entry = honest.contest().issuances[0]
    assert issuance.is_signed(entry)

    for change in (
        {"ctx": "0" * 64}, {"roll_pk": honest.contest().issuances[1].roll_pk}, {"requests": ("0" * 64,)},
        {"requests": ()},
    ):  # fmt: skip
        assert not issuance.is_signed(msgspec.structs.replace(entry, **change))


leaves = st.lists(
    st.builds(Leaf, st.binary(min_size=32, max_size=32), st.integers(0, 3), st.integers(0, 1)),
    max_size=8, unique_by=lambda leaf: leaf.roll_pk,
)  # fmt: skip


@given(leaves)
def test_a_roll_is_read_as_written(made: list[Leaf]) -> None:
    """Whatever the order in which leaves come, the file is sorted and the root the same."""
    data = roll.write(made)
    if any(leaf.roll_pk == bytes(32) for leaf in made):
        return

    assert list(roll.leaves(data)) == sorted(made)
    assert roll.root(made) == roll.root(reversed(made))


@pytest.mark.parametrize(
    "data",
    [
        b"00", b"\n", b"zz\n", ("00" * 34 + "\n").encode(), ("AA" * 35 + "\n").encode(), ("11" * 34 + "02\n").encode(),
        ("22" * 34 + "00\n" + "11" * 34 + "00\n").encode(), ("22" * 34 + "00\n" + "22" * 34 + "01\n").encode(),
    ],
)  # fmt: skip
def test_a_malformed_roll_is_refused(data: bytes) -> None:
    """Cut, not hex, capital letters, an unknown pool, out of order, a key twice."""
    with pytest.raises(InvalidEncoding, match=r"roll\.txt"):
        list(roll.leaves(data))


def test_an_approval_is_no_ranking() -> None:
    """Structs of another kind don't decode."""
    with pytest.raises(InvalidEncoding):
        canonical.decode(canonical.encode(Approval(("elm",))), Ranking)
