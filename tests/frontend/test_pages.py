"""What residents see: every page in every language, sound as HTML, and true to where the contest stands."""

import dataclasses
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser

import msgspec
import pytest
from msgspec import UNSET

from schemas.contest import KnapsackRules
from service.public import method_wording, wording
from service.public.api_description import complete
from service.public.assets import Assets
from service.public.explaining import explain_rounds_only
from service.public.flow import can_flow
from service.public.languages import load
from service.public.method_page import describe
from service.public.rendering import Pages, Visit, stage_of
from service.public.spec_text import Block
from tests.frontend.contests import (
    ASSETS,
    AUDIT,
    BUDGET_ROUNDS,
    DAY,
    EARLY_AUDIT,
    NOW,
    PLACE,
    POINTS,
    RANKED,
    RESULT,
    ROUNDS,
    SCORES,
    budget,
    pages,
    ranked_round,
    visit,
)
from tests.frontend.counted import count
from voting import methods

LANGUAGES = sorted(load())
COUNTED = msgspec.structs.replace(RANKED, phase="counted", closes_at=NOW - DAY, opens_at=NOW - 9 * DAY)
METHOD = describe(methods.find("irv"))
METHOD_PAGE = dataclasses.replace(
    METHOD, blocks=(Block("rule", "<one> at a time", number="X-1", title="One"), *METHOD.blocks)
)
BUDGET_RESULT = msgspec.structs.replace(RESULT, elected=UNSET, funded=("oak",))


def result_page(p: Pages, v: Visit, contest=COUNTED, rounds=ROUNDS, result=RESULT) -> str:
    """A result page as it is where the ballots can't be looked at."""
    return p.result(contest, rounds, result, explain_rounds_only(contest, rounds, result), PLACE, v)


EVERY: dict[str, Callable[[Pages, Visit], str]] = {
    "home": lambda p, v: p.home([RANKED, COUNTED, budget()], PLACE, v),
    "contest": lambda p, v: p.contest(RANKED, PLACE, v),
    "contest-budget": lambda p, v: p.contest(budget(), PLACE, v),
    "vote": lambda p, v: p.vote(RANKED, PLACE, v),
    "vote-approval": lambda p, v: p.vote(budget(), PLACE, v),
    "vote-knapsack": lambda p, v: p.vote(budget(ballot=KnapsackRules()), PLACE, v),
    "vote-points": lambda p, v: p.vote(budget(ballot=POINTS), PLACE, v),
    "vote-score": lambda p, v: p.vote(budget(ballot=SCORES), PLACE, v),
    "vote-closed": lambda p, v: p.vote(COUNTED, PLACE, v),
    "result": lambda p, v: result_page(p, v),
    "result-budget": lambda p, v: result_page(p, v, budget(phase="answered"), BUDGET_ROUNDS, BUDGET_RESULT),
    "methods": lambda p, v: p.methods(list(method_wording.METHODS), PLACE, v),
    "method": lambda p, v: p.method(METHOD_PAGE, PLACE, v),
    "audits": lambda p, v: p.audits([RANKED, COUNTED], PLACE, v),
    "audit": lambda p, v: p.audit(COUNTED, AUDIT, PLACE, v),
    "audit-open": lambda p, v: p.audit(RANKED, EARLY_AUDIT, PLACE, v),
    "privacy": lambda p, v: p.privacy(PLACE, v),
    "code": lambda p, v: p.code(RANKED, PLACE, v),
    "check": lambda p, v: p.check(RANKED, PLACE, v),
    "api": lambda p, v: p.api(complete({"paths": {}}, base_url="https://weighin.example"), PLACE, v),
    "problem": lambda p, v: p.problem(404, "there is no contest 'x'", PLACE, v),
}


class Page(HTMLParser):
    """A page as a list of tags and its text; fails on tags that are not closed in order."""

    VOID = frozenset({"meta", "link", "input", "br", "rect", "path", "line", "hr"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"{tag}: an attribute twice"
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> with nothing open"
        assert self.open.pop() == tag, f"</{tag}> out of order"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "script":
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every such tag."""
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", EVERY)
def test_html_is_sound(name, language):
    """One h1, lang and dir, no id twice, every field labelled, every reference found, nothing inline."""
    page = Page(EVERY[name](pages(), visit(language)))

    assert page.all("html") == [{"lang": language, "dir": "rtl" if language == "ar" else "ltr"}]
    assert len(page.all("h1")) == 1
    assert len(page.all("main")) == 1
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    labelled = {attributes.get("for") for attributes in page.all("label")}
    for tag in ("input", "select", "textarea"):
        for attributes in page.all(tag):
            assert attributes.get("type") == "hidden" or attributes["id"] in labelled, attributes
    for _, attributes in page.tags:
        for reference in ("aria-labelledby", "aria-describedby"):
            assert set((attributes.get(reference) or "").split()) <= set(ids), attributes
        assert not [known for known in attributes if known.startswith("on")], attributes
        assert "style" not in attributes
        href = attributes.get("href") or ""
        assert not href.startswith("#") or href[1:] in {*ids, "done"}, href
    for attributes in page.all("script"):
        assert attributes.get("type") == "application/json" or attributes.get("src"), attributes


@pytest.mark.parametrize("name", EVERY)
def test_text_stays_text(name):
    """Words of a contest with < and & in them never become markup."""
    html = EVERY[name](pages(), visit())

    assert "<along>" not in html
    assert "<one>" not in html


@pytest.mark.parametrize("name", EVERY)
def test_no_form_reaches_the_server(name):
    """No form has a place to be sent to, and the forms that take a code or a vote wait for the script."""
    page = Page(EVERY[name](pages(), visit()))

    for attributes in page.all("form"):
        assert "action" not in attributes
        assert "method" not in attributes
    for attributes in page.all("input"):
        assert "name" not in attributes


def test_links_keep_a_chosen_language_and_only_that():
    """?lang= goes along once it was asked for; a language from the browser's header leaves no trace."""
    chosen = pages().home([RANKED], PLACE, visit("es", chosen=True))
    found = pages().home([RANKED], PLACE, visit("es"))

    assert 'href="/contests/trees?lang=es"' in chosen
    assert 'href="/contests/trees"' in found


def test_words_in_another_language_say_so():
    """A contest without Arabic is shown in its own language, marked as such, on an Arabic page."""
    english = msgspec.structs.replace(RANKED, languages=("en",), texts={"en": RANKED.texts["en"]})

    html = pages().contest(english, PLACE, visit("ar"))

    assert '<h1 class="record" lang="en" dir="auto">Which trees should we plant?</h1>' in html


@pytest.mark.parametrize(
    ("phase", "now", "stage"),
    [
        ("draft", NOW, "draft"),
        ("open", NOW - 2 * DAY, "soon"),
        ("open", NOW - DAY, "open"),
        ("open", NOW + DAY - 1, "open"),
        ("open", NOW + DAY, "counting"),
        ("closed", NOW + DAY, "counting"),
        ("counted", NOW + 30 * DAY, "counted"),
        ("counted", NOW + 30 * DAY + 1, "late"),
        ("answered", NOW + 90 * DAY, "answered"),
        ("cancelled", NOW, "cancelled"),
    ],
)
def test_stage_follows_phase_and_clock(phase, now, stage):
    """A contest that is open in name takes ballots only between its hours; a late answer is called late."""
    assert stage_of(msgspec.structs.replace(RANKED, phase=phase), now) == stage


def test_voting_page_has_a_form_only_while_open():
    """Before, it says when; after, it leads to the result."""
    before = pages().vote(RANKED, PLACE, visit(now=NOW - 2 * DAY))
    after = pages().vote(COUNTED, PLACE, visit())

    assert "data-ballot-form" not in before
    assert "Voting has not started." in before
    assert "data-ballot-form" not in after
    assert "/contests/trees/result" in after


def test_without_script_desk_and_paper_are_named():
    """Where nobody assists, a browser without script is told so; where someone does, what that means is said first."""
    alone = pages().vote(RANKED, PLACE, visit())
    helped = pages(assist_path="/assist/{id}").vote(msgspec.structs.replace(RANKED, assisted=True), PLACE, visit())
    forbidden = pages(assist_path="/assist/{id}").vote(RANKED, PLACE, visit())

    assert "at a voting desk, with help" in alone
    assert 'href="/assist/trees"' in helped
    assert "It would see your code and your choices for a moment." in helped
    assert "/assist/" not in forbidden


def test_without_the_built_script_nobody_is_left_with_a_dead_form():
    """A checkout without a build shows where to vote instead."""
    bare = Assets(ASSETS.by_name, {name: file for name, file in ASSETS.names.items() if name != "weighin.js"})

    html = pages(bare).vote(RANKED, PLACE, visit())

    assert "data-ballot-form" not in html
    assert "Voting on this page is switched off right now." in html


def test_voting_data_is_what_the_script_reads():
    """The JSON in the page: identity, rules, options in every language under the same ids, all sentences."""
    html = pages(service_urls={"box.example": "https://box.example"}).vote(RANKED, PLACE, visit("ar"))
    data = json.loads(re.findall(r'<script type="application/json" id="voting-data">(.*?)</script>', html)[0])

    assert data["ctx"] == RANKED.ctx
    assert data["ballot"] == {"kind": "ranking", "max_ranks": 3, "equal": False}
    assert [option["id"] for option in data["options"]] == ["oak", "elm", "ash"]
    assert (data["box"], data["issuers"]) == ("https://box.example", [""])
    assert data["ordinals"][0] == "الأولى"
    assert set(data["strings"]) == set(wording.CLIENT)


def test_level_standard_says_what_its_operator_could_do():
    """The sentence of the protocol's table, on contest and result; not in level high."""
    sentence = "It cannot change or silently drop a promised ballot, count wrong, or count one code twice."
    high = msgspec.structs.replace(RANKED, level="high")

    assert sentence in pages().contest(RANKED, PLACE, visit())
    assert sentence in result_page(pages(), visit())
    assert sentence not in pages().contest(high, PLACE, visit())
    assert "We could open ballots early" not in pages().contest(high, PLACE, visit())


def test_rehearsals_say_so_on_every_page():
    """And nothing else does."""
    real = msgspec.structs.replace(PLACE, rehearsal=False)
    earnest = msgspec.structs.replace(RANKED, rehearsal=False)

    assert all("REHEARSAL." in render(pages(), visit()) for render in EVERY.values())
    assert "REHEARSAL." not in pages().contest(earnest, real, visit())
    assert "REHEARSAL." in pages().contest(RANKED, real, visit())


def test_turnout_while_open_is_codes_in_tens():
    """The listing's number, which is rounded, and no other."""
    html = pages().contest(RANKED, PLACE, visit())

    assert "Codes used so far, in tens" in html
    assert re.search(r"340 <span class=\"soft\">of 1,200 codes", html)


def test_closed_contests_are_forgotten_by_the_device():
    """Pages of a contest that has closed carry its identity, for the script to erase what is kept."""
    assert f'data-forget="{RANKED.ctx}"' in result_page(pages(), visit())
    assert "data-forget" not in pages().vote(RANKED, PLACE, visit())


def test_ranked_result_tells_winner_numbers_and_the_draw():
    """40 + 35 + 35: the lot takes out "ash", and 25 of its 35 ballots carry "elm" past "oak"."""
    html = result_page(pages(), visit())
    said = Page(html).text

    assert "“Plant elms & maples” came first, with 60 votes to 45 in the last round." in said
    assert "Tied in round 1 with 35 votes, then out by the public draw." in said
    assert "“Plant elms & maples”, “Leave the street as it is”. So “Leave the street as it is” is out." in said
    assert "Plant elms & maples \u2066+25\u2069" in said
    assert "Ballots with no choice left: 5." in said
    assert '<svg class="flow" role="img"' in html


def test_a_winner_by_lot_is_called_tied():
    """Two options level in the last round: first "tied", then the draw that decided."""
    level = msgspec.structs.replace(
        ROUNDS,
        rounds=(ranked_round(1, ("55", "55", "0"), elected=("elm",)),),
        draws=(msgspec.structs.replace(ROUNDS.draws[0], among=("elm", "oak"), decided="elect"),),
    )
    said = Page(result_page(pages(), visit(), rounds=level)).text

    assert "were tied in the last round, with 55 votes each. The public draw decided for “Plant elms & maples”" in said


def test_budget_result_tells_money_and_reasons():
    """60.00 of 100.00 is spent; the elms cost 10.50 more than the 40.00 left; nobody chose to leave it."""
    said = Page(EVERY["result-budget"](pages(), visit())).text

    assert "Projects paid for: 1 of 3. They cost $60, and $40 is left." in said
    assert "Skipped, $10.50 short" in said
    assert "Not paid for: no votes" in said


def test_fractions_have_no_chart_but_a_table():
    """Surpluses move in parts, which tallies alone can't tell apart: numbers only."""
    seats = count("stv-meek")
    html = pages().result(seats.contest, seats.count, seats.result, seats.explained, PLACE, visit())

    assert not can_flow((ranked_round(1, ("40.50000", "35.25000")), ranked_round(2, ("40.50000", None))))
    assert 'class="flow" role="img"' not in html
    assert "36.33333336" in html


def test_flow_bars_hold_every_ballot():
    """In each round the widths of all options and of spent ballots add up to the whole bar."""
    html = result_page(pages(), visit())
    bars: dict[str, float] = {}
    for _role, top, width in re.findall(r'<rect class="(seg[^"]*|spent)" x="[^"]+" y="(\d+)" width="([\d.]+)%"', html):
        bars[top] = bars.get(top, 0) + float(width)

    assert len(bars) == 2
    assert all(abs(total - 100) < 0.05 for total in bars.values()), bars


def test_right_to_left_mirrors_the_chart():
    """The first option starts at the right edge in Arabic."""
    left = result_page(pages(), visit("en"))
    right = result_page(pages(), visit("ar"))

    assert '<rect class="seg" x="0.00%" y="34"' in left
    assert '<rect class="seg" x="63.64%" y="34" width="36.36%"' in right


def test_our_errors_show_no_detail():
    """A 500 says nothing of its cause."""
    html = pages().problem(500, "KeyError at box/store.py", None, visit())

    assert "KeyError" not in html
    assert "Something went wrong on our side" in html
