"""Who must have been honest: what a bundle that passes every check still leaves to trust (protocol sections 1 and 16).

Each line begins with what it is about, in a few words, and a colon.
"""

import hashlib
from collections.abc import Iterator

from schemas.contest import Manifest
from voting.errors import VotingError
from voting.evidence import Evidence
from voting.words import plural


def trust_list(evidence: Evidence) -> tuple[str, ...]:
    """Return the statements, the gravest first. Nothing can be said of a bundle without a manifest."""
    try:
        manifest, ctx = evidence.manifest, evidence.ctx.hex()
    except VotingError:
        return ("no manifest: nothing in this bundle can be trusted",)
    brought = evidence.brought
    lines: list[str] = []
    if not brought.ctx and not brought.authorities:
        lines.append(
            f"self-consistent only: neither --ctx nor --authority was given, so all of it could be made up; compare "
            f"{ctx[:20]} with your letter, a poster or the press"
        )
    lines += _of_manifest(manifest)
    for more in (_of_issuance, _of_log, _of_ballots, _of_verifier):
        try:
            lines += more(evidence)
        except VotingError:
            continue  # the check that failed over it says why
    return tuple(lines)


def _of_manifest(manifest: Manifest) -> Iterator[str]:
    if manifest.rehearsal:
        yield "rehearsal: the clock of this contest could be set at will; it decides nothing"
    threshold, keys = manifest.authority.threshold, len(manifest.authority.keys)
    who = "one authority key" if threshold == 1 else f"authority, {threshold} of {keys} keys"
    yield f"{who}: {'its holder' if threshold == 1 else 'its holders'} chose the terms, the roll and the schedule"
    yield "code maker: whoever made the codes could have voted for residents who stayed away"
    if manifest.level == "standard":
        yield "tally key with the operator: the operator could open ballots early; it can't change them (V10, V13)"
    else:
        yield "tally key with trustees: enough of them together could open ballots early; none can change them"
    if manifest.beacon.kind == "reveal":
        yield (
            "seed by commit and reveal: bound to the set of ballots; the operator could still have moved ties by "
            "withholding ballots that it had not promised"
        )
    else:
        yield "seed by dice: those who watched the public roll of the dice vouch for it"
    if manifest.assisted:
        yield "assisted casting: a server saw code and vote of those who voted without script"
    if manifest.level == "standard":
        yield "one operator: it could refuse a ballot before promising it, and link by time if it kept logs in secret"
    yield "voting device: it could have shown one vote and cast another; a check on a second device finds it"


def _of_issuance(evidence: Evidence) -> Iterator[str]:
    manifest = evidence.manifest
    issued, gap = len(evidence.issuances[0]), manifest.roll_size - len(evidence.issuances[0])
    calls = min(manifest.audit.issuance_n, issued)
    audit = f"look-ups by code and calls to {calls:,} of the {issued:,} who asked would show it"
    if len(manifest.issuers) == 1:
        yield (
            f"one issuer: {manifest.issuers[0].host} alone gave out tokens; with codes it must not hold it could have "
            f"voted for the {gap:,} who did not ask; {audit}"
        )
    else:
        yield (
            f"{len(manifest.issuers)} issuers: only all of them together, with codes, could have voted for the {gap:,} "
            f"who did not ask; {audit}"
        )


def _of_log(evidence: Evidence) -> Iterator[str]:
    witnesses = evidence.policy.quorum_size()
    if not witnesses:
        yield (
            "single-party log: nobody outside signed it, and its times are the operator's own clock; who was shown "
            "another log sees it by --checkpoint or --promise"
        )
    else:
        yield f"{plural(witnesses, 'witness', 'witnesses')}: at least one of those who signed did not show two logs"


def _of_ballots(evidence: Evidence) -> Iterator[str]:
    reasons = evidence.survey.count_reasons(evidence.finals.numbers)
    if shut := reasons["invalid:seal"]:
        yield f"tallier: that {plural(shut, 'ballot')} could not be opened is its word; the voters can show otherwise"
    if shut := reasons["unopened"]:
        yield f"tallier: {plural(shut, 'ballot')} stayed unopened; an incident notice says why"


def _of_verifier(evidence: Evidence) -> Iterator[str]:
    for name in ("verify.py", "verify.html"):
        if name in evidence.files:
            digest = hashlib.sha256(evidence.files[name]).hexdigest()
            yield f"{name} in the bundle has SHA-256 {digest}: take it from the project's release, not from here"
