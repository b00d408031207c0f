"""The authority signs what is not so.

Every test starts from an honest contest, lets one party cheat and sign again all it can sign, and names the checks
that fail.
"""

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from schemas.bundle import Engine, Result
from schemas.contest import (
    Authority,
    Beacon,
    Manifest,
    Option,
)
from schemas.log import Close
from tests import honest
from tests.attack.cheating import edit, failures
from tests.honest import OPENS
from voting import bundle
from voting.proof import log, note, statement
from voting.proof.statement import Signer
from voting.verify import verify_bundle


@pytest.mark.parametrize(
    "change",
    [
        lambda one: edit(one, ctx="0" * 64),
        lambda one: edit(one, size=one.size + 1),
        lambda one: edit(one, root="0" * 64),
        lambda one: edit(one, seed="0" * 64),
        lambda one: edit(one, rounds_sha256="0" * 64),
        lambda one: edit(one, sha256sums_sha256="0" * 64),
        lambda one: edit(one, elected=("elm",)),
        lambda one: edit(one, elected=msgspec.UNSET),
        lambda one: edit(one, funded=("elm",)),
        lambda one: edit(one, engines=()),
        lambda one: edit(one, engines=(edit(one.engines[0], agrees=False), one.engines[1])),
        *(
            lambda one, name=name: edit(one, counts=edit(one.counts, **{name: getattr(one.counts, name) + 1}))
            for name in ("eligible", "issued", "cast", "final", "superseded", "paper", "assisted")
        ),
        lambda one: edit(one, counts=edit(one.counts, invalid={})),
        lambda one: edit(one, counts=edit(one.counts, invalid={"unknown": 1, "form": 0})),
    ],
)
def test_every_number_of_the_result_is_checked(change: Callable[[Result], Result]) -> None:
    """V20: what the authority signs is what was found, number by number."""
    assert list(failures(honest.contest().files(result=change))) == ["V20"]


def test_another_engine_is_told_and_not_refused() -> None:
    """Programs move on: a result counted by another version, or a program unknown here, is said in words."""
    other = (
        Engine(name="voting.plain_count", version="irv/1", sha256="0" * 64, agrees=True),
        Engine(name="voting.../../etc/passwd", version="1", sha256="0" * 64, agrees=True),
    )
    report = verify_bundle(honest.contest().files(result=lambda one: edit(one, engines=other)))

    assert "in another version than here" in report.checks[19].detail


def test_a_result_signed_by_someone_else() -> None:
    """V20: the authority's threshold signs, nobody else."""
    contest = honest.contest(level="high")
    files = contest.files()
    body = statement.verify_result(files[bundle.RESULT], contest.manifest.authority)
    for signers in (contest.keys.authority[:1], [contest.keys.box, contest.keys.log]):
        forged = files | {bundle.RESULT: statement.sign(statement.RESULT, body, signers)}
        assert list(failures(forged)) == ["V20"]


@pytest.mark.parametrize("bad", ["unsorted", "doubled", "another class", "another pool", "one more", "one less"])
def test_a_roll_that_is_not_the_one_committed_to(bad: str) -> None:
    """V3: sorted, each code once, root and sizes as in the manifest."""
    contest = honest.contest()

    def tamper(files: dict[str, bytes]) -> None:
        lines = files[bundle.ROLL].splitlines(keepends=True)
        match bad:
            case "unsorted":
                lines[0], lines[1] = lines[1], lines[0]
            case "doubled":
                lines.insert(1, lines[0])
            case "another class":
                lines[0] = lines[0][:67] + bytes([lines[0][67] ^ 1]) + lines[0][68:]
            case "another pool":
                lines[0] = lines[0][:69] + bytes([lines[0][69] ^ 1]) + lines[0][70:]
            case "one more":
                lines.append(b"f" * 64 + b"000000\n")
            case _:
                lines.pop()
        files[bundle.ROLL] = b"".join(lines)

    found = failures(contest.files(tamper=tamper))

    assert next(iter(found)) == "V3"


def test_sizes_that_are_not_the_roll_s() -> None:
    """V3: an authority that signs other sizes than the roll has is seen, though the root fits."""
    contest = honest.contest(
        change=lambda one: edit(one, classes=(edit(one.classes[0], roll_size=9), *one.classes[1:]))
    )

    assert list(failures(contest.files())) == ["V3"]


def test_a_manifest_signed_by_someone_else() -> None:
    """V2: only its own authority's keys sign it, all of the threshold."""
    contest = honest.contest(level="high")
    for signers in (contest.keys.authority[:1], (*contest.keys.authority[:2], contest.keys.box)):
        forged = statement.sign(statement.MANIFEST, contest.manifest, signers)
        files = contest.files(tamper=lambda files, forged=forged: files.update({bundle.MANIFEST: forged}))  # type: ignore[misc]
        assert list(failures(files)) == ["V2"]


UNSET = msgspec.UNSET
STRANGER = Signer(bytes(32), "stranger.example")


@pytest.mark.parametrize(
    "change",
    [
        {"opens_at": OPENS - 2000},
        {"issues_from": OPENS + 1},
        {"pad": 128},
        {"body_size": 4096},
        {"texts_sha256": {}},
        {"beacon": Beacon(kind="reveal")},
        {"seats": 9},
        {"budget": 5},
        {"currency": "EUR"},
        {"exclusion_groups": (("oak", "elm"),)},
        {"options": (*honest.RANKED_OPTIONS[:3], Option(id="fir", cost=3))},
        {"box_vkey": STRANGER.vkey},
        {"log_time_vkey": STRANGER.time_vkey},
        {"policy": ("quorum none",)},
        {"policy": (f"log {STRANGER.vkey}", "quorum none")},
        {"policy": ()},
        {"level": "high"},
        {"authority": Authority(keys=(STRANGER.vkey,), threshold=2)},
        {"authority": Authority(keys=(), threshold=1)},
        {"authority": Authority(keys=(STRANGER.time_vkey,), threshold=1)},
    ],
    ids=lambda change: "-".join(change),
)
def test_terms_that_contradict_themselves(change: dict[str, Any]) -> None:
    """V2: what the authority signed must hold together."""
    contest = honest.contest()
    manifest = edit(contest.manifest, **change)
    forged = statement.sign(statement.MANIFEST, manifest, contest.keys.authority[:1])
    files = contest.files(tamper=lambda files: files.update({bundle.MANIFEST: forged}))

    assert "V2" in failures(files)


@pytest.mark.parametrize(
    "change",
    [
        {"budget": UNSET}, {"currency": UNSET}, {"minor_digits": UNSET}, {"seats": 1},
        {"options": (*honest.BUDGET_OPTIONS[:2], Option(id="light"))}, {"exclusion_groups": (("light", "light"),)},
        {"exclusion_groups": (("light", "yew"),)}, {"kind": "ranked"}, {"options": honest.BUDGET_OPTIONS * 2},
    ],
    ids=lambda change: "-".join(change),
)  # fmt: skip
def test_budget_terms_that_contradict_themselves(change: dict[str, Any]) -> None:
    """V2: money, costs and groups."""
    contest = honest.contest("budget")
    manifest = edit(contest.manifest, **change)
    forged = statement.sign(statement.MANIFEST, manifest, contest.keys.authority[:1])
    files = contest.files(tamper=lambda files: files.update({bundle.MANIFEST: forged}))

    assert "V2" in failures(files)


@pytest.mark.parametrize(
    "change",
    [
        {"issuers": 1}, {"beacon": Beacon(kind="reveal", commit="0" * 64)}, {"assisted": True},
        {"epoch": {"min_batch": 10}}, {"epoch": {"max_s": 90000}}, {"threshold": 1}, {"witness": True},
        {"same key": True},
    ],
    ids=lambda change: "-".join(change),
)  # fmt: skip
def test_level_high_is_more_than_a_word(change: dict[str, Any]) -> None:
    """V2: issuers, witnesses, trustees' dice and the authority's threshold are what the level promises."""

    def alter(manifest: Manifest) -> Manifest:
        match change:
            case {"issuers": number}:
                return edit(manifest, issuers=manifest.issuers[:number])
            case {"epoch": rules}:
                return edit(manifest, epoch=edit(manifest.epoch, **rules))
            case {"threshold": number}:
                return edit(manifest, authority=edit(manifest.authority, threshold=number))
            case {"witness": _}:
                return edit(manifest, policy=(*manifest.policy[:-1], "quorum w0"))
            case {"same key": _}:
                first = note.parse_vkey(manifest.authority.keys[0])
                again = str(note.VerifierKey("again.example", first.algorithm, first.key))
                return edit(
                    manifest, authority=edit(manifest.authority, keys=(manifest.authority.keys[0], again, again))
                )
        return edit(manifest, **change)

    contest = honest.contest(level="high")
    forged = statement.sign(statement.MANIFEST, alter(contest.manifest), contest.keys.authority[:2])
    files = contest.files(tamper=lambda files: files.update({bundle.MANIFEST: forged}))

    assert "V2" in failures(files)


def test_a_witness_must_be_someone_else() -> None:
    """V2: an operator that witnesses itself under another name is seen by its key."""
    contest = honest.contest(level="high")
    box = note.vkey_of(contest.keys.box.secret, "neutral.example", note.COSIGNATURE)
    policy = (contest.manifest.policy[0], f"witness w0 {box}", *contest.manifest.policy[2:])
    forged = statement.sign(statement.MANIFEST, edit(contest.manifest, policy=policy), contest.keys.authority[:2])
    files = contest.files(tamper=lambda files: files.update({bundle.MANIFEST: forged}))

    assert "V2" in failures(files)


def test_rules_that_are_not_the_ones_announced() -> None:
    """V2: spec and vectors are those that the manifest pins, and those that this verifier counts by."""
    contest = honest.contest()
    for name in (bundle.SPEC, bundle.VECTORS):
        files = contest.files(tamper=lambda files, name=name: files.update({name: b"other rules\n"}))  # type: ignore[misc]
        assert list(failures(files)) == ["V2"]

    digest = hashlib.sha256(b"other rules\n").hexdigest()
    other = honest.contest(change=lambda one: edit(one, method=edit(one.method, spec_sha256=digest)))
    files = other.files(tamper=lambda files: files.update({bundle.SPEC: b"other rules\n"}))
    assert list(failures(files)) == ["V2"]
    assert "not those that this verifier counts by" in failures(files)["V2"]


def test_a_method_that_is_not_known() -> None:
    """V2: a verifier that can't count again says so, and does not pass."""
    contest = honest.contest(change=lambda one: edit(one, method=edit(one.method, version=999)))
    found = failures(contest.files())

    assert "does not know the method irv/999" in found["V2"]


def test_paper_is_not_passed_over() -> None:
    """V16: what this verifier can't check it does not pass."""
    contest = honest.contest()
    contest.epochs[1].append(log.entry(log.PAPER_BATCH, bytes(32)))
    close = Close(ctx=contest.ctx.hex(), n_ballots=len(contest.lines), n_batches=1)
    contest.epochs[-1][-1] = log.entry(log.CLOSE, log.close_digest(close))

    assert list(failures(contest.files())) == ["V16"]
    assert list(failures(honest.contest().files(tamper=lambda files: files.update({"paper/cvr.jsonl": b""})))) == [
        "V16"
    ]


def test_policy_file_is_the_manifest_s() -> None:
    """V2: policy.txt is a copy for programs, and a true one."""
    files = honest.contest().files(tamper=lambda files: files.update({bundle.POLICY: b"quorum none\n"}))

    assert list(failures(files)) == ["V2"]
