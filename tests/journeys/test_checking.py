"""A voter looks the ballot up in the log; the holder of a code asks about it; an auditor finds what they need."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.browser import PHONE, check_accessibility, open_browser, overflow
from tests.journeys.test_vote import CONTEST, VOTE, cast, rank, to_review, type_code

CHECK, CODE, AUDIT = (f"/contests/{CONTEST}/{page}" for page in ("check", "code", "audit"))
DECIDED = "policy-proposal"
SEAL_SECONDS = 90
"""A rehearsal seals an epoch well before this."""
pytestmark = pytest.mark.browser
# The demonstration has a few codes for all journeys: 2 and 3 are cast with here and nowhere else, 4 nowhere at all.


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for all journeys of this file."""
    with open_browser() as opened:
        yield opened


@pytest.fixture
def phone(browser) -> Iterator[Any]:
    """A fresh phone with the page's own policy in force. `said` keeps what the console and failed scripts said."""
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    page.said = []
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("console", lambda message: page.said.append(message.text) if message.type == "error" else None)
    yield page
    context.close()


def vote(page: Any, demo: Any, code: str) -> str:
    """Cast a ballot with a code; return its mark."""
    page.goto("about:blank")
    page.goto(f"{demo.base_url}{VOTE}#code={code.replace('-', '')}")
    rank(page, {0: 1, 1: 2})
    to_review(page)
    return cast(page)


def answer(page: Any) -> str:
    """What the page answers, in its first line."""
    page.wait_for_selector("[data-answer]:not([hidden])", timeout=20_000)
    return str(page.inner_text("[data-answer-mark]"))


def look(page: Any) -> str:
    """Press "Look for it" and return the answer."""
    page.click("[data-mark-form] .btn")
    return answer(page)


def test_a_ballot_is_followed_from_the_promise_into_the_log(phone, browser, demo):
    """The link on the promise brings the mark; once the epoch is sealed any device finds it, and asks for no ballot."""
    mark = vote(phone, demo, demo.codes[2])
    with phone.expect_download() as saved:
        phone.click("[data-promise-file]")
    promise = Path(saved.value.path()).read_text("utf-8")
    phone.click("[data-check-link]")
    phone.wait_for_selector("[data-mark-form]:not([hidden])")
    assert "#" not in phone.url
    assert phone.input_value("#mark").replace(" ", "") == mark
    first = look(phone)
    assert first in ("Your ballot is not in the log yet.", "Your ballot is in the log.")
    if first != "Your ballot is in the log.":
        assert "The ballot box promised it by" in phone.inner_text("[data-answer-do]")

    other = browser.new_context(viewport=PHONE)
    page = other.new_page()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url + (request.post_data or "")))
    page.goto(demo.base_url + CHECK)
    deadline = time.monotonic() + SEAL_SECONDS
    page.fill("#mark", promise)
    while (said := look(page)) != "Your ballot is in the log.":
        assert said == "Your ballot is not in the log yet."
        assert time.monotonic() < deadline, "no epoch was sealed"
        time.sleep(2)
    assert re.search(r"It is entry [\d,]+, counted from 0, of [\d,]+", page.inner_text("[data-answer-where]"))
    assert not [request for request in sent if mark in request or mark[:16] in request]
    other.close()
    assert phone.said == []


def test_a_mark_that_nobody_cast_is_not_there(phone, demo):
    """While voting goes on it may still come; in a contest that is over it is missing, and that is said."""
    phone.goto(demo.base_url + CHECK)
    phone.fill("#mark", "5f2c" * 16)
    assert look(phone) == "Your ballot is not in the log yet."
    assert "Your promise says by when." in phone.inner_text("[data-answer-do]")

    phone.goto(f"{demo.base_url}/contests/{DECIDED}/check")
    phone.fill("#mark", "5f2c" * 16)
    assert look(phone) == "This mark is not in the log, and the log is closed."


def test_what_is_no_mark_is_named(phone, demo):
    """Nothing, something else, a promise with one letter changed: the field is marked and has the words."""
    phone.goto(demo.base_url + CHECK)
    for typed, words in (
        ("", "Paste your ballot's mark"),
        ("my ballot", "This is not a ballot's mark."),
        ("weighin/v1/promise\nabc\n", "This promise does not hold."),
    ):
        phone.fill("#mark", typed)
        phone.click("[data-mark-form] .btn")
        phone.wait_for_selector("[data-errors]:not([hidden])")
        assert words in phone.inner_text("#mark-error")
        assert phone.get_attribute("#mark", "aria-invalid") == "true"


def test_a_log_that_was_tampered_with_is_not_believed(phone, demo):
    """One bit of an epoch is turned on the way: the page says so, and finds nothing."""

    def tamper(route: Any) -> None:
        response = route.fetch()
        body = bytearray(response.body())
        body[-1] ^= 1
        route.fulfill(response=response, body=bytes(body))

    phone.route("**/log/epoch/1", tamper)
    phone.goto(demo.base_url + CHECK)
    phone.fill("#mark", "5f2c" * 16)
    phone.click("[data-mark-form] .btn")
    phone.wait_for_selector("[data-errors]:not([hidden])")

    assert "does not fit its own signature" in phone.inner_text("[data-errors]")
    assert not phone.is_visible("[data-answer]")


def test_the_holder_of_a_code_learns_whether_it_was_used(phone, browser, demo):
    """Not used; used here; used elsewhere. The code is in no request."""
    code = demo.codes[3]
    sent: list[str] = []
    phone.on("request", lambda request: sent.append(request.url + (request.post_data or "")))
    phone.goto(demo.base_url + CODE)
    type_code(phone, code)
    assert answer(phone) == "This code was not used."
    phone.click("[data-answer-vote]")
    phone.wait_for_selector("[data-step=ballot]:not([hidden])")
    assert "#" not in phone.url
    assert not [request for request in sent if code.replace("-", "") in request]
    vote(phone, demo, code)
    phone.goto(demo.base_url + CODE)
    type_code(phone, code)
    assert answer(phone) == "This code was used, and it was used on this device."

    other = browser.new_context(viewport=PHONE)
    page = other.new_page()
    page.goto(demo.base_url + CODE)
    type_code(page, code.lower())
    assert answer(page) == "This code was used."
    assert "tell the clerk's desk" in page.inner_text("[data-answer-do]")
    other.close()


def test_a_code_that_nobody_mailed_or_that_is_mistyped(phone, demo):
    """The form is checked first; a code of another question is on no roll, also where the log is all there is."""
    phone.goto(demo.base_url + CODE)
    type_code(phone, "12345")
    phone.wait_for_selector("[data-errors]:not([hidden])")
    assert "part 1" in phone.inner_text("[data-errors]")
    for contest in (CONTEST, DECIDED):
        phone.goto("about:blank")
        phone.goto(f"{demo.base_url}/contests/{contest}/code#code=000090000J0000V00004")
        phone.click("[data-code-form] .btn")
        assert answer(phone) == "This code is not on the roll of this question."


def test_pages_for_checking_are_accessible_and_fit(browser, demo):
    """In three languages, on a small phone and on a desk: axe-core finds nothing, nothing is too wide."""
    paths = ("/audit", AUDIT, f"/contests/{DECIDED}/audit", "/privacy", CODE, CHECK, "/api/docs")
    problems = []
    context = browser.new_context(viewport=PHONE, bypass_csp=True)
    page = context.new_page()
    for language in ("en", "es", "ar"):
        for path in paths:
            page.goto(f"{demo.base_url}{path}?lang={language}")
            problems += [f"{language} {path}: {problem}" for problem in check_accessibility(page)]
            for width in (320, 360, 1280):
                page.set_viewport_size({"width": width, "height": 740})
                if overflow(page) > 0:
                    problems.append(f"{language} {path}: {overflow(page)} pixels too wide at {width}")
    context.close()

    assert problems == []


def test_answers_are_accessible_too(browser, demo):
    """The sheets with an answer, and errors at the field."""
    context = browser.new_context(viewport=PHONE, bypass_csp=True)
    page = context.new_page()
    page.goto(f"{demo.base_url}{CHECK}?lang=ar")
    page.click("[data-mark-form] .btn")
    page.wait_for_selector("[data-errors]:not([hidden])")
    assert check_accessibility(page) == []
    page.fill("#mark", "5f2c" * 16)
    look(page)
    assert check_accessibility(page) == []
    assert overflow(page) <= 0
    page.goto(f"{demo.base_url}{CODE}?lang=ar")
    type_code(page, demo.codes[4])
    answer(page)
    assert check_accessibility(page) == []
    assert overflow(page) <= 0
    context.close()


def test_without_script_these_pages_say_where_to_ask(browser, demo):
    """No form is shown that nobody could use."""
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)
    page = context.new_page()
    for path in (CODE, CHECK):
        page.goto(demo.base_url + path)
        assert "Scripts are off on this device." in page.inner_text("main")
        assert not page.is_visible("form")
    page.goto(f"{demo.base_url}/contests/{DECIDED}/audit")
    assert "weighin verify" in page.inner_text("main")
    assert not page.is_visible("[data-copies]")
    context.close()
