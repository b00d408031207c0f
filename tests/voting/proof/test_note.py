"""Signed notes, checkpoints, promises, policies: only what known keys signed is read."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import honest
from voting.errors import InvalidProof, VotingError
from voting.proof import checkpoint, log, note, policy, promise, statement
from voting.proof.checkpoint import Checkpoint
from voting.proof.note import COSIGNATURE
from voting.proof.promise import Promise
from voting.proof.statement import Signer

ALICE, BOB = Signer(b"a" * 32, "alice.example"), Signer(b"b" * 32, "bob.example")
TEXT = "weighin/v1/test\nhello\n"
KEYS = tuple(note.parse_vkey(key) for key in (ALICE.vkey, ALICE.time_vkey, BOB.vkey))


def signed(*signers: Signer, text: str = TEXT) -> bytes:
    return note.assemble(text, *(note.sign(text, one.secret, one.name) for one in signers))


def test_a_note_by_known_keys_is_read() -> None:
    """All signers are told, and the time of a cosignature."""
    data = signed(ALICE, BOB) + note.cosign(TEXT, ALICE.secret, ALICE.name, at=77).encode()

    read = note.verify(data, KEYS)

    assert read.text == TEXT
    assert [key.name for key in read.signers] == ["alice.example", "bob.example", "alice.example"]
    assert list(read.times.values()) == [77]


@pytest.mark.parametrize(
    ("reason", "data"),
    [
        ("nobody named", signed(ALICE, Signer(b"c" * 32, "carol.example"))),
        ("twice", signed(ALICE, ALICE)),
        ("not valid", signed(ALICE).replace(b"hello", b"hallo")),
        ("no signature lines", TEXT.encode()),
        ("no signature lines", signed(ALICE)[:-1]),
        ("no signature lines", signed(ALICE) + b"\n"),
        ("malformed", signed(ALICE).replace("— ".encode(), b"- ")),
        ("malformed", signed(ALICE).replace(b"alice.example ", b"alice.example  ")),
        ("not UTF-8", b"\xff\n\n" + signed(ALICE).split(b"\n\n")[1]),
        ("control character", signed(ALICE, text="a\tb\n")),
        ("control character", signed(ALICE).replace(b"\n", b"\r\n")),
        ("too short", TEXT.encode() + "\n— alice.example AAAA\n".encode()),
        ("not base64", TEXT.encode() + "\n— alice.example !!!!\n".encode()),
    ],
)
def test_what_is_not_wholly_understood_is_refused(reason: str, data: bytes) -> None:
    """An unknown or malformed line is an error and not skipped: it could say anything."""
    with pytest.raises(InvalidProof, match=reason):
        note.verify(data, KEYS)


@given(at=st.integers(0, 10_000), new=st.integers(0, 255))
def test_a_changed_byte_is_refused(at: int, new: int) -> None:
    """Change any byte of a note: never accepted, and nothing but InvalidProof."""
    data = signed(ALICE, BOB)
    at %= len(data)
    changed = data[:at] + bytes([new]) + data[at + 1 :]
    if changed != data:
        with pytest.raises(InvalidProof):
            note.verify(changed, KEYS)


@given(st.binary(max_size=60))
def test_garbage_is_refused(data: bytes) -> None:
    """Whatever comes in, the answer is InvalidProof."""
    for reader in (note.split, lambda one: checkpoint.parse(one.decode("latin-1"))):
        with pytest.raises(InvalidProof):
            reader(data)


def test_slack_bits_in_a_signature_are_refused() -> None:
    """A signature has one spelling, so that a note has one hash."""
    data = signed(ALICE)
    assert data.endswith(b"=\n"), "the test needs padding to play with"
    good = data[:-2].rstrip(b"=")
    last = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = good[:-1] + last[last.index(good[-1:]) ^ 1 :][:1] + data[len(good) :]
    assert base64.b64decode(other.split(b" ")[-1]) == base64.b64decode(data.split(b" ")[-1])

    with pytest.raises(InvalidProof, match="canonical"):
        note.verify(other, KEYS)


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "a+b", "alice.example+00000000+" + ALICE.vkey.split("+", 2)[2], ALICE.vkey.replace("alice", "al ice"),
        ALICE.vkey[:-1], ALICE.vkey + "=", "x+12345678+", "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+AxpY2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)  # fmt: skip
def test_malformed_keys_are_refused(text: str) -> None:
    """Like the bad keys of golang.org/x/mod sumdb/note: wrong id, algorithm, length, name."""
    with pytest.raises(InvalidProof):
        note.parse_vkey(text)


@pytest.mark.parametrize("size", ["01", "-1", "+1", "1.0", "", " 1", "٣", "9" * 16])
def test_a_checkpoint_has_a_plain_size(size: str) -> None:
    """No sign, no leading zero, no other digits than ASCII's."""
    good = Checkpoint("log.example", 3, bytes(32)).text()
    assert checkpoint.parse(good).size == 3

    with pytest.raises(InvalidProof):
        checkpoint.parse(good.replace("\n3\n", f"\n{size}\n"))


def test_a_checkpoint_has_three_lines() -> None:
    """No extension lines, no other length of root."""
    good = Checkpoint("log.example", 3, bytes(32)).text()
    for text in (good + "more\n", good[:-1], good.replace("AAAA", "AAA"), "\n" + good):
        with pytest.raises(InvalidProof):
            checkpoint.parse(text)


def test_a_checkpoint_needs_its_log() -> None:
    """A checkpoint of another log, or cosigned only, is not the log's."""
    point = Checkpoint(ALICE.name, 3, bytes(32))
    good = log.sign_checkpoint(point, ALICE, at=5)
    others = [ALICE.time_vkey]
    assert log.read_checkpoint(good, origin=ALICE.name, log_vkey=ALICE.vkey, others=others)[0] == point

    with pytest.raises(InvalidProof, match="not of"):
        log.read_checkpoint(good, origin="other.example", log_vkey=ALICE.vkey, others=others)
    cosigned = note.assemble(point.text(), note.cosign(point.text(), ALICE.secret, ALICE.name, at=5))
    with pytest.raises(InvalidProof, match="own signature"):
        log.read_checkpoint(cosigned, origin=ALICE.name, log_vkey=ALICE.vkey, others=others)


def test_a_cosignature_says_its_time() -> None:
    """Another time makes the cosignature invalid; as a plain signature it never passes."""
    text = Checkpoint(ALICE.name, 3, bytes(32)).text()
    line = note.cosign(text, ALICE.secret, ALICE.name, at=5)
    data = base64.b64decode(line.split(" ")[2])
    later = data[:4] + (6).to_bytes(8, "big") + data[12:]
    forged = note.assemble(text, line.replace(line.split(" ")[2], base64.b64encode(later).decode() + "\n"))

    with pytest.raises(InvalidProof, match="not valid"):
        note.verify(forged, KEYS)
    assert note.parse_vkey(ALICE.time_vkey).algorithm == COSIGNATURE


def test_a_promise_is_the_box_s() -> None:
    """A promise survives; one by another key, or of another form, does not."""
    word = Promise(ctx=bytes(32), digest=bytes(31) + b"\1", include_by=1_900_000_000)
    assert promise.verify(promise.sign(word, ALICE.secret, ALICE.name), ALICE.vkey) == word

    with pytest.raises(InvalidProof):
        promise.verify(promise.sign(word, BOB.secret, BOB.name), ALICE.vkey)
    for old, new in (("19", "019"), ("00", "0O"), ("v1/promise", "v1/receipt"), ("1900000000\n", "1900000000\nx\n")):
        text = word.text().replace(old, new, 1)
        with pytest.raises(InvalidProof):
            promise.verify(signed(ALICE, text=text), ALICE.vkey)


def test_a_statement_needs_its_threshold_and_type() -> None:
    """Too few signatures, or a note of another type with the same body, is refused."""
    contest = honest.contest(level="high")
    keys, manifest = contest.keys.authority, contest.manifest
    assert statement.verify_manifest(statement.sign(statement.MANIFEST, manifest, keys[1:])) == manifest

    with pytest.raises(InvalidProof, match="signed by 1"):
        statement.verify_manifest(statement.sign(statement.MANIFEST, manifest, keys[:1]))
    with pytest.raises(InvalidProof, match="not a note of type"):
        statement.verify_manifest(statement.sign(statement.RESULT, manifest, keys))


# -- policies ------------------------------------------------------------------------------

WITNESSES = [Signer(bytes([n]) * 32, f"w{n}.example") for n in range(1, 5)]
LOG_LINE = f"log {ALICE.vkey}"
WITNESS_LINES = [f"witness w{n} {one.time_vkey}" for n, one in enumerate(WITNESSES)]


@pytest.mark.parametrize(
    ("lines", "enough", "too_few", "size"),
    [
        (["quorum none"], "", None, 0),
        (["quorum w1"], "1", "0", 1),
        (["group g any w0 w1", "quorum g"], "1", "23", 1),
        (["group g all w0 w1", "quorum g"], "01", "1", 2),
        (["group g 2 w0 w1 w2", "quorum g"], "02", "23", 2),
        (["group g 1 w0 w1", "group h 2 g w2 w3", "quorum h"], "03", "01", 2),
    ],
)
def test_a_policy_knows_its_quorum(lines: list[str], enough: str, too_few: str | None, size: int) -> None:
    """Witnesses, groups and groups of groups, as in c2sp.org/tlog-policy."""
    parsed = policy.parse([LOG_LINE, *WITNESS_LINES, *lines])

    def keys(numbers: str) -> list[note.VerifierKey]:
        return [note.parse_vkey(WITNESSES[int(one)].time_vkey) for one in numbers]

    assert parsed.is_met(keys(enough))
    assert too_few is None or not parsed.is_met(keys(too_few))
    assert parsed.quorum_size() == size


@pytest.mark.parametrize(
    "lines",
    [
        [], ["quorum w0", "quorum w1"], ["quorum w9"], ["group g 3 w0 w1", "quorum g"], ["group g 0 w0", "quorum g"],
        ["group g any", "quorum g"], ["group g any w0 w0", "quorum g"], ["group g any g", "quorum g"],
        ["group g any w0", "group h any w0", "quorum h"], ["group w0 any w1", "quorum w0"],
        [f"witness x {WITNESSES[0].time_vkey}", "quorum none"], [f"witness x {ALICE.time_vkey}", "quorum none"],
        [f"witness x {BOB.vkey}", "quorum none"], [f"witness none {BOB.time_vkey}", "quorum none"],
        ["quorum  none"], ["Quorum none"], ["", "quorum none"], ["group g ٢ w0 w1", "quorum g"],
        ["quorum none"] * 300,
    ],
)  # fmt: skip
def test_a_policy_that_could_mislead_is_refused(lines: list[str]) -> None:
    """Unknown or doubled names, keys under two names, impossible thresholds, circles."""
    with pytest.raises(VotingError):
        policy.parse([LOG_LINE, *WITNESS_LINES, *lines])
