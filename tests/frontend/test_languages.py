"""Languages: nothing untranslated, placeholders kept, and the right one for who asks."""

import io
import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from service.public import audit_wording, wording
from service.public.languages import LOCALES, SOURCE, formats, load, negotiate
from service.public.rendering import FRONTEND

PROJECT = FRONTEND.parent
OTHERS = sorted(path.name for path in LOCALES.iterdir())
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}")


def msgids() -> set[str]:
    """Every text that a page can show: from templates, elements and service/public."""
    found: set[str] = set()
    keywords = {"_": None, "N_": None, "say": None}
    places = [
        (PROJECT / "service" / "public", [("**.py", "python")]),
        (FRONTEND / "templates", [("**.html", "jinja2")]),
        (FRONTEND / "elements", [("**.html", "jinja2")]),
    ]
    for folder, methods in places:
        for _file, _line, message, _comments, _context in extract_from_dir(folder, methods, keywords=keywords):
            assert isinstance(message, str), message
            found.add(message)
    return found


def catalog(language: str) -> dict[str, str]:
    """The texts of one language's file."""
    path = LOCALES / language / "LC_MESSAGES" / "weighin.po"
    return {
        str(message.id): str(message.string)
        for message in read_po(io.BytesIO(path.read_bytes()), locale=language)
        if message.id and not message.fuzzy
    }


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated(language):
    """No msgid is missing, none is left over, none is empty."""
    texts = catalog(language)

    assert msgids() - texts.keys() == set()
    assert texts.keys() - msgids() == set()
    assert [text for text, translated in texts.items() if not translated.strip()] == []


@pytest.mark.parametrize("language", OTHERS)
def test_placeholders_survive_translation(language):
    """What is filled in is filled in everywhere, and nothing else is."""
    for text, translated in catalog(language).items():
        wanted = set(PLACEHOLDER.findall(text))
        got = set(PLACEHOLDER.findall(translated))
        assert got == wanted, text


def test_spanish_and_arabic_are_there():
    """The languages of the demonstration; Arabic runs from right to left."""
    languages = load()

    assert next(iter(languages)) == SOURCE
    assert {"ar", "es"} <= set(languages)
    assert languages["ar"].direction == "rtl"
    assert languages["es"].name == "Español"


def test_the_script_asks_only_for_texts_that_exist():
    """Every key in the TypeScript is in the texts that its page hands over, and every text there is used."""
    sources = {path: path.read_text() for path in Path(FRONTEND).glob("elements/*/*.ts")}
    own = {"code-check": audit_wording.CODE_CLIENT, "ballot-check": audit_wording.CHECK_CLIENT}

    def quoted(folders: set[str]) -> set[str]:
        found = [source for path, source in sources.items() if path.parent.name in folders]
        return {key for source in found for key in re.findall(r'"([a-z]+(?:[A-Z][a-z]+)*)"', source)}

    everything = {path.parent.name for path in sources}
    assert set(wording.CLIENT) - quoted(everything - own.keys()) == set()
    for folder, texts in own.items():
        assert set(texts) - quoted({folder}) == set(), folder
    for path, source in sources.items():
        asked = set(re.findall(r'say\(this\.data, "(\w+)"', source))
        known = {**wording.CLIENT, **own.get(path.parent.name, {})}
        assert asked - set(known) == set(), path.name


@pytest.mark.parametrize(
    ("asked", "accepts", "expected"),
    [
        (None, None, "en"),
        ("ar", "es", "ar"),
        ("xx", "es", "es"),
        (None, "fr, ar;q=0.8, en;q=0.9", "en"),
        (None, "es-MX,es;q=0.9", "es"),
        (None, "ar;q=0, es;q=0.1", "es"),
        (None, "ar;q=lots", "en"),
        (None, ",;=,", "en"),
    ],
)
def test_negotiation(asked, accepts, expected):
    """The language asked for by name wins, then the browser's best, then English."""
    assert negotiate(load(), asked=asked, accepts=accepts).tag == expected


def test_numbers_money_and_moments_by_language():
    """2027-01-15 08:00 UTC is 3 in the morning in New York."""
    zone = ZoneInfo("America/New_York")
    at = 1_800_000_000
    english, spanish, arabic = (formats(load()[tag], territory="US", zone=zone) for tag in ("en", "es", "ar"))

    assert english.moment(at) == "Friday, January 15, 2027, 3:00 AM EST"
    assert spanish.date(at) == "viernes, 15 de enero de 2027"
    assert arabic.number(1234) == "1,234"
    assert english.money(60_000_000, currency="USD", minor_digits=2) == "$600,000"
    assert english.money(1050, currency="USD", minor_digits=2) == "$10.50"
    assert english.percent(1, 3) == "33.3%"
    assert english.percent(0, 0) == "–"
    assert arabic.tag == "ar-u-nu-latn"
    assert [english.file_size(size) for size in (0, 106, 3_149, 281_400, 1_540_000)] == [
        "0.1 kB", "0.1 kB", "3.1 kB", "281 kB", "1.5 MB",
    ]  # fmt: skip
