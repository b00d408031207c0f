"""The audit: everything a stranger can check about a finished contest, in numbered steps (protocol section 15).

Hostile input makes checks fail; it never makes them crash. What each check proves, and who would have to lie for it to
fail, stands in voting/FORMAT.md under its number.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import BinaryIO

import msgspec

from schemas.bundle import Check, Report
from voting import checks_ballots, checks_contest, checks_count, checks_log
from voting.bundle import read_tar
from voting.errors import InvalidBundle, VotingError
from voting.evidence import Brought, Evidence, NotApplicable, Unread
from voting.trust import trust_list

Progress = Callable[[int, int, str], None]
"""Is told before each check, and during a long one: its place from 0, how many there are, its name (and how far)."""


class BundleRejected(VotingError):
    """At least one check failed. `report` has them all, passed and failed."""

    def __init__(self, report: Report) -> None:
        failed = [f"{check.id} {check.name}" for check in report.checks if check.passed is False]
        super().__init__(f"failed: {', '.join(failed)}")
        self.report = report


def verify_bundle(
    source: bytes | BinaryIO | Mapping[str, bytes],
    *,
    ctx: str | None = None,
    authorities: Sequence[str] = (),
    checkpoints: Sequence[bytes] = (),
    promises: Sequence[bytes] = (),
    codes: Sequence[str] = (),
    progress: Progress | None = None,
) -> Report:
    """Run every check and return the report of a bundle that passed them all.

    A failure is an exception and not a flag, so that no caller can forget to look. On two cores it takes about 0.2 ms
    a ballot, and 200 bytes beside those of the bundle.

    Args:
        source: The bytes of a bundle.tar, a stream of them, or the files of a bundle by name.
        ctx: The contest's identity as the user knows it, or its beginning: 20 to 64 hex digits.
        authorities: Verifier keys of the election authority as the user knows them.
        checkpoints: Checkpoint notes that the user saw elsewhere.
        promises: Promises that the user holds.
        codes: The user's own codes.
        progress: Told how far it is.

    Returns:
        The report; nothing in it failed. A check that does not apply, or whose part another check already found
        unreadable, has `passed` None.

    Raises:
        BundleRejected: A check failed.
    """
    brought = Brought(ctx=ctx, authorities=authorities, checkpoints=checkpoints, promises=promises, codes=codes)
    evidence = _gather(source, brought)
    checks: list[Check] = []
    for place, (number, name, check) in enumerate(CHECKS):
        if progress is not None:
            progress(place, len(CHECKS), name)
            evidence.tell = partial(_tell, progress, place, name)
        checks.append(_run(number, name, check, evidence))
    report = _report(evidence, _settle(checks))
    if report.result == "rejected":
        raise BundleRejected(report)
    return report


def _tell(progress: Progress, place: int, name: str, words: str) -> None:
    progress(place, len(CHECKS), f"{name}, {words}")


def _gather(source: bytes | BinaryIO | Mapping[str, bytes], brought: Brought) -> Evidence:
    if isinstance(source, Mapping):
        return Evidence(source, brought)
    try:
        return Evidence(read_tar(source), brought)
    except InvalidBundle as error:
        return Evidence({}, brought, tar_error=str(error))


def _run(number: str, name: str, check: Callable[[Evidence], str], evidence: Evidence) -> Check:
    try:
        return Check(id=number, name=name, passed=True, detail=check(evidence))
    except NotApplicable as reason:
        return Check(id=number, name=name, passed=None, detail=f"not applicable: {reason}")
    except Unread as error:
        if error.owner == number:
            return Check(id=number, name=name, passed=False, detail=_one_line(error))
        return Check(id=number, name=name, passed=None, detail=f"not checked: needs {error.owner}")
    except VotingError as error:
        return Check(id=number, name=name, passed=False, detail=_one_line(error))


def _settle(checks: list[Check]) -> tuple[Check, ...]:
    """Fail whatever could not be checked while the check that should say why passed: silence must never pass."""
    failed = {check.id for check in checks if check.passed is False}
    return tuple(
        msgspec.structs.replace(check, passed=False)
        if check.detail.startswith("not checked") and check.detail.rsplit(" ", 1)[-1] not in failed
        else check
        for check in checks
    )


def _one_line(error: VotingError) -> str:
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in " ".join(str(error).split()))
    return text if len(text) <= 500 else f"{text[:497]}..."


def _report(evidence: Evidence, checks: tuple[Check, ...]) -> Report:
    rejected = any(check.passed is False for check in checks)
    contest = contest_ctx = None
    try:
        contest, contest_ctx = evidence.manifest.slug, evidence.ctx.hex()
    except Unread:
        pass  # V2 says why
    winners = {} if rejected else evidence.recount
    return Report(
        contest=contest,
        ctx=contest_ctx,
        result="rejected" if rejected else "passed",
        checks=checks,
        trust=trust_list(evidence),
        elected=tuple(winners["elected"]) if "elected" in winners else msgspec.UNSET,
        funded=tuple(winners["funded"]) if "funded" in winners else msgspec.UNSET,
    )


def check_yours(evidence: Evidence) -> str:
    """V22: what the user brought fits, if anything was brought."""
    if not evidence.brought.promises and not evidence.brought.codes:
        raise NotApplicable("no --promise and no --code given")
    return checks_log.check_yours(evidence)


def check_trust(evidence: Evidence) -> str:
    """V24: who must have been honest for each claim is printed; see the list."""
    return f"{evidence.manifest.level}: {len(trust_list(evidence))} statements on who must have been honest"


CHECKS: tuple[tuple[str, str, Callable[[Evidence], str]], ...] = (
    ("V1", "files", checks_contest.check_files),
    ("V2", "manifest", checks_contest.check_manifest),
    ("V3", "roll", checks_contest.check_roll),
    ("V4", "issuer keys", checks_contest.check_issuers),
    ("V5", "checkpoints", checks_log.check_checkpoints),
    ("V6", "root", checks_log.check_root),
    ("V7", "close", checks_log.check_close),
    ("V8", "issuance", checks_log.check_issuance),
    ("V9", "ballots", checks_ballots.check_ballots),
    ("V10", "signatures", checks_ballots.check_signatures),
    ("V11", "tokens", checks_ballots.check_tokens),
    ("V12", "revisions", checks_ballots.check_revisions),
    ("V13", "openings", checks_ballots.check_openings),
    ("V14", "choices", checks_ballots.check_choices),
    ("V15", "numbers", checks_ballots.check_numbers),
    ("V16", "paper", checks_ballots.check_paper),
    ("V17", "beacon", checks_count.check_beacon),
    ("V18", "lots", checks_count.check_lots),
    ("V19", "count", checks_count.check_rounds),
    ("V20", "result", checks_count.check_result),
    ("V21", "small groups", checks_count.check_small_groups),
    ("V22", "yours", check_yours),
    ("V23", "client", checks_count.check_client),
    ("V24", "trust", check_trust),
)
