"""Files for browsers, and published rules as text."""

import json

from service.public.assets import load_assets
from service.public.spec_text import split_spec


def test_addresses_carry_the_hash_of_the_content(tmp_path):
    """Another stylesheet, another address; so browsers may keep it for ever."""
    (tmp_path / "styles").mkdir()
    (tmp_path / "styles" / "weighin.css").write_text("a{}")
    before = load_assets(tmp_path)
    (tmp_path / "styles" / "weighin.css").write_text("b{}")
    after = load_assets(tmp_path)

    assert before.url("weighin.css") != after.url("weighin.css")
    assert after.by_name[str(after.url("weighin.css")).removeprefix("/static/")].body == b"b{}"


def test_pages_do_without_the_build(tmp_path):
    """No dist folder: no script, and everything else is there."""
    (tmp_path / "styles").mkdir()
    (tmp_path / "styles" / "mark.svg").write_text("<svg/>")

    assert load_assets(tmp_path).url("weighin.js") is None
    assert load_assets(tmp_path).url("mark.svg") is not None


def test_the_build_names_its_files(tmp_path):
    """dist/manifest.json maps the plain name to the built file."""
    (tmp_path / "styles").mkdir()
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "weighin-12.js").write_text("1")
    (tmp_path / "dist" / "manifest.json").write_text(json.dumps({"weighin.js": "weighin-12.js"}))

    assert load_assets(tmp_path).url("weighin.js") == "/static/weighin-12.js"


def test_a_spec_becomes_blocks():
    """Headings, paragraphs of several lines, lists with continuation lines, fenced code and tables."""
    blocks = split_spec(
        "# A\n\none\ntwo\n\n- x\n  more\n- y\n\n1. z\n\n```\ncode\n\n  kept\n```\n| a | b |\n|---|---|\n"
    )

    assert [(block.kind, block.text or block.items) for block in blocks] == [
        ("heading", "A"),
        ("text", "one two"),
        ("list", ("x more", "y")),
        ("list", ("1. z",)),
        ("code", "code\n\n  kept"),
        ("code", "| a | b |\n|---|---|"),
    ]


def test_a_numbered_rule_is_taken_apart():
    """Number, title, text and source of a rule; marks of emphasis and code are dropped, numbers in formulas stay."""
    rule, formula = split_spec(
        "**IRV-3. Exhausted.** A ballot in `draws`.\nSaid *twice*.\n*Source: a law.*\n\n    a * b\n"
    )

    assert (rule.kind, rule.number, rule.title) == ("rule", "IRV-3", "Exhausted.")
    assert (rule.text, rule.source) == ("A ballot in draws. Said twice.", "Source: a law.")
    assert (formula.kind, formula.text) == ("code", "a * b")
