"""The audit accepts an honest bundle and nothing else, whatever it is given."""

import hashlib
import json
import random
from collections.abc import Callable
from functools import cache

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas.bundle import Check, Report
from schemas.contest import ClientNotice, IncidentNotice
from tests import honest
from tests.honest import digest_of
from voting import bundle
from voting.bundle import read_tar, sha256sums, write_tar
from voting.proof import promise
from voting.proof.promise import Promise
from voting.verify import CHECKS, BundleRejected, verify_bundle


@cache
def small() -> dict[str, bytes]:
    """The files of an honest contest with 6 ballots."""
    return honest.contest().files()


@cache
def small_tar() -> bytes:
    return write_tar(small())


def checks_of(report: Report) -> dict[str, Check]:
    return {check.id: check for check in report.checks}


def rejected(source: bytes | dict[str, bytes], **brought: object) -> dict[str, str]:
    """Return why each failed check failed."""
    with pytest.raises(BundleRejected) as error:
        verify_bundle(source, **brought)  # type: ignore[arg-type]
    return {check.id: check.detail for check in error.value.report.checks if check.passed is False}


@pytest.mark.parametrize("kind", ["ranked", "budget"])
@pytest.mark.parametrize("level", ["standard", "high"])
def test_an_honest_bundle_passes(kind: str, level: str) -> None:
    """Every check that applies passes, from the tar as well as from the files, and says what it looked at."""
    contest = honest.contest(kind, level=level)  # type: ignore[arg-type]
    files = contest.files()

    report = verify_bundle(write_tar(files))

    checks = checks_of(report)
    assert report.result == "passed"
    assert report.contest == f"{kind}-contest"
    assert report.ctx == contest.ctx.hex()
    assert list(checks) == [f"V{number}" for number in range(1, 25)]
    assert {number for number, check in checks.items() if check.passed is None} == {"V16", "V22", "V23"}
    assert checks["V6"].detail.startswith("10 entries under root")
    assert checks["V12"].detail == "5 final revisions, 1 superseded"
    assert checks["V14"].detail == "4 valid, 1 not; 3 different"
    assert checks["V15"].detail.startswith("resident: 5 voters, 5 tokens, 9 codes")
    assert (report.elected if kind == "ranked" else report.funded) == contest.count(contest.seed())[1]
    assert verify_bundle(files).result == "passed"


def test_the_trust_list_of_level_standard() -> None:
    """It begins with what is gravest, and names the issuer, the log and the tally key."""
    trust = verify_bundle(small()).trust

    assert trust[0].startswith("self-consistent only:")
    for start in ("one authority key:", "tally key with the operator:", "one issuer: registrar0", "single-party log:"):
        assert any(line.startswith(start) for line in trust), start
    known = verify_bundle(small(), ctx=honest.contest().ctx.hex()[:20]).trust
    assert known == trust[1:]


def test_the_trust_list_of_level_high() -> None:
    """More parties, other statements; nothing is said that level standard alone would need."""
    contest = honest.contest(level="high")
    trust = verify_bundle(contest.files(), authorities=[contest.keys.authority[0].vkey]).trust

    for start in ("authority, 2 of 3 keys:", "tally key with trustees:", "2 issuers:", "2 witnesses:", "seed by dice:"):
        assert any(line.startswith(start) for line in trust), start
    assert not any("single-party" in line or "one operator" in line or "self-consistent" in line for line in trust)


def test_a_rehearsal_says_so() -> None:
    """A contest whose clock could be set says so before anything else about itself."""
    contest = honest.contest(change=lambda manifest: msgspec.structs.replace(manifest, rehearsal=True))

    assert verify_bundle(contest.files()).trust[1].startswith("rehearsal:")


def test_progress_is_told() -> None:
    """One call before each check."""
    told: list[tuple[int, int, str]] = []

    verify_bundle(small(), progress=lambda *args: told.append(args))

    assert told == [(place, 24, name) for place, (_, name, _) in enumerate(CHECKS)]


def test_a_contest_without_a_single_ballot_passes() -> None:
    """Nobody asked for a token and nobody cast: everything is empty, and in order."""
    contest = honest.contest()
    contest.issuances, contest.issuance_sizes, contest.lines = [], [], []
    contest.relog()

    checks = checks_of(verify_bundle(contest.files()))

    assert checks["V8"].detail == "0 tokens issued by each of 1 issuer"
    assert checks["V9"].detail.startswith("0 ballots")


def test_a_file_that_is_not_known_is_told() -> None:
    """A later version may have more files; they are hashed, and named as not known."""
    files = honest.contest().files(tamper=lambda files: files.update({"extra.txt": b"new"}))

    assert checks_of(verify_bundle(files))["V1"].detail.endswith("does not know extra.txt")


# -- any changed byte ----------------------------------------------------------------------


def test_words_that_nobody_signed() -> None:
    """V1 alone sees a change in README: SHA256SUMS has another hash of it."""
    assert list(rejected(small() | {bundle.README: b"All is well, no need to check."})) == ["V1"]


@settings(max_examples=1200)
@given(at=st.integers(0, 10**9), new=st.integers(1, 255))
def test_any_changed_byte_of_the_tar_is_noticed(at: int, new: int) -> None:
    """Change one byte anywhere: always rejected, never accepted, never a crash."""
    data = small_tar()
    at %= len(data)

    rejected(data[:at] + bytes([data[at] ^ new]) + data[at + 1 :])


@settings(max_examples=800)
@given(name=st.integers(0, 100), at=st.integers(0, 10**9), new=st.integers(1, 255))
def test_any_changed_byte_of_any_file_is_noticed(name: int, at: int, new: int) -> None:
    """The same with every file as likely as any other, and its hash corrected: the tar itself is in order."""
    files = dict(small())
    chosen = sorted(one for one in files if files[one] and one != bundle.SHA256SUMS)[name % 18]
    data = files[chosen]
    at %= len(data)
    files[chosen] = data[:at] + bytes([data[at] ^ new]) + data[at + 1 :]
    files[bundle.SHA256SUMS] = sha256sums(files)

    failed = rejected(write_tar(files))

    assert "V1" not in failed


@settings(max_examples=300)
@given(name=st.integers(0, 100), at=st.integers(0, 10**9), new=st.integers(1, 255))
def test_any_changed_byte_is_noticed_though_the_result_is_signed_again(name: int, at: int, new: int) -> None:
    """An authority that signs a result over a changed file gets nowhere: every file but README is checked for itself.

    A later time of the draw, in bytes 12 to 21 of beacon.json, is the one thing that nobody can check.
    """
    chosen = sorted(one for one in small() if small()[one] and one not in _SIGNED_OVER)[name % 16]

    def tamper(files: dict[str, bytes]) -> None:
        data = files[chosen]
        place = at % len(data)
        files[chosen] = data[:place] + bytes([data[place] ^ new]) + data[place + 1 :]
        assume(chosen != bundle.BEACON or not 12 <= place < 22)

    failed = rejected(honest.contest().files(tamper=tamper))

    assert "V1" not in failed


_SIGNED_OVER = {bundle.README, bundle.SHA256SUMS, bundle.RESULT}


# -- garbage -------------------------------------------------------------------------------


@settings(max_examples=150)
@given(st.binary(max_size=3000))
def test_a_random_file_is_rejected_in_good_order(data: bytes) -> None:
    """Whatever the file, the answer is a report: V1 says why, the others that they need it."""
    assert list(rejected(data)) == ["V1"]


def garbled(files: dict[str, bytes], rng: random.Random) -> None:
    """Damage files in one of many ways."""
    name = rng.choice(sorted(files))
    other = rng.choice(sorted(files))
    data = files[name]
    at = rng.randrange(len(data) + 1)
    match rng.randrange(10):
        case 0:
            files[name] = rng.randbytes(rng.randrange(300))
        case 1:
            files[name] = data[:at]
        case 2:
            files[name] = b""
        case 3:
            del files[name]
        case 4:
            files[name], files[other] = files[other], data
        case 5:
            lines = data.splitlines(keepends=True) or [b"\n"]
            files[name] = b"".join([*lines, rng.choice(lines)])
        case 6:
            lines = data.splitlines(keepends=True) or [b"\n"]
            rng.shuffle(lines)
            files[name] = b"".join(lines)
        case 7:
            files[name] = data[:at] + rng.randbytes(3) + data[at:]
        case 8:
            files[name] = data[:at] + data[at + 1 :]
        case 9:
            files[rng.choice(["x", "notices/000003.note", "client/a.js", "paper/cvr.jsonl"])] = data


@settings(max_examples=600)
@given(st.randoms(use_true_random=False), st.booleans())
def test_damaged_files_are_rejected_in_good_order(rng: random.Random, correct: bool) -> None:
    """Files cut, emptied, removed, swapped, shuffled or random: a report, and not a traceback."""
    files = dict(small())
    for _ in range(rng.choice([1, 1, 2, 5])):
        garbled(files, rng)
    if correct:
        files[bundle.SHA256SUMS] = sha256sums(files)
    if files == small():
        return

    failed = rejected(files)

    assert all(detail.isprintable() and len(detail) <= 500 for detail in failed.values())


@pytest.mark.parametrize("name", [*bundle.NEEDED, bundle.issuance_name("registrar0.example", "entries.jsonl")])
@pytest.mark.parametrize("damage", ["removed", "emptied", "last line twice"])
def test_each_file_is_needed(name: str, damage: str) -> None:
    """Each file alone, removed or damaged, with everything signed again that can be, is noticed by a check."""
    if (name, damage) in {(bundle.README, "emptied"), (bundle.README, "last line twice")}:
        pytest.skip("nothing is said about the words of README")

    def tamper(files: dict[str, bytes]) -> None:
        match damage:
            case "removed":
                files.pop(name, None)
            case "emptied":
                files[name] = b""
            case _:
                files[name] = (files.get(name) or b"x\n") + (files.get(name) or b"x\n").splitlines(keepends=True)[-1]

    try:
        files = honest.contest().files(tamper=tamper)
    except KeyError:
        files = dict(small())
        tamper(files)
    if name in (bundle.SHA256SUMS, bundle.RESULT):
        tamper(files)

    assert rejected(files)


def test_every_check_that_was_not_made_names_one_that_failed() -> None:
    """A part that can't be read is one failure; what needs it says so, and the bundle is rejected."""
    files = honest.contest().files(tamper=lambda files: files.update({bundle.BALLOTS: b"{}\n"}))

    with pytest.raises(BundleRejected) as error:
        verify_bundle(files)

    checks = checks_of(error.value.report)
    assert {number for number, check in checks.items() if check.passed is False} == {"V9"}
    assert checks["V10"].detail == "not checked: needs V9"


# -- what the user brings ------------------------------------------------------------------


def test_what_the_user_knows_is_compared() -> None:
    """The ctx of the letter, whole or its beginning, and the authority's key must be this contest's."""
    contest = honest.contest()
    ctx, vkey = contest.ctx.hex(), contest.keys.authority[0].vkey
    assert verify_bundle(small(), ctx=ctx, authorities=[vkey]).result == "passed"
    assert "as you gave it" in checks_of(verify_bundle(small(), ctx=ctx[:20]))["V2"].detail

    for wrong in (ctx[:19], ctx.upper(), ctx + "0", "0" * 20, ""):
        assert list(rejected(small(), ctx=wrong)) == ["V2"]
    assert list(rejected(small(), authorities=[contest.keys.box.vkey])) == ["V2"]
    assert list(rejected(small(), authorities=["garbage"])) == ["V2"]
    assert list(rejected(small(), authorities=[vkey, contest.keys.box.vkey])) == ["V2"]


def test_an_authority_key_that_did_not_sign_vouches_for_nothing() -> None:
    """A forger who names the true key beside his own in a manifest that only he signed is found out."""
    contest = honest.contest(level="high")
    files = contest.files()
    assert verify_bundle(files, authorities=[one.vkey for one in contest.keys.authority]).result == "passed"

    failed = rejected(files, authorities=[contest.keys.authority[2].vkey])

    assert "none of the authority keys you gave signed" in failed["V2"]


def test_a_kept_promise() -> None:
    """A promise whose ballot is in the log in time passes, and says what became of the ballot."""
    contest = honest.contest()

    report = verify_bundle(small(), promises=contest.promises)

    detail = checks_of(report)["V22"].detail
    assert detail.count("counts") == 5
    assert detail.count("superseded") == 1
    assert "invalid:unknown" in detail


def test_promises_that_can_t_be_used() -> None:
    """Of another contest, another box, or no promise at all."""
    contest = honest.contest()
    word = Promise(bytes(32), digest_of(contest.lines[0]), 2_000_000_000)
    box, other = contest.keys.box, contest.keys.log
    for data, reason in (
        (promise.sign(word, box.secret, box.name), "for contest 0000"),
        (promise.sign(word, other.secret, other.name), "nobody named"),
        (b"garbage", "no signature lines"),
    ):
        found = rejected(small(), promises=[data])
        assert list(found) == ["V22"]
        assert reason in found["V22"]


def test_the_holder_of_a_code_looks_it_up() -> None:
    """Whether a token was issued for one's own code; a code of another roll, or mistyped, fails."""
    contest = honest.contest()
    voted, stayed = contest.residents[0].code, contest.residents[4].code

    assert "a token was issued" in checks_of(verify_bundle(small(), codes=[voted.lower()]))["V22"].detail
    assert "was not issued" in checks_of(verify_bundle(small(), codes=[stayed]))["V22"].detail
    assert "not on the roll" in rejected(small(), codes=["00009-0000J-0000V-00004"])["V22"]
    assert "group 1" in rejected(small(), codes=["00008-0000J-0000V-00004"])["V22"]
    report = verify_bundle(small(), codes=[voted])
    assert voted not in json.dumps(msgspec.to_builtins(report))


def test_checkpoints_from_elsewhere_that_agree() -> None:
    """Any earlier checkpoint, of the ballots' log or an issuer's, is part of the history."""
    series = small()[bundle.LOG_CHECKPOINTS].decode().split("\n\n")
    first = f"{series[0]}\n\n{series[1]}\n".encode()
    issuance = small()[bundle.issuance_name("registrar0.example", "checkpoint")]

    report = verify_bundle(small(), checkpoints=[first, issuance])

    assert "2 checkpoints from elsewhere" in checks_of(report)["V5"].detail


def test_garbage_for_checkpoints() -> None:
    """No checkpoint, or one of another log, fails V5 alone."""
    contest = honest.contest()
    other = contest.checkpoint([], contest.keys.box, at=5)
    for data in (b"garbage", b"", other):
        assert list(rejected(small(), checkpoints=[data])) == ["V5"]


# -- files of the voting page, incidents ----------------------------------------------------


def with_notice(add: Callable[[honest.Contest], ClientNotice | IncidentNotice]) -> honest.Contest:
    """An honest contest with a third notice."""
    contest = honest.contest()
    contest.notices.append(add(contest))
    contest.relog()
    return contest


def test_announced_files_of_the_voting_page() -> None:
    """V23 passes for the file that a logged notice announced, and fails for another one."""
    script = b"console.log('vote')\n"
    contest = with_notice(
        lambda one: ClientNotice(
            type="weighin/v1/notice", ctx=one.ctx.hex(), n=3, at=honest.OPENS - 5, file="vote.js",
            sha256=hashlib.sha256(script).hexdigest(),
        )
    )  # fmt: skip

    good = contest.files(tamper=lambda files: files.update({"client/vote.js": script}))
    bad = contest.files(tamper=lambda files: files.update({"client/vote.js": script + b" "}))

    assert checks_of(verify_bundle(good))["V23"].passed
    assert "1 file announced" in checks_of(verify_bundle(contest.files()))["V23"].detail
    assert list(rejected(bad)) == ["V23"]


def test_an_unopened_ballot_needs_an_incident() -> None:
    """V13: a ballot stays shut only if an incident notice says why; that may come after the close, outside the log."""
    contest = honest.contest()
    place = next(place for place, line in enumerate(contest.lines) if line.why == "")
    contest.lines[place] = msgspec.structs.replace(contest.lines[place], open=None, why="unopened")
    assert list(rejected(contest.files())) == ["V13"]

    contest.notices.append(
        IncidentNotice(
            type="weighin/v1/notice", ctx=contest.ctx.hex(), n=3, at=honest.CLOSES + 50, text={"en": "A disk broke."}
        )
    )
    report = verify_bundle(contest.files())

    assert "1 could not be opened" in checks_of(report)["V13"].detail
    assert any("stayed unopened" in line for line in report.trust)


def test_the_tar_of_a_bundle_gives_its_files() -> None:
    """What verify reads is what was packed."""
    assert read_tar(small_tar()) == small()
