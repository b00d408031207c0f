"""Result pages of every counting method: nothing fails, nothing is left out, and what is said is so."""

import re

import msgspec
import pytest
from msgspec import UNSET

from schemas.bundle import Opinion
from schemas.outcome import BudgetRounds, RankedRounds
from service.public import method_wording
from service.public.auditing import read_manifest
from service.public.explaining import Explained, explain_ballots, explain_profile, explain_rounds_only
from service.public.languages import load
from service.public.pages import read_result
from tests.frontend.contests import PLACE, pages, visit
from tests.frontend.counted import CLEAR, LEVEL, Counted, count
from tests.frontend.test_pages import Page
from tests.honest import contest
from voting import bundle, methods
from voting.formats.bundle_ballots import read_bundle_ballots

LANGUAGES = sorted(load())
NAMES = [method.name for method in methods.METHODS]
RANKING = [method.name for method in methods.METHODS if "ranking" in method.ballot_kinds]
PAIRS = [name for name in NAMES if not isinstance(getattr(count(name).count, "pairwise", UNSET), msgspec.UnsetType)]


def render(counted: Counted, language: str = "en", explained: Explained | None = None) -> str:
    """The result page of a counted contest."""
    return pages().result(
        counted.contest, counted.count, counted.result, explained or counted.explained, PLACE, visit(language)
    )


def said(counted: Counted, language: str = "en", explained: Explained | None = None) -> str:
    """The text of the same, with single spaces."""
    return " ".join(Page(render(counted, language, explained)).text.split())


def section(html: str, name: str) -> str:
    """The text of the section whose heading has an id."""
    part = html[html.index(f'id="{name}"') :]
    return " ".join(re.sub(r"<[^>]+>", " ", part[: part.index("</section>")]).split())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_every_method_has_a_sound_result_page(name, language):
    """Each section is there once, in order; words of options stay text; every link within the page leads somewhere."""
    html = render(count(name), language)
    page = Page(html)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    headings = [name for name in ids if name in ("rounds", "each", "close", "others", "draw", "answer", "check")]

    assert headings == ["rounds", "each", "close", "others", "draw", "answer", "check"]
    assert len(ids) == len(set(ids))
    assert len(page.all("h1")) == 1
    assert "<along>" not in html
    assert "None" not in page.text
    assert "%(" not in page.text
    for attributes in page.all("a"):
        href = attributes.get("href") or ""
        assert not href.startswith("#") or href[1:] in {*ids, "done"}, href


@pytest.mark.parametrize("ballots", [{("oak",): 1}, {(): 3}, LEVEL, CLEAR], ids=["one", "empty", "level", "clear"])
@pytest.mark.parametrize("name", NAMES)
def test_odd_counts_have_a_page(name, ballots):
    """One ballot, ballots that choose nothing, and ties everywhere; with and without the ballots at hand."""
    counted = count(name, ballots)
    bare = explain_rounds_only(counted.contest, counted.count, counted.result)

    assert "“" in said(counted) or "Projects paid for: 0 of 4" in said(counted)
    command = (
        f"weighin tally bundle.tar --method {name} --ctx {counted.contest.ctx} --seed {counted.result.seed} --explain"
    )
    assert command in said(counted, explained=bare)
    assert "What other methods would choose" not in said(counted, explained=bare)


@pytest.mark.parametrize("name", NAMES)
def test_without_ballots_the_same_is_told_of_the_outcome(name):
    """Sentence and key numbers follow from the published rounds; only comparisons need the ballots."""
    counted = count(name)
    bare = explain_rounds_only(counted.contest, counted.count, counted.result)
    outcome = re.compile(r'<p class="outcome"[^>]*>(.*?)</p>.*?<dl class="facts is-row">(.*?)</dl>', re.DOTALL)

    assert outcome.search(render(counted)).groups() == outcome.search(render(counted, explained=bare)).groups()


@pytest.mark.parametrize("name", NAMES)
def test_rule_code_and_examples_are_two_clicks_away(name):
    """The page links the method's rules, examples and programs, and the numbers as a file."""
    html = render(count(name))
    method = name.partition("/")[0]

    for part in ("rules", "examples", "code"):
        assert f'href="/methods/{method}#{part}"' in html
    assert 'href="/contests/trees/files/tally/rounds.json"' in html
    assert f'href="/methods/{method}/vectors.json"' in html


def test_every_method_has_words_and_a_place_in_the_list():
    """Name, line, steps, strong and weak point of each; each in one group of the list."""
    listed = [name for _title, names in method_wording.GROUPS for name in names]

    assert sorted(listed) == sorted({method.id for method in methods.METHODS})
    for name in listed:
        words = method_wording.METHODS[name]
        assert len(words.steps) >= 3, name
        assert words.strong, name
        assert words.weak, name


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_are_a_table_with_heads(name):
    """Four options: sixteen cells, four empty; 65 of 110 ballots have oaks above elms, and 35 elms above oaks."""
    html = render(count(name))
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", html[html.index("is-pairs") :], re.DOTALL)[:4]
    cells = [re.findall(r'<bdi dir="ltr">([\d,]+)</bdi>', row) for row in rows]

    assert cells == [["65", "40", "100"], ["35", "75", "75"], ["69", "34", "100"], ["9", "9", "9"]]
    assert html.count('class="num is-win"') == 6
    assert "Each number says how many of 110 ballots" in html


@pytest.mark.parametrize("name", PAIRS)
def test_a_condorcet_winner_is_named_in_plain_words(name):
    """Elms beat each of the others, by 55 to 25 the nearest."""
    text = said(count(name, CLEAR))

    assert "“Elms & maples” came first. It beat each other option, one against one." in text
    assert "Experts call that the Condorcet winner." in text
    assert "Against “Elms & maples” it lost, 25 ballots to 55: 30 behind." in text


def test_a_circle_is_told_with_its_chains():
    """Schulze: elms reach oaks over ash trees with 69 at least, and oaks reach elms with 65. So elms win."""
    text = said(count("schulze"))

    assert "“Elms & maples” came first. No option beat all the others, one against one." in text
    assert "“Ash trees”, “Elms & maples”, “Oaks <along> Main Street”. Experts call the group the Smith set." in text
    assert "Against “Elms & maples” it won, 65 ballots to 35. Yet it did not come first." in text
    assert "“Elms & maples” → “Ash trees” → “Oaks <along> Main Street”. Weakest win in it: 69." in text
    assert "2 ballots, cast another way, could have changed the result. Fewer could not." in text


def test_chains_point_the_way_of_the_text():
    """Where text runs from right to left, so do the arrows."""
    text = said(count("schulze"), "ar")

    assert "«\u2068Elms & maples\u2069» ← «\u2068Ash trees\u2069» ← «\u2068Oaks <along> Main Street\u2069»" in text
    assert "→" not in text


def test_ranked_pairs_say_what_was_set_aside():
    """75 (elms over ash trees) and 69 (ash trees over oaks) are fixed; 65 (oaks over elms) goes against them."""
    text = said(count("ranked-pairs"))

    assert (
        "Wins set aside, since stronger wins say the opposite: “Oaks <along> Main Street” → “Elms & maples” (65)."
        in text
    )


def test_scores_are_bars_and_gaps():
    """Borda, one place: oaks 211, ash trees 204.5, elms 203.5, firs 41. The longest bar is the whole width."""
    html = render(count("borda", seats=1))
    text = section(html, "rounds")

    assert "came first. Points: 211, and 204.5 for the next." in html
    assert "Points: 203.5, 7.5 behind." in text
    assert re.findall(r'<rect class="(is|isnt)" x="0\.00%" width="([\d.]+)%"', html) == [
        ("is", "100.00"), ("isnt", "96.92"), ("isnt", "96.45"), ("isnt", "19.43"),
    ]  # fmt: skip


def test_bars_start_at_the_right_in_arabic():
    """Offset and width of each bar add up to the whole."""
    html = render(count("approval"), "ar")
    bars = [(float(x), float(width)) for x, width in re.findall(r'x="([\d.]+)%" width="([\d.]+)%" height="100%"', html)]

    assert len(bars) == 4
    assert all(abs(x + width - 100) < 0.02 for x, width in bars)


def test_approval_tells_gap_and_closeness():
    """55, 35, 25, 20 marks for two places: the gap is 10, so five ballots could have changed it."""
    text = said(count("approval"))

    assert "“Oaks <along> Main Street”, “Elms & maples” won the places." in text
    assert "Approvals: 25, 10 behind." in text
    assert "5 ballots, cast another way, could have changed the result. Fewer could not." in text
    assert "Then “A row of firs” could have won." in text
    assert "We know of no other method for such ballots." in text


def test_seats_tell_quota_surplus_and_what_moves():
    """Scottish rules: 110 ballots, one of them empty, two places: quota 37. Oaks have 40: three votes go to elms."""
    html = render(count("stv-scottish"))
    text = " ".join(Page(html).text.split())

    assert "Votes needed to win37" in text
    assert "After round 1: “Oaks <along> Main Street” has 3 votes more than it needs. They move on." in text
    assert "To: Elms & maples \u2066+3\u2069." in text
    assert "It won in round 1 with 40 votes, 3 more than it needed." in text
    assert "Still in when the last place was filled in round 2, with 25 votes, 13 behind." in text
    assert "would have been enough to change the result. Fewer may be enough, too." in text
    assert "The true number is not known." in text


def test_bounds_are_said_to_be_bounds():
    """Borda with two places and a clear gap: fewer than 9 ballots can't do it, 12 can; nobody knows what is between."""
    close = section(render(count("borda", CLEAR)), "close")

    assert "Fewer than 9 ballots, cast another way, could not have changed the result." in close
    assert "12 ballots, cast another way, would have been enough to change the result. Fewer may be enough" in close
    assert "The true number is not known." in close


@pytest.mark.parametrize("name", [name for name in RANKING if name not in ("stv-meek/1",)])
def test_a_lot_that_decided_is_called_a_tie(name):
    """Oaks and elms have ten ballots each and there is one place: "tied" first, then whom the draw favoured."""
    html = render(count(name, LEVEL, seats=1))
    text = " ".join(Page(html).text.split())

    assert "could not have been closer: the public draw decided who won" in text
    assert "ied" in text[: text.index("Ballots counted")]
    draws = section(html, "draw")
    assert "In the opposite order, someone else would have won." in draws
    assert "“Elms &amp; maples”, “Oaks &lt;along&gt; Main Street”." in draws


def test_a_tie_for_last_place_can_decide_who_wins():
    """Ash trees and firs have four each: whoever stays gets the other's ballots and passes elms and oaks."""
    ballots = {("oak",): 5, ("elm",): 6, ("ash", "fir"): 4, ("fir", "ash"): 4}
    text = said(count("irv", ballots))

    assert "“A row of firs” came first, with 8 votes to 6 in the last round." in text
    assert "Tied for the fewest votes in round 1: “Ash trees”, “A row of firs”. The public draw decided, and" in text
    assert "Out in round 1" not in text
    assert "Tied in round 1 with 4 votes, then out by the public draw." in text


def test_other_methods_are_grouped_by_what_they_choose():
    """Instant runoff elects oaks here; by winning votes elms win, by Copeland ash trees. Each method is linked."""
    html = render(count("irv"))
    part = html[html.index('id="others"') :]
    rows = re.findall(r'<th scope="row"[^>]*>(.*?)</th><td[^>]*>(.*?)</td>', part[: part.index("</section>")])
    found = {chosen: set(re.findall(r'href="/methods/([a-z-]+)"', cell)) for chosen, cell in rows}

    assert found["“Elms &amp; maples”"] == {"schulze", "ranked-pairs", "minimax"}
    assert found["“Ash trees”"] == {"copeland"}
    assert "schulze-margins" in found["The same"]
    assert set().union(*found.values()) == {name.partition("/")[0] for name in RANKING} - {"irv"}


def test_budget_tells_what_each_project_lacked():
    """Elms cost 50.50 of the 40.00 left and needed 20 more votes to come before oaks; ash trees needed 6."""
    html = render(count("greedy"))
    text = section(html, "each")

    assert "It costs $50.50, and $40 was left when its turn came: $10.50 too little. Votes that it lacked: 20." in text
    assert text.index("Ash trees") < text.index("Elms &amp; maples"), "the nearest first"
    assert "The nearest was “Ash trees”. Votes that it lacked: 6." in section(html, "close")
    assert "Price" not in section(html, "rounds")


def test_budget_tells_whom_a_project_is_ruled_out_by():
    """Elms and firs can't both be planted; by votes for the money, firs come first."""
    text = section(render(count("greedy-cost")), "each")

    assert "Ruled out Elms &amp; maples It cannot be built beside “A row of firs”, which was paid for." in text


def test_equal_shares_tell_price_share_and_what_supporters_had():
    """82 ballots share 100.00 and a raise; 55 pay 60.00 for oaks, 25 pay 25.00 for firs: 1.00 each."""
    html = render(count("equal-shares"))
    text = section(html, "rounds")

    assert "Share of each ballot" in html
    assert "≈ $1.09" in text
    assert re.search(r"A row of firs Paid for 25 \$25 \$15 \$1 ", text)
    assert "Price: the most that a ballot paid for one vote." in text
    why = section(html, "each")
    assert "It costs $40. Those who want it had $24.39 left of their shares: $15.61 too little." in why
    assert "More ballots for it alone that are known to be enough: 6. Fewer may be enough." in why


def test_phragmen_tells_when_the_count_ended():
    """Elms are bought at 5.05; oaks are next at 6.00 and cost more than the 49.50 left, so ash trees have no turn."""
    text = section(render(count("phragmen", {("oak",): 10, ("elm",): 10, ("ash",): 4})), "each")

    assert "It costs $60, and $49.50 was left when the count ended: $10.50 too little." in text
    assert "The count ended before its turn: the next project cost more than was left." in text


@pytest.mark.parametrize(
    ("opinion", "sentence"),
    [
        (
            Opinion(name="pyrankvote", version="2.0.6", speaks=True, agrees=True, reason="the winner of its count"),
            "pyrankvote 2.0.6, a program of other people, got the same result.",
        ),
        (
            Opinion(name="pyrankvote", version="2.0.6", speaks=False, agrees=None, reason="a <tie> in round 2"),
            "pyrankvote 2.0.6, a program of other people, was not asked.",
        ),
        (
            Opinion(name="none", version="", speaks=False, agrees=None, reason="no program knows it"),
            "We know of no program of other people that counts by this method.",
        ),
    ],
)
def test_second_and_third_opinions_are_shown(opinion, sentence):
    """Both engines by name, and what somebody else's program said, or why it said nothing, in its own words."""
    counted = count("irv")
    result = msgspec.structs.replace(counted.result, opinions=(opinion,))
    html = pages().result(counted.contest, counted.count, result, counted.explained, PLACE, visit())
    part = section(html, "check")

    assert sentence in part
    assert opinion.reason.replace("<", "&lt;").replace(">", "&gt;") in part
    assert all(engine.name in part for engine in result.engines)


def test_notes_from_before_there_were_opinions_have_a_page():
    """An old result has none, and says nothing of them."""
    counted = count("irv")
    result = msgspec.structs.replace(counted.result, opinions=UNSET)

    assert "of other people" not in pages().result(
        counted.contest, counted.count, result, counted.explained, PLACE, visit()
    )


def test_english_is_easy_to_read():
    """Sentences about methods and results: twelve words on average at most, none above thirty."""
    words = [word for method in method_wording.METHODS.values() for word in (method.one_line, *method.steps)]
    words += [text for method in method_wording.METHODS.values() for text in (method.strong, method.weak)]
    sentences = [sentence.split() for text in words for sentence in re.split(r"(?<=[.:?]) ", text)]
    lengths = [len(sentence) for sentence in sentences]

    assert sum(lengths) / len(lengths) <= 12
    assert max(lengths) <= 30
    assert grade(" ".join(words)) <= 8


def grade(text: str) -> float:
    """The Flesch-Kincaid grade of an English text, with vowel groups for syllables."""
    sentences = len(re.findall(r"[.:?!]", text))
    words = re.findall(r"[A-Za-z']+", text)
    syllables = sum(max(1, len(re.findall(r"[aeiouy]+", re.sub(r"e$", "", word.lower())))) for word in words)
    return 0.39 * len(words) / sentences + 11.8 * syllables / len(words) - 15.59


@pytest.mark.parametrize("kind", ["ranked", "budget"])
def test_facts_are_those_of_the_published_ballots(kind):
    """Of a whole bundle, with a replaced and an invalid ballot: as if the ballots that count were read by `tally`."""
    files = contest(kind).files()
    manifest = read_manifest(files[bundle.MANIFEST])
    result = read_result(files[bundle.RESULT])
    rounds = msgspec.json.decode(files[bundle.ROUNDS], type=RankedRounds if kind == "ranked" else BudgetRounds)
    read = read_bundle_ballots(bundle.write_tar(files))

    explained = explain_ballots(manifest, files[bundle.BALLOTS], rounds, result)

    assert explained == explain_profile(read.profile, read.terms, rounds, result)
    assert explained.compared
    assert explained.facts.ballots == read.profile.ballots > 0
