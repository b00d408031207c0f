"""Letters: a page for each code, with the code in words and as a square to scan, and the contest's fingerprint."""

import csv
import io
import tomllib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import segno
from babel.dates import format_date
from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.errors import FPDFException

from schemas.listing import ContestText
from service.refusals import InvalidRequest
from voting.proof import codes

_WORDS = Path(__file__).with_suffix(".toml")
_LATIN = ("en", "es")
"""Languages that the PDF's own fonts can set; others need a font that has their letters."""
_RIGHT_TO_LEFT = ("ar",)
_PLAIN = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "…": "...", "\u00a0": " "})
FINGERPRINT_DIGITS = 20


def languages_of(offered: Sequence[str], *, font: Path | None) -> tuple[str, ...]:
    """Return which of a contest's languages a letter can be set in: all with a font, the Latin ones without."""
    known = tomllib.loads(_WORDS.read_text("utf-8"))
    return tuple(lang for lang in offered if lang in known and (font is not None or lang in _LATIN))


def read_codes(path: Path) -> list[str]:
    """Return the codes to mail from a codes.csv, as `roll make` writes it; the reserve is not mailed.

    Raises:
        InvalidRequest: No such file, no such columns, or a line that holds no code; the text says which.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidRequest(f"{path}: {error}") from None
    found = []
    for number, row in enumerate(rows, start=2):
        if "code" not in row or "pool" not in row:
            raise InvalidRequest(
                f"{path}: line 1 must name the columns code and pool, as `weighin roll make` writes them"
            )
        try:
            codes.parse_groups(row["code"] or "", 10)
        except codes.InvalidCode as error:
            raise InvalidRequest(f"{path}: line {number}: {error}") from None
        if row["pool"] == "mailed":
            found.append(row["code"])
    if not found:
        raise InvalidRequest(f"{path}: there is no code to mail in it")
    return found


def write_letters(
    out: Path,
    mailed: Sequence[str],
    *,
    address: str,
    ctx: str,
    closes_at: int,
    due: int,
    texts: dict[str, ContestText],
    languages: Sequence[str],
    font: Path | None,
    progress: Callable[[int], None] = lambda _done: None,
) -> None:
    """Write a PDF with one page for each code.

    Args:
        out: Where it goes.
        mailed: The codes.
        address: The contest's voting page.
        ctx: The contest's identity, 64 hex digits; its first 20 are printed.
        closes_at: End of voting, POSIX seconds.
        due: When the official must answer, POSIX seconds.
        texts: The contest in words.
        languages: What to print, in order.
        font: A TrueType font with the letters of all languages; the PDF's own Helvetica where None.
        progress: Called with how many pages are done.

    Raises:
        InvalidRequest: A text has letters that the font lacks, or the font can't be read.
    """
    words = tomllib.loads(_WORDS.read_text("utf-8"))
    pdf = FPDF(format="letter", unit="mm")
    pdf.set_auto_page_break(auto=False)
    pdf.set_margins(20, 18)
    try:
        if font is not None:
            pdf.add_font("letter", fname=str(font))
            pdf.set_text_shaping(use_shaping_engine=True)
        for number, code in enumerate(mailed, start=1):
            pdf.add_page()
            _write_page(
                pdf, code, address=address, ctx=ctx, closes_at=closes_at, due=due, texts=texts, languages=languages,
                words=words, own_font=font is not None,
            )  # fmt: skip
            progress(number)
        pdf.output(str(out))
    except (FPDFException, OSError, RuntimeError) as error:
        raise InvalidRequest(
            f"a letter can't be set: {error}; give a TrueType font that has its letters by --font"
        ) from None


def _write_page(
    pdf: FPDF,
    code: str,
    *,
    address: str,
    ctx: str,
    closes_at: int,
    due: int,
    texts: dict[str, ContestText],
    languages: Sequence[str],
    words: dict[str, dict[str, str]],
    own_font: bool,
) -> None:
    family = "letter" if own_font else "helvetica"

    def line(text: str, size: float, *, lang: str, bold: bool = False, after: float = 2) -> None:
        pdf.set_font(family, "B" if bold and not own_font else "", size)
        align = "R" if lang in _RIGHT_TO_LEFT else "L"
        plain = text if own_font else text.translate(_PLAIN)
        pdf.multi_cell(0, size * 0.48, plain, align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        pdf.ln(after)

    top = pdf.get_y()
    square = io.BytesIO()
    segno.make(f"{address}#code={code.replace('-', '')}", error="m").save(square, kind="png", scale=6, border=2)
    pdf.image(square, x=20, y=top, w=42)
    pdf.set_left_margin(68)
    pdf.set_xy(68, top + 2)
    for lang in languages:
        line(words[lang]["code"], 10, lang=lang, after=0)
    pdf.set_font("courier", "B", 17)
    pdf.cell(0, 11, code, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    for lang in languages:
        line(words[lang]["fingerprint"], 10, lang=lang, after=0)
    pdf.set_font("courier", "", 12)
    pdf.cell(0, 8, " ".join(_fours(ctx[:FINGERPRINT_DIGITS])), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.set_left_margin(20)
    pdf.set_y(max(pdf.get_y(), top + 46))

    small = {1: 12.0, 2: 10.5}.get(len(languages), 9.5)
    for lang in languages:
        text, named = texts[lang], words[lang]
        filled = {
            "department": text.department,
            "official": text.official,
            "due": _day(due, lang),
            "closes": _day(closes_at, lang),
            "url": address,
        }
        line(named["heading"], 18, lang=lang, bold=True)
        line(named["ask"].format(**filled), small, lang=lang, after=1)
        line(text.question, small + 2.5, lang=lang, bold=True)
        for key in ("until", "how", "answer", "secret", "lost"):
            line(named[key].format(**filled), small, lang=lang, after=1)
        pdf.ln(3)


def _fours(text: str) -> Iterator[str]:
    return (text[start : start + 4] for start in range(0, len(text), 4))


def _day(at: int, lang: str) -> str:
    """Return a moment as a date and time in UTC, in words of a language."""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{format_date(moment, 'long', locale=lang)}, {moment:%H:%M} UTC"
