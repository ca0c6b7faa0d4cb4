"""Bytes to items: one body of any feed format, read into frozen values.

Reads RSS 0.9x/1.0/2.0, Atom 0.3/1.0 and RDF through feedparser, JSON Feed 1.x and news sitemaps itself. Pure: opens no
address or file, asks no clock, knows no database. Every entry becomes an item; none is dropped for its date, position
or shape, and what cannot be read is counted by reason (``contents.Skip``).
"""

from __future__ import annotations

from pipeline.errors import ParseError
from pipeline.models import ParsedFeed
from pipeline.parse.body import root_name, text_of
from pipeline.parse.identity import distinct, says_something
from pipeline.parse.jsonfeed import read_json_feed
from pipeline.parse.sitemap import read_sitemap
from pipeline.parse.xmlfeed import read_xml_feed

__all__ = ["parse"]

_NO_ENTRY = ("deleted",)


def parse(body: bytes, url: str, content_type: str = "") -> ParsedFeed:
    """Read ``body``, which came from ``url`` under the HTTP header ``content_type``.

    ``entries`` are the distinct items and all that was skipped, but for tombstones.

    Raises:
        ParseError: when the body is no feed; the text says what it is instead.
    """
    text = text_of(body, content_type)
    if not text:
        raise ParseError("the body is empty; the server may be in trouble, it is asked again later")
    if text[0] in "{[":
        found = read_json_feed(text, url)
    elif root_name(text) in ("urlset", "sitemapindex"):
        found = read_sitemap(text, url)
    else:
        found = read_xml_feed(text, url)
    said = [item for item in found.items if says_something(item)]
    items = tuple(distinct(said))
    counts = {**found.skipped, "empty": len(found.items) - len(said), "repeated": len(said) - len(items)}
    skipped = {str(reason): count for reason, count in counts.items() if count}
    return ParsedFeed(
        title=found.title,
        items=items,
        entries=len(items) + sum(count for reason, count in skipped.items() if reason not in _NO_ENTRY),
        skipped=skipped,
        hints=found.hints,
        links=found.links,
    )
