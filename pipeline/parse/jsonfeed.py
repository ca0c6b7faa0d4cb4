"""JSON Feed: its entries as items."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline import clean
from pipeline.errors import ParseError
from pipeline.models import Item
from pipeline.parse.contents import Contents, Skip
from pipeline.parse.hints import links_of
from pipeline.parse.identity import make_item

_READER = json.JSONDecoder(strict=False)
_STRAY_COMMA = re.compile(r"""("(?:[^"\\]++|\\.)*+(?:"|\Z))|,(?=\s*+[\]}])""", re.DOTALL)
_LIST = re.compile(r'"items"\s*:\s*\[')
_VERSION = re.compile(r'"version"\s*:\s*"([^"\\]{1,200})"')
_ELEMENT = re.compile(r"[\s,]*(?=[^\s,\]])")
_NEXT = re.compile(r"\}\s*,\s*(?=\{)")
_MOST_BROKEN = 1000  # entries; each may be read far before it turns out to be broken


def read_json_feed(text: str, url: str) -> Contents:
    """What a JSON Feed, polled at ``url``, holds; ids may be numbers, which become text.

    Line ends within texts, commas at the end of a list and what follows the feed do not matter. Of a feed that is
    broken or cut off, every entry is kept that is whole. Source: JSON Feed 1.0 and 1.1,
    https://jsonfeed.org/version/1.1

    Raises:
        ParseError: when it is none.
    """
    broken: dict[Skip, int] = {}
    try:
        feed = _READER.decode(text)
    except (ValueError, RecursionError) as error:
        feed, broken = _in_pieces(_STRAY_COMMA.sub(lambda found: found[1] or "", text))
        if not feed["items"]:
            raise ParseError(f"the body is broken JSON ({error}); the server may be in trouble") from None
    version = feed.get("version") if isinstance(feed, dict) else None
    if not isinstance(version, str) or "jsonfeed.org" not in version or not isinstance(feed.get("items"), list):
        raise ParseError("the body is JSON but not a JSON Feed; look for the feed's own address")
    feed_language = clean.language_code(_string(feed, "language"))
    entries = [entry for entry in feed["items"] if isinstance(entry, dict)]
    return Contents(
        title=clean.one_line(_text(feed, "title")),
        items=[_json_item(entry, url, feed_language) for entry in entries],
        skipped={"not_object": len(feed["items"]) - len(entries), **broken},
        links=links_of(_links(feed), url),
    )


def _in_pieces(text: str) -> tuple[dict[str, Any], dict[Skip, int]]:
    """The feed that ``text`` holds in pieces: what stands before its items, and each item that can be read for itself.

    Also how many cannot, by reason.
    """
    listed = _LIST.search(text)
    start, at = (listed.start(), listed.end()) if listed else (0, len(text))
    try:
        feed = _READER.decode(text[:start].rstrip(" \t\r\n,") + "}")
    except (ValueError, RecursionError):
        feed = {}
    if version := _VERSION.search(text):
        feed.setdefault("version", version[1])
    items, broken = [], 0
    while broken < _MOST_BROKEN and (element := _ELEMENT.match(text, at)):
        try:
            entry, at = _READER.raw_decode(text, element.end())
            items.append(entry)
        except (ValueError, RecursionError):
            following = _NEXT.search(text, element.end())
            if following is None:
                return {**feed, "items": items}, {"unreadable": broken, "cut_off": 1}
            broken, at = broken + 1, following.end()
    return {**feed, "items": items}, {"unreadable": broken}


def _links(feed: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    hubs = feed.get("hubs")
    for hub in hubs if isinstance(hubs, list) else []:
        if isinstance(hub, dict) and _string(hub, "type").lower() in ("websub", "pubsubhubbub"):
            yield "hub", hub.get("url")
    yield "self", feed.get("feed_url")
    yield "next", feed.get("next_url")


def _json_item(entry: Mapping[str, Any], url: str, feed_language: str | None) -> Item:
    identity = entry.get("id")
    markup = _string(entry, "content_html")
    content = clean.to_text(markup, is_html=True) if markup else _text(entry, "content_text")
    summary = _text(entry, "summary")
    listed = entry.get("authors")
    authors = listed if isinstance(listed, list) and listed else [entry.get("author")]
    names = [clean.one_line(_text(author, "name")) for author in authors if isinstance(author, dict)]
    dates = (clean.utc_time(_string(entry, key)) for key in ("date_published", "date_modified"))
    links = (clean.web_address(_string(entry, key), url) for key in ("url", "external_url"))
    attachments = entry.get("attachments")
    attached = (
        clean.web_address(_string(attachment, "url"), url)
        for attachment in (attachments if isinstance(attachments, list) else [])
        if isinstance(attachment, dict)
    )
    return make_item(
        guid=_number_text(identity) if isinstance(identity, (str, int, float)) else "",
        url=next((link for link in links if link), None),
        enclosure=next((address for address in attached if address), None),
        title=clean.one_line(_text(entry, "title")),
        summary="" if summary == content else summary,
        content=content,
        author=", ".join(name for name in names if name) or None,
        language=clean.language_code(_string(entry, "language")) or feed_language,
        published_at=next((date for date in dates if date), None),
    )


def _text(mapping: Mapping[str, Any], key: str) -> str:
    return clean.to_text(_string(mapping, key), is_html=False)


def _string(mapping: Mapping[str, Any], key: str) -> str:
    value = mapping.get(key)
    return value if isinstance(value, str) else ""


def _number_text(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
