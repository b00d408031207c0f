"""The languages of the pages: texts, direction, numbers, money and moments. Compiled in memory, no .mo in the tree."""

import copy
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale
from babel.core import UnknownLocaleError
from babel.dates import format_date, format_time
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations
from babel.units import format_unit

LOCALES = Path(__file__).resolve().parents[2] / "frontend" / "locales"
SOURCE = "en"
"""The language of the msgids; it has no .po file."""


@dataclass(frozen=True)
class Language:
    """A language that the pages speak.

    Attributes:
        tag: As in `lang`, such as "ar".
        name: What it calls itself.
        direction: "ltr" or "rtl".
        translations: Its texts.
    """

    tag: str
    name: str
    direction: str
    translations: NullTranslations


@cache
def load(folder: Path = LOCALES) -> Mapping[str, Language]:
    """Return every language with texts in `folder`, the source language first."""
    found = {SOURCE: _language(SOURCE, NullTranslations())}
    for path in sorted(folder.glob("*/LC_MESSAGES/weighin.po")):
        tag = path.parents[1].name
        with path.open("rb") as file:
            catalog = read_po(file, locale=tag, domain="weighin")
        compiled = io.BytesIO()
        write_mo(compiled, catalog)
        compiled.seek(0)
        found[tag] = _language(tag, Translations(compiled, domain="weighin"))
    return found


def negotiate(languages: Mapping[str, Language], *, asked: str | None, accepts: str | None) -> Language:
    """Return the language to answer in: the one asked for by name, or the best of `Accept-Language`, or the source.

    A language that nobody speaks here is not an error: the next best is taken.

    Example:
        >>> negotiate(load(), asked=None, accepts="fr, ar;q=0.8, en;q=0.9").tag
        'en'
    """
    if asked in languages:
        return languages[asked or ""]
    wishes = []
    for position, part in enumerate((accepts or "").split(",")[:50]):
        tag, _, quality = part.strip().partition(";q=")
        primary = tag.strip().lower().split("-")[0]
        if primary in languages:
            try:
                weight = float(quality or 1)
            except ValueError:
                continue
            wishes.append((-weight, position, primary))
    best = min((wish for wish in wishes if wish[0] < 0), default=None)
    return languages[best[2] if best else SOURCE]


@dataclass(frozen=True)
class Formats:
    """How numbers, money and moments are written for one language in one place."""

    locale: Locale
    zone: ZoneInfo

    @property
    def tag(self) -> str:
        """The same for a browser's Intl; Western digits, as in the texts."""
        region = f"-{self.locale.territory}" if self.locale.territory else ""
        return f"{self.locale.language}{region}-u-nu-latn"

    def number(self, value: int | Decimal) -> str:
        """Return a number with its groups of digits."""
        return _plain(format_decimal(value, locale=self.locale, decimal_quantization=False))

    def percent(self, part: int, whole: int) -> str:
        """Return a share with one digit after the point, such as "20.2%"; an en dash of nothing."""
        if whole == 0:
            return "–"
        tenths = (2000 * part + whole) // (2 * whole)
        return self.number(Decimal(tenths) / 10) + "%"

    def money(self, amount: int, *, currency: str, minor_digits: int) -> str:
        """Return an amount in minor units with its currency; cents only where there are some."""
        value = Decimal(amount).scaleb(-minor_digits)
        pattern = copy.copy(self.locale.currency_formats["standard"])
        digits = 0 if value == value.to_integral_value() else minor_digits
        pattern.frac_prec = (digits, digits)
        return _plain(pattern.apply(value, self.locale, currency=currency, currency_digits=False))

    def file_size(self, size: int) -> str:
        """Return a size in bytes in the unit that suits it, such as "7.7 MB": steps of 1,000, 0.1 kB at least."""
        value, unit = Decimal(size) / 1000, "kilobyte"
        for larger in ("megabyte", "gigabyte"):
            if value < 1000:
                break
            value, unit = value / 1000, larger
        value = max(value, Decimal("0.1")).quantize(Decimal(1) if value >= 10 else Decimal("0.1"))
        name = f"digital-{unit}"
        return _plain(format_unit(value, name, length="short", format="#,##0.#", locale=self.locale))

    def date(self, at: int) -> str:
        """Return the day of a moment, with its weekday."""
        return _plain(format_date(self._local(at), format="full", locale=self.locale))

    def moment(self, at: int) -> str:
        """Return day, time and time zone of a moment."""
        local = self._local(at)
        time = format_time(local, format="short", locale=self.locale, tzinfo=self.zone)
        comma = "، " if self.locale.text_direction == "rtl" else ", "
        return f"{self.date(at)}{comma}{_plain(time)} {local.tzname()}"

    def _local(self, at: int) -> datetime:
        return datetime.fromtimestamp(at, UTC).astimezone(self.zone)


def formats(language: Language, *, territory: str, zone: ZoneInfo) -> Formats:
    """Return the formats of a language where the service is: Spanish in the US groups digits as people there do."""
    try:
        return Formats(Locale.parse(f"{language.tag}_{territory}"), zone)
    except (UnknownLocaleError, ValueError):
        return Formats(Locale.parse(language.tag), zone)


def _language(tag: str, translations: NullTranslations) -> Language:
    locale = Locale.parse(tag)
    name = locale.get_display_name(locale) or tag
    return Language(
        tag=tag, name=name[:1].upper() + name[1:], direction=locale.text_direction, translations=translations
    )


def _plain(text: str) -> str:
    """Drop the marks of direction that CLDR adds (the page isolates amounts itself) and narrow spaces."""
    return text.translate({0x200E: None, 0x200F: None, 0x061C: None, 0x202F: " "})
