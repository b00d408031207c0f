"""What every answer of a running service carries, and what it says about itself: headers, metrics, API description."""

import json
import re

import httpx
import msgspec
import pytest

from schemas.ballot import CastRequest
from schemas.roll import LookupRequest
from service.doors import harden
from service.public.api_description import EXCHANGES, problem_types
from tests.service.conftest import LongContest, Service

PATHS = (
    ("GET", "/"),
    ("GET", "/audit"),
    ("GET", "/privacy"),
    ("GET", "/contests/long-contest"),
    ("GET", "/contests/long-contest/audit"),
    ("GET", "/contests/long-contest/code"),
    ("GET", "/contests/long-contest/check"),
    ("GET", "/contests/long-contest/result"),
    ("GET", "/contests/none/audit"),
    ("GET", "/static/none.css"),
    ("GET", "/methods/irv/vectors.json"),
    ("GET", "/api/docs"),
    ("GET", "/api/openapi.json"),
    ("GET", "/api/v1/contests"),
    ("GET", "/api/v1/contests/long-contest/manifest"),
    ("GET", "/api/v1/contests/long-contest/notices"),
    ("GET", "/api/v1/contests/long-contest/log/epoch/0"),
    ("GET", "/api/v1/contests/long-contest/outcome"),
    ("GET", "/api/v1/nothing"),
    ("POST", "/api/v1/contests/long-contest/issue"),
    ("POST", "/api/v1/contests/long-contest/issued"),
    ("POST", "/api/v1/contests/long-contest/ballots"),
    ("DELETE", "/api/v1/contests"),
    ("OPTIONS", "/api/v1/contests"),
    ("GET", "/health/live"),
    ("GET", "/metrics"),
    ("GET", "/problems/code-used"),
)


@pytest.fixture(scope="module")
def client(service: Service, long_contest: LongContest):
    """A client of the running service, which has an open contest."""
    with httpx.Client(base_url=service.base_url, timeout=30) as opened:
        yield opened


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize(("method", "path"), PATHS)
def test_every_answer_is_hardened(client, method, path, accept):
    """Pages, files, API, refusals and addresses that are not there: nothing may be framed, sniffed or told onward."""
    answer = client.request(method, path, headers={"accept": accept})

    assert answer.status_code < 500
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert len(answer.headers.get_list("content-security-policy")) == 1
    assert "strict-transport-security" not in answer.headers
    assert "set-cookie" not in answer.headers


async def test_https_is_kept_only_where_it_is_used():
    """A service behind https says so; one on http does not. An answer's own header stays as it is."""

    async def headers(https: bool) -> dict[bytes, bytes]:
        message = {"type": "http.response.start", "status": 200, "headers": [(b"Referrer-Policy", b"origin")]}
        await harden(https=https)(message, {})  # type: ignore[arg-type]
        assert len(message["headers"]) == len(dict(message["headers"]))
        return dict(message["headers"])

    assert (await headers(True))[b"strict-transport-security"] == b"max-age=31536000"
    assert b"strict-transport-security" not in await headers(False)
    assert (await headers(True))[b"Referrer-Policy"] == b"origin"
    assert b"referrer-policy" not in await headers(True)


def test_problem_documents_are_as_they_were(client):
    """Content type, members and no more."""
    answer = client.get("/api/v1/contests/none")

    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "/problems/not-found",
        "title": "not found",
        "status": 404,
        "detail": "there is no contest 'none'",
    }


def test_notices_are_a_list(client):
    """Empty while there are none; of a contest that is not there, not found."""
    assert client.get("/api/v1/contests/long-contest/notices").json() == []
    assert client.get("/api/v1/contests/none/notices").status_code == 404


def test_the_document_describes_every_route(client):
    """Whatever begins with /api/v1/ is in the table of exchanges, and nothing else is."""
    document = client.get("/api/openapi.json").json()
    described = {(path, method) for path, operations in document["paths"].items() for method in operations}

    assert described == set(EXCHANGES)
    assert document["openapi"].startswith("3.1")
    for path, operations in document["paths"].items():
        for operation in operations.values():
            named = {parameter["name"] for parameter in operation["parameters"]}
            assert named == set(re.findall(r"{(\w+)}", path))
            assert all(parameter["description"] for parameter in operation["parameters"])
            assert operation["description"]


def test_the_document_hangs_together(client):
    """Each reference leads to a schema, each problem has its status, each pattern is one for every reader of JSON."""
    text = client.get("/api/openapi.json").text
    document = json.loads(text)
    schemas = document["components"]["schemas"]

    assert {ref.rsplit("/", 1)[-1] for ref in re.findall(r'"\$ref":"([^"]+)"', text)} <= set(schemas)
    assert r"\\A" not in text
    assert {"CastRequest", "CastAnswer", "IssueRequest", "LookupRequest", "LookupAnswer", "Problem"} <= set(schemas)
    for kind in (CastRequest, LookupRequest):
        assert set(schemas[kind.__name__]["properties"]) == set(kind.__struct_fields__)
    post = document["paths"]["/api/v1/contests/{contest_id}/ballots"]["post"]
    assert post["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/CastRequest")
    assert post["responses"]["201"]["content"]["application/json"]["schema"]["$ref"].endswith("/CastAnswer")
    assert "ballot-superseded" in post["responses"]["409"]["description"]
    assert "Retry-After" in post["responses"]["503"]["headers"]


def test_the_documentation_names_routes_schemas_and_problems(client):
    """One page, without a script of anybody else's; a problem's type leads to its line."""
    page = client.get("/api/docs").text

    for path, method in EXCHANGES:
        assert f"{method.upper()} {path}" in page
    for problem in problem_types():
        assert f'id="problem-{problem.slug}"' in page
        there = client.get(f"/problems/{problem.slug}")
        assert (there.status_code, there.headers["location"]) == (302, f"/api/docs#problem-{problem.slug}")
    assert not re.findall(r'(?:src|href)="(?!/|#)', page)
    assert client.get("/problems/none").status_code == 404


def test_metrics_count_nothing_finer_than_what_is_published(client):
    """Prometheus text: pools by room, and for contests epochs, entries of sealed epochs, codes in tens."""
    answer = client.get("/metrics")
    samples = re.findall(r"^(\w+)(?:\{(.*)\})? (\d+)$", answer.text, re.MULTILINE)

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert [line for line in answer.text.splitlines() if line.startswith("#")]
    assert len(samples) == sum(not line.startswith("#") for line in answer.text.splitlines())
    assert {name for name, _, _ in samples} == {
        "weighin_up",
        "process_start_time_seconds",
        "weighin_pool_connections",
        "weighin_log_epochs_total",
        "weighin_log_entries_total",
        "weighin_codes_used_total",
    }
    assert {label for name, labels, _ in samples for label in re.findall(r"(\w+)=", labels)} == {
        "room", "state", "contest",
    }  # fmt: skip
    by_contest = {(name, labels): int(value) for name, labels, value in samples if 'contest="long-contest"' in labels}
    size = int(client.get("/api/v1/contests/long-contest/log/checkpoint").text.split("\n")[1])
    # An epoch may be sealed between the two.
    assert by_contest["weighin_log_entries_total", 'contest="long-contest"'] <= size
    assert by_contest["weighin_log_epochs_total", 'contest="long-contest"'] >= 1
    assert by_contest["weighin_codes_used_total", 'contest="long-contest"'] % 10 == 0


def test_nothing_early_on_the_audit_page(client):
    """While the contest is open, no ballot, count, draw or issuance is offered, by name or by address."""
    page = client.get("/contests/long-contest/audit").text

    offered = set(re.findall(r'href="/api/v1/contests/long-contest/([^"]+)"', page))
    assert offered == {
        "files/manifest.note", "files/log/checkpoint", "files/roll.txt", "files/policy.txt", "log/checkpoint",
    }  # fmt: skip
    for name in offered:
        assert client.get(f"/api/v1/contests/long-contest/{name}").status_code == 200
    assert msgspec.json.decode(client.get("/api/v1/contests/long-contest/notices").content) == []
