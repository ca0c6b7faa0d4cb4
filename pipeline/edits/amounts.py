"""Amounts of money read as values, so that ``$41m`` and ``US$41 million`` are one. Pure; nothing here raises.

What an amount is, ``text.tokenise`` says. Numbers of coins (``401,000 ETH``) are none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from pipeline import text

_SCALE = {
    word: size
    for size, words in (
        (10**3, "thousand|k|тыс"),
        (10**4, "만|万|萬"),
        (10**6, "million|millions|millones|millionen|milhões|milhão|mln|mio|mn|m|миллион|млн"),
        (10**8, "억|亿|億"),
        (10**9, "billion|billions|mil millones|milliard|milliarde|bilhões|bilhão|mrd|bn|b|миллиард|млрд"),
        (10**12, "trillion|tn|조|兆"),
    )
    for word in words.split("|")
}

_CURRENCY = [
    (currency, re.compile(pattern, re.IGNORECASE))
    for currency, pattern in (
        ("AUD", r"AU\$|\bA\$"),
        ("CAD", r"CA\$|\bC\$"),
        ("HKD", r"HK\$"),
        ("NZD", r"NZ\$"),
        ("TWD", r"NT\$"),
        ("SGD", r"\bS\$|SGD"),
        ("USD", r"\$|USD|dollar|d[óo]lares|доллар|美元|美金|달러|ドル"),
        ("EUR", r"€|EUR|евро"),
        ("GBP", r"£|GBP|pounds"),
        ("KRW", r"₩|KRW|\bwon\b|원"),
        ("JPY", r"JPY|\byen\b|円|日元"),
        ("CNY", r"CNY|人民币|元"),
        ("¥", r"¥"),  # yen or yuan
        ("INR", r"₹"),
        ("PHP", r"₱"),
        ("NGN", r"₦|naira|\bN\d"),
        ("RUB", r"₽|рубл"),
    )
]
_PART = re.compile(r"(?P<digits>\d+(?:[.,]\d+)*)\s?(?P<scale>mil millones|[^\W\d_]*)")


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount as written (``start`` to ``end`` of the text), with its value.

    ``currency`` is an ISO 4217 code, ``¥`` for yen or yuan, or empty. ``value`` is None where no number is given
    (``millions of dollars``).
    """

    start: int
    end: int
    text: str
    currency: str
    value: Fraction | None

    def is_same(self, other: Amount) -> bool:
        """Whether both are one amount: of one value, and of one currency so far as they name one."""
        if self.value is None or other.value is None:
            return self.text.casefold() == other.text.casefold()
        return self.value == other.value and (
            self.currency == other.currency or not self.currency or not other.currency
        )


def amounts(given: str) -> tuple[Amount, ...]:
    """Every amount of ``given``, in order."""
    if not text.MAYBE_AMOUNT.search(given):
        return ()
    tokens = text.tokenise(text.normalise(given))
    return tuple(
        Amount(start, end, given[start:end], _currency(given[start:end]), _value(given[start:end]))
        for word, start, end in zip(tokens.lower, tokens.starts, tokens.ends, strict=True)
        if word == text.AMOUNT
    )


def _currency(written: str) -> str:
    return next((currency for currency, pattern in _CURRENCY if pattern.search(written)), "")


def _value(written: str) -> Fraction | None:
    parts = list(_PART.finditer(text.normalise(written)))
    if not parts:
        return None
    return sum((_number(part["digits"]) * _scale(part["scale"].lower()) for part in parts), Fraction(0))


def _scale(word: str) -> int:
    for name in (word, word[:1]):  # 억원, 万ドル: the scale is the first character
        if name in _SCALE and (name == word or not name.isascii()):
            return _SCALE[name]
    return next((size for name, size in _SCALE.items() if len(name) > 4 and word.startswith(name)), 1)


def _number(digits: str) -> Fraction:
    """``1,234.5``, ``1.234,5`` and ``1,5`` as their numbers; a mark before three digits groups thousands."""
    whole, rest = digits, ""
    if found := re.fullmatch(r"(.*)([.,])(\d+)", digits):
        before, mark, rest = found.groups()
        others = set(before) & {".", ","}
        is_grouping = len(rest) == 3 and (mark in others or (not others and mark == "," and before != "0"))
        whole, rest = (digits, "") if is_grouping else (before, rest)
    return Fraction(f"{re.sub(r'[.,]', '', whole)}.{rest or '0'}")
