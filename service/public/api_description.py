"""The API described: what each route takes and gives, and every problem it may answer with, as OpenAPI 3.1.

Handlers take and give raw bytes, since what is signed is bytes. So their bodies are described here, from the structs
that decode them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from schemas.ballot import CastAnswer, CastRequest
from schemas.listing import ContestListing
from schemas.outcome import BudgetRounds, RankedRounds
from schemas.problem import Problem
from schemas.roll import IssueAnswer, IssueRequest, LookupAnswer, LookupRequest
from service.problems import PROBLEMS

JSON, TEXT, BYTES, TAR = "application/json", "text/plain", "application/octet-stream", "application/x-tar"
PROBLEM_JSON = "application/problem+json"
_CONTEST = "/api/v1/contests/{contest_id}"
_REF = "#/components/schemas/{name}"


@dataclass(frozen=True)
class Exchange:
    """What a route takes and gives.

    Attributes:
        gives: A struct or a list of one; several where one of them comes; none for bytes.
        media_type: Of what it gives.
        takes: The struct of the body, canonical JSON; None without a body.
        status: Of a good answer.
        refuses: Slugs of the problems it may answer with, beside those that any route may.
        ranges: Whether parts can be asked for (Range, ETag).
    """

    gives: tuple[Any, ...] = ()
    media_type: str = JSON
    takes: type | None = None
    status: int = 200
    refuses: tuple[str, ...] = ("not-found",)
    ranges: bool = False


_VOTER = ("invalid-request", "invalid-proof", "not-found", "contest-not-open", "code-unknown", "too-large")
EXCHANGES: dict[tuple[str, str], Exchange] = {
    ("/api/v1/contests", "get"): Exchange((list[ContestListing],), refuses=()),
    (_CONTEST, "get"): Exchange((ContestListing,)),
    (f"{_CONTEST}/manifest", "get"): Exchange(media_type=TEXT, ranges=True),
    (f"{_CONTEST}/notices", "get"): Exchange((list[str],)),
    (f"{_CONTEST}/policy", "get"): Exchange(media_type=TEXT, ranges=True),
    (f"{_CONTEST}/roll", "get"): Exchange(media_type=TEXT, ranges=True),
    (f"{_CONTEST}/log/checkpoint", "get"): Exchange(media_type=TEXT, ranges=True),
    (f"{_CONTEST}/log/epoch/{{number}}", "get"): Exchange(media_type=BYTES, ranges=True),
    (f"{_CONTEST}/issuance/checkpoint", "get"): Exchange(media_type=TEXT, ranges=True),
    (f"{_CONTEST}/outcome", "get"): Exchange((RankedRounds, BudgetRounds), ranges=True),
    (f"{_CONTEST}/bundle", "get"): Exchange(media_type=TAR, ranges=True),
    (f"{_CONTEST}/files/{{name}}", "get"): Exchange(media_type=BYTES, ranges=True),
    (f"{_CONTEST}/issue", "post"): Exchange(
        (IssueAnswer,), takes=IssueRequest, refuses=(*_VOTER, "code-voided", "code-used")
    ),
    (f"{_CONTEST}/issued", "post"): Exchange((LookupAnswer,), takes=LookupRequest, refuses=_VOTER),
    (f"{_CONTEST}/ballots", "post"): Exchange(
        (CastAnswer,),
        takes=CastRequest,
        status=201,
        refuses=(
            "invalid-request", "invalid-ballot", "invalid-proof", "not-found", "contest-not-open", "ballot-superseded",
            "too-large",
        ),
    ),
}  # fmt: skip
"""Every route of the API by path and method."""

ANYWHERE = ("method-not-allowed", "too-busy", "our-error")
"""Problems that any route may answer with."""

_OUTSIDE = {
    "method-not-allowed": (405, "This address does not take that method."),
    "too-large": (413, "The request is larger than this address takes."),
    "our-error": (500, "Something broke on our side; the answer carries a number to name it by."),
}
_PARAMETERS = {
    "contest_id": "The contest's id, as in its address.",
    "number": "The epoch, from 0: epoch 0 holds the manifest. Decimal digits without leading zeros.",
    "name": "A file's name in the bundle, such as log/checkpoint.",
}
_ABOUT = (
    "Contests, their logs and their counts, as they are published; and the three requests by which a voter gets a "
    "token, asks whether a code was used, and casts a ballot. No account, no cookie, no key is needed. Bodies of "
    "requests are canonical JSON (RFC 8785, sorted keys, no spaces): bytes that differ from their re-encoding are "
    "refused. Errors are problem documents (RFC 9457); the end of their type names the problem."
)


@dataclass(frozen=True)
class ProblemType:
    """One problem: the end of its type, its status, what it means."""

    slug: str
    status: int
    meaning: str


def problem_types() -> tuple[ProblemType, ...]:
    """Return every problem that this service answers with, by status."""
    found: dict[str, ProblemType] = {}
    for kind, (status, slug) in PROBLEMS.items():
        meaning = (kind.__doc__ or "").split("\n")[0].replace("`", "")
        found.setdefault(slug, ProblemType(slug, status, meaning))
    for slug, (status, meaning) in _OUTSIDE.items():
        found.setdefault(slug, ProblemType(slug, status, meaning))
    return tuple(sorted(found.values(), key=lambda problem: (problem.status, problem.slug)))


def complete(document: Mapping[str, Any], *, base_url: str) -> dict[str, Any]:
    """Return the OpenAPI document with bodies, answers and problems in it.

    Args:
        document: The document that the framework makes of the routes.
        base_url: The service's address.
    """
    kinds = [Problem, *(kind for known in EXCHANGES.values() for kind in (known.takes, *known.gives) if kind)]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    schema_of = dict(zip(map(repr, kinds), schemas, strict=True))
    paths: dict[str, Any] = {}
    for path, operations in document.get("paths", {}).items():
        for method, operation in operations.items():
            known = EXCHANGES.get((path, method))
            if known is not None:
                paths.setdefault(path, {})[method] = _operation(operation, known, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Weigh In",
            "version": "1",
            "description": _ABOUT,
            "license": {"name": "EUPL-1.2", "identifier": "EUPL-1.2"},
        },
        "servers": [{"url": base_url}],
        "paths": paths,
        "components": {"schemas": _plain_patterns(components)},
    }


@dataclass(frozen=True)
class Described:
    """One route as the documentation shows it.

    Attributes:
        takes: Name of the body's schema; empty without a body.
        gives: Status and what comes, in words.
        refuses: Status and slug of each problem.
    """

    method: str
    path: str
    words: str
    takes: str
    gives: tuple[tuple[str, str], ...]
    refuses: tuple[ProblemType, ...] = field(default_factory=tuple)


def describe(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the documentation page shows of a completed document: routes, schemas, problems."""
    types = {problem.slug: problem for problem in problem_types()}
    routes = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            body = operation.get("requestBody", {}).get("content", {}).get(JSON, {}).get("schema", {})
            good = {status: answer for status, answer in operation["responses"].items() if status < "400"}
            routes.append(
                Described(
                    method=method.upper(),
                    path=path,
                    words=operation.get("description", ""),
                    takes=_name(body),
                    gives=tuple((status, _content(answer)) for status, answer in good.items()),
                    refuses=tuple(types[slug] for slug in EXCHANGES[path, method].refuses),
                )
            )
    encoder = msgspec.json.Encoder()
    schemas = {
        name: msgspec.json.format(encoder.encode(schema), indent=2).decode()
        for name, schema in document["components"]["schemas"].items()
    }
    return {
        "about": document["info"]["description"],
        "routes": routes,
        "schemas": schemas,
        "problems": problem_types(),
        "anywhere": ANYWHERE,
    }


def _operation(operation: Mapping[str, Any], known: Exchange, schema_of: Mapping[str, Any]) -> dict[str, Any]:
    parameters = [
        {**parameter, "description": _PARAMETERS[parameter["name"]]} for parameter in operation.get("parameters", ())
    ]
    found = [schema_of[repr(kind)] for kind in known.gives] or [{"type": "string"}]
    schema = found[0] if len(found) == 1 else {"anyOf": found}
    answer = {"description": operation.get("description", ""), "content": {known.media_type: {"schema": schema}}}
    responses: dict[str, Any] = {str(known.status): answer}
    if known.ranges:
        responses["206"] = {**answer, "description": "The asked-for range of it."}
        responses["304"] = {"description": "The copy that If-None-Match names is current."}
    responses |= _problem_responses((*known.refuses, *ANYWHERE))
    done = {key: operation[key] for key in ("operationId", "description") if key in operation}
    done |= {"parameters": parameters, "responses": responses}
    if known.takes is not None:
        done["requestBody"] = {"required": True, "content": {JSON: {"schema": schema_of[repr(known.takes)]}}}
    return done


def _problem_responses(slugs: Sequence[str]) -> dict[str, Any]:
    by_status: dict[str, list[ProblemType]] = {}
    for problem in problem_types():
        if problem.slug in slugs:
            by_status.setdefault(str(problem.status), []).append(problem)
    return {
        status: {
            "description": " ".join(f"{problem.slug}: {problem.meaning}" for problem in problems),
            "content": {PROBLEM_JSON: {"schema": {"$ref": _REF.format(name="Problem")}}},
            **({"headers": {"Retry-After": {"schema": {"type": "integer"}}}} if status == "503" else {}),
        }
        for status, problems in by_status.items()
    }


def _plain_patterns(value: Any) -> Any:
    """Write patterns as JSON Schema knows them: Python's ends of text are ^ and $ there."""
    if isinstance(value, dict):
        return {
            key: inner.replace(r"\A", "^").replace(r"\Z", "$")
            if key == "pattern" and isinstance(inner, str)
            else _plain_patterns(inner)
            for key, inner in value.items()
        }
    return [_plain_patterns(inner) for inner in value] if isinstance(value, list) else value


def _content(answer: Mapping[str, Any]) -> str:
    for media_type, content in answer.get("content", {}).items():
        name = _name(content["schema"])
        return f"{media_type}, {name}" if name else media_type
    return str(answer["description"])


def _name(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "items" in schema:
        inner = _name(schema["items"])
        return f"list of {inner}" if inner else ""
    return " or ".join(filter(None, map(_name, schema.get("anyOf", ()))))
