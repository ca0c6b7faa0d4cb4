"""What feeds send, made safe and plain: markup to text, addresses, dates, languages. Pure; nothing here raises.

The text it gives holds no markup and no control characters except the line feed between paragraphs. Every function
takes time in proportion to its input, however hostile.
"""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

_BLOCKS = frozenset(
    "address article aside blockquote br caption dd div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 "
    "header hr li main nav ol option p pre section table tbody td tfoot th thead tr ul".split()
)
_CODE = frozenset("script style".split())  # never text, closed or not
_SILENT = _CODE | frozenset("template iframe object svg math head title".split())
_MARKUP = re.compile(r"<[a-zA-Z/!?]|&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
# What runs or loads something where text is put into a page as if it were markup; handlers as HTML has them, not JSX
_ACTIVE = re.compile(
    r"""</?(?:script|style|iframe|frame|frameset|object|embed|applet|svg)\b|[\s"'/]on[a-z]{3,20}\s*=\s*["'\w]|"""
    r"(?:java|vb)script:",
    re.IGNORECASE,
)
_CLOSED_CODE = re.compile(r"<(script|style)\b(?:[^<]++|<(?!/?(?:script|style)\b))*+</\1\b[^<>]*+>?", re.IGNORECASE)
_NH3_MARKS = 500  # html5ever is quadratic in nested tags, and nothing interrupts it: below a second at these bounds
_NH3_LENGTH = 200_000
# Possessive; a quote that never closes takes the rest. Of all tags begun before a place, at most two still look for
# their end there, one in each kind of quote, so even broken ones take linear time.
_TAG = re.compile(
    r"""<(/?)([a-zA-Z][a-zA-Z0-9:-]*+)(?=[\s/<>"']|\Z)(?:[^<>"']++|"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z))*+(>?)"""
)
_LONG_NUMBER = re.compile(r"&#(?:\d{8,}|[xX][0-9a-fA-F]{8,});?")
_OPENING = re.compile(r"<(?=[a-zA-Z/!?])")
_OPENINGS = re.compile(r"<+(?=[a-zA-Z/!?])")
_BREAK = "\x1e"
# C0, C1 and non-characters; the invisible marks that split words (soft hyphen, zero-width space) or turn the direction
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b\u202a-\u202e\u2060\u2066-\u2069"
    "\ud800-\udfff\ufdd0-\ufdef\ufeff\ufffe\uffff]"
)
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*\Z")
_UNWRITABLE = re.compile(r"""[\s<>"]""")


def html_to_text(markup: str) -> str:
    """The text of HTML ``markup``: scripts and styles dropped, one line for each block.

    Without a block, an empty line parts paragraphs.
    """
    parts = _text_parts(markup)
    if _BREAK not in parts:
        parts = [re.sub(r"\n[^\S\n]*+\n", _BREAK, part) for part in parts]
    return plain("\n".join(" ".join(block.split()) for block in "".join(parts).split(_BREAK)))


def to_text(value: str, *, is_html: bool) -> str:
    """A feed's value as plain text with its paragraphs kept. No markup in it is active, declared as text or not.

    HTML that was escaped once too often still holds its scripts as text; they are taken out then.
    """
    text = html_to_text(value) if is_html else plain(value)
    return _inert(text) if _is_active(text) else text


@functools.cache
def _gate() -> Any:
    """nh3, letting no tag through."""
    import nh3  # noqa: PLC0415 - two megabytes in each process, for what hardly ever comes

    return nh3.Cleaner(tags=set(), attributes={"*": set()}, clean_content_tags=set(), link_rel=None)


def _inert(text: str) -> str:
    """``text`` without the tags that would be active in a page, and without the code between closed ones.

    All else that looks like a tag stays: in an article on programming it is text. Where broken markup hides something
    active still, nh3 takes out every tag as browsers read them. nh3 is the last to look and not the first: on real
    feeds it loses text (``List<String>``, ``<ann@desk.test>``, CDATA, all after ``<template>``), and html5ever takes
    minutes for hostile nesting.
    """

    def kept(tag: re.Match[str]) -> str:
        if not _ACTIVE.search(tag[0]):
            return tag[0]
        return "" if tag[3] else text[tag.end(2) : tag.end()]

    text = _CLOSED_CODE.sub("", text)
    text = _TAG.sub(kept, text)
    if _is_active(text) and text.count("<") <= _NH3_MARKS and len(text) <= _NH3_LENGTH:
        within = text.replace("&", _BREAK)  # which starts no reference
        text = html.unescape(_gate().clean(within)).replace(_BREAK, "&")
    return plain(_OPENINGS.sub("", text) if _is_active(text) else text)


def _is_active(text: str) -> bool:
    first = _OPENING.search(text)
    return first is not None and _ACTIVE.search(text, first.start()) is not None


def looks_like_markup(value: str) -> bool:
    """True when ``value`` holds a tag or a character reference, whatever the feed says of its type."""
    return _MARKUP.search(value) is not None


def plain(text: str) -> str:
    """``text`` without control characters, its lines trimmed, no run of spaces, no empty lines."""
    lines = (" ".join(line.split()) for line in _CONTROL.sub("", text.replace("\x85", "\n")).splitlines())
    return "\n".join(line for line in lines if line)


def one_line(text: str) -> str:
    """``text`` as a title: plain and on one line."""
    return " ".join(plain(text).split())


def _text_parts(markup: str) -> list[str]:
    """The text between the tags, ``_BREAK`` for each block's edge. A tag that never ends loses only its name.

    Source: https://html.spec.whatwg.org/multipage/parsing.html, as far as text goes.
    """
    parts: list[str] = []
    absent: set[str] = set()

    def after(end: str, start: int) -> int | None:
        """Where the next ``end`` after ``start`` stops. One that is absent is not looked for twice."""
        found = None if end in absent else re.compile(end, re.IGNORECASE).search(markup, start)
        if found is None:
            absent.add(end)
        return found.end() if found else None

    position = 0
    while opening := _OPENING.search(markup, position):
        start = opening.start()
        parts.append(_unescaped(markup[position:start]))
        if markup.startswith("<!--", start):
            position = after("-->", start + 4) or start + 4
        elif markup.startswith("<![CDATA[", start):
            position = start + 9
        elif markup[start + 1] in "!?":
            position = after(">", start) or start + 2
        elif tag := _TAG.match(markup, start):
            name, is_closing, is_whole = tag[2].lower(), tag[1], tag[3]
            position = tag.end() if is_whole else tag.end(2)
            if name in _BLOCKS:
                parts.append(_BREAK)
            if name in _SILENT and not is_closing and not tag[0].endswith("/>"):
                position = after(rf"</{name}\b[^>]*+>?", position) or (len(markup) if name in _CODE else position)
        else:
            parts.append("<")
            position = start + 1
    parts.append(_unescaped(markup[position:]))
    return parts


def _unescaped(text: str) -> str:
    if "&" in text:
        text = html.unescape(_LONG_NUMBER.sub("\ufffd", text))  # Python refuses to read numbers without end
    return text.replace(_BREAK, " ").replace("]]>", "")


def web_address(value: str | None, base: str) -> str | None:
    """``value`` as an absolute http(s) address, resolved against ``base``; None for anything else."""
    if not value or re.fullmatch(r"\s*https?:/*\s*", value, re.IGNORECASE):  # which urljoin takes for the base itself
        return None
    try:
        address = urljoin(base, re.sub(r"[\r\n\t]+", "", _CONTROL.sub("", value)).strip())
        parts = urlsplit(address)
        usable = parts.scheme.lower() in ("http", "https") and parts.hostname and not _UNWRITABLE.search(parts.netloc)
    except ValueError:
        return None
    return _UNWRITABLE.sub(lambda char: quote(char[0]), address) if usable else None


_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_HOURS: Mapping[str, float] = {  # RFC 822 section 5.1 and the zones of newsrooms; any other name counts as UTC
    "edt": -4, "est": -5, "et": -5, "cdt": -5, "cst": -6, "ct": -6, "mdt": -6, "mst": -7, "mt": -7, "pdt": -7,
    "pst": -8, "pt": -8, "ast": -4, "adt": -3, "akst": -9, "akdt": -8, "hst": -10, "brt": -3, "bst": 1, "west": 1,
    "met": 1, "cet": 1, "mest": 2, "cest": 2, "eet": 2, "sast": 2, "eest": 3, "msk": 3, "trt": 3, "gst": 4, "pkt": 5,
    "ist": 5.5, "ict": 7, "wib": 7, "hkt": 8, "sgt": 8, "pht": 8, "awst": 8, "kst": 9, "jst": 9, "acst": 9.5,
    "aest": 10, "acdt": 10.5, "aedt": 11, "nzst": 12, "nzdt": 13,
}  # fmt: skip
_TIME = r"(?:[T,\s]*(?P<half>오전|오후)?\s*(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,]\d+)?)?)?"
_END = r"\s*(?P<noon>[ap]\.?m\b\.?)?\s*(?P<zone>.*)"
_DATES = [
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        rf"(?P<year>\d{{4}})(?:[-/.](?P<month>\d{{1,2}})(?:[-/.](?P<day>\d{{1,2}})(?!\d)\.?{_TIME}{_END}|\Z)|\Z)",
        rf"(?P<year>\d{{4}})(?P<month>\d\d)(?P<day>\d\d)(?:T?(?P<hour>\d\d):?(?P<minute>\d\d)(?::?(?P<second>\d\d))?)?{_END}",
        rf"(?P<year>\d{{4}})(?:(?P<korean>년)|年)\s*(?P<month>\d{{1,2}})[월月]\s*(?P<day>\d{{1,2}})[일日号]{_TIME}{_END}",
        rf"(?P<day>\d{{1,2}})\.(?P<month>\d{{1,2}})\.(?P<year>\d{{4}})(?!\d){_TIME}{_END}",
        rf"(?:[^\W\d]+\.?,?\s*)?(?P<day>\d{{1,2}})[\s-]+(?P<name>[a-z]{{3,}})\.?,?[\s-]+(?P<year>\d{{4}}|\d\d)(?!\d){_TIME}{_END}",
        rf"(?:[a-z]+day,?\s+|[a-z]{{3}},?\s+)?(?P<name>[a-z]{{3,}})\.?\s+(?P<day>\d{{1,2}}),?\s+(?P<year>\d{{4}})(?!\d){_TIME}{_END}",
        rf"[a-z]{{3}}\s+(?P<name>[a-z]{{3}})\s+(?P<day>\d{{1,2}})\b{_TIME}\s+(?P<zone>[^\d\s]*|[+-]\d{{4}})\s*(?P<year>\d{{4}})\Z",
    )
]
_OFFSET = re.compile(r"(?:gmt|utc?)?([+-])(\d{1,2})(?::?(\d\d))?(?!\d)", re.IGNORECASE)


def utc_time(value: str | None) -> datetime | None:
    """A feed's date as ``datetime`` in UTC; None when it is no moment between 1970 and 9998.

    Reads RFC 822 and RFC 3339 and what feeds make of them; a date without zone counts as UTC. feedparser's own reading
    is not used: it takes Korean and other zones for UTC, and completes half a date from today's.
    """
    text = (value or "").strip()[:100]
    if re.fullmatch(r"1\d{9}", text):  # seconds since 1970, from 2001 on
        return datetime.fromtimestamp(int(text), UTC)
    for pattern in _DATES:
        found = pattern.match(text)
        if found:
            return _moment(found.groupdict())
    return None


def _moment(part: Mapping[str, str | None]) -> datetime | None:
    year, name, noon = part["year"] or "", (part.get("name") or "")[:3].lower(), part.get("noon") or part.get("half")
    century = 0 if len(year) == 4 else 1900 if int(year) >= 70 else 2000
    hour = int(part.get("hour") or 0)
    if noon and 1 <= hour <= 12:
        hour = hour % 12 + (12 if noon[0] in "pP" or noon == "오후" else 0)
    minute = int(part.get("minute") or 0)
    midnight = (hour, minute, int(part.get("second") or 0)) == (24, 0, 0)  # the end of the day: ISO 8601
    try:
        month = _MONTHS.index(name) + 1 if name else int(part.get("month") or 1)
        second = min(int(part.get("second") or 0), 59)  # a leap second
        local = datetime(
            century + int(year), month, int(part.get("day") or 1), 0 if midnight else hour, minute, second,
            tzinfo=_zone(part.get("zone") or ("kst" if part.get("half") or part.get("korean") else "")),
        )  # fmt: skip
        moment = (local + timedelta(days=midnight)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if 1970 <= moment.year < 9999 else None


def _zone(text: str) -> timezone:
    offset = _OFFSET.match(text)
    if offset:
        size = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
        return timezone(-size if offset[1] == "-" else size)
    name = re.match(r"\(?([a-zA-Z]+)", text)
    return timezone(timedelta(hours=_HOURS.get(name[1].lower(), 0) if name else 0))


def language_code(value: str | None) -> str | None:
    """A BCP 47 code in small letters, or None."""
    code = (value or "").strip().lower().replace("_", "-")
    return code if _LANGUAGE.match(code) else None


def display_title(item: Mapping[str, Any]) -> str:
    """The item's title, or the beginning of its text when it has none."""
    text = str(item["title"] or item["summary"] or item["content"] or item.get("url") or "(no title)")
    return text if len(text) <= 160 else text[:157].rsplit(" ", 1)[0] + " …"
