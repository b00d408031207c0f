"""The authority signs what is not so.

Every test starts from an honest contest, lets one party cheat and sign again all it can sign, and names the checks
that fail.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from schemas.bundle import Engine, Result
from schemas.contest import Authority, Beacon, Manifest, Option, RankingRules, VoterClass
from schemas.log import Close
from tests import honest
from tests.attack.cheating import edit, failures
from tests.honest import OPENS, Contest
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


@pytest.mark.parametrize(
    "bad", ["unsorted", "doubled", "another class", "another pool", "one more", "one less", "other"]
)
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
            case "other":
                lines[-1] = b"f" * 64 + lines[-1][64:]
            case "one more":
                lines.append(b"f" * 64 + b"000000\n")
            case _:
                lines.pop()
        files[bundle.ROLL] = b"".join(lines)

    found = failures(contest.files(tamper=tamper))

    assert next(iter(found)) == "V3"
    assert bad != "other" or "does not have the root" in found["V3"]


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


def said_of(contest: Contest, manifest: Manifest, signers: Sequence[Signer] | None = None) -> str:
    """Return what V2 says of other terms under the authority's own signature."""
    signers = signers or contest.keys.authority[: contest.manifest.authority.threshold]
    forged = statement.sign(statement.MANIFEST, manifest, signers)
    return failures(contest.files(tamper=lambda files: files.update({bundle.MANIFEST: forged}))).get("V2", "passed")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"opens_at": OPENS - 2000}, "before the opening"),
        ({"issues_from": OPENS + 1}, "before the opening"),
        ({"closes_at": OPENS}, "before the close"),
        ({"pad": 128}, "pad is 128"),
        ({"body_size": 4096}, "body_size is 4096"),
        ({"texts_sha256": {}}, "texts_sha256"),
        ({"beacon": Beacon(kind="reveal")}, "a reveal beacon needs"),
        ({"beacon": Beacon(kind="dice20", commit="0" * 64)}, "a dice roll must not"),
        ({"seats": 9}, "seats are for"),
        ({"budget": 5}, "a ranked contest has no budget"),
        ({"currency": "EUR"}, "a ranked contest has no budget"),
        ({"exclusion_groups": (("oak", "elm"),)}, "a ranked contest has no budget"),
        ({"options": (*honest.RANKED_OPTIONS[:3], Option(id="fir", cost=3))}, "a ranked contest has no budget"),
        ({"options": (*honest.RANKED_OPTIONS[:3], Option(id="oak"))}, "two options"),
        ({"classes": (VoterClass("young", 9, 0), VoterClass("young", 3, 0))}, "two classes"),
        ({"box_vkey": STRANGER.vkey}, "should be named"),
        ({"log_time_vkey": STRANGER.time_vkey}, "should be named"),
        ({"box_host": "other.example"}, "should be named"),
        ({"slug": "other-contest"}, "should be named"),
        ({"policy": ("quorum none",)}, "not about this log"),
        ({"policy": (f"log {STRANGER.vkey}", "quorum none")}, "not about this log"),
        ({"policy": ()}, "names no quorum"),
        ({"level": "high"}, "two or more issuers"),
    ],
)
def test_terms_that_contradict_themselves(change: dict[str, Any], reason: str) -> None:
    """V2: what the authority signed must hold together."""
    contest = honest.contest()

    assert reason in said_of(contest, edit(contest.manifest, **change))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"budget": UNSET}, "needs a budget"),
        ({"currency": UNSET}, "needs a budget"),
        ({"minor_digits": UNSET}, "needs a budget"),
        ({"options": (*honest.BUDGET_OPTIONS[:2], Option(id="light"))}, "needs a budget"),
        ({"seats": 1}, "seats are for"),
        ({"exclusion_groups": (("light", "light"),)}, "exclusion group"),
        ({"exclusion_groups": (("light", "yew"),)}, "exclusion group"),
        ({"kind": "ranked"}, "greedy/1 can't count"),
        ({"ballot": RankingRules(max_ranks=2, equal=False)}, "greedy/1 can't count"),
    ],
)
def test_budget_terms_that_contradict_themselves(change: dict[str, Any], reason: str) -> None:
    """V2: money, costs, groups, and ballots that the method can't count."""
    contest = honest.contest("budget")

    assert reason in said_of(contest, edit(contest.manifest, **change))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda one: edit(one, issuers=one.issuers[:1]), "two or more issuers"),
        (lambda one: edit(one, issuers=one.issuers[:1] * 2), "two issuers have the same host"),
        (lambda one: edit(one, beacon=Beacon(kind="reveal", commit="0" * 64)), "dice"),
        (lambda one: edit(one, assisted=True), "assisted casting"),
        (lambda one: edit(one, epoch=edit(one.epoch, min_batch=10)), "batches of 50"),
        (lambda one: edit(one, epoch=edit(one.epoch, min_s=60)), "batches of 50"),
        (lambda one: edit(one, epoch=edit(one.epoch, max_s=90000)), "batches of 50"),
        (lambda one: edit(one, authority=edit(one.authority, threshold=1)), "of which two sign"),
        (lambda one: edit(one, authority=edit(one.authority, keys=one.authority.keys[:2])), "of which two sign"),
        (lambda one: edit(one, policy=(*one.policy[:-1], "quorum w0")), "two or more witnesses"),
    ],
)
def test_level_high_is_more_than_a_word(change: Callable[[Manifest], Manifest], reason: str) -> None:
    """V2: issuers, witnesses, dice and the authority's threshold are what the level promises."""
    contest = honest.contest(level="high")

    assert reason in said_of(contest, change(contest.manifest))


def test_one_key_under_two_names_is_one_key() -> None:
    """V2: a threshold of two is two keys, not one that signs twice."""
    contest = honest.contest(level="high")
    first = contest.keys.authority[0]
    again = Signer(first.secret, "again.example")
    authority = Authority(keys=(first.vkey, again.vkey, contest.keys.authority[2].vkey), threshold=2)

    assert "not all different" in said_of(contest, edit(contest.manifest, authority=authority), [first, again])


def test_an_authority_signs_with_plain_keys() -> None:
    """V2: a cosignature key says that it saw a text, not that it agrees."""
    contest = honest.contest(level="high")
    watching = contest.keys.authority[2].time_vkey
    authority = edit(contest.manifest.authority, keys=(*contest.manifest.authority.keys[:2], watching))

    assert "another kind of signature" in said_of(contest, edit(contest.manifest, authority=authority))


def test_a_witness_must_be_someone_else() -> None:
    """V2: an operator that witnesses itself under another name is seen by its key."""
    contest = honest.contest(level="high")
    box = note.vkey_of(contest.keys.box.secret, "neutral.example", note.COSIGNATURE)
    policy = (contest.manifest.policy[0], f"witness w0 {box}", *contest.manifest.policy[2:])

    assert "key of the operator" in said_of(contest, edit(contest.manifest, policy=policy))


def test_rules_that_are_not_the_ones_announced() -> None:
    """V2: spec and vectors are those that the manifest pins, and those that this verifier counts by."""
    contest = honest.contest()
    for name in (bundle.SPEC, bundle.VECTORS):
        files = contest.files(tamper=lambda files, name=name: files.update({name: b"other rules\n"}))  # type: ignore[misc]
        assert list(failures(files)) == ["V2"]
        assert f"{name} is not the one that the manifest pins" in failures(files)["V2"]

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
