"""The one place that turns a refusal into an HTTP answer (RFC 9457)."""

from schemas.problem import Problem
from service import refusals
from voting import errors

PROBLEMS: dict[type[Exception], tuple[int, str]] = {
    refusals.NotFound: (404, "not-found"),
    refusals.InvalidRequest: (400, "invalid-request"),
    refusals.NotAllowed: (403, "not-allowed"),
    refusals.WrongPhase: (409, "wrong-phase"),
    refusals.ContestNotOpen: (409, "contest-not-open"),
    refusals.CodeUnknown: (403, "code-unknown"),
    refusals.CodeVoided: (403, "code-voided"),
    refusals.CodeUsed: (409, "code-used"),
    refusals.BallotSuperseded: (409, "ballot-superseded"),
    refusals.InvalidCast: (422, "invalid-ballot"),
    refusals.TooBusy: (503, "too-busy"),
    refusals.NotReady: (409, "not-ready"),
    errors.InvalidEncoding: (400, "invalid-request"),
    errors.InvalidProof: (422, "invalid-proof"),
}
"""Status and slug by exception; a subclass is answered like its nearest base here."""

RETRY_AFTER_SECONDS = 2


def problem_of(error: Exception) -> Problem | None:
    """Return the problem document of a refusal; None where the error is ours and not the caller's."""
    for kind in type(error).__mro__:
        if kind in PROBLEMS:
            status, slug = PROBLEMS[kind]
            return make_problem(status, slug, str(error), error)
    return None


def make_problem(status: int, slug: str, detail: str, error: Exception | None = None) -> Problem:
    """Return a problem document of this service."""
    document = Problem(type=f"/problems/{slug}", title=slug.replace("-", " "), status=status, detail=detail)
    if isinstance(error, refusals.BallotSuperseded):
        return Problem(type=document.type, title=document.title, status=status, detail=detail, last_rev=error.last_rev)
    return document
