"""Sitemaps as feeds: the addresses that a site lists for search engines, with title and date where it is a news one.

Sources: https://www.sitemaps.org/protocol.html; Google's news sitemaps, namespace
http://www.google.com/schemas/sitemap-news/0.9
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from xml.parsers import expat

from pipeline import clean
from pipeline.errors import ParseError
from pipeline.models import Item
from pipeline.parse.body import well_formed
from pipeline.parse.contents import Contents
from pipeline.parse.identity import make_item

_ENTRIES = re.compile(r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)|<(?:[\w.-]+:)?(url|sitemap)(?=[\s/>])", re.DOTALL)
_FIELDS = frozenset({"loc", "lastmod", "title", "publication_date", "language", "name", "keywords"})
_OTHERS = frozenset({"image", "video"})  # these extensions have a loc, title or publication_date of their own
_FOLLOWING = re.compile(rb"<(?:url|sitemap)[\s>]")
_MOST_BREAKS = 100
_NAMED = 3
_OLDEST = datetime.min.replace(tzinfo=UTC)


def read_sitemap(text: str, url: str) -> Contents:
    """What a sitemap, polled at ``url``, lists: each page an item; its keywords are the summary.

    An entry that is broken beyond reading, or has no address, is counted as unreadable.

    Raises:
        ParseError: when it is an index of sitemaps; the text names the newest.
    """
    text = well_formed(text)
    reader = _Reader()
    reader.read(text)
    if reader.root == "sitemapindex":
        raise ParseError(_which_instead(reader.entries, url))
    pages = [(entry, address) for entry in reader.entries if (address := clean.web_address(entry.get("loc"), url))]
    begun = sum(1 for found in _ENTRIES.finditer(text) if found[1] == "url")
    title = next((entry["name"] for entry in reader.entries if entry.get("name")), "")
    return Contents(
        title=_line(title),
        items=[_page(entry, address) for entry, address in pages],
        skipped={"unreadable": max(begun - len(pages), 0)},
    )


def _page(entry: Mapping[str, str], address: str) -> Item:
    dates = (clean.utc_time(entry.get(key)) for key in ("publication_date", "lastmod"))
    return make_item(
        guid="",
        url=address,
        title=_line(entry.get("title", "")),
        summary=_line(entry.get("keywords", "")),
        content="",
        author=None,
        language=clean.language_code(entry.get("language")),
        published_at=next((date for date in dates if date), None),
    )


def _line(value: str) -> str:
    return clean.one_line(clean.to_text(value, is_html=clean.looks_like_markup(value)))


def _which_instead(entries: list[dict[str, str]], url: str) -> str:
    listed = [(clean.web_address(entry.get("loc"), url), entry) for entry in entries]
    dated = [(clean.utc_time(entry.get("lastmod")) or _OLDEST, address) for address, entry in listed if address]
    newest = [address[:300] for _, address in sorted(dated, key=lambda pair: pair[0], reverse=True)[:_NAMED]]
    if not newest:
        return "the body is an index of sitemaps that lists none; look for the feed's own address"
    return (
        f"the body is an index of {len(dated)} sitemaps, not a feed; use one of them, newest first: {', '.join(newest)}"
    )


class _Reader:
    """Collects the fields of each ``url`` or ``sitemap``, without a tree: memory follows the text, not its depth."""

    def __init__(self) -> None:
        self.root = ""
        self.entries: list[dict[str, str]] = []
        self._entry: dict[str, str] | None = None
        self._other: str | None = None  # the extension that is being passed over
        self._words: list[str] | None = None

    def read(self, text: str) -> None:
        """Read ``text``; where it is not well formed, go on with the entry that follows."""
        body = text.encode()
        for _ in range(_MOST_BREAKS):
            parser = expat.ParserCreate("utf-8")
            parser.buffer_text = True
            parser.StartElementHandler = self._start
            parser.EndElementHandler = self._end
            parser.CharacterDataHandler = self._characters
            try:
                parser.Parse(body, True)
            except expat.ExpatError:
                following = _FOLLOWING.search(body, parser.ErrorByteIndex)
            else:
                return
            if following is None:
                return
            self._entry = self._other = self._words = None
            body = f"<{self.root}>".encode() + body[following.start() :]

    def _start(self, name: str, _attributes: Mapping[str, str]) -> None:
        local = name.lower().rpartition(":")[2]
        self.root = self.root or local
        if local in ("url", "sitemap") and not self._other:
            self._entry = {}
        elif self._entry is not None and not self._other:
            self._words = [] if local in _FIELDS else None
            self._other = name if local in _OTHERS else None

    def _end(self, name: str) -> None:
        local = name.lower().rpartition(":")[2]
        if self._other:
            self._other = None if name == self._other else self._other
        elif self._entry is not None and self._words is not None and local in _FIELDS:
            self._entry.setdefault(local, "".join(self._words).strip())
            self._words = None
        elif self._entry is not None and local in ("url", "sitemap"):
            self.entries.append(self._entry)
            self._entry = None

    def _characters(self, text: str) -> None:
        if self._words is not None and not self._other:
            self._words.append(text)
