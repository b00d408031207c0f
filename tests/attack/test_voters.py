"""Voters change what they signed, or bring tokens from elsewhere.

Every test starts from an honest contest, lets one party cheat and sign again all it can sign, and names the checks
that fail.
"""

from collections.abc import Callable
from typing import Any

import pytest

from schemas.ballot import Ranking
from service.client import Voter
from tests import honest
from tests.attack.cheating import edit, failures, final_place, recast, signed_entry
from tests.honest import digest_of, header_of
from voting.proof import signing
from voting.proof.base64s import from_base64, to_base64
from voting.verify import verify_bundle


@pytest.mark.parametrize(
    ("change", "seen_by"),
    [
        (lambda header: edit(header, ctx="0" * 64), {"V9"}),
        (lambda header: edit(header, cls="nobody"), {"V9"}),
        (lambda header: edit(header, cls="young"), {"V11", "V15"}),
        (lambda header: edit(header, pk=signing.public_key(bytes(32)).hex()), {"V10", "V11", "V13"}),
        (lambda header: edit(header, rev=10), {"V12", "V13"}),
        (lambda header: edit(header, rev=8), {"V13"}),
        (lambda header: edit(header, commit="0" * 64), {"V13"}),
        (lambda header: edit(header, seal="0" * 64), set()),
        (lambda header: edit(header, tok=(to_base64(bytes(256)),)), {"V11"}),
        (lambda header: edit(header, tok=header.tok * 2), {"V9"}),
    ],
    ids=["ctx", "class that is none", "another class", "pk", "rev too high", "rev", "commit", "seal", "tok", "tokens"],
)
def test_every_field_of_a_header_is_checked(change: Callable[[Any], Any], seen_by: set[str]) -> None:
    """A voter who changes a field and signs again is seen, but for `seal`: it binds the box and the tallier.

    A seal that does not fit is refused by the box, and shown as invalid:seal if the box let it through.
    """
    contest = honest.contest()
    recast(contest, change)

    assert set(failures(contest.files())) == seen_by


@pytest.mark.parametrize("name", ["ctx", "cls", "pk", "rev", "commit", "seal", "tok"])
def test_no_field_of_a_header_can_be_changed_without_the_voter(name: str) -> None:
    """V10: whatever the field, the voter's signature covers it."""
    contest = honest.contest()
    other = header_of(contest.lines[final_place(contest, "superseded")])
    value = {"ctx": "0" * 64, "cls": "young", "rev": 3}.get(name, getattr(other, name))
    recast(contest, lambda header: edit(header, **{name: value}), signed=False)

    assert "V10" in failures(contest.files())


def test_a_token_of_another_contest() -> None:
    """V11: a key signed for contest A opens nothing in contest B, even from the same issuer and box."""
    contest, other = honest.contest(), honest.contest("budget")
    voter, held = other.invent(b"stray")
    stray = Voter(manifest=contest.manifest, seed=voter.seed, cls="resident")
    contest.lines.append(contest.cast(stray, Ranking(("elm",)), rev=1, held_tokens=held))
    contest.issuances.append(signed_entry(contest, contest.residents[4].secret))
    contest.relog()

    assert list(failures(contest.files())) == ["V11"]


def test_two_ballots_with_one_revision() -> None:
    """V12: of two ballots with the same key and revision the smaller digest counts, and the report tells it."""
    contest = honest.contest()
    line = contest.lines[final_place(contest)]
    owner = next(one for one, _ in contest.voters if one.pk.hex() == header_of(line).pk)
    tok = [from_base64(token) for token in header_of(line).tok]
    contest.lines.append(contest.cast(owner, Ranking(("elm",)), rev=header_of(line).rev, held_tokens=tok))
    both = contest.lines.copy()
    contest.revise()
    contest.relog()
    report = verify_bundle(contest.files())
    assert "1 ballot lost to another with the same revision" in report.checks[11].detail

    kept, lost = sorted((line, both[-1]), key=digest_of)
    contest.lines = [edit(one, open=None, why="superseded") if one == kept else one for one in both]
    contest.relog()
    assert "V12" in failures(contest.files())
    assert lost in contest.lines
