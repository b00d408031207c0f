"""Checks V9 to V16: every ballot is in the log, signed by its voter, admitted by every issuer, opened and judged."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.contest import HandoutNotice, IncidentNotice, ReplaceNotice
from voting import bundle
from voting.errors import InvalidBundle
from voting.evidence import UNJUDGED, Evidence, NotApplicable, Unread
from voting.proof import log
from voting.words import plural, settle

Marks = NDArray[np.bool_]
_SEAL = "invalid:seal"


def check_ballots(evidence: Evidence) -> str:
    """V9: each ballot of this contest is the log's entry at its place; nothing is missing, nothing more is there."""
    survey, logged = evidence.survey, evidence.entries.of_kind(log.BALLOT)
    if len(survey) != len(logged):
        raise InvalidBundle(
            f"{bundle.BALLOTS} has {plural(len(survey), 'line')}, the log {plural(len(logged), 'ballot')}"
        )
    settle(_header_problems(evidence, survey.differ(logged)))
    return f"{plural(len(logged), 'ballot')}, each the log's entry at its place"


def _header_problems(evidence: Evidence, elsewhere: Marks) -> Iterator[str]:
    manifest, survey, issuers = evidence.manifest, evidence.survey, len(evidence.manifest.issuers)
    foreign = _is_other(survey.table["ctx"], survey.contests, {evidence.ctx.hex()})
    stray = _is_other(survey.table["cls"], survey.classes, {one.id for one in manifest.classes})
    for place in np.flatnonzero(elsewhere | foreign | stray | (survey.table["tokens"] != issuers)).tolist():
        row, number = survey.table[place], place + 1
        if elsewhere[place]:
            yield f"line {number} is not the ballot that the log has there"
        elif foreign[place]:
            yield f"line {number} is a ballot of contest {survey.contests[row['ctx']][:20]}"
        elif stray[place]:
            yield f"line {number} is of class {survey.classes[row['cls']]!r}, which there is not"
        else:
            yield f"line {number} has {row['tokens']} tokens for {issuers} issuers"


def _is_other(column: NDArray[Any], texts: Sequence[str], known: set[str]) -> Marks:
    """Where a column of places in a list of texts holds none of the known ones."""
    other = np.array([text not in known for text in texts], np.bool_)
    return other[column] if len(texts) else np.zeros(len(column), np.bool_)


def check_signatures(evidence: Evidence) -> str:
    """V10: each ballot is signed by the key it names, so nobody but the voter can have written it."""
    settle(f"line {number} is not signed by its voter's key" for number in _numbers(~evidence.proofs.signed))
    return f"{plural(len(evidence.survey), 'signature')} by the voters' own keys"


def check_tokens(evidence: Evidence) -> str:
    """V11: every issuer signed every voter's key, for this contest and class. Voters are told apart by key."""
    issuers, lacking = evidence.manifest.issuers, evidence.proofs.lacking
    assert evidence.issuer_keys, "a manifest names an issuer"
    if np.any(lacking == UNJUDGED):
        raise Unread("V9", "a ballot of no class, or with too few tokens")
    survey = evidence.survey
    settle(
        f"line {number} has no valid token of {issuers[lacking[number - 1] - 1].host} for class "
        f"{survey.classes[survey.table['cls'][number - 1]]}"
        for number in _numbers(lacking != 0)
    )
    return f"{plural(evidence.finals.voters.total(), 'voter key')}, each signed by {plural(len(issuers), 'issuer')}"


def _numbers(marks: Marks) -> Iterator[int]:
    """The numbers of marked lines, from 1."""
    return (place + 1 for place in np.flatnonzero(marks).tolist())


def check_revisions(evidence: Evidence) -> str:
    """V12: revisions are within bounds, and exactly the last one of each voter counts."""
    survey, finals = evidence.survey, evidence.finals
    settle(_revision_problems(evidence))
    superseded = len(survey) - len(finals.numbers)
    equal = f"; {plural(finals.equal, 'ballot')} lost to another with the same revision" if finals.equal else ""
    return f"{plural(len(finals.numbers), 'final revision')}, {superseded:,} superseded{equal}"


def _revision_problems(evidence: Evidence) -> Iterator[str]:
    survey, final, rev_max = evidence.survey, evidence.finals.numbers.marks, evidence.manifest.max_rev
    beyond = survey.table["rev"] > rev_max
    for number in _numbers(beyond | (final == survey.why("superseded"))):
        if beyond[number - 1]:
            yield f"line {number} is revision {survey.table['rev'][number - 1]}, {rev_max} are allowed"
        else:
            state = "its voter's last revision" if final[number - 1] else "superseded by a later revision"
            yield f"line {number} is {state}, and is not treated as such"


def check_openings(evidence: Evidence) -> str:
    """V13: each counted ballot's choices are what its voter committed to; no superseded ballot is opened."""
    settle(_opening_problems(evidence))
    finals = evidence.finals.numbers
    reasons = evidence.survey.count_reasons(finals)
    shut = reasons[_SEAL] + reasons["unopened"]
    return f"{plural(len(finals) - shut, 'commitment')} opened as made" + (
        f", {shut} could not be opened" if shut else ""
    )


def _opening_problems(evidence: Evidence) -> Iterator[str]:
    survey, final, fits = evidence.survey, evidence.finals.numbers.marks, evidence.proofs.fits
    sealed, opened = survey.table["sealed"] != 0, survey.opened()
    unsealable, unopened = survey.why(_SEAL), survey.why("unopened")
    stays_shut = ~final | unsealable | unopened
    untold = unopened & (not any(isinstance(notice, IncidentNotice) for notice in evidence.notices))
    for number in _numbers((sealed != unsealable) | (opened == stays_shut) | untold | ~fits):
        where, place = f"line {number}", number - 1
        if sealed[place] != unsealable[place]:
            yield f"{where}: the sealed text is published for {_SEAL}, and for nothing else"
        elif stays_shut[place] and opened[place]:
            yield f"{where} is opened, and must not be"
        elif untold[place]:
            yield f"{where} was not opened, and no incident notice says why"
        elif sealed[place] and not fits[place]:
            yield f"{where}: the sealed text is not the one that the voter signed"
        elif not opened[place]:
            yield f"{where} counts, and is not opened"
        else:
            yield f"{where}: the opening does not fit the commitment"


def check_choices(evidence: Evidence) -> str:
    """V14: a ballot counts if the ballot rules allow its choices; otherwise it is invalid, with the right code."""
    survey, verdicts, finals = evidence.survey, evidence.verdicts, evidence.finals.numbers
    right = np.array([_why(verdicts[text]) if text in verdicts else "" for text in survey.texts], object)
    told = np.array(survey.reasons or ("",), object)
    due, said = right[survey.table["choices"]], told[survey.table["why"]]
    settle(
        f"line {number} is {said[number - 1] or 'valid'}, the rules say {due[number - 1] or 'valid'}"
        for number in _numbers(finals.marks & survey.opened() & (said != due).astype(np.bool_))
    )
    counted = evidence.votes.total()
    return f"{counted:,} valid, {len(finals) - counted:,} not; {len(evidence.votes):,} different"


def _why(code: str) -> str:
    return f"invalid:{code}" if code else ""


def check_numbers(evidence: Evidence) -> str:
    """V15: in each class no more voters than tokens, no more tokens than codes given out."""
    manifest, leaves = evidence.manifest, evidence.roll
    if not evidence.issuances:
        raise Unread("V8", "no issuance log")
    issued: Counter[str] = Counter()
    issued_reserve: Counter[str] = Counter()
    for entry in evidence.issuances[0]:
        issued[entry.cls] += 1
        leaf = leaves.get(bytes.fromhex(entry.roll_pk))
        issued_reserve[entry.cls] += leaf is not None and leaf.pool
    handed_out = _handed_out(evidence)
    words: list[str] = []
    for one in manifest.classes:
        cls, voters, out = one.id, evidence.finals.voters[one.id], handed_out[one.id]
        if voters > issued[cls]:
            raise InvalidBundle(f"class {cls}: {voters} voters, but {issued[cls]} tokens were issued")
        if issued[cls] > one.roll_size + out:
            raise InvalidBundle(f"class {cls}: {issued[cls]} tokens for {one.roll_size} mailed and {out} other codes")
        if not issued_reserve[cls] <= out <= one.reserve_size:
            raise InvalidBundle(
                f"class {cls}: {issued_reserve[cls]} tokens for reserve codes, {out} handed out of {one.reserve_size}"
            )
        words.append(f"{cls}: {voters:,} voters, {issued[cls]:,} tokens, {one.roll_size + out:,} codes")
    return "; ".join(words)


def _handed_out(evidence: Evidence) -> Counter[str]:
    """Return how many reserve codes notices say were handed out, by class; a replacement hands out one."""
    ids = dict(enumerate(one.id for one in evidence.manifest.classes))
    handed_out: Counter[str] = Counter()
    for notice in evidence.notices:
        if isinstance(notice, HandoutNotice):
            handed_out[notice.cls] += notice.count
        elif isinstance(notice, ReplaceNotice) and (leaf := evidence.roll.get(bytes.fromhex(notice.roll_pk))):
            handed_out[ids.get(leaf.cls, "")] += 1
    return handed_out


def check_paper(evidence: Evidence) -> str:
    """V16: there are no paper ballots; this version of the protocol's verifier would not know how to check them."""
    if any(name.startswith("paper/") for name in evidence.files):
        raise InvalidBundle("the bundle has paper ballots, which this verifier can't check: take a newer one")
    if any(entry[0] == log.PAPER_BATCH for entry in evidence.entries):
        raise InvalidBundle("the log has paper batches, and the bundle no paper ballots")
    raise NotApplicable("no paper ballots")
