"""Result and method pages in a real browser: accessible, and never wider than the screen."""

from pathlib import Path

import pytest

from service.public.method_page import describe
from service.public.rendering import FRONTEND
from tests.frontend.contests import PLACE, pages, visit
from tests.frontend.counted import count
from tests.journeys.browser import PHONE, check_accessibility, open_browser, overflow
from voting import methods

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDTHS = (320, 1280)
NAMES = [method.name for method in methods.METHODS]
ONE_OF_EACH_KIND = ("irv/1", "stv-scottish/1", "schulze/1", "borda/1", "greedy/1", "equal-shares/1")


@pytest.fixture(scope="module")
def page():
    """A page of a browser."""
    with open_browser() as browser:
        context = browser.new_context(viewport=PHONE)
        yield context.new_page()
        context.close()


def show(page, html: str, folder: Path) -> None:
    """Open a page with our own styles, from a file."""
    html = html.replace("/static/weighin-1.css", (FRONTEND / "styles" / "weighin.css").as_uri())
    path = folder / "page.html"
    path.write_text(html, "utf-8")
    page.goto(path.as_uri())


def result(name: str, language: str) -> str:
    """The result page of a small election."""
    counted = count(name)
    return pages().result(counted.contest, counted.count, counted.result, counted.explained, PLACE, visit(language))


@pytest.mark.parametrize("language", ["en", "es", "ar"])
def test_result_pages_fit(page, tmp_path, language):
    """Every method, from a small phone to a desk: wide tables scroll in their own box, the page does not."""
    wide = []
    for name in NAMES:
        show(page, result(name, language), tmp_path)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 740})
            if overflow(page) > 0:
                wide.append(f"{name}: {overflow(page)} pixels too wide at {width}")

    assert not wide


@pytest.mark.parametrize("language", ["en", "es", "ar"])
def test_result_pages_are_accessible(page, tmp_path, language):
    """One method of each kind: axe-core finds nothing; in English not in the dark, either."""
    problems = []
    page.set_viewport_size(PHONE)
    for name in ONE_OF_EACH_KIND:
        for scheme in ("light", "dark") if language == "en" else ("light",):
            page.emulate_media(color_scheme=scheme)
            show(page, result(name, language), tmp_path)
            problems += [f"{name} {scheme}: {problem}" for problem in check_accessibility(page)]

    assert not problems


@pytest.mark.parametrize("name", ["irv", "stv-scottish", "equal-shares"])
def test_method_pages_are_accessible_and_fit(page, tmp_path, name):
    """Rules, examples and programs."""
    page.emulate_media(color_scheme="light")
    show(page, pages().method(describe(methods.find(name)), PLACE, visit()), tmp_path)

    assert not check_accessibility(page)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 740})
        assert overflow(page) <= 0, width


def test_print_shows_every_number(page, tmp_path):
    """On paper nothing scrolls and nothing is cut off: each table is as wide as what holds it, at most."""
    page.set_viewport_size({"width": 760, "height": 1000})
    page.emulate_media(media="print")
    cut = []
    for name in ONE_OF_EACH_KIND:
        show(page, result(name, "en"), tmp_path)
        sizes = page.eval_on_selector_all(".scroll", "all => all.map(one => [one.scrollWidth, one.clientWidth])")
        cut += [name for inside, outside in sizes if inside > outside]
    page.emulate_media(media="screen")

    assert not cut
