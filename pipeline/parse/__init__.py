"""Bytes to items: one body of any feed format, read into frozen values.

Reads RSS 0.9x/1.0/2.0, Atom 0.3/1.0 and RDF through feedparser, JSON Feed 1.x itself. Pure: opens no address or file,
asks no clock, knows no database. Every entry becomes an item; none is dropped for its date, position or shape.
"""

from __future__ import annotations

from pipeline.errors import ParseError
from pipeline.models import ParsedFeed
from pipeline.parse.body import text_of
from pipeline.parse.identity import distinct
from pipeline.parse.jsonfeed import read_json_feed
from pipeline.parse.xmlfeed import read_xml_feed

__all__ = ["parse"]


def parse(body: bytes, url: str, content_type: str = "") -> ParsedFeed:
    """Read ``body``, which came from ``url`` under the HTTP header ``content_type``.

    Raises:
        ParseError: when the body is no feed; the text says what it is instead.
    """
    text = text_of(body, content_type)
    if not text:
        raise ParseError("the body is empty; the server may be in trouble, it is asked again later")
    title, items = read_json_feed(text, url) if text[0] in "{[" else read_xml_feed(text, url)
    return ParsedFeed(title=title, items=tuple(distinct(items)), entries=len(items))
