"""What a feed's XML begins, counted in its text: the check on a reader that leaves out in silence. Pure.

feedparser does not say when it loses an entry in broken markup, and keeps one hour of ``skipHours`` and no tombstone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_OPENINGS = re.compile(
    r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)"
    r"|<(?:(?P<prefix>[\w.-]+):)?(?P<name>item|entry|deleted-entry|skiphours|skipdays)(?=[\s/>])",
    re.DOTALL | re.IGNORECASE,
)
_PREFIXES = re.compile(r"""xmlns:([\w.-]{1,40})\s*=\s*["']([^"'<>]{1,200})["']""")
_FEED_NAMESPACE = re.compile(
    r"http://(www\.w3\.org/2005/Atom|purl\.org/(atom/|rss/1\.0/\Z|pie/|echo/)|my\.netscape\.com/rdf/|"
    r"backend\.userland\.com/rss|blogs\.law\.harvard\.edu/tech/rss)",
    re.IGNORECASE,
)
_LIST_END = re.compile(r"</(?:[\w.-]+:)?skip", re.IGNORECASE)
_LONGEST_LIST = 3000  # characters of a list of hours or days; all that there are take 600


@dataclass(frozen=True, slots=True)
class Survey:
    """What ``survey`` counted. The lists are the words within skipHours and skipDays, unchecked."""

    entries: int = 0
    tombstones: int = 0
    skip_hours: tuple[str, ...] = ()
    skip_days: tuple[str, ...] = ()


def survey(text: str) -> Survey:
    """Count the entries that ``text`` (XML) begins outside its comments and CDATA sections, and its tombstones.

    Elements of other namespaces (``media:item``) are no entries. Source of tombstones: RFC 6721.
    """
    feed_prefixes = {name for name, address in _PREFIXES.findall(text[:20_000]) if _FEED_NAMESPACE.match(address)}
    entries = tombstones = 0
    hours: tuple[str, ...] = ()
    days: tuple[str, ...] = ()
    for found in _OPENINGS.finditer(text):
        name = (found["name"] or "").lower()
        if name == "deleted-entry":
            tombstones += 1
        elif name == "skiphours":
            hours = hours or _words(text, found.end())
        elif name == "skipdays":
            days = days or _words(text, found.end())
        elif name and (found["prefix"] is None or found["prefix"] in feed_prefixes):
            entries += 1
    return Survey(entries, tombstones, hours, days)


def _words(text: str, start: int) -> tuple[str, ...]:
    """The words of the list that is open at ``start``; none when it does not close soon."""
    closing = _LIST_END.search(text, start, start + _LONGEST_LIST)
    return tuple(re.findall(r">\s*(\w{1,20})\s*</", text[start : closing.start()])) if closing else ()
