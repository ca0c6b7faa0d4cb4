"""What a feed's XML begins, found in its text: the check on a reader that leaves out in silence. Pure.

feedparser does not say when it loses an entry in broken markup, and keeps one hour of ``skipHours`` and no tombstone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_SECTIONS = r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)"
_COUNTED = r"<(?:(?P<prefix>[\w.-]+):)?(?P<name>item|entry|deleted-entry|skiphours|skipdays)(?=[\s/>])"
_OPENINGS = re.compile(rf"{_SECTIONS}|{_COUNTED}", re.DOTALL | re.IGNORECASE)
_SWALLOWED = re.compile(_COUNTED, re.IGNORECASE)
_PREFIXES = re.compile(r"""xmlns:([\w.-]{1,40})\s*=\s*["']([^"'<>]{1,200})["']""")
_FEED_NAMESPACE = re.compile(
    r"http://(www\.w3\.org/2005/Atom|purl\.org/(atom/|rss/1\.0/\Z|pie/|echo/)|my\.netscape\.com/rdf/|"
    r"backend\.userland\.com/rss|blogs\.law\.harvard\.edu/tech/rss)",
    re.IGNORECASE,
)
_ENTRY_END = re.compile(r"</(?:[\w.-]+:)?(?:item|entry)\s*>", re.IGNORECASE)
_AROUND = re.compile(r"<(/?)((?:[\w.-]+:)?(?:rss|rdf|feed|channel))(?=[\s>])[^<>]{0,3000}>", re.IGNORECASE)
_MOST_AROUND = 3  # elements that an entry stands in: a channel in a feed
_LIST_END = re.compile(r"</(?:[\w.-]+:)?skip", re.IGNORECASE)
_LONGEST_LIST = 3000  # characters of a list of hours or days; all that there are take 600


@dataclass(frozen=True, slots=True)
class Survey:
    """What ``survey`` found. ``entries`` are where they begin; the lists are what skipHours and skipDays hold."""

    entries: tuple[int, ...] = ()
    tombstones: int = 0
    skip_hours: tuple[str, ...] = ()
    skip_days: tuple[str, ...] = ()


def survey(text: str) -> Survey:
    """Find the entries that ``text`` (XML) begins outside its comments and CDATA sections, and its tombstones.

    Elements of other namespaces (``media:item``) are no entries. Source of tombstones: RFC 6721.
    """
    feed_prefixes = {name for name, address in _PREFIXES.findall(text[:20_000]) if _FEED_NAMESPACE.match(address)}
    entries: list[int] = []
    tombstones = 0
    hours: tuple[str, ...] = ()
    days: tuple[str, ...] = ()
    for found in _openings(text):
        name = found["name"].lower()
        if name == "deleted-entry":
            tombstones += 1
        elif name == "skiphours":
            hours = hours or _words(text, found.end())
        elif name == "skipdays":
            days = days or _words(text, found.end())
        elif found["prefix"] is None or found["prefix"] in feed_prefixes:
            entries.append(found.start())
    return Survey(tuple(entries), tombstones, hours, days)


def _openings(text: str) -> Iterator[re.Match[str]]:
    """The openings outside comments and CDATA; and all that one swallows which never ends."""
    for found in _OPENINGS.finditer(text):
        if found["name"]:
            yield found
        elif not found[0].endswith(("]]>", "-->")):
            yield from _SWALLOWED.finditer(text, found.start() + 1)


def _words(text: str, start: int) -> tuple[str, ...]:
    """The words of the list that is open at ``start``; none when it does not close soon."""
    closing = _LIST_END.search(text, start, start + _LONGEST_LIST)
    return tuple(re.findall(r">\s*(\w{1,20})\s*</", text[start : closing.start()])) if closing else ()


def apart(text: str, entries: Sequence[int]) -> Iterator[str]:
    """``text`` as documents of one entry each, so that what is broken in one costs no other; first, the one of none.

    ``entries`` are where they begin, one at least.
    """
    head = _without_endless(text[: entries[0]])
    open_tags: list[re.Match[str]] = []
    for tag in _AROUND.finditer(head):
        if not tag[1]:
            open_tags.append(tag)
        elif open_tags and open_tags[-1][2].lower() == tag[2].lower():
            open_tags.pop()
    open_tags = open_tags[-_MOST_AROUND:]
    around = "".join(tag[0] for tag in open_tags)
    tail = "".join(f"</{tag[2]}>" for tag in reversed(open_tags))
    yield head + tail
    for begin, end in zip(entries, [*entries[1:], len(text)], strict=True):
        ends = [closing.end() for closing in _ENTRY_END.finditer(text, begin, end)]
        yield around + _without_endless(text[begin : ends[-1] if ends else end]) + tail


def _without_endless(part: str) -> str:
    """``part`` without the mark that begins a comment or CDATA section which does not end in it."""
    for mark, end in (("<!--", "-->"), ("<![CDATA[", "]]>")):
        begin = part.rfind(mark)
        if begin > part.rfind(end):
            part = part[:begin] + part[begin + len(mark) :]
    return part
