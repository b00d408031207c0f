"""Ballots that a browser cast are counted and verify like all others."""

import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from msgspec import UNSET

from schemas.ballot import Approval, BallotLine, Ranking
from schemas.contest import ApprovalRules, Option
from service import installing, serving
from service.database.databases import create_database, drop_database
from service.rehearsing import Rehearsal
from tests.conftest import make_open_folder, run_apart
from tests.journeys.browser import PHONE, open_browser
from tests.journeys.test_vote import cast, rank, to_review, type_code
from tests.service.trial import OPTIONS, make_draft
from voting import bundle, verify
from voting.proof import ballot, canonical
from voting.proof.base64s import from_base64

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def rehearsal(server_url: str, template: str) -> Iterator[Rehearsal]:
    """A running service on a rehearsal database of its own, whose clock may be moved to the end of contests."""
    name, folder, port = f"journey_{os.getpid()}", make_open_folder(), serving.free_port()
    url = run_apart(create_database(server_url, name, template=template))
    environment = {
        "WEIGHIN_DATABASE_URL": url,
        "WEIGHIN_DATA": str(folder),
        "WEIGHIN_BASE_URL": f"http://127.0.0.1:{port}",
    }
    with serving.running(environment, port=port) as base_url:
        made = Rehearsal(url, base_url)
        run_apart(made.add_staff())
        yield made
    run_apart(drop_database(server_url, name))


@pytest.fixture(scope="module")
def phone() -> Iterator[Any]:
    """A browser with the screen of a small phone."""
    with open_browser() as browser:
        page = browser.new_context(viewport=PHONE).new_page()
        yield page


def audit(made: Rehearsal, slug: str, closes_at: int, marks: list[str]) -> list[str]:
    """Close, publish and verify a contest; check that the marks are in the log; return the choices that were opened."""
    run_apart(made.finish(slug, closes_at=closes_at))
    tar = httpx.get(f"{made.base_url}/api/v1/contests/{slug}/bundle", timeout=60).content
    report = verify.verify_bundle(tar)
    assert report.result == "passed"
    lines = [canonical.decode(line, BallotLine) for line in bundle.read_tar(tar)[bundle.BALLOTS].splitlines()]
    digests = {ballot.digest(line.header.encode(), from_base64(line.sig)).hex() for line in lines}
    assert set(marks) <= digests
    assert all(line.why in ("", "superseded") for line in lines)
    return [line.open.choices for line in lines if line.open is not None]


def test_rankings_from_a_browser_and_from_python_count_alike(phone, rehearsal):
    """A browser casts and revises, Python casts three: four voters are counted, one ballot is superseded."""
    draft = make_draft("browser-ranks", now=run_apart(installing.read_clock(rehearsal.database_url)))
    codes = run_apart(rehearsal.prepare(draft, [("", 4, 0)], cls="resident"))
    run_apart(rehearsal.act(draft.slug, "open"))
    run_apart(rehearsal.move_clock(draft.opens_at))
    run_apart(rehearsal.vote(draft.slug, [(code, Ranking(OPTIONS[:2])) for code in codes[1:]], concurrency=2))

    phone.goto(f"{rehearsal.base_url}/contests/{draft.slug}/vote")
    type_code(phone, codes[0].text)
    rank(phone, {0: 1})
    to_review(phone)
    first = cast(phone)
    phone.click("[data-step=done] [data-act=change]")
    phone.click("[data-move=clear]")
    ids = rank(phone, {1: 1, 0: 2})
    to_review(phone)
    second = cast(phone)

    opened = audit(rehearsal, draft.slug, draft.closes_at, [first, second])
    assert len(opened) == 4
    assert f'{{"ranking":["{ids[1]}","{ids[0]}"]}}' in opened


def test_projects_from_a_browser_and_from_python_count_alike(phone, rehearsal):
    """The same for a budget: two projects ticked in a browser are one approval ballot in the count."""
    draft = make_draft(
        "browser-budget",
        now=run_apart(installing.read_clock(rehearsal.database_url)),
        kind="budget",
        method_id="greedy",
        seats=UNSET,
        budget=100,
        currency="USD",
        minor_digits=0,
        ballot=ApprovalRules(max_choices=len(OPTIONS)),
        options=tuple(Option(id=option, cost=30) for option in OPTIONS),
    )
    codes = run_apart(rehearsal.prepare(draft, [("", 3, 0)], cls="resident"))
    run_apart(rehearsal.act(draft.slug, "open"))
    run_apart(rehearsal.move_clock(draft.opens_at))
    run_apart(rehearsal.vote(draft.slug, [(code, Approval(OPTIONS[:1])) for code in codes[1:]], concurrency=2))

    phone.goto(f"{rehearsal.base_url}/contests/{draft.slug}/vote")
    type_code(phone, codes[0].text)
    boxes = phone.locator("[data-ballot-form] input[type=checkbox]")
    boxes.nth(0).check()
    boxes.nth(1).check()
    ticked = sorted(str(boxes.nth(place).get_attribute("id")).removeprefix("project-") for place in (0, 1))
    to_review(phone)
    mark = cast(phone)

    opened = audit(rehearsal, draft.slug, draft.closes_at, [mark])
    assert len(opened) == 3
    assert f'{{"approved":["{ticked[0]}","{ticked[1]}"]}}' in opened
