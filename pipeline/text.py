"""Plain text: like characters made equal, words and sentences found. Pure; knows nothing of feeds or rules.

Every offset counts Unicode characters of the text as given. Nothing here raises.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

#: What a token is called when its own characters do not matter.
AMOUNT, NUMBER = "<amount>", "<number>"
#: Names that in small letters are other words (us; French un; Portuguese eu): in capitals they are one with U.S.
CAPITALS = {"US": "u.s.", "UN": "u.n.", "UK": "u.k.", "EU": "e.u."}


# Every white space that the standard library's regular expressions know, but the line feed.
_SPACES = "\t\v\f\r\x1c\x1d\x1e\x1f\x85\u00a0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)


def _normal_forms() -> dict[int, str]:
    """Characters that mean the same to a reader, one to one, so that offsets stay true.

    Afterwards the small-letter form of a text is as long as the text, and that of a part is a part of it.
    """
    table = {ord(char): " " for char in "-‐‑‒–—−_" + _SPACES}
    table |= {
        ord("İ"): "I",
        ord("Σ"): "σ",
        ord("ς"): "σ",
    }  # the only letters whose small form has another length or looks around
    table |= {ord(char): "'" for char in "‘’‛ʼ`´"} | {ord(char): '"' for char in "“”„‟«»「」『』《》"}
    table |= dict.fromkeys([0, *range(0xD800, 0xE000)], "\ufffd")  # a lone surrogate has no UTF-8 form
    for code in range(0xFF01, 0xFF5F):  # full-width forms
        form = unicodedata.normalize("NFKC", chr(code))
        table.setdefault(code, " " if form in "-_" else form)
    return table


_NORMAL = _normal_forms()
# NUL's form is not ASCII; a text that holds one goes the slow way.
_NORMAL_ASCII = bytes(ord(_NORMAL.get(code, chr(code))) if 0 < code < 128 else code for code in range(256))

# Hangul, kana, Han: names in these run into particles and neighbours, so each character is a word of its own.
_UNSPACED = "\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"

_DIGITS = r"\d++(?:[.,]\d+)*+"
_SIGN = r"(?:(?:US|AU|CA|HK|NZ|NT|[SAC])?[$€£¥₩₹₽₦]|(?:USD|EUR|GBP|JPY|KRW|CNY|SGD)\ ?)"
_SCALE = (
    r"(?:\ ?(?:(?:thousand|million|billion|trillion|mln|mio|mrd|mn|bn|tn|millionen|milliarden?|millones|mil\ millones"
    r"|millions|milliards?|milhões|milhão|bilhões|bilhão|млн|млрд|тыс|миллион\w*|миллиард\w*)\b\.?|[万亿萬億만억조兆])"
    r"|[mbk]\b)"
)
_CURRENCY = (
    r"(?:\ ?(?:(?:us\ |u\.s\.\ )?dollars?\b|(?:de\ )?d[óo]lares\b|de\ dollars\b|euros?\b|pounds\b|yen\b|naira\b"
    r"|доллар\w*|рубл\w*|евро\b|美元|美金|달러|ドル|日元|円|人民币|元))"
)
_MANY = (
    r"(?:(?:tens|dozens|hundreds)\ of\ (?:thousands|millions|billions)|millions|billions"
    r"|(?:half\ )?an?\ (?:million|billion)|(?:decenas|cientos)\ de\ millones|dizaines\ de\ millions"
    r"|десятки\ миллионов|сотни\ миллионов)\b"
    r"(?:\ (?:of\ )?(?:us\ |u\.s\.\ )?(?:dollars?|euros?|pounds|won|yen)\b|\ (?:de\ )?d[óo]lares\b|\ de\ dollars\b)?"
)
#: Whether a text may hold an amount or a number.
MAYBE_AMOUNT = re.compile(r"\d|illion|thousand|millones|миллион", re.IGNORECASE)
_TOKEN = re.compile(
    rf"(?P<amount>{_SIGN}\ ?{_DIGITS}{_SCALE}?(?:\ worth\b)?"
    rf"|N{_DIGITS}{_SCALE}"  # naira
    rf"|{_DIGITS}{_SCALE}(?:\ ?{_DIGITS}{_SCALE})?(?:{_CURRENCY}|\ won\b|\ ?원)?"
    rf"|{_DIGITS}{_CURRENCY}"
    rf"|{_MANY})"
    r"|(?P<abbreviation>(?:[^\W\d_]\.){2,})"  # U.S.
    rf"|[{_UNSPACED}]"
    rf"|[^\W\d_{_UNSPACED}]+"
    rf"|(?P<number>{_DIGITS})"
    r"|\n|\S",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The words of a text in order: small-letter forms, forms as written, and the offsets of each."""

    lower: list[str]
    written: list[str]
    starts: list[int]
    ends: list[int]


_SOLITARY = re.compile(f"[{_UNSPACED}]")


def is_letter(char: str) -> bool:
    """Whether ``char`` is one of a word's letters: of a script that parts words, and no digit."""
    return char.isalnum() and not char.isdecimal() and not (char > "\u10ff" and _SOLITARY.match(char))


def normalise(text: str) -> str:
    """``text`` with like characters made equal, character for character: every offset stays true.

    A hyphen or dash becomes a space, so that ``Unit-180`` and ``Unit 180`` are one phrase. The only white space left is
    the space and the line feed.
    """
    if text.isascii() and "\0" not in text:  # ten times faster, and most text is
        return text.encode().translate(_NORMAL_ASCII).decode()
    return text.translate(_NORMAL)


def tokenise(text: str) -> Tokens:
    """The words of normalised ``text``.

    Letters and digits part (``Lab110`` is two words), a character of Hangul, kana or Han is a word of its own, an
    amount of money or a number with its scale (``$41m``, ``1.5 billion``, ``15억 달러``) is one word ``<amount>`` in
    small letters, ``US`` is ``u.s.``, and a line feed is a word, so that no phrase runs from one paragraph into the
    next.
    """
    lower: list[str] = []
    written: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for match in _TOKEN.finditer(text):
        word = match.group()
        lower.append(AMOUNT if match.lastgroup == "amount" else CAPITALS.get(word) or word.lower())
        written.append(word)
        starts.append(match.start())
        ends.append(match.end())
    return Tokens(lower, written, starts, ends)


# Possessive, and tried only at the start of a run: a million full stops cost no more than a million letters.
_SENTENCE_END = re.compile(r"[。！？]++[\"')\]]*+\s*+|\n\s*+|(?<![.!?…])[.!?…]++[\"')\]]*+(?:\s++|\Z)")
_ABBREVIATION = re.compile(
    r"(?:\b(?:[^\W\d_]|mr|mrs|ms|dr|st|mt|no|nos|lab|inc|corp|ltd|co|vs|gen|col|lt|sgt|sen|rep|gov|prof|jan|feb|mar|apr|jun"
    r"|jul|aug|sept?|oct|nov|dec|тыс|долл|г|им)|\.[^\W\d_])\.\Z",
    re.IGNORECASE,
)
_OPENING = re.compile(r"[\"'(\[]{0,3}")


def sentences(text: str) -> list[tuple[int, int]]:
    """Start and end of each sentence of normalised ``text``, in order, covering it without gaps (white space that
    follows a sentence belongs to it).

    A line's end is a sentence's end. A full stop is none after an abbreviation (``U.S. Treasury``, ``Sept. 13``) nor
    before a small letter.
    """
    cuts = [0]
    for match in _SENTENCE_END.finditer(text):
        if match.group()[0] in ".…":
            after = _OPENING.match(text, match.end()).end()  # type: ignore[union-attr]  # it matches the empty text
            before = max(0, match.start() - 6)
            if text[after : after + 1].islower() or _ABBREVIATION.search(text, before, match.start() + 1):
                continue
        cuts.append(match.end())
    if cuts[-1] < len(text):
        cuts.append(len(text))
    return list(pairwise(cuts))
