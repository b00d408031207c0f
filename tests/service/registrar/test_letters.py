"""Letters: a page a code, the code as a square, and clear words where something is missing."""

import re
from pathlib import Path

import pytest

from schemas.listing import ContestText, OptionText
from service.refusals import InvalidRequest
from service.registrar.letters import languages_of, read_codes, write_letters
from voting.proof.codes import format_groups

CODES = [format_groups(bytes([number]) * 10) for number in range(1, 4)]


def text_of(question: str) -> ContestText:
    """A contest in words."""
    return ContestText(
        title="Trees",
        question=question,
        official="Ada Marsh",
        department="Parks",
        options={"oak": OptionText(title="Oak")},
    )


def write(out: Path, question: str) -> None:
    """Write the letters of three codes, in English."""
    write_letters(
        out, CODES, address="https://vote.example/contests/trees/vote", ctx="ab" * 32, closes_at=1_800_000_000,
        due=1_801_000_000, texts={"en": text_of(question)}, languages=("en",), font=None,
    )  # fmt: skip


def test_a_page_for_each_code(tmp_path):
    """Three codes make three pages, each with a picture of its own: the square."""
    write(tmp_path / "letters.pdf", "Which “tree”?")

    pdf = (tmp_path / "letters.pdf").read_bytes()
    assert len(re.findall(rb"/Type /Page\b", pdf)) == 3
    assert len(re.findall(rb"/Subtype /Image", pdf)) == 3


def test_letters_that_the_font_lacks_are_said(tmp_path):
    """Without a font for them, other alphabets are refused with the way out."""
    with pytest.raises(InvalidRequest, match="--font"):
        write(tmp_path / "letters.pdf", "أي شجرة؟")


def test_arabic_needs_a_font():
    """Without a font a letter is set in the languages that the PDF's own can set."""
    assert languages_of(("en", "es", "ar"), font=None) == ("en", "es")
    assert languages_of(("en", "es", "ar"), font=Path("any.ttf")) == ("en", "es", "ar")


def test_only_mailed_codes_are_printed(tmp_path):
    """The reserve is handed out, not mailed."""
    file = tmp_path / "codes.csv"
    file.write_text(f"code,class,pool,area\n{CODES[0]},resident,mailed,\n{CODES[1]},resident,reserve,\n")

    assert read_codes(file) == [CODES[0]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name,pool\nx,mailed\n", "columns"),
        (f"code,pool\n{CODES[0][:-1]}?,mailed\n", "line 2"),
        ("code,pool\n", "no code to mail"),
        (f"code,pool\n{CODES[0]},reserve\n", "no code to mail"),
    ],
)
def test_a_wrong_file_is_said(tmp_path, content, said):
    """A file that is no codes.csv is refused with its name and the line."""
    file = tmp_path / "codes.csv"
    file.write_text(content)

    with pytest.raises(InvalidRequest, match=said):
        read_codes(file)
