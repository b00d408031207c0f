"""The doors: whatever comes in, the answer is in good order, and says nothing before its time."""

import asyncio
import hashlib
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import msgspec
import pytest
from litestar import Litestar, get
from litestar.routes import HTTPRoute
from litestar.testing import AsyncTestClient

from schemas.ballot import Ranking
from schemas.problem import Problem
from service import client, published
from service.app import ROOMS, create_app
from service.doors import guard, refuse_undeclared
from service.settings import read_settings
from tests.conftest import run_apart
from tests.service.trial import DAY, QUICK_EPOCHS, Holder, Opened

LONG = "a" * 5000


@pytest.fixture(scope="module")
def http(service):
    """A client of the running service."""
    with httpx.Client(base_url=service.base_url, timeout=60) as client_:
        yield client_


@pytest.fixture(scope="module")
def holder(service, long_contest) -> Holder:
    """A voter with a token in the long contest."""
    return run_apart(_obtain(service, long_contest))


async def _obtain(service, long_contest) -> Holder:
    code = long_contest.code()
    voter = client.Voter.new(long_contest.opened.manifest, code.cls)
    async with httpx.AsyncClient(base_url=service.base_url, timeout=60) as http:
        secret = client.roll_secret_of(code.text, voter.manifest)
        return Holder(voter=voter, tokens=await client.obtain_tokens(http, voter, secret))


def assert_problem(answer: httpx.Response, *status: int) -> Problem:
    """Check that an answer is a problem document of one of these statuses, and return it."""
    what = f"{answer.request.method} {str(answer.request.url)[:120]}: {answer.status_code} {answer.content[:200]!r}"
    assert answer.status_code in status, what
    assert answer.headers["content-type"] == "application/problem+json", what
    assert answer.headers["cache-control"] == "no-store", what
    problem = msgspec.json.decode(answer.content, type=Problem)
    assert problem.status == answer.status_code, what
    assert problem.type.startswith("/problems/"), what
    assert problem.title, what
    assert problem.detail, what
    return problem


BODIES = {
    "nothing": (b"", 400),
    "an empty object": (b"{}", 400),
    "null": (b"null", 400),
    "half a string": (b'"', 400),
    "invalid UTF-8": (b'{"type":"\xff\xfe"}', 400),
    "UTF-16": ('{"type":"x"}'.encode("utf-16"), 400),
    "deep nesting": (b"[" * 4000 + b"]" * 4000, 400),
    "deep nesting in a field": (b'{"type":' + b"[" * 1500 + b"]" * 1500 + b"}", 400),
    "a lone surrogate": (b'{"type":"\\ud800"}', 400),
    "a huge number": (b'{"type":1' + b"0" * 3000 + b"}", 400),
    "a doubled key": (b'{"type":"a","type":"b"}', 400),
    "NUL": (b"\0" * 100, 400),
    "half a megabyte": (b"x" * 500_000, 413),
    "half a megabyte of brackets": (b"[" * 500_000, 413),
}


@pytest.mark.parametrize("door", ["issue", "issued", "ballots"])
@pytest.mark.parametrize("what", BODIES)
@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data; boundary=x", ""])
def test_a_wrong_body_is_the_askers_mistake(http, long_contest, door, what, kind):
    """14 wrong bodies, four content types, three doors: 400 or 413 with a problem document."""
    body, status = BODIES[what]
    path = f"/api/v1/contests/{long_contest.opened.id}/{door}"

    assert_problem(send(http, path, content=body, headers={"content-type": kind} if kind else {}), status)


def send(http: httpx.Client, path: str, **what: object) -> httpx.Response:
    """Post; again where the server hung up on a body that it refuses to read before its answer had arrived."""
    for _ in range(4):
        try:
            return http.post(path, **what)
        except httpx.TransportError as error:
            lost = error
    raise lost


def test_a_body_without_a_length_is_bounded_too(http, long_contest):
    """A quarter of a megabyte and a byte, in chunks, its length not said before: 413, and the service goes on."""

    class Chunks(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"x" * 1024] * 256 + [b"x"])

    assert_problem(send(http, f"/api/v1/contests/{long_contest.opened.id}/ballots", content=Chunks()), 413)
    assert http.get("/health/live").text == "ok"


@pytest.mark.parametrize("door", ["issue", "issued", "ballots"])
@pytest.mark.parametrize(
    "contest_id",
    ["nothing-here", "%00", "a%00b", "%ff", "%ED%A0%80", LONG, "%D9%A1", "..%2f..", "'"],
    ids=lambda id_: id_[:20],
)
def test_wrong_contests_take_no_bodies(http, long_contest, holder, door, contest_id):
    """A right body, for a contest that is not there, whatever its name: 404, or 400 where it can't be a name."""
    secret = client.roll_secret_of(long_contest.opened.codes[0].text, long_contest.opened.manifest)
    body = {
        "issue": holder.voter.issue_requests(secret)[0],
        "issued": client.lookup_request(long_contest.opened.ctx, secret),
        "ballots": holder.ballot(),
    }[door]

    assert_problem(http.post(f"/api/v1/contests/{contest_id}/{door}", content=body), 400, 404, 405)


PATHS = [
    "/nothing", "/api/v1/nothing", "/api/v1/contests/nothing", "/api/v1/contests/%00", "/api/v1/contests/%ff",
    f"/api/v1/contests/{LONG}", "/api/v1/contests/%ED%A0%80", "/api/v1/contests/nothing/manifest",
    "/api/v1/contests/%00/manifest", "/api/v1/contests/nothing/log/epoch/0", "/api/v1/contests/{id}/log/epoch/-1",
    "/api/v1/contests/{id}/log/epoch/01", "/api/v1/contests/{id}/log/epoch/1.0", "/api/v1/contests/{id}/log/epoch/x",
    "/api/v1/contests/{id}/log/epoch/%D9%A1", "/api/v1/contests/{id}/log/epoch/" + "9" * 400,
    "/api/v1/contests/{id}/log/epoch/999999999", "/api/v1/contests/{id}/log/epoch/%00",
    "/api/v1/contests/{id}/files/nothing", "/api/v1/contests/{id}/files/%00", "/api/v1/contests/{id}/files/..%2f..%2fx",
    "/api/v1/contests/{id}/outcome", "/api/v1/contests/{id}/bundle", "/api/v1/contests/nothing/issuance/checkpoint",
    "/contests/nothing", "/contests/%00", "/contests/%00/vote", f"/contests/{LONG}", "/contests/{id}/result",
    "/contests/{id}/files/nothing", "/contests/{id}/files/%00", "/methods/nothing", "/methods/%00",
    "/methods/nothing/vectors.json", "/static/nothing", "/static/%00", "/static/..%2f..%2fpyproject.toml",
    "/health/nothing", "/contests/%F0%9F%98%80",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:60])
def test_a_wrong_address_has_nothing(http, long_contest, path):
    """Addresses that name nothing: 404, or 400 where they can't name anything; never an error of ours.

    Seen to fail without the mapping of DataError in doors.py: NUL in an address was a 500.
    """
    assert_problem(http.get(path.replace("{id}", long_contest.opened.id)), 400, 404)


@pytest.mark.parametrize("path", ["/contests/nothing", "/contests/%00", "/nothing"])
def test_a_browser_gets_a_page_that_says_so(http, path):
    """Asked for HTML: a page with the same status, and the policy of every page."""
    answer = http.get(path, headers={"accept": "text/html"})

    assert answer.status_code in (400, 404)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def routes(app: Litestar) -> list[tuple[str, set[str]]]:
    """Every route of an app: its path and its methods."""
    return [(route.path, set(route.methods)) for route in app.routes if isinstance(route, HTTPRoute)]


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> Litestar:
    """The application with all rooms, to be asked for its routes."""
    data = tmp_path_factory.mktemp("data")
    environment = {"WEIGHIN_DATA": str(data), "WEIGHIN_DATABASE_URL": "postgresql://nowhere.example/x"}
    return create_app(read_settings(environment), ROOMS)


def filled(path: str, contest_id: str, number: str = "0") -> str:
    """Return a route's path with its parameters filled in."""
    values = {"contest_id": contest_id, "number": number, "method_id": "irv", "path": "openapi.json"}
    path = path.replace("{name:path}", "log/checkpoint").replace("{name:str}", "main.css")
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda match: values.get(match[1], "nothing"), path)


def test_other_methods_are_not_taken(http, app, long_contest):
    """Every route with every method that it does not have: 405, a problem document, and Allow names those it has."""
    for path, methods in routes(app):
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - methods:
            answer = http.request(method, filled(path, long_contest.opened.id))

            assert_problem(answer, 405)
            assert methods <= {one.strip() for one in answer.headers["allow"].split(",")}


def test_every_route_says_who_may_use_it(app):
    """All routes are declared; one that is not keeps the service from starting, and lets nobody in before.

    Seen to fail without refuse_undeclared, and without the guard.
    """

    @get("/silent")
    async def silent() -> str:
        return "open"

    @get("/mistyped", opt={"access": "pubic"})
    async def mistyped() -> str:
        return "open"

    refuse_undeclared(app)
    for handler in (silent, mistyped):
        with pytest.raises(RuntimeError, match=f"without access control: GET {handler.paths.copy().pop()}"):
            refuse_undeclared(Litestar([handler], openapi_config=None, logging_config=None))


async def test_a_silent_route_lets_nobody_in():
    """The guard refuses it at the door too."""

    @get("/silent")
    async def silent() -> str:
        return "open"

    @get("/open", opt={"access": "public"})
    async def open_() -> str:
        return "open"

    async with AsyncTestClient(
        Litestar([silent, open_], guards=[guard], openapi_config=None, logging_config=None)
    ) as inside:
        assert (await inside.get("/silent")).status_code == 401
        assert (await inside.get("/open")).text == "open"


# -- voters' mistakes ------------------------------------------------------------------------------------


def test_a_spent_code_is_refused_with_a_reason(http, long_contest, service):
    """A second device with the same code: 409 and why."""
    code = long_contest.code()
    manifest = long_contest.opened.manifest
    secret = client.roll_secret_of(code.text, manifest)
    path = f"/api/v1/contests/{manifest.slug}/issue"
    first, second = (client.Voter.new(manifest, code.cls).issue_requests(secret)[0] for _ in range(2))

    answer = http.post(path, content=first)
    assert answer.status_code == 200
    assert http.post(path, content=first).content == answer.content
    problem = assert_problem(http.post(path, content=second), 409)
    assert problem.type == "/problems/code-used"


def test_an_unknown_code_is_refused_with_a_reason(http, long_contest):
    """80 bits that nobody mailed: 403."""
    manifest = long_contest.opened.manifest
    (body,) = client.Voter.new(manifest, "resident").issue_requests(bytes(32))

    problem = assert_problem(http.post(f"/api/v1/contests/{manifest.slug}/issue", content=body), 403)
    assert problem.type == "/problems/code-unknown"


def test_a_superseded_revision_hears_of_the_last_one(http, long_contest, holder):
    """409 with last_rev, a member of the problem document; a ballot that proves nothing: 422."""
    path = f"/api/v1/contests/{long_contest.opened.id}/ballots"
    assert http.post(path, content=holder.ballot(rev=2)).status_code == 201

    problem = assert_problem(http.post(path, content=holder.ballot("oak", rev=1)), 409)

    assert problem.last_rev == 2
    forged = Holder(voter=holder.voter, tokens=[bytes(256)])
    assert_problem(http.post(path, content=forged.ballot(rev=3)), 422)


# -- before and after publication ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def short_contest(service) -> Opened:
    """A contest that this file closes; it ends long before the long contest."""
    return service.open("short-contest", size=40, lasts=2 * DAY, epoch=QUICK_EPOCHS)


def public_answers(http, app, service, contest_id: str) -> dict[str, tuple[int, bytes]]:
    """Ask every GET route about a contest, and for every file that is published; return status and body."""
    found = {}
    for name in run_apart(file_names(service.url, contest_id)):
        answer = http.get(f"/api/v1/contests/{contest_id}/files/{name}")
        found[f"file {name}"] = (answer.status_code, answer.content)
    for path, methods in routes(app):
        if "GET" not in methods or "/static/" in path:
            continue
        for number in ("0", "1", "2", "7") if "{number" in path else ("0",):
            url = filled(path, contest_id, number)
            for accept in ("application/json", "text/html"):
                answer = http.get(url, headers={"accept": accept})
                found[f"{url} {accept}"] = (answer.status_code, answer.content)
    return found


async def file_names(url: str, contest_id: str) -> list[str]:
    """The names of a contest's published files."""
    conn = await asyncpg.connect(url)
    try:
        return await published.names(conn, contest_id)
    finally:
        await conn.close()


@pytest.fixture(scope="module")
def snapshots(http, app, service, short_contest) -> tuple[dict[str, tuple[int, bytes]], dict[str, tuple[int, bytes]]]:
    """What every GET route says after 5 ballots for ash, and after 30 more for oak."""
    codes = iter(short_contest.codes)
    vote(service, short_contest, itertools.islice(codes, 5), "ash")
    before = public_answers(http, app, service, short_contest.id)
    vote(service, short_contest, itertools.islice(codes, 30), "oak")
    return before, public_answers(http, app, service, short_contest.id)


def test_nothing_served_while_open_varies_with_the_votes(short_contest, snapshots):
    """Every GET route, asked before and after 30 more ballots: the same bytes, but for log, issuance log and turnout.

    What differs is a count or a hash: the log's checkpoint and epochs, how many codes were used, rounded down.
    """
    before, after = snapshots
    assert before[f"/api/v1/contests/{short_contest.id} application/json"][0] == 200
    may_differ = {f"/api/v1/contests/{short_contest.id}/{part}" for part in (
        "log/checkpoint", "issuance/checkpoint", "log/epoch/1", "log/epoch/2", "log/epoch/7", "files/log/checkpoint",
    )}  # fmt: skip
    counted = {
        "/api/v1/contests", f"/api/v1/contests/{short_contest.id}", "/", f"/contests/{short_contest.id}",
        f"/contests/{short_contest.id}/audit", "/metrics",
    }  # fmt: skip
    differing = {what for what in before.keys() | after.keys() if before.get(what) != after.get(what)}
    files = {what.removeprefix("file ") for what in differing if what.startswith("file ")}
    assert "log/checkpoint" in files, "the votes did come in"
    counts = re.compile(r"log/(checkpoint|epoch/[0-9]+)|issuance/[^/]+/checkpoint|turnout\.json")
    assert [name for name in files if not counts.fullmatch(name)] == []
    assert {what.partition(" ")[0] for what in differing if not what.startswith("file ")} <= may_differ | counted
    for what in before:
        if what.partition(" ")[0] in counted:
            assert _without_count(before[what][1]) == _without_count(after[what][1]), what


def _without_count(body: bytes) -> bytes:
    """Return an answer without numbers and hashes; of JSON, without the number of codes used so far only."""
    if body.startswith((b"{", b"[")):
        return re.sub(rb'"issued":\d+', b"", body)
    return re.sub(rb"<code[^>]*>[0-9a-f ]+</code>|<[^>]*>|[A-Za-z0-9+/=]{40,}|[0-9a-f]{8,}|\d+|\s+", b"", body)


def vote(service, contest: Opened, codes, *ranking: str) -> None:
    """Cast one ballot for each code through the front door."""
    ballots = [(code, Ranking(ranking)) for code in codes]
    run_apart(service.rehearsal.vote(contest.id, ballots, concurrency=4))


@pytest.fixture(scope="module")
def bundle_tar(http, service, short_contest, snapshots) -> bytes:
    """The bundle of the short contest, once it is closed and published."""
    path = f"/api/v1/contests/{short_contest.id}"
    for early in ("outcome", "bundle"):
        assert_problem(http.get(f"{path}/{early}"), 404)
    run_apart(service.rehearsal.finish(short_contest.id, closes_at=short_contest.manifest.closes_at))
    return http.get(f"{path}/bundle").content


def test_a_closed_contest_takes_nothing(http, short_contest, bundle_tar):
    """409 for tokens and for ballots."""
    voter = client.Voter.new(short_contest.manifest, "resident")
    secret = client.roll_secret_of(short_contest.codes[-1].text, short_contest.manifest)
    path = f"/api/v1/contests/{short_contest.id}"

    issue = assert_problem(http.post(f"{path}/issue", content=voter.issue_requests(secret)[0]), 409)
    assert issue.type == "/problems/contest-not-open"


def test_a_bundle_is_served_whole_or_in_ranges(http, short_contest, bundle_tar):
    """Range and ETag (RFC 9110): first, last and middle bytes, an unchanged file is not sent again."""
    url = f"/api/v1/contests/{short_contest.id}/bundle"
    whole = http.get(url)
    assert whole.content == bundle_tar
    tag = hashlib.sha256(b"".join(hashlib.sha256(piece).digest() for piece in published.cut(bundle_tar))).hexdigest()
    assert whole.headers["etag"] == f'"{tag[:32]}"'
    assert whole.headers["accept-ranges"] == "bytes"
    size = len(bundle_tar)
    for asked, start, stop in (
        ("bytes=0-9", 0, 10), ("bytes=100-", 100, size), ("bytes=-7", size - 7, size),
        (f"bytes={size - 3}-{size + 500}", size - 3, size), (f"bytes=-{size * 2}", 0, size),
    ):  # fmt: skip
        part = http.get(url, headers={"range": asked})
        assert part.status_code == 206, asked
        assert part.content == bundle_tar[start:stop], asked
        assert part.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
    for asked in (
        "bytes=9-3", "lines=1-2", "bytes=a-b", "bytes=-0", f"bytes={size}-", "bytes=0-1,5-6", "bytes=" + "9" * 99,
    ):  # fmt: skip
        odd = http.get(url, headers={"range": asked})
        assert odd.status_code in (200, 416), asked
        assert odd.status_code == 416 or odd.content == bundle_tar

    same = http.get(url, headers={"if-none-match": whole.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    changed = http.get(url, headers={"range": "bytes=0-9", "if-range": '"other"'})
    assert (changed.status_code, changed.content) == (200, bundle_tar)


def test_a_large_file_is_served_piece_by_piece(http, service, long_contest):
    """Ten megabytes in three rows: whole, across the cuts, on them, and not at all where it is known."""
    body = bytes(range(256)) * 40_000
    contest_id = long_contest.opened.id

    async def publish(name: str, data: bytes) -> None:
        conn = await asyncpg.connect(service.rehearsal.database_url, server_settings={"role": "weighin_desk"})
        async with conn.transaction():
            await published.write(conn, contest_id, name, data)
        await conn.close()

    run_apart(publish("large.bin", body))
    run_apart(publish("empty.bin", b""))
    url, cut = f"/api/v1/contests/{contest_id}/files/large.bin", published.PIECE_SIZE
    whole = http.get(url)
    assert (whole.status_code, whole.headers["content-length"]) == (200, str(len(body)))
    assert whole.content == body
    for first, last in ((cut - 1, cut), (cut, cut), (5, 2 * cut + 5), (2 * cut - 1, len(body) - 1), (0, cut - 1)):
        part = http.get(url, headers={"range": f"bytes={first}-{last}"})
        assert (part.status_code, part.content == body[first : last + 1]) == (206, True), (first, last)
    assert http.get(url, headers={"if-none-match": whole.headers["etag"]}).status_code == 304
    empty = http.get(f"/api/v1/contests/{contest_id}/files/empty.bin")
    assert (empty.status_code, empty.content) == (200, b"")
    run_apart(publish("large.bin", body[:-1] + b"!"))
    assert http.get(url, headers={"if-none-match": whole.headers["etag"]}).status_code == 200


def test_the_outcome_is_there_after_publication(http, short_contest, bundle_tar):
    """35 ballots: 5 for ash, 30 for oak; oak is elected, on the page and in the API."""
    outcome = http.get(f"/api/v1/contests/{short_contest.id}/outcome").json()
    assert outcome["rounds"][0]["tally"] == ["5", "0", "30"]
    assert http.get(f"/api/v1/contests/{short_contest.id}").json()["phase"] == "counted"
    page = http.get(f"/contests/{short_contest.id}/result", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert "Oak" in page.text


def test_immutable_things_say_so(http, long_contest):
    """An epoch is immutable, the newest checkpoint is never kept; both have an ETag."""
    path = f"/api/v1/contests/{long_contest.opened.id}/log"
    assert "immutable" in http.get(f"{path}/epoch/0").headers["cache-control"]
    assert http.get(f"{path}/checkpoint").headers["cache-control"] == "no-store"


def test_a_lost_database_is_a_503_and_never_an_error_of_ours(service, long_contest):
    """Every connection cut 20 times a second while people ask: what can't be answered is 503 with Retry-After.

    Seen to fail without what `acquire` does about lost connections.
    """
    statuses, waits = run_apart(ask_while_cutting(service, long_contest.opened, seconds=2.0))

    assert statuses <= {200, 503}
    assert waits <= {"2"}
    assert httpx.get(f"{service.base_url}/health/ready", timeout=30).text == "ok"


async def ask_while_cutting(service, opened: Opened, *, seconds: float) -> tuple[set[int], set[str]]:
    """Ask three doors while the database is cut off; return all statuses, and what the 503s say of coming back."""
    path = f"/api/v1/contests/{opened.id}"
    secret = client.roll_secret_of(opened.codes[0].text, opened.manifest)
    look_up = client.lookup_request(opened.ctx, secret)
    statuses: set[int] = set()
    waits: set[str] = set()
    cutter = await asyncpg.connect(service.url)
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds

    async def keep_cutting() -> None:
        while loop.time() < until:
            await cutter.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            await asyncio.sleep(0.05)

    async def keep_asking(http: httpx.AsyncClient, method: str, url: str, body: bytes | None) -> None:
        while loop.time() < until:
            answer = await http.request(method, url, content=body)
            statuses.add(answer.status_code)
            if answer.status_code == 503:
                waits.add(answer.headers["retry-after"])

    async with httpx.AsyncClient(base_url=service.base_url, timeout=60) as http:
        asked = [("GET", path, None), ("GET", f"/contests/{opened.id}", None), ("POST", f"{path}/issued", look_up)]
        await asyncio.gather(keep_cutting(), *(keep_asking(http, *one) for one in asked * 3))
    await cutter.close()
    return statuses, waits


def test_the_service_said_nothing_of_all_this(service, http):
    """After every wrong request of this file there is not one line about an error of ours."""
    assert http.get("/health/ready").text == "ok"
    said = Path(service.stderr).read_text()
    assert "ERROR" not in said, said
