"""Issuing: one token for one code, and a log that shows every one of them."""

import asyncio
import hashlib

import asyncpg
import msgspec
import pytest

from schemas.contest import Manifest
from schemas.roll import IssuanceEntry, IssueAnswer, IssueRequest, LookupAnswer
from service import client, installing
from service.client import Voter
from service.refusals import CodeUnknown, CodeUsed, CodeVoided, ContestNotOpen, InvalidRequest, NotFound, TooBusy
from service.registrar import issuance_log
from service.registrar.issuing import Registrar
from service.registrar.roll import Code
from service.registrar.signer import BlindSigner, new_key
from tests.conftest import run_apart
from tests.service.trial import DAY, LONG_EPOCHS, QUICK_EPOCHS, Opened, Rooms, running_rooms
from voting.errors import InvalidEncoding, InvalidProof
from voting.proof import canonical, codes, issuance, log, merkle, signing, tokens
from voting.proof.base64s import from_base64, to_base64

SIZE = 40


@pytest.fixture(scope="module")
def contest(trial):
    """An open contest of two classes, with 40 codes each, and three reserve codes that nobody handed out."""

    async def make() -> Opened:
        async with running_rooms(trial) as rooms:
            return await rooms.open(
                "tokens", size=SIZE, reserve=3, classes=("resident", "open"), lasts=90 * DAY, epoch=LONG_EPOCHS
            )

    return run_apart(make())


@pytest.fixture(scope="module")
def unused(contest):
    """Mailed codes of the first class that no test has taken."""
    return iter([code for code in contest.codes if code.cls == "resident" and code.pool == 0])


@pytest.fixture
def code(unused) -> Code:
    """A code of the test's own."""
    return next(unused)


def asks(manifest: Manifest, code: Code, *, voter: Voter | None = None, **changes: object) -> bytes:
    """Return a request for a token; with `changes`, one that is changed and signed again by the code."""
    secret = client.roll_secret_of(code.text, manifest)
    voter = voter or Voter.new(manifest, code.cls)
    (body,) = voter.issue_requests(secret)
    if not changes:
        return body
    request = msgspec.structs.replace(canonical.decode(body, IssueRequest), **changes)
    digests = [bytes.fromhex(one) for one in request.hashes]
    if "sig" not in changes:
        message = issuance.issue_message(bytes.fromhex(request.ctx), digests)
        request = msgspec.structs.replace(request, sig=to_base64(signing.sign(secret, message)))
    return canonical.encode(request)


async def issued(rooms: Rooms, contest: Opened, code: Code) -> list[asyncpg.Record]:
    """The issuances of a code."""
    pk = signing.public_key(client.roll_secret_of(code.text, contest.manifest))
    return await rooms.fetch("SELECT requests, channel FROM registrar.issuance WHERE roll_pk = $1", pk)


async def look_up(rooms: Rooms, contest: Opened, code: Code) -> LookupAnswer:
    """What the holder of a code hears."""
    body = client.lookup_request(contest.ctx, client.roll_secret_of(code.text, contest.manifest))
    return msgspec.json.decode(await rooms.registrar.look_up(contest.id, body), type=LookupAnswer)


async def test_an_answer_is_a_token_under_the_manifests_key(rooms, contest, code):
    """The blind signature becomes an RSASSA-PSS signature over the voter's key, this contest and this issuer."""
    voter = Voter.new(contest.manifest, code.cls)

    answer = msgspec.json.decode(
        await rooms.registrar.issue(contest.id, asks(contest.manifest, code, voter=voter)), type=IssueAnswer
    )

    token = voter.token(0, from_base64(answer.response))
    spki = from_base64(contest.manifest.issuers[0].spki[code.cls])
    assert tokens.is_token(spki, voter.token_input(0), token)
    assert len(await issued(rooms, contest, code)) == 1


async def test_the_same_request_gets_the_same_answer(rooms, contest, code):
    """Asked again, also of another process: the identical answer, and one issuance."""
    body = asks(contest.manifest, code)
    other = Registrar(rooms.pools["registrar"], rooms.trial.keys("registrar"))

    answers = {
        await rooms.registrar.issue(contest.id, body),
        await rooms.registrar.issue(contest.id, body),
        await other.issue(contest.id, body),
    }
    await other.close()

    assert len(answers) == 1
    assert len(await issued(rooms, contest, code)) == 1


async def test_another_request_with_a_used_code_is_refused(rooms, contest, code):
    """The second device with the same code hears that it was used, and nothing changes."""
    first = asks(contest.manifest, code)
    answer = await rooms.registrar.issue(contest.id, first)

    with pytest.raises(CodeUsed):
        await rooms.registrar.issue(contest.id, asks(contest.manifest, code))

    assert await rooms.registrar.issue(contest.id, first) == answer


async def test_of_twenty_requests_at_once_one_gets_a_token(rooms, contest, code):
    """20 devices with one code at the same moment, through two processes: one answer, 19 refusals, one issuance.

    Seen to fail without the primary key of registrar.issuance (and ON CONFLICT with it).
    """
    other = Registrar(rooms.pools["registrar"], rooms.trial.keys("registrar"))
    bodies = [asks(contest.manifest, code) for _ in range(20)]

    answers = await asyncio.gather(
        *((rooms.registrar, other)[at % 2].issue(contest.id, body) for at, body in enumerate(bodies)),
        return_exceptions=True,
    )
    await other.close()

    assert sorted(type(answer).__name__ for answer in answers) == ["CodeUsed"] * 19 + ["bytes"]
    (row,) = await issued(rooms, contest, code)
    winner = canonical.decode(bodies[next(i for i, one in enumerate(answers) if isinstance(one, bytes))], IssueRequest)
    assert row["requests"] == winner.hashes[0]


async def test_an_issuance_is_logged_before_it_is_answered(rooms, contest, code):
    """While the issuance can't commit, nothing is signed.

    Seen to fail with the signature made inside the transaction and answered before its end.
    """
    pk = signing.public_key(client.roll_secret_of(code.text, contest.manifest))
    blocker = await asyncpg.connect(rooms.trial.url)
    transaction = blocker.transaction()
    await transaction.start()
    await blocker.execute(
        "INSERT INTO registrar.issuance (contest_id, roll_pk, channel, requests, sig) VALUES ($1, $2, 'desk', '', $3)",
        contest.id, pk, bytes(64),
    )  # fmt: skip
    asking = asyncio.create_task(rooms.registrar.issue(contest.id, asks(contest.manifest, code)))
    await asyncio.sleep(0.3)
    assert not asking.done()

    await transaction.rollback()
    await blocker.close()
    assert await asyncio.wait_for(asking, 10)
    assert len(await issued(rooms, contest, code)) == 1


async def test_codes_that_have_no_token_coming(rooms, contest, unused):
    """Unknown, in reserve, voided: each is refused with its reason, and nothing is logged."""
    manifest = contest.manifest
    unknown = Code(text=codes.format_groups(bytes(10)), cls="resident", pool=0, area="")
    reserve = next(one for one in contest.codes if one.pool == 1)
    voided = next(unused)
    pk = signing.public_key(client.roll_secret_of(voided.text, manifest))
    conn = await asyncpg.connect(rooms.trial.url)
    await conn.execute("UPDATE registrar.roll SET voided = true WHERE roll_pk = $1", pk)
    await conn.close()

    for code, refusal in ((unknown, CodeUnknown), (reserve, CodeUnknown), (voided, CodeVoided)):
        with pytest.raises(refusal):
            await rooms.registrar.issue(contest.id, asks(manifest, code))
        assert await issued(rooms, contest, code) == []
    with pytest.raises(CodeUnknown):
        await look_up(rooms, contest, unknown)
    assert (await look_up(rooms, contest, voided)).voided
    assert not (await look_up(rooms, contest, reserve)).issued


async def test_a_reserve_code_works_once_it_is_handed_out(rooms, contest):
    """The same code that was refused in reserve gets its token after the desk has handed it out."""
    reserve = [one for one in contest.codes if one.pool == 1][1]
    pk = signing.public_key(client.roll_secret_of(reserve.text, contest.manifest))
    async with rooms.pools["registrar"].acquire() as conn:
        await conn.execute("UPDATE registrar.roll SET handed_out = true WHERE roll_pk = $1", pk)

    assert await rooms.registrar.issue(contest.id, asks(contest.manifest, reserve))


async def test_a_code_belongs_to_one_class(rooms, contest, code):
    """A resident's code gets no token of the class `open`, nor the other way round: each class has a key of its own."""
    self_declared = next(one for one in contest.codes if one.cls == "open")
    for held, cls in ((code, "open"), (self_declared, "resident")):
        wrong = Code(text=held.text, cls=cls, pool=0, area="")
        with pytest.raises(InvalidRequest, match="belongs to class"):
            await rooms.registrar.issue(contest.id, asks(contest.manifest, wrong))
    spki = contest.manifest.issuers[0].spki
    assert spki["open"] != spki["resident"]


async def test_every_field_of_a_request_is_checked(rooms, contest, code, unused):
    """Each field wrong, all else right and signed by the code where that is possible: refused, and the code unused."""
    manifest = contest.manifest
    spki = from_base64(manifest.issuers[0].spki["resident"])
    modulus = tokens.decode_spki(spki)
    another = asks(manifest, next(unused))
    too_large = tokens.request(spki, modulus.to_bytes(256, "big"))
    other_key = tokens.request(spki, bytes(256))[:2] + bytes([hashlib.sha256(spki).digest()[-1] ^ 1]) + bytes(256)
    other = canonical.decode(another, IssueRequest)

    def signed_for(request: bytes) -> dict[str, object]:
        return {"request": to_base64(request), "hashes": (hashlib.sha256(request).hexdigest(),)}

    wrong = {
        "ctx of another contest": ({"ctx": "0" * 64}, InvalidRequest),
        "no such class": ({"cls": "nobody"}, InvalidRequest),
        "another code's key": ({"roll_pk": other.roll_pk}, InvalidProof),
        "paper, which has no request": ({"channel": "paper"}, InvalidRequest),
        "another request than was signed for": ({"request": other.request}, InvalidProof),
        "a hash too many": ({"hashes": ("0" * 64, "1" * 64)}, InvalidRequest),
        "another issuer": ({"issuer": 1}, InvalidRequest),
        "another code's signature": ({"sig": other.sig}, InvalidProof),
        "a short signature": ({"sig": to_base64(bytes(63))}, InvalidEncoding),
        "a number above the modulus": (signed_for(too_large), InvalidProof),
        "another issuer's key": (signed_for(other_key), InvalidProof),
        "a short request": (signed_for(too_large[:-1]), InvalidProof),
    }
    for what, (changes, refusal) in wrong.items():
        with pytest.raises(refusal):
            await rooms.registrar.issue(contest.id, asks(manifest, code, **changes))
        assert await issued(rooms, contest, code) == [], what
    for spelling in (asks(manifest, code) + b"\n", b" " + asks(manifest, code), b"{}", b"\xff"):
        with pytest.raises(InvalidEncoding):
            await rooms.registrar.issue(contest.id, spelling)
    with pytest.raises(NotFound):
        await rooms.registrar.issue("no-such-contest", asks(manifest, code))

    assert await rooms.registrar.issue(contest.id, asks(manifest, code))


async def test_the_holder_of_a_code_can_look_it_up(rooms, contest, code, unused):
    """Before: not issued. After: issued, with the hash of the very request. Nobody else can ask."""
    body = asks(contest.manifest, code)
    assert not (await look_up(rooms, contest, code)).issued

    await rooms.registrar.issue(contest.id, body)

    answer = await look_up(rooms, contest, code)
    assert answer.issued
    assert answer.requests == canonical.decode(body, IssueRequest).hashes
    stranger = client.roll_secret_of(next(unused).text, contest.manifest)
    pk = signing.public_key(client.roll_secret_of(code.text, contest.manifest)).hex()
    own = signing.public_key(stranger).hex()
    forged = client.lookup_request(contest.ctx, stranger).replace(own.encode(), pk.encode())
    with pytest.raises(InvalidProof):
        await rooms.registrar.look_up(contest.id, forged)


async def test_too_many_waiting_signatures_are_told_to_come_back(rooms, contest, code, monkeypatch):
    """Above the limit: TooBusy. The issuance is logged, so the same request gets its answer a moment later."""
    body = asks(contest.manifest, code)
    monkeypatch.setattr("service.registrar.issuing.WAITING_MAX", 0)
    with pytest.raises(TooBusy):
        await rooms.registrar.issue(contest.id, body)
    monkeypatch.undo()

    assert await rooms.registrar.issue(contest.id, body)


async def test_tokens_are_given_from_issues_from_to_closes_at_and_never_again(own_rooms):
    """Before: refused. In time: signed. After the end the key files are gone, and nothing can be signed.

    Seen to fail with keys.destroy taken out of issuance_log.
    """
    contest = await own_rooms.open("window", size=2, begun=False)
    first, second = contest.codes
    with pytest.raises(ContestNotOpen):
        await own_rooms.registrar.issue(contest.id, asks(contest.manifest, first))
    await installing.move_clock(own_rooms.trial.url, contest.manifest.issues_from)
    body = asks(contest.manifest, first)
    assert await own_rooms.registrar.issue(contest.id, body)
    folder = own_rooms.trial.data / "keys" / "registrar" / contest.id
    assert (folder / "resident.pem").is_file()

    await own_rooms.close(contest)

    assert not list(folder.glob("*.pem*"))
    fresh = Registrar(own_rooms.pools["registrar"], own_rooms.trial.keys("registrar"))
    for registrar in (own_rooms.registrar, fresh):
        for again in (body, asks(contest.manifest, second)):
            with pytest.raises(ContestNotOpen):
                await registrar.issue(contest.id, again)
    await fresh.close()


async def test_the_log_has_every_issuance_once_in_drawn_order(own_rooms):
    """30 issuances in three epochs: each entry is signed by its code, the roots fit, the order is not that of arrival.

    The entries appear at close only; before, their hashes do.
    """
    contest = await own_rooms.open("log", size=30, epoch=QUICK_EPOCHS)
    arrived = []
    for number, code in enumerate(contest.codes):
        body = asks(contest.manifest, code)
        await own_rooms.registrar.issue(contest.id, body)
        arrived.append(canonical.decode(body, IssueRequest))
        if number % 10 == 9:
            await own_rooms.attend()
    folder = f"issuance/{contest.manifest.issuers[0].host}"
    query = "SELECT body FROM published.file WHERE contest_id = $1 AND name = $2"
    assert await own_rooms.fetch(query, contest.id, f"{folder}/entries.jsonl") == []

    await own_rooms.close(contest)

    (entries,) = await own_rooms.fetch(query, contest.id, f"{folder}/entries.jsonl")
    logged = [canonical.decode(line, IssuanceEntry) for line in entries["body"].splitlines()]
    assert sorted(entry.roll_pk for entry in logged) == sorted(request.roll_pk for request in arrived)
    assert all(issuance.is_signed(entry) for entry in logged)
    by_epoch = [[entry.roll_pk for entry in logged[start : start + 10]] for start in (0, 10, 20)]
    came = [[request.roll_pk for request in arrived[start : start + 10]] for start in (0, 10, 20)]
    assert [sorted(epoch) for epoch in by_epoch] == [sorted(epoch) for epoch in came]
    assert by_epoch != came
    assert by_epoch != [sorted(epoch) for epoch in came]
    leaves = [merkle.leaf_hash(issuance.entry_hash(entry)) for entry in logged]
    (notes,) = await own_rooms.fetch(query, contest.id, f"{folder}/checkpoints.txt")
    issuer = contest.manifest.issuers[0]
    sizes = []
    for row in await own_rooms.fetch("SELECT size, checkpoint FROM registrar.epoch ORDER BY number"):
        point, _ = log.read_checkpoint(
            row["checkpoint"], origin=f"{issuer.host}/issuance/{contest.id}", log_vkey=issuer.log_vkey,
            others=(issuer.log_time_vkey,),
        )  # fmt: skip
        assert row["checkpoint"] in notes["body"]
        assert point.root == merkle.root(leaves[: point.size])
        sizes.append(point.size)
    assert sizes == [10, 20, 30]


async def test_turnout_is_rounded_down_and_of_tokens_only(own_rooms):
    """27 tokens by area: cells and whole are each rounded down to a multiple of 10, and ballots change nothing."""
    contest = await own_rooms.open("turnout", size=30, epoch=QUICK_EPOCHS)
    for code in contest.codes[:27]:
        await own_rooms.registrar.issue(contest.id, asks(contest.manifest, code))
    await own_rooms.attend()
    query = "SELECT body FROM published.file WHERE contest_id = $1 AND name = 'turnout.json'"
    (before,) = await own_rooms.fetch(query, contest.id)

    await own_rooms.box.cast(contest.id, (await own_rooms.holder(contest, 27)).ballot())
    await own_rooms.attend()

    (after,) = await own_rooms.fetch(query, contest.id)
    assert msgspec.json.decode(before["body"]) == {
        "issued": 20,
        "cells": [{"cls": "resident", "area": "", "eligible": 30, "issued": 20}],
    }
    assert before["body"] == after["body"]


async def test_two_sequencers_of_the_issuance_log_seal_one_epoch(own_rooms):
    """Ten at once: one epoch, every issuance in it once."""
    contest = await own_rooms.open("twins", size=12, epoch=QUICK_EPOCHS)
    for code in contest.codes:
        await own_rooms.registrar.issue(contest.id, asks(contest.manifest, code))

    async def seal() -> bool:
        async with own_rooms.pools["registrar"].acquire() as conn:
            return await issuance_log.seal(conn, contest.id, own_rooms.trial.keys("registrar"))

    done = await asyncio.gather(*(seal() for _ in range(10)))

    assert done.count(True) == 1
    rows = await own_rooms.fetch("SELECT position FROM registrar.issuance ORDER BY position")
    assert [row["position"] for row in rows] == list(range(12))


# -- the signer -------------------------------------------------------------------------------------------


def test_a_blind_signature_is_the_rsa_private_operation():
    """s ** e = m for the blinded message m, and the same message always gives the same signature."""
    key = new_key()
    signer = BlindSigner(key)
    n = key.private_numbers().public_numbers.n
    for message in (2, n - 1, int.from_bytes(b"x" * 250, "big")):
        blinded = message.to_bytes(256, "big")

        signature = signer.sign(blinded)

        assert pow(int.from_bytes(signature, "big"), 65537, n) == message
        assert signer.sign(blinded) == signature


def test_a_fault_gives_nothing_out():
    """With one number of the key wrong, as after a bit flip, the signer raises and returns no signature.

    Such a signature would give the key away. Seen to fail without the last check of `sign`.
    """
    signer = BlindSigner(new_key())
    signer._dp += 2

    with pytest.raises(RuntimeError, match="fault"):
        signer.sign((12345).to_bytes(256, "big"))
