"""How a result page speaks: names in quotes, numbers, votes and money, all in one language."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from service.public.languages import Formats

_RTL = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
"""Letters of Hebrew, Arabic and their kin."""
Say = Callable[..., str]
"""Translates a msgid and fills in its values."""


@dataclass(frozen=True)
class Voice:
    """Puts names and numbers into a page's language.

    Attributes:
        titles: Title of every option.
        say: Translates.
        formats: How numbers and money are written.
        rtl: Whether text runs from right to left.
        currency: ISO 4217; empty where no money is spent.
        minor_digits: Decimals of the money.
    """

    titles: dict[str, str]
    say: Say
    formats: Formats
    rtl: bool
    currency: str = ""
    minor_digits: int = 0

    def name(self, option: str) -> str:
        """Return the title of an option in quotes."""
        opening, closing = ("«", "»") if self.rtl else ("“", "”")
        return f"{opening}{self.title(option)}{closing}"

    def title(self, option: str) -> str:
        """Return the title of an option, kept together where it runs against the text around it."""
        title = self.titles[option]
        return f"\u2068{title}\u2069" if self.rtl or _RTL.search(title) else title

    def names(self, options: Sequence[str]) -> str:
        """Return several titles in quotes, with commas."""
        return ("، " if self.rtl else ", ").join(map(self.name, options))

    def chain(self, options: Sequence[str]) -> str:
        """Return titles in quotes with an arrow from each to the next, in the direction of the text."""
        return (" ← " if self.rtl else " → ").join(map(self.name, options))

    def whole(self, value: int) -> str:
        """Return a whole number with its groups of digits."""
        return self.formats.number(value)

    def votes(self, text: str | Fraction) -> str:
        """Return votes or points as published: exact where decimals hold them, else with a sign that they are near."""
        value = Fraction(text)
        if value.denominator == 1:
            return self.formats.number(value.numerator)
        decimals = Decimal(value.numerator) / Decimal(value.denominator)
        if Fraction(decimals) == value:
            return self.formats.number(decimals)
        return "≈ " + self.formats.number(round(decimals, 2))

    def signed(self, change: Fraction) -> str:
        """Return a gain or loss with its sign."""
        return ("+" if change > 0 else "−") + self.votes(abs(change))

    def isolated(self, text: str) -> str:
        """Keep a sign on its side of the number where text runs from right to left."""
        return f"\u2066{text}\u2069"

    def money(self, amount: int) -> str:
        """Return an amount in minor units with its currency."""
        return self.formats.money(amount, currency=self.currency, minor_digits=self.minor_digits)

    def share(self, text: str) -> str:
        """Return an amount in minor units that may have parts of one, to the nearest one, with a sign if it has."""
        value = Fraction(text)
        whole = round(value)
        return self.money(whole) if value == whole else "≈ " + self.money(whole)
