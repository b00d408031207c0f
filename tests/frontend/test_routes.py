"""The pages over HTTP, with a real database behind them."""

from collections.abc import AsyncIterator

import asyncpg
import httpx
import msgspec
import pytest
from litestar import Litestar, Request, Response
from litestar.di import Provide

from schemas.listing import ContestText
from service import published
from service.problems import problem_of
from service.public.pages import create_pages_router, problem_page
from service.public.rendering import FRONTEND
from service.refusals import Refused
from tests.frontend.contests import ASSETS, PLACE, RANKED, RESULT, ROUNDS, budget
from tests.honest import contest
from voting.proof import canonical

NEVER_ENDS = 4_000_000_000
OPEN = msgspec.structs.replace(RANKED, opens_at=0, closes_at=NEVER_ENDS, response_due=NEVER_ENDS)
COUNTED = msgspec.structs.replace(OPEN, id="counted-trees", phase="counted", closes_at=1)


def refuse(request: Request, refusal: Refused) -> Response[bytes]:
    """As the service does for a browser."""
    problem = problem_of(refusal)
    assert problem is not None
    return problem_page(request, problem)


@pytest.fixture
async def browser(conn: asyncpg.Connection) -> AsyncIterator[httpx.AsyncClient]:
    """A browser on a service with one open and one counted contest."""
    async with conn.transaction():
        await published.write(conn, "", "place.json", msgspec.json.encode(PLACE))
        for contest in (OPEN, COUNTED):
            await published.write(conn, contest.id, "listing.json", msgspec.json.encode(contest))
        await published.write(conn, COUNTED.id, "tally/rounds.json", canonical.encode(ROUNDS))
        note = b"weighin/v1/result\n" + canonical.encode(RESULT) + b"\n\n\xe2\x80\x94 key sig\n"
        await published.write(conn, COUNTED.id, "result.note", note)
    app = Litestar(
        route_handlers=[create_pages_router(assets=ASSETS)],
        dependencies={"conn": Provide(lambda: conn, sync_to_thread=False)},
        exception_handlers={Refused: refuse},
        openapi_config=None,
    )
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://weighin.test") as client:
        yield client


async def test_every_page_answers(browser):
    """From the first page to the exact rules; each is HTML that nobody else may keep or frame."""
    paths = [
        "/",
        "/contests/trees",
        "/contests/trees/vote",
        "/contests/counted-trees/result",
        "/methods",
        "/methods/irv",
        "/methods/schulze-margins",
    ]
    for path in paths:
        answer = await browser.get(path)

        assert answer.status_code == 200, path
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "set-cookie" not in answer.headers
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy
        assert answer.headers["referrer-policy"] == "no-referrer"


async def test_before_publication_there_is_no_result(browser):
    """The page of a result that is not published is not found, whatever the votes are."""
    answer = await browser.get("/contests/trees/result")

    assert answer.status_code == 404
    assert "There is no such page" in answer.text


async def test_language_from_address_or_header(browser):
    """?lang= wins over Accept-Language; an unknown one is no error."""
    assert '<html lang="ar" dir="rtl">' in (await browser.get("/?lang=ar", headers={"accept-language": "es"})).text
    assert '<html lang="es" dir="ltr">' in (await browser.get("/?lang=xx", headers={"accept-language": "es"})).text
    assert (await browser.get("/", headers={"accept-language": "es"})).headers["vary"] == "accept-language"


async def test_unknown_things_are_a_page_too(browser):
    """Contest, method, file and static file."""
    for path in ("/contests/none", "/methods/none", "/contests/counted-trees/files/roll.txt", "/static/none.js"):
        answer = await browser.get(path)

        assert answer.status_code == 404, path
        assert "<h1>There is no such page</h1>" in answer.text


async def test_published_files_are_downloads(browser):
    """Only those that the page offers, as attachments, byte for byte."""
    answer = await browser.get("/contests/counted-trees/files/tally/rounds.json")

    assert answer.content == canonical.encode(ROUNDS)
    assert answer.headers["content-disposition"] == 'attachment; filename="counted-trees-tally-rounds.json"'
    assert (await browser.get("/contests/trees/files/listing.json")).status_code == 404


async def test_static_files_may_be_kept_for_ever(browser):
    """Their address has their hash in it."""
    answer = await browser.get("/static/weighin-1.css")

    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].startswith("text/css")


async def test_a_published_count_is_explained_from_its_ballots(browser, conn):
    """With the ballots published the page compares; it says the same again from memory."""
    made = contest("budget")
    listing = msgspec.structs.replace(
        budget(),
        id="explained",
        ctx=made.ctx.hex(),
        phase="counted",
        options=made.manifest.options,
        texts={"en": ContestText("Kit", "What shall we buy?", "Ada Marsh", "Parks", options={})},
        languages=("en",),
        budget=made.manifest.budget,
    )
    async with conn.transaction():
        await published.write(conn, listing.id, "listing.json", msgspec.json.encode(listing))
        for name, body in made.files().items():
            await published.write(conn, listing.id, name, body)

    first = (await browser.get("/contests/explained/result")).text
    second = (await browser.get("/contests/explained/result")).text

    assert "What other methods would choose" in first
    assert "Equal Shares, each project alike" in first
    assert first == second
    assert "What other methods would choose" not in (await browser.get("/contests/counted-trees/result")).text


async def test_programs_that_count_are_served_as_they_are(browser):
    """Both engines of a method, and no other file."""
    for name in ("voting/ranked/irv.py", "voting/plain_count.py"):
        answer = await browser.get(f"/methods/irv/code/{name.rpartition('/')[2]}")

        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.content == (FRONTEND.parent / name).read_bytes()
    for name in ("cli.py", "..%2fcli.py", "schulze.py"):
        assert (await browser.get(f"/methods/irv/code/{name}")).status_code == 404


async def test_worked_examples_are_served_as_published(browser):
    """The vectors of a method, for programs."""
    answer = await browser.get("/methods/irv/vectors.json")

    assert answer.headers["content-type"] == "application/json"
    assert msgspec.json.decode(answer.content)
