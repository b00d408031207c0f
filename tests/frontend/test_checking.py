"""Pages for those who check: they say what is known, claim nothing on our word, and give nothing away early."""

import json
import re

import msgspec
import pytest

from service.public import audit_wording
from service.public.auditing import EARLY, LATE, list_downloads, read_state, read_states
from tests.frontend.contests import AUDIT, DAY, EARLY_AUDIT, NOW, PLACE, RANKED, TRUST, pages, visit
from tests.frontend.test_pages import COUNTED, Page
from voting.proof import log
from voting.proof.checkpoint import Checkpoint
from voting.proof.statement import Signer
from voting.verify import CHECKS

SIGNER = Signer(secret=bytes(range(32)), name="box.example/log/trees")
SIZES = {name.replace("{host}", "issuer.example"): 1000 for name, _ in (*EARLY, *LATE)}


def note(size: int, at: int) -> bytes:
    """A checkpoint of a log with so many entries."""
    return log.sign_checkpoint(Checkpoint(SIGNER.name, size, bytes([size]) * 32), SIGNER, at=at)


def test_the_log_s_states_are_read_with_their_times():
    """Three checkpoints, each followed by an empty line: sizes, what each epoch added, the log's own time."""
    series = b"".join(note(size, at=1000 + size) + b"\n" for size in (1, 40, 41))

    states = read_states(series)

    assert [(state.number, state.added, state.size, state.at) for state in states] == [
        (0, 1, 1, 1001), (1, 39, 40, 1040), (2, 1, 41, 1041),
    ]  # fmt: skip
    assert states[1].root == "28" * 32
    newest = read_state(note(41, at=1041))
    assert (newest.number, newest.added, newest.size, newest.at) == (None, None, 41, 1041)


def test_before_the_result_only_what_cannot_vary_with_votes_is_offered():
    """Ballots, rounds, draw and entries wait, even where a file of that name were there already."""
    early = {file.name for file in list_downloads(SIZES, ["issuer.example"], published=False)}
    late = {file.name for file in list_downloads(SIZES, ["issuer.example"], published=True)}

    assert early == {"manifest.note", "log/checkpoint", "roll.txt", "policy.txt"}
    assert {"bundle.tar", "ballots.jsonl", "issuance/issuer.example/entries.jsonl", "method/vectors.json"} <= late
    assert list_downloads({}, ["issuer.example"], published=True) == ()


def test_every_check_of_the_verifier_has_words():
    """In its order, under its number and name; none is empty."""
    words = audit_wording.checks(TRUST)

    assert [(check.number, check.name) for check in words] == [(number, name) for number, name, _ in CHECKS]
    assert all(check.shows and check.liar for check in words)


@pytest.mark.parametrize(
    ("changes", "number", "liar"),
    [
        ({}, "V5", "The keeper of the log, to people who never compare what they were shown"),
        ({"witnesses": 2}, "V5", "The log and its witnesses together"),
        ({}, "V11", "Whoever issues the tokens, with codes that they must not hold"),
        ({"issuers": 2}, "V11", "All who issue tokens together, with codes that they must not hold"),
        ({}, "V17", "The operator, by holding back ballots that it had not promised"),
        ({"dice": True}, "V17", "Those who watched the dice"),
    ],
)
def test_who_could_lie_depends_on_the_manifest(changes, number, liar):
    """Witnesses, a second issuer and dice take power from the operator; the page says so, and only then."""
    trust = type(TRUST)(**{**vars(TRUST), **changes})

    found = {check.number: check.liar for check in audit_wording.checks(trust)}

    assert found[number] == liar


def test_the_page_claims_no_passed_check():
    """It says what the desk did, that this is our word only, and how to run the checks; never that one passed."""
    html = pages().audit(COUNTED, AUDIT, PLACE, visit())
    said = Page(html).text

    assert "But that is only our word. Run them yourself" in said
    assert (
        "weighin verify trees.tar --ctx 0123456789abcdef0123 --authority 'weighin.test/authority+00000000+AQ=='" in said
    )
    assert not re.search(r"(checks?|all) passed|\d of 24", said)


def test_the_page_offers_every_file_with_its_size():
    """The bundle under its own address, other files by their name; a colon has no place in a saved name."""
    html = pages().audit(COUNTED, AUDIT, PLACE, visit())
    links = {link.get("download"): link["href"] for link in Page(html).all("a") if link.get("download")}

    assert links["trees.tar"] == "/api/v1/contests/trees/bundle"
    assert links["trees-issuance-issuer.example-8443-entries.jsonl"] == (
        "/api/v1/contests/trees/files/issuance/issuer.example:8443/entries.jsonl"
    )
    assert "1.5 MB" in html
    assert "0.9 kB" in html


def test_the_log_is_a_table_of_epochs_once_voting_is_over():
    """Newest first, with entries, root and time. While it grows there is one line, and no number of the epoch."""
    late = Page(pages().audit(COUNTED, AUDIT, PLACE, visit())).text
    early = Page(pages().audit(RANKED, EARLY_AUDIT, PLACE, visit())).text

    assert re.search(r"Epoch\s*Entries added", late)
    assert late.index("5f2c 5f2c 5f2c 5f2c") < late.index("e04b e04b e04b e04b")
    assert "Entries added" not in early
    assert "117" in early
    assert "Save the newest state of the log today." in early


def test_notices_are_told_in_words():
    """Each with what it does; text of people stays text."""
    html = pages().audit(COUNTED, AUDIT, PLACE, visit())
    said = Page(html).text

    for words in ("Something went wrong.", "A <bag> was lost.", "How many: 7.", "No <reason>.", "A code was voided."):
        assert words in said
    assert "<bag>" not in html


@pytest.mark.parametrize("render", ["contest", "result", "vote"])
def test_other_pages_lead_here(render):
    """Contest and result link to all three; the voting page to look-up and privacy; every footer to privacy."""
    from tests.frontend.test_pages import EVERY

    html = EVERY[render](pages(), visit("es", chosen=True))

    assert 'href="/privacy?lang=es"' in html
    assert 'href="/contests/trees/code?lang=es"' in html
    assert 'href="/contests/trees/check?lang=es"' in html
    assert ('href="/contests/trees/audit?lang=es"' in html) == (render != "vote")


def test_privacy_names_every_party_and_the_level():
    """What the operator could do is said, and what a rehearsal waives is not promised."""
    rehearsal = Page(pages().privacy(PLACE, visit())).text
    earnest = Page(pages().privacy(msgspec.structs.replace(PLACE, rehearsal=False), visit())).text

    for words in (
        "The police department",
        "The City Clerk",
        "The mail house",
        "one team runs all parts",
        "Ties and the draw",
    ):
        assert words in rehearsal
    assert "Small groups are not split out" in earnest
    assert "Small groups are not split out" not in rehearsal


def test_moments_are_the_place_s():
    """1,800,000,000 is 3 in the morning in New York and 5 in the evening in Tokyo; the script gets the same zone."""
    new_york = msgspec.structs.replace(PLACE, time_zone="America/New_York")
    tokyo = msgspec.structs.replace(PLACE, time_zone="Asia/Tokyo", territory="JP")
    contest = msgspec.structs.replace(RANKED, opens_at=NOW, closes_at=NOW + DAY, issues_from=NOW - DAY)
    soon = visit(now=NOW - 1)

    assert "3:00 AM EST" in pages().contest(contest, new_york, soon)
    assert "JST" in pages().contest(contest, tokyo, soon)
    data = re.findall(r'id="voting-data">(.*?)</script>', pages().vote(RANKED, new_york, visit()))[0]
    assert json.loads(data)["timeZone"] == "America/New_York"


@pytest.mark.parametrize(("page", "element"), [("code", "code-data"), ("check", "check-data")])
def test_scripts_get_their_texts_and_where_the_contest_stands(page, element):
    """Identity, zone, sentences in the page's language; the code page knows who issues, and whether voting is over."""
    html = getattr(pages(), page)(COUNTED, PLACE, visit("ar"))
    data = json.loads(re.findall(rf'id="{element}">(.*?)</script>', html)[0])

    assert data["ctx"] == RANKED.ctx
    texts = audit_wording.CODE_CLIENT if page == "code" else audit_wording.CHECK_CLIENT
    assert set(texts) < set(data["strings"])
    assert data["strings"]["noAnswer"] == "لم يصل رد. تحقق من اتصالك وحاول مجددًا."
    if page == "code":
        assert (data["issuers"], data["hosts"], data["closed"]) == ([""], ["issuer.example"], True)
