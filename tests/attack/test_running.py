"""Attacks on ballots and tokens, carried out on a running service, and again where the one check against them is gone.

One town, one service, seven contests. While they are open, attackers come to the doors and write into the tables of the
rooms; each is refused with a named problem, or let in by a second service that lacks the check. Then the contests
close. The desk of the service as it is publishes none whose bundle shows an attack, and names the check; a desk that
does not look publishes them all, and whoever verifies finds the same. Without that check the bundle passes: nothing
else stood in the way.
"""

import os
from collections.abc import Iterator, Mapping

import msgspec
import pytest

from schemas.ballot import CastAnswer
from schemas.roll import IssueAnswer, IssueRequest, LookupAnswer
from service import client
from tests.attack.insiders import (
    ask,
    drop_ballots,
    forged,
    sign_for_nobody,
    strayed,
    trusting,
    who_is_it,
    with_header,
    write_ballot,
    write_issuances,
)
from tests.attack.town import Seen, Town, counted, post, rejections, secret_of, verify_without, votes
from tests.attack.weakened import tagging_signer
from tests.conftest import run_apart
from tests.service.conftest import make_trial
from tests.service.trial import Holder, Opened
from voting import verify
from voting.errors import InvalidProof
from voting.proof import signing, tokens
from voting.proof.base64s import from_base64

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="the server must fork its workers")]

SIZES = {"trees": 4, "parks": 5, "replayed": 6, "dropped": 3, "tagged": 4, "invented": 40, "signed-for": 40}
"""How many codes each class of each contest has."""
INVENTED = 12
"""Votes that nobody cast, among 40 codes of which 8 are used: the gap of those who abstain has room for 32."""
USED = 8


@pytest.fixture(scope="module")
def town(server_url: str, template: str) -> Iterator[Town]:
    """A town with the service as it is; ended with all services that ran beside it."""
    for trial in make_trial(server_url, template):
        made = Town(url=trial.url, data=trial.data / "data")
        try:
            made.run(())
            yield made
        finally:
            made.stop()


@pytest.fixture(scope="module")
def contests(town: Town) -> dict[str, Opened]:
    """The contests, all open. `parks` has a second class of voters."""
    return run_apart(town.open(SIZES, parks={"classes": ("resident", "young")}))


@pytest.fixture(scope="module")
def beside(town: Town, contests: dict[str, Opened]) -> dict[str, str]:
    """Three more services on the same database, each with one check less: their addresses, by what they lack."""
    weaknesses = ("any_signature", "any_token", "a_key_per_voter")
    return dict(zip(weaknesses, town.run(*([one] for one in weaknesses)), strict=True))


# -- 1: a box replays a token as "revision 2" ------------------------------------------------------------


@pytest.fixture(scope="module")
def replayed(town: Town, contests: dict[str, Opened], beside: dict[str, str]) -> Seen:
    """Five vote, three of them for ash; the box makes revisions for two of those, for elm."""
    opened, seen = contests["replayed"], Seen()
    holders = run_apart(town.holders(opened, range(5)))
    bodies = [town.cast(one, "ash" if number < 3 else "elm") for number, one in enumerate(holders)]
    seen.pks.extend(one.voter.pk.hex() for one in holders[:2])
    second = forged(opened, bodies[0], "elm")
    for what, base_url, body in (
        ("same header, rev 2", town.base_url, with_header(bodies[0], rev=2)),
        ("another vote, rev 2", town.base_url, second),
        ("the check removed", beside["any_signature"], second),
    ):
        seen.answers[what] = post(base_url, opened.id, "ballots", body)
    run_apart(write_ballot(town.url, opened.id, forged(opened, bodies[1], "elm")))
    return seen


def test_a_replayed_token_is_refused_at_the_door(replayed: Seen) -> None:
    """invalid-ballot: a token is a signed key, and revision 2 needs that key. Without the check: a promise."""
    assert replayed.said == {
        "same header, rev 2": "422 invalid-ballot",
        "another vote, rev 2": "422 invalid-ballot",
        "the check removed": "201",
    }
    for what in ("same header, rev 2", "another vote, rev 2"):
        assert "not signed by its own key" in replayed.answers[what].detail


def test_a_box_that_forges_a_revision_is_seen(replayed: Seen, refused: dict[str, str], tars: dict[str, bytes]) -> None:
    """V10: at the desk and for whoever verifies. Without V10 two forged votes make elm of ash."""
    assert refused["replayed"].endswith("failed: V10 signatures")
    assert list(rejections(tars["replayed"])) == ["V10"]
    assert verify_without("V10", tars["replayed"]).elected == ("elm",)
    assert votes(tars["replayed"]) == {"ash": 1, "elm": 4, "oak": 1}
    assert set(replayed.pks) <= counted(tars["replayed"])


# -- the box drops a ballot ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dropped(town: Town, contests: dict[str, Opened]) -> list[bytes]:
    """Two vote for ash and have a promise each; the box drops both ballots before a third one comes. The promises."""
    opened, promises = contests["dropped"], []
    *others, last = run_apart(town.holders(opened, range(3)))
    for holder in others:
        answer = post(town.base_url, opened.id, "ballots", holder.ballot("ash"))
        promises.append(msgspec.json.decode(answer.body, type=CastAnswer).promise.encode())
    run_apart(drop_ballots(town.url, opened.id))
    town.cast(last, "elm")
    return promises


def test_a_dropped_ballot_is_proved_by_its_promise(
    dropped: list[bytes], refused: dict[str, str], tars: dict[str, bytes]
) -> None:
    """V22: the desk can't see what is not there and publishes; whoever holds a promise convicts the box by its word.

    Without V22 the promise proves nothing.
    """
    tar = tars["dropped"]
    assert "dropped" not in refused
    assert votes(tar) == {"elm": 1}
    for promise in dropped:
        found = rejections(tar, promises=[promise])
        assert list(found) == ["V22"]
        assert "it is not in the log: your promise proves it" in found["V22"]
    assert verify_without("V22", tar, promises=dropped).result == "passed"


# -- 2: a token blinded for contest B, presented to the issuer of contest A ------------------------------


@pytest.fixture(scope="module")
def stray(town: Town, contests: dict[str, Opened], beside: dict[str, str]) -> Seen:
    """Two vote in the parks and two get a token and stay away; one more comes with a token from the trees."""
    here, there, seen = contests["trees"], contests["parks"], Seen()
    for holder in run_apart(town.holders(there, (0, 1, 2, 5)))[:2]:
        town.cast(holder, "ash")
    (verbatim,) = client.Voter.new(there.manifest, "resident").issue_requests(secret_of(here, 3))
    seen.answers["asked as for there"] = post(town.base_url, here.id, "issue", verbatim)
    holder, seen.answers["asked as for here"] = strayed(town, here, there, 3)
    body = holder.ballot("elm")
    seen.answers["cast there"] = post(town.base_url, there.id, "ballots", body)
    seen.answers["the check removed"] = post(beside["any_token"], there.id, "ballots", body)
    seen.pks.append(holder.voter.pk.hex())
    spki = from_base64(here.manifest.issuers[0].spki["resident"])
    assert tokens.is_token(spki, holder.voter.token_input(0), holder.tokens[0]), "it is a fine token of that issuer"
    return seen


def test_a_token_of_another_contest_is_refused_at_the_door(stray: Seen) -> None:
    """invalid-ballot: the issuer signs whatever is blind, but its key is of one contest. Without the check: a promise.

    A request that says where it belongs is refused by the issuer already.
    """
    assert stray.said == {
        "asked as for there": "400 invalid-request",
        "asked as for here": "200",
        "cast there": "422 invalid-ballot",
        "the check removed": "201",
    }
    assert "ctx is that of another contest" in stray.answers["asked as for there"].detail
    assert "not signed by this contest's issuer" in stray.answers["cast there"].detail


# -- wrong class -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def misplaced(town: Town, contests: dict[str, Opened], beside: dict[str, str]) -> Seen:
    """A resident of the parks tries to be one of the young, of whom one has a token and stays away."""
    opened, seen = contests["parks"], Seen()
    (asked,) = client.Voter.new(opened.manifest, "young").issue_requests(secret_of(opened, 3))
    seen.answers["issue"] = post(town.base_url, opened.id, "issue", asked)
    holder = run_apart(town.holder(opened, 3))
    young = edit_class(holder, "young")
    body = young.ballot("elm")
    seen.answers["cast"] = post(town.base_url, opened.id, "ballots", body)
    seen.answers["no such class"] = post(town.base_url, opened.id, "ballots", with_header(body, cls="nobody"))
    seen.answers["the check removed"] = post(beside["any_token"], opened.id, "ballots", body)
    seen.pks.append(holder.voter.pk.hex())
    return seen


def edit_class(holder: Holder, cls: str) -> Holder:
    """The same voter with the same tokens, who says to be of another class."""
    return Holder(client.Voter(manifest=holder.voter.manifest, seed=holder.voter.seed, cls=cls), holder.tokens)


def test_a_token_of_another_class_is_refused_at_the_door(misplaced: Seen) -> None:
    """invalid-request from the issuer, invalid-ballot from the box. Without the box's check of tokens: a promise."""
    assert misplaced.said == {
        "issue": "400 invalid-request",
        "cast": "422 invalid-ballot",
        "no such class": "422 invalid-ballot",
        "the check removed": "201",
    }
    assert "belongs to class 'resident'" in misplaced.answers["issue"].detail
    assert "for this class and key" in misplaced.answers["cast"].detail
    assert "there is no class 'nobody'" in misplaced.answers["no such class"].detail


def test_tokens_from_elsewhere_are_seen(
    stray: Seen, misplaced: Seen, refused: dict[str, str], tars: dict[str, bytes]
) -> None:
    """V11: a token of another contest or class, let in by the box, stops the result. Without V11 both are counted."""
    assert refused["parks"].endswith("failed: V11 tokens")
    assert list(rejections(tars["parks"])) == ["V11"]
    assert verify_without("V11", tars["parks"]).result == "passed"
    assert set(stray.pks + misplaced.pks) <= counted(tars["parks"])
    assert votes(tars["parks"]) == {"ash": 2, "elm": 2}


# -- two contests, one voter, swapped messages -----------------------------------------------------------


@pytest.fixture(scope="module")
def swapped(town: Town, contests: dict[str, Opened]) -> Seen:
    """A voter with codes in two contests of one form sends to each what belongs to the other."""
    here, there, seen = contests["trees"], contests["replayed"], Seen()
    mine, other = run_apart(town.holder(here, 0)), run_apart(town.holder(there, 5))
    body = other.ballot("oak")
    for what, door, sent in (
        ("ballot", "ballots", body),
        ("ballot, told to be for here", "ballots", with_header(body, ctx=here.ctx.hex())),
        ("token", "ballots", Holder(mine.voter, other.tokens).ballot("oak")),
        ("request", "issue", other.voter.issue_requests(secret_of(there, 5))[0]),
        ("code", "issue", mine.voter.issue_requests(secret_of(there, 5))[0]),
        ("look-up", "issued", client.lookup_request(there.ctx, secret_of(there, 5))),
    ):
        seen.answers[what] = post(town.base_url, here.id, door, sent)
    ours = mine.ballot("oak")
    promises = {}
    for opened, sent in ((here, ours), (there, body)):
        answer = post(town.base_url, opened.id, "ballots", sent)
        assert answer.said == "201", answer
        promises[opened.id] = msgspec.json.decode(answer.body, type=CastAnswer).promise
    seen.words["promise"] = promises[there.id]
    with pytest.raises(InvalidProof) as refusal:
        client.check_promise(promises[there.id].encode(), here.manifest, ours)
    seen.words["refused promise"] = str(refusal.value)
    for holder in run_apart(town.holders(here, (1, 2))):
        town.cast(holder, "oak")
    return seen


def test_messages_of_another_contest_are_refused(swapped: Seen, tars: dict[str, bytes]) -> None:
    """Ballot, token, request, code, look-up and promise of one contest are nothing in another; V22 says so too."""
    assert swapped.said == {
        "ballot": "400 invalid-request",
        "ballot, told to be for here": "422 invalid-ballot",
        "token": "422 invalid-ballot",
        "request": "400 invalid-request",
        "code": "403 code-unknown",
        "look-up": "400 invalid-request",
    }
    for what in ("ballot", "request", "look-up"):
        assert "ctx is that of another contest" in swapped.answers[what].detail
    assert swapped.words["refused promise"].endswith("/promise', a key that nobody named")
    assert list(rejections(tars["trees"], promises=[swapped.words["promise"].encode()])) == ["V22"]


# -- 3: an issuer signs with a key per voter -------------------------------------------------------------


@pytest.fixture(scope="module")
def tagged(town: Town, contests: dict[str, Opened], beside: dict[str, str]) -> Seen:
    """Two vote as they should; a third one's request is answered by an issuer that signs with a key for that code."""
    opened, seen = contests["tagged"], Seen()
    for holder in run_apart(town.holders(opened, (0, 1))):
        town.cast(holder, "ash")
    tagger, address = town.keys("registrar"), beside["a_key_per_voter"]
    with pytest.raises(client.WrongToken) as refusal:
        run_apart(ask(address, client.Voter.new(opened.manifest, "resident"), secret_of(opened, 2)))
    seen.words["client"] = str(refusal.value)
    kept = msgspec.json.decode(refusal.value.evidence)
    seen.words["evidence of"] = msgspec.json.decode(kept["request"], type=IssueRequest).roll_pk
    seen.words["evidence"] = msgspec.json.decode(kept["answer"], type=IssueAnswer).response

    secret = secret_of(opened, 3)
    seen.words["roll_pk"] = signing.public_key(secret).hex()
    voter = trusting(opened, tagging_signer(tagger, seen.words["roll_pk"]).spki)
    body = Holder(voter=voter, tokens=run_apart(ask(address, voter, secret))).ballot("elm")
    seen.answers["the client's check removed"] = post(town.base_url, opened.id, "ballots", body)
    seen.answers["the box's check removed too"] = post(beside["any_token"], opened.id, "ballots", body)
    seen.pks.append(voter.pk.hex())
    seen.words["named"] = who_is_it(town, voter, body)
    return seen


def test_a_tagged_token_is_not_taken(tagged: Seen, contests: dict[str, Opened]) -> None:
    """The client takes a token under the manifest's key only, says so, and keeps request and answer as evidence.

    One that trusts is stopped by the box.

    With both checks gone the ballot is in the box, and its token tells the issuer whose code it is.
    """
    assert tagged.words["client"] == "the issuer's answer is not a signature under the key in the manifest"
    assert tagged.words["evidence of"] == signing.public_key(secret_of(contests["tagged"], 2)).hex()
    assert len(from_base64(tagged.words["evidence"])) == 256
    assert tagged.said == {"the client's check removed": "422 invalid-ballot", "the box's check removed too": "201"}
    assert "not signed by this contest's issuer" in tagged.answers["the client's check removed"].detail
    assert tagged.words["named"] == tagged.words["roll_pk"]


def test_a_tagged_token_is_seen(tagged: Seen, refused: dict[str, str], tars: dict[str, bytes]) -> None:
    """V11: a ballot with a tagged token stops the result. Without V11 it counts."""
    assert refused["tagged"].endswith("failed: V11 tokens")
    assert list(rejections(tars["tagged"])) == ["V11"]
    assert verify_without("V11", tars["tagged"]).result == "passed"
    assert set(tagged.pks) <= counted(tars["tagged"])


# -- 4: invented tokens in the abstention gap ------------------------------------------------------------


def invent(town: Town, opened: Opened) -> list[str]:
    """Eight vote for ash; the issuer, with its key file, votes for oak for twelve whom nobody asked."""
    for holder in run_apart(town.holders(opened, range(USED))):
        town.cast(holder, "ash")
    return [
        post(town.base_url, opened.id, "ballots", holder.ballot("oak")).said
        for holder in sign_for_nobody(town, opened, INVENTED)
    ]


@pytest.fixture(scope="module")
def invented(town: Town, contests: dict[str, Opened]) -> list[str]:
    """What the door said to the invented ballots."""
    return invent(town, contests["invented"])


@pytest.fixture(scope="module")
def signed_for(town: Town, contests: dict[str, Opened]) -> dict[str, LookupAnswer]:
    """The same, and the issuer writes an issuance for an unused code for each. Look-ups of one such code."""
    opened = contests["signed-for"]
    seen = {"before": look_up(town, opened, USED)}
    assert set(invent(town, opened)) == {"201"}
    pks = [signing.public_key(secret_of(opened, number)) for number in range(USED, USED + INVENTED)]
    run_apart(write_issuances(town, opened, pks))
    return seen | {"after": look_up(town, opened, USED)}


def look_up(town: Town, opened: Opened, number: int) -> LookupAnswer:
    """Ask, as the holder of a code, whether it was used."""
    answer = post(town.base_url, opened.id, "issued", client.lookup_request(opened.ctx, secret_of(opened, number)))
    assert answer.said == "200", answer
    found: LookupAnswer = msgspec.json.decode(answer.body, type=LookupAnswer)
    return found


def test_invented_tokens_are_more_than_were_issued(
    invented: list[str], refused: dict[str, str], tars: dict[str, bytes]
) -> None:
    """V15: the door can't tell them, 20 of 40 voted and it looks well; but 8 tokens were issued. Without V15: oak."""
    assert invented == ["201"] * INVENTED
    assert refused["invented"].endswith("failed: V15 numbers")
    assert rejections(tars["invented"]) == {"V15": "class resident: 20 voters, but 8 tokens were issued"}
    assert verify_without("V15", tars["invented"]).elected == ("oak",)


def test_invented_issuances_are_not_signed_by_their_codes(
    signed_for: dict[str, LookupAnswer], refused: dict[str, str], tars: dict[str, bytes]
) -> None:
    """V8: now the numbers fit, but nobody asked with these codes. Without V8: oak.

    Before the end already the holder of such a code sees it by the look-up: a token that they never asked for.
    """
    assert (signed_for["before"].issued, signed_for["after"].issued) == (False, True)
    assert refused["signed-for"].endswith("failed: V8 issuance")
    found = rejections(tars["signed-for"])
    assert list(found) == ["V8"]
    assert "the signature is not made with this code" in found["V8"]
    assert verify_without("V8", tars["signed-for"]).elected == ("oak",)


# -- the end ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def refused(
    town: Town, contests: dict[str, Opened], beside: dict[str, str], replayed: Seen, dropped: list[bytes], stray: Seen,
    misplaced: Seen, swapped: Seen, tagged: Seen, invented: list[str], signed_for: Mapping[str, LookupAnswer],
) -> dict[str, str]:  # fmt: skip
    """Close, draw and publish with the service as it is; why a contest was not published, by contest."""
    town.stop(*beside.values())
    return run_apart(town.finish(contests))


@pytest.fixture(scope="module")
def tars(town: Town, contests: dict[str, Opened], refused: dict[str, str]) -> dict[str, bytes]:
    """The bundles of all contests, published by a desk that does not look at what it signs."""
    town.stop()
    (address,) = town.run(["no_look_at_the_bundle"])
    assert run_apart(town.act("publish", list(refused))) == {}
    return {contest_id: town.bundle(contest_id, address) for contest_id in contests}


def test_a_contest_whose_doors_held_is_published(refused: dict[str, str], tars: dict[str, bytes]) -> None:
    """What was attacked at its doors only passes every check, with the same desk that refused the others."""
    assert "trees" not in refused
    assert verify.verify_bundle(tars["trees"]).elected == ("oak",)
