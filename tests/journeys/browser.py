"""A real browser for the journeys: Debian's Chromium, driven by Playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ARGUMENTS = [
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
]
AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PHONE = {"width": 360, "height": 740}


def find_chromium() -> str:
    """Return the path of a Chromium, or skip the test and say why."""
    pytest.importorskip("playwright", reason="the package playwright is absent")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("there is no Chromium: /usr/bin/chromium comes with `apt-get install chromium`")
    return path


@contextmanager
def open_browser() -> Iterator[Any]:
    """A browser, closed at the end."""
    path = find_chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS, chromium_sandbox=False)
        yield browser
        browser.close()


def check_accessibility(page: Any) -> list[str]:
    """Return what axe-core has to say against the page as it is now; nothing where axe-core is not installed."""
    if not AXE.is_file():
        return []
    page.evaluate(AXE.read_text())
    report = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    return [f"{found['id']}: {[node['html'][:120] for node in found['nodes']]}" for found in report["violations"]]


def overflow(page: Any) -> int:
    """Return by how many pixels the page is wider than the screen."""
    return int(page.evaluate("document.scrollingElement.scrollWidth - innerWidth"))
