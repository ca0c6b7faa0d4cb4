"""RSS, RDF and Atom: feedparser's entries as items."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import feedparser

from pipeline import clean
from pipeline.errors import ParseError
from pipeline.models import Item
from pipeline.parse.body import root_name, well_formed
from pipeline.parse.contents import Contents
from pipeline.parse.hints import hints_of, links_of
from pipeline.parse.identity import make_item
from pipeline.parse.survey import apart, survey

_WITHIN = re.compile(r"<(?:rss|rdf:RDF|feed)(?=[\s>])", re.IGNORECASE)
# What is read entry by entry: a millisecond each, more for markup made to be slow
_MOST_APART = 2000
_LONGEST_APART = 2_000_000


def read_xml_feed(text: str, url: str) -> Contents:
    """What a feed in XML, polled at ``url``, holds.

    Raises:
        ParseError: when it is no feed.
    """
    text = well_formed(text)
    if root_name(text) == "html" and (within := _WITHIN.search(text)) and survey(text).entries:
        text = text[within.start() :]  # a feed that a broken server put into a page
    begun = survey(text)
    feed, entries = _read(text, begun.entries)
    atom = root_name(text) in ("feed", "entry")
    feed_language = clean.language_code(feed.get("language"))
    cut_off = bool(entries) and _is_cut_off(text, entries)
    return Contents(
        title=_title(feed, atom=atom),
        items=[_xml_item(entry, url, feed_language, atom=atom) for entry in entries[: -1 if cut_off else None]],
        skipped={
            "deleted": begun.tombstones,
            "cut_off": int(cut_off),
            "unreadable": max(len(begun.entries) - len(entries), 0),
        },
        hints=hints_of(feed, begun),
        links=links_of(((link.get("rel"), link.get("href")) for link in feed.get("links", [])), url),
    )


def _read(text: str, begun: Sequence[int]) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    """feedparser's feed and entries. Where it gives fewer than are ``begun``, each is read for itself."""
    error: ParseError | None = None
    feed: Mapping[str, Any] = {}
    entries: list[Mapping[str, Any]] = []
    try:
        parsed = _parsed(text)
        if not parsed.get("version") and not parsed.entries:
            raise ParseError(_what_it_is(text, parsed.get("bozo_exception")))
        feed, entries = parsed.feed, parsed.entries
    except ParseError as caught:
        error = caught
    if len(entries) < len(begun) and len(begun) <= _MOST_APART and len(text) <= _LONGEST_APART:
        documents = []
        for document in apart(text, begun):
            with contextlib.suppress(ParseError):
                documents.append(_parsed(document))
        found = [entry for document in documents for entry in document.entries]
        if len(found) > len(entries):
            return documents[0].feed, found
    if error is not None:
        raise error
    return feed, entries


def _parsed(text: str) -> Any:
    # Markup is turned into plain text below, so feedparser's own sanitising (60 % of its time) is not needed. It is not
    # told the address, so that a relative guid stays the same when the feed moves.
    try:
        return feedparser.parse(
            io.BytesIO(text.encode()),
            response_headers={"content-type": "application/xml; charset=utf-8"},
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    except (ValueError, TypeError, LookupError, OverflowError, AssertionError, RuntimeError) as error:
        # what feedparser and sgmllib raise for stray end tags, impossible characters and endless nesting
        raise ParseError(f"the body is broken beyond reading ({clean.one_line(str(error))[:120]})") from None


def _is_cut_off(text: str, entries: list[Mapping[str, Any]]) -> bool:
    """True when ``text`` ends inside its last entry, before what would identify it; the next poll brings it whole."""
    end = max(text.rfind(f"</{name}>") for name in ("item", "entry", "rss", "feed", "rdf:RDF", "channel"))
    begin = max(text.rfind(f"<{name}{after}") for name in ("item", "entry") for after in "> \n\r\t")
    return begin > end > -1 and not entries[-1].get("id") and any(entry.get("id") for entry in entries)


def _what_it_is(text: str, error: object) -> str:
    start = text[:2000].lower()
    if "<html" in start or "<!doctype html" in start:
        return "the body is a web page (HTML), not a feed; look for the feed's own address"
    reason = f": {clean.one_line(str(error))[:120]}" if error else ""
    return f"the body is not a feed{reason}; open the address in a browser to see what it is"


def _xml_item(entry: Mapping[str, Any], url: str, feed_language: str | None, *, atom: bool) -> Item:
    contents = [detail for detail in entry.get("content", []) if detail.get("value")]
    summary = _text(entry, "summary", atom=atom)
    if "summary_detail" not in entry and any(detail["value"] == entry.get("summary") for detail in contents):
        summary = ""  # feedparser's copy of the content
    content = "\n".join(dict.fromkeys(text for detail in contents if (text := _value(detail, atom=atom))))
    dates = (entry[key] for key in ("published", "updated", "created") if key in entry)
    languages = (clean.language_code(detail.get("language")) for detail in contents)
    enclosures = (clean.web_address(enclosure.get("href"), url) for enclosure in entry.get("enclosures", []))
    return make_item(
        guid=str(entry.get("id") or ""),
        url=_link(entry, url),
        enclosure=next((address for address in enclosures if address), None),
        title=_title(entry, atom=atom),
        summary="" if summary == content else summary,
        content=content,
        author=_author(entry),
        language=next((code for code in languages if code), None) or feed_language,
        published_at=next((moment for date in dates if (moment := clean.utc_time(date))), None),
    )


def _title(entry: Mapping[str, Any], *, atom: bool) -> str:
    return clean.one_line(_text(entry, "title", atom=atom))


def _text(entry: Mapping[str, Any], key: str, *, atom: bool) -> str:
    value, detail = entry.get(key) or "", entry.get(f"{key}_detail") or {}
    if detail.get("value") != value:  # it is that of another element, such as the title of an image
        return _value({"value": value}, atom=False)
    return _value(detail, atom=atom)


def _value(detail: Mapping[str, Any], *, atom: bool) -> str:
    """Plain text of one value. Atom says what a value is; RSS does not, so there the value itself is looked at."""
    value = str(detail.get("value") or "")
    declared = str(detail.get("type") or "").lower()
    return clean.to_text(value, is_html="html" in declared or (not atom and clean.looks_like_markup(value)))


def _link(entry: Mapping[str, Any], url: str) -> str | None:
    # a guid that feedparser took for the link counts only when it is a whole address
    found = clean.web_address(entry.get("link"), "" if entry.get("guidislink") else url)
    links = entry.get("links", []) if found is None else []
    others = (
        link.get("href") for rel in ("alternate", "related", "via", "self") for link in links if link.get("rel") == rel
    )
    return found or next((address for other in others if (address := clean.web_address(other, url))), None)


def _author(entry: Mapping[str, Any]) -> str | None:
    names = [str(author.get("name") or author.get("email") or "") for author in entry.get("authors", [])]
    plain = (clean.one_line(clean.to_text(name, is_html=True)) for name in names or [str(entry.get("author") or "")])
    return ", ".join(dict.fromkeys(name for name in plain if name)) or None
