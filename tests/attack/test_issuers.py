"""Issuers invent voters, issue twice, or hand out malformed keys.

Every test starts from an honest contest, lets one party cheat and sign again all it can sign, and names the checks
that fail.
"""

from collections.abc import Callable

import pytest

from schemas.ballot import Ranking
from schemas.contest import (
    Manifest,
    VoidNotice,
)
from tests import honest
from tests.attack.cheating import edit, failures, signed_entry
from tests.honest import OPENS, Contest
from voting import bundle
from voting.proof import tokens
from voting.proof.base64s import to_base64


def stuff(contest: Contest, number: int = 3) -> None:
    """Dishonest issuers sign keys of their own, box and tallier play along: ballots that nobody cast."""
    for index in range(number):
        voter, held = contest.invent(f"invented {index}".encode())
        contest.lines.append(contest.cast(voter, Ranking(("elm",)), rev=1, held_tokens=held))
    contest.relog()


def test_stuffing_without_issuances() -> None:
    """V15: more voters than tokens issued."""
    contest = honest.contest()
    stuff(contest)

    assert list(failures(contest.files())) == ["V15"]


def test_stuffing_with_invented_issuances() -> None:
    """V8: counts fit, but nobody signed for these tokens with a code: the abstention gap is no hiding place."""
    contest = honest.contest()
    stuff(contest, 2)
    unused = [one for one in contest.residents if one.cls == "resident" and one.pool == 0][4:6]
    for resident in (unused[0], contest.residents[8]):
        contest.issuances.append(
            edit(contest.issuances[0], roll_pk=resident.pk.hex(), requests=("1" * 64,), sig=to_base64(bytes(64)))
        )

    found = failures(contest.files())

    assert list(found) == ["V8"]
    assert "not made with this code" in found["V8"]


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("issued twice", lambda one: one.issuances.append(one.issuances[0])),
        ("not on the roll", lambda one: one.issuances.append(signed_entry(one, bytes(32)))),
        ("was voided", lambda one: one.issuances.append(signed_entry(one, one.residents[5].secret))),
        ("another contest", lambda one: one.issuances.__setitem__(0, edit(one.issuances[0], ctx="0" * 64))),
        ("not on the roll of class", lambda one: one.issuances.__setitem__(0, edit(one.issuances[0], cls="young"))),
        ("not made with", lambda one: one.issuances.__setitem__(0, edit(one.issuances[0], requests=("0" * 64,)))),
        ("not made with", lambda one: one.issuances.__setitem__(0, edit(one.issuances[0], sig="AAAA"))),
        ("0 requests", lambda one: one.issuances.__setitem__(0, edit(one.issuances[0], requests=()))),
        ("paper return", lambda one: one.issuances.__setitem__(0, edit(one.issuances[0], channel="paper"))),
    ],
)
def test_a_false_issuance(reason: str, change: Callable[[Contest], object]) -> None:
    """V8: each code at most once, on the roll, in its class, not voided, and signing for itself."""
    contest = honest.contest()
    change(contest)

    found = failures(contest.files())

    assert "V8" in found
    assert reason in found["V8"]


def void(contest: Contest, roll_pk: str) -> dict[str, bytes]:
    """The bundle after a notice that voids a code."""
    contest.notices.append(VoidNotice(type="weighin/v1/notice", ctx=contest.ctx.hex(), n=3, at=OPENS, roll_pk=roll_pk))
    contest.relog()
    return contest.files()


def test_a_code_that_was_voided_after_its_token() -> None:
    """V8: a voided code has no issuance."""
    contest = honest.contest()

    assert list(failures(void(contest, contest.issuances[0].roll_pk))) == ["V8"]


def test_only_codes_on_the_roll_are_voided() -> None:
    """V8: a notice about a code that there is not would hide which one it was about."""
    found = failures(void(honest.contest(), "0" * 64))

    assert list(found) == ["V8"]
    assert "not on the roll" in found["V8"]


def test_issuers_that_tell_different_stories() -> None:
    """V8: all issuers issued to the same codes."""
    contest = honest.contest(level="high")

    def tamper(files: dict[str, bytes]) -> None:
        files |= contest.issuance_files("registrar1.example", contest.keys.issuance[1], contest.issuances[:-1])

    assert list(failures(contest.files(tamper=tamper))) == ["V8"]


def test_issuances_that_are_not_the_log_s() -> None:
    """V8: published issuances must have the roots of the issuance log's checkpoints."""
    contest = honest.contest()
    good = contest.files()
    name = bundle.issuance_name("registrar0.example", "entries.jsonl")
    lines = good[name].splitlines(keepends=True)
    for other in (lines[:-1], lines[::-1]):
        files = contest.files(tamper=lambda files, other=other: files.update({name: b"".join(other)}))  # type: ignore[misc]
        assert "V8" in failures(files)


def test_more_reserve_codes_used_than_handed_out() -> None:
    """V15: every reserve code that was used was handed out in public."""
    contest = honest.contest()
    contest.notices.clear()
    contest.relog()

    assert list(failures(contest.files())) == ["V15"]


def test_more_codes_handed_out_than_there_are() -> None:
    """V15: the reserve is as large as the roll says."""
    contest = honest.contest()
    contest.notices[1] = edit(contest.notices[1], count=2)
    contest.relog()

    assert list(failures(contest.files())) == ["V15"]


@pytest.mark.parametrize("bad", ["even", "e=3", "short", "twice"])
def test_a_malformed_issuer_key(bad: str) -> None:
    """V4: an even or short modulus, another exponent, one key for two classes. No one of class `young` votes."""
    n = tokens.decode_spki(honest.issuer_key(0, "young").spki)
    spki = {
        "even": tokens.encode_spki(n - 1),
        "e=3": tokens.encode_spki(n, 3),
        "short": tokens.encode_spki(n >> 8 | 1),
        "twice": honest.issuer_key(0, "resident").spki,
    }[bad]

    def change(manifest: Manifest) -> Manifest:
        issuer = manifest.issuers[0]
        return edit(manifest, issuers=(edit(issuer, spki=issuer.spki | {"young": to_base64(spki)}),))

    assert list(failures(honest.contest(change=change).files())) == ["V4"]


def test_an_issuer_without_a_key_for_a_class() -> None:
    """V4: every issuer signs for every class."""

    def change(manifest: Manifest) -> Manifest:
        issuer = manifest.issuers[0]
        return edit(manifest, issuers=(edit(issuer, spki={"resident": issuer.spki["resident"]}),))

    assert list(failures(honest.contest(change=change).files())) == ["V4"]


def test_more_tokens_than_codes() -> None:
    """V15: whatever the issuance log says of each, there can't be more tokens than codes given out."""
    contest = honest.contest()
    contest.issuances += contest.issuances

    found = failures(contest.files())

    assert set(found) == {"V8", "V15"}
    assert "10 tokens for 7 mailed and 2 other codes" in found["V15"]


def test_a_malformed_line_is_named() -> None:
    """V8 and V9: a line that can't be read, or does not end, is told with its file and number."""
    contest = honest.contest()
    name = bundle.issuance_name("registrar0.example", "entries.jsonl")

    def spaced(files: dict[str, bytes]) -> None:
        files[name] = files[name].replace(b"\n", b" \n")

    def cut(files: dict[str, bytes]) -> None:
        files[name] = files[name][:-1]
        files[bundle.BALLOTS] = files[bundle.BALLOTS][:-1]

    assert f"{name} line 1: IssuanceEntry is not in canonical form" in failures(contest.files(tamper=spaced))["V8"]
    found = failures(contest.files(tamper=cut))
    assert found["V8"].endswith("does not end with a line feed")
    assert found["V9"].endswith("does not end with a line feed")
