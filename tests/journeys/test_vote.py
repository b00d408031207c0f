"""A resident votes: from a letter's code to the promise, and again; in three languages, on a small phone."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.journeys.browser import PHONE, check_accessibility, open_browser, overflow

CONTEST = "enforcement-priorities"
VOTE = f"/contests/{CONTEST}/vote"
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for all journeys of this file."""
    with open_browser() as opened:
        yield opened


@pytest.fixture
def phone(browser) -> Iterator[Any]:
    """A fresh phone: nothing is stored on it. Its page keeps what the console and failed scripts said in `said`."""
    context = browser.new_context(viewport=PHONE, bypass_csp=True)
    page = context.new_page()
    page.said = []
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("console", lambda message: page.said.append(message.text) if message.type == "error" else None)
    yield page
    context.close()


def type_code(page: Any, code: str) -> None:
    """Type a code as a person does: character after character, from the first field on."""
    page.focus("#code-1")
    page.keyboard.type(code.replace("-", "").lower())
    page.keyboard.press("Enter")


def rank(page: Any, places: dict[int, int]) -> list[str]:
    """Give ranks by menu; from position in the list as shown to rank. Returns the ids in the list's order."""
    ids: list[str] = page.eval_on_selector_all("[data-option]", "rows => rows.map(row => row.dataset.option)")
    for position, place in places.items():
        page.select_option(f"#rank-{ids[position]}", str(place))
    return ids


def to_review(page: Any) -> None:
    """Press "Check my ballot"."""
    page.click("[data-ballot-form] .btn:not([type=button])")


def cast(page: Any) -> str:
    """Press Cast and return the ballot's mark, 64 hex digits."""
    page.click("#cast")
    page.wait_for_selector("[data-step=done]:not([hidden])", timeout=20_000)
    return str(page.inner_text("[data-digest]")).replace(" ", "").replace("\n", "")


def heading(page: Any) -> str:
    """The page's one heading."""
    return str(page.inner_text("h1"))


def test_from_code_to_promise_and_again(phone, demo):
    """Code, ranking, review, cast; the promise is checked on the phone; a second vote is a new ballot."""
    phone.goto(demo.base_url + VOTE)
    type_code(phone, demo.codes[0])
    assert heading(phone) == "Rank the options"
    assert phone.evaluate("document.activeElement.tagName") == "H1"
    rank(phone, {0: 1, 3: 2})
    to_review(phone)
    assert heading(phone) == "Check your ballot"
    assert "Until you have cast it, your vote lives on this device only." in phone.inner_text("[data-step=review]")
    first = cast(phone)

    assert re.fullmatch(r"[0-9a-f]{64}", first)
    assert heading(phone) == "Your ballot is in"
    assert "will be in the public log by" in phone.inner_text("[data-promise-text]")

    phone.click("[data-step=done] [data-act=change]")
    phone.click("[data-move=clear]")
    rank(phone, {1: 1})
    to_review(phone)
    second = cast(phone)

    assert second != first
    assert phone.said == []


def test_vote_again_after_coming_back_without_the_code(phone, demo):
    """The device remembers the token: a later visit votes again without a code, until it is told to forget."""
    phone.goto(f"{demo.base_url}{VOTE}#code={demo.codes[1].replace('-', '')}")
    rank(phone, {0: 1})
    to_review(phone)
    cast(phone)

    phone.goto("about:blank")
    phone.goto(demo.base_url + VOTE)
    assert "A ballot was cast from this device." in phone.inner_text("[data-step=code]")
    phone.click("[data-act=again]")
    rank(phone, {2: 1})
    to_review(phone)
    cast(phone)

    phone.click("[data-step=done] [data-act=forget]")
    phone.reload()
    assert not phone.is_visible("[data-known]")
    assert phone.evaluate("Object.keys(localStorage).filter(key => !key.endsWith('/order'))") == []


def test_a_code_in_the_link_leaves_the_address(phone, demo):
    """The fragment is taken out at once, and no request carries the code."""
    sent = []
    phone.on("request", lambda request: sent.append(request.url + (request.post_data or "")))
    code = demo.codes[2].replace("-", "")
    phone.goto(f"{demo.base_url}{VOTE}#code={code}")

    assert heading(phone) == "Rank the options"
    assert "#" not in phone.url
    assert not [request for request in sent if code in request.replace("#code=" + code, "")]


def test_a_slip_in_the_code_names_its_part(phone, demo):
    """The summary comes first, has the focus, and leads to the part that is wrong."""
    groups = demo.codes[3].split("-")
    wrong = groups[2][:4] + ("7" if groups[2][4] != "7" else "8")
    phone.goto(demo.base_url + VOTE)
    type_code(phone, "".join([*groups[:2], wrong, groups[3]]))

    assert phone.evaluate("document.activeElement.className") == "errors"
    assert phone.inner_text("[data-errors] li") == f"There is a slip in part 3. Compare “{wrong}” with your letter."
    phone.click("[data-errors] a")
    assert phone.evaluate("document.activeElement.id") == "code-3"
    assert phone.get_attribute("#code-3", "aria-invalid") == "true"
    assert phone.title().startswith("Error: ")
    assert check_accessibility(phone) == []


def test_a_code_that_nobody_mailed_is_refused_in_words(phone, demo):
    """It has the form of a code, but is not on the roll. The vote is kept."""
    phone.goto(f"{demo.base_url}{VOTE}#code=000090000J0000V00004")
    ids = rank(phone, {0: 1})
    to_review(phone)
    phone.click("#cast")
    phone.wait_for_selector("[data-errors]:not([hidden])")

    assert "This code is not on the list for this question." in phone.inner_text("[data-errors]")
    assert heading(phone) == "Type your code"
    type_code(phone, demo.codes[4])
    assert phone.input_value(f"#rank-{ids[0]}") == "1"


def test_ranks_that_clash_are_named_and_kept(phone, demo):
    """Two seconds and a fourth without a third; after a reload they are still there."""
    phone.goto(f"{demo.base_url}{VOTE}#code={demo.codes[5].replace('-', '')}")
    ids = rank(phone, {0: 1, 1: 2, 2: 2, 3: 4})
    to_review(phone)

    lines = phone.eval_on_selector_all("[data-errors] li", "items => items.map(item => item.textContent)")
    assert lines == [
        "More than one option is 2nd. Give one of them another rank.",
        "You have a 4th but no 3rd. Make your 4th the 3rd.",
    ]
    assert check_accessibility(phone) == []
    phone.reload()
    assert [phone.input_value(f"#rank-{id}") for id in ids[:4]] == ["1", "2", "2", "4"]


def test_up_and_down_keep_the_focus_and_say_what_happened(phone, demo):
    """Moving by keyboard alone: the pressed button keeps the focus, the status line tells."""
    phone.goto(f"{demo.base_url}{VOTE}#code={demo.codes[5].replace('-', '')}")
    ids = rank(phone, {0: 1, 1: 2})
    button = f"[data-option={ids[1]}] [data-move=up]"
    phone.focus(button)
    phone.keyboard.press("Enter")

    assert phone.input_value(f"#rank-{ids[1]}") == "1"
    assert phone.evaluate(f"document.activeElement === document.querySelector('{button}')")
    assert re.search(r"Moved up\. “.+” is now 1st\.", phone.inner_text("[data-ballot-form] [data-said]"))
    phone.keyboard.press("Enter")
    assert "is already first." in phone.inner_text("[data-ballot-form] [data-said]")


def test_the_order_of_options_is_the_device_s_own_and_the_same_in_every_language(phone, browser, demo):
    """One device: one order, in English as in Arabic. Of several devices, not all have the same."""

    def order(page: Any, language: str) -> tuple[str, ...]:
        page.goto(f"{demo.base_url}{VOTE}?lang={language}#code={demo.codes[5].replace('-', '')}")
        return tuple(page.eval_on_selector_all("[data-option]", "rows => rows.map(row => row.dataset.option)"))

    assert order(phone, "en") == order(phone, "ar")
    orders = set()
    for _ in range(4):
        context = browser.new_context(viewport=PHONE)
        orders.add(order(context.new_page(), "en"))
        context.close()
    assert len(orders) > 1


def test_a_lost_answer_is_mended_by_pressing_again(phone, demo):
    """The box takes the ballot, its answers get lost: the page says so, and the same bytes are sent again."""
    bodies = []

    def lose(route: Any) -> None:
        bodies.append(route.request.post_data)
        if len(bodies) == 1:
            route.fetch()
        route.abort()

    phone.route("**/ballots", lose)
    phone.goto(f"{demo.base_url}{VOTE}#code={demo.codes[6].replace('-', '')}")
    rank(phone, {0: 1})
    to_review(phone)
    phone.click("#cast")
    phone.wait_for_selector("[data-errors]:not([hidden])")
    assert "it is never counted twice" in phone.inner_text("[data-errors]")
    phone.unroute("**/ballots")

    phone.goto("about:blank")
    phone.goto(demo.base_url + VOTE)
    assert "Your last ballot was not confirmed." in phone.inner_text("[data-step=code]")
    with phone.expect_request("**/ballots") as resent:
        phone.click("[data-act=resend]")
    phone.wait_for_selector("[data-step=done]:not([hidden])")

    assert bodies[0] == bodies[1] == resent.value.post_data


def test_every_step_is_accessible_and_fits_a_small_phone(phone, demo):
    """In three languages: axe-core finds nothing on any step; nothing is wider than 360 pixels, nor than 320."""
    problems = []

    def look(step: str) -> None:
        problems.extend(f"{step}: {problem}" for problem in check_accessibility(phone))
        for width in (320, 360):
            phone.set_viewport_size({"width": width, "height": 740})
            if overflow(phone) > 0:
                problems.append(f"{step}: {overflow(phone)} pixels too wide at {width}")

    for language in ("en", "es", "ar"):
        for path in ("/", f"/contests/{CONTEST}", "/methods", "/methods/irv", "/nothing-here"):
            phone.goto(f"{demo.base_url}{path}?lang={language}")
            look(f"{language} {path}")
        phone.goto(f"{demo.base_url}{VOTE}?lang={language}")
        look(f"{language} code")
        # The same phone may vote again with the same code.
        type_code(phone, demo.codes[7])
        look(f"{language} ballot")
        phone.click("[data-move=clear]")
        rank(phone, {0: 1, 2: 2})
        to_review(phone)
        look(f"{language} review")
        cast(phone)
        look(f"{language} done")

    assert problems == []


def test_without_script_the_page_names_desk_and_paper(browser, demo):
    """No form that takes a code or a vote is shown; the ways that are left are."""
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)
    page = context.new_page()
    page.goto(demo.base_url + VOTE)

    assert "at a voting desk, with help" in page.inner_text("main")
    assert not page.is_visible("form")
    page.goto(demo.base_url)
    assert not page.is_visible("form")
    context.close()


def test_the_policy_of_the_page_allows_what_the_page_does(browser, demo):
    """With the content security policy in force, casting works and nothing is blocked."""
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{demo.base_url}{VOTE}#code={demo.codes[5].replace('-', '')}")
    rank(page, {0: 1})
    to_review(page)
    cast(page)

    assert said == []
    assert page.evaluate("document.cookie") == ""
    context.close()
