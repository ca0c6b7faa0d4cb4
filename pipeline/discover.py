"""Finds the feeds that a web page names, and the usual places of those that it does not. Pure: fetches nothing.

A hostile page costs a second or two at most: bytes, tags, links and nesting that are read are bounded.

Source: https://www.rssboard.org/rss-autodiscovery, https://html.spec.whatwg.org/multipage/links.html#rel-alternate
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urljoin, urlsplit

from lxml import etree

from pipeline.clean import one_line, web_address

#: Where a candidate comes from, most trustworthy first: named as a feed, linked to, guessed.
Found = Literal["link", "anchor", "guess"]

_MOST_BYTES = 3_000_000
_MOST_TAGS = 200_000
_MOST_LINKS = 5_000  # that are looked at closely
_DEEPEST = 500
_LONGEST_TITLE = 200

_TYPES = {
    "application/rss+xml": "RSS",
    "application/x-rss+xml": "RSS",
    "application/rdf+xml": "RSS",
    "application/atom+xml": "Atom",
    "application/feed+json": "JSON Feed",
    "application/json": "JSON Feed",
    "application/xml": "XML",
    "text/xml": "XML",
    "": "feed",
}
_FEED_PATH = re.compile(
    r"(?:^|[/._-])(?:feeds?|rss|rss2|atom|rdf)(?:[/._-]?(?:index|all|xml|rss|atom|json|rdf|php|aspx?))*/?\Z"
    r"|\.(?:rss|atom|rdf)\Z|/(?:rss|feeds?|atom)/[^/]*\.(?:xml|json|php)\Z|/index\.xml\Z",
    re.IGNORECASE,
)
_FEED_QUERY = re.compile(
    r"(?:^|&)(?:feed|format|type|output|alt|mode)=(?:rss|atom|rdf|feed|json ?feed)[\d.]*(?:&|\Z)", re.IGNORECASE
)
_COMMENTS = re.compile(r"(?:^|[/?&=._-])(?:comments?|replies)(?:[/=._-]|-rss2|\Z)", re.IGNORECASE)
_USUAL = (
    "feed", "rss", "rss.xml", "feed.xml", "atom.xml", "index.xml", "feed.json", "feeds", "sitemap-news.xml",
    "news-sitemap.xml",
)  # fmt: skip
_CHARSET = re.compile(rb"""<meta\b[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:+-]{1,40})""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address that may be a feed's: absolute, http or https. ``kind`` is what the page says that it is."""

    url: str
    title: str
    kind: str
    found: Found
    of_comments: bool = False


def candidates(body: bytes, url: str, content_type: str = "") -> list[Candidate]:
    """What the page ``body``, which came from ``url``, names as feeds or links to as such; best first.

    Those of comments come last, links to other sites after those to the page's own. Empty when the body is no page.
    """
    page = _Page(url)
    parser = etree.HTMLParser(target=page, encoding="utf-8")
    data = _text(body[:_MOST_BYTES], content_type).replace("\0", "\ufffd").encode("utf-8", "replace")
    try:
        for start in range(0, len(data), 1 << 16):
            parser.feed(data[start : start + (1 << 16)])
        parser.close()
    except _EnoughError:
        pass  # what was found so far is what is named where people look
    except etree.LxmlError:
        pass  # an empty page, or one that even this parser gives up
    site = (urlsplit(url).hostname or "").removeprefix("www.")

    def rank(candidate: Candidate) -> tuple[bool, bool, bool]:
        host = urlsplit(candidate.url).hostname or ""
        is_own = host == site or host.endswith(f".{site}")
        return candidate.of_comments, candidate.found == "anchor", candidate.found == "anchor" and not is_own

    return sorted(page.found.values(), key=rank)


def guesses(url: str) -> list[Candidate]:
    """The usual places of feeds on the site of ``url``: below its own folder first, then at the top."""
    parts = urlsplit(url)
    folder = parts.path if parts.path.endswith("/") else f"{parts.path}/"
    places = [urljoin(url, f"/{name}") for name in _USUAL]
    if folder != "/" and "." not in parts.path.rpartition("/")[2]:
        top = f"{parts.scheme}://{parts.netloc}"
        places = [f"{top}{folder}{name}" for name in ("feed", "rss.xml", "atom.xml")] + places
    return [Candidate(place, "", "feed", "guess") for place in places]


class _EnoughError(Exception):
    """The page goes on beyond what is worth reading."""


class _Page:
    """Takes what lxml's parser meets, one tag at a time; nothing of the page is kept but its feeds."""

    def __init__(self, url: str) -> None:
        self.found: dict[str, Candidate] = {}
        self._url = self._base = url
        self._has_base = False
        self._tags = self._links = self._depth = 0
        self._open: tuple[str, list[str]] | None = None  # the link that is being read, and its words

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        self._tags += 1
        if self._depth > _DEEPEST or self._tags > _MOST_TAGS or self._links > _MOST_LINKS:
            raise _EnoughError
        href = attributes.get("href")
        if tag == "base" and href is not None and not self._has_base:
            self._base, self._has_base = web_address(href, self._url) or self._url, True
        elif tag == "link" and href:
            self._link(href, attributes)
        elif tag in ("a", "area") and href:
            self._anchor(href, attributes)

    def end(self, tag: str) -> None:
        self._depth -= 1
        if tag == "a" and self._open is not None:
            url, words = self._open
            self._open = None
            title = one_line(" ".join(words))[:_LONGEST_TITLE]
            if title and not self.found[url].title:
                self.found[url] = replace(self.found[url], title=title)

    def data(self, text: str) -> None:
        if self._open is not None and sum(map(len, self._open[1])) < _LONGEST_TITLE:
            self._open[1].append(text[:_LONGEST_TITLE])

    def comment(self, text: str) -> None:
        """Comments name nothing."""

    def close(self) -> None:
        """Nothing is left to do."""

    def _link(self, href: str, attributes: Mapping[str, str]) -> None:
        rel = set(attributes.get("rel", "").lower().split())
        kind = _TYPES.get(attributes.get("type", "").partition(";")[0].strip().lower())
        if not rel & {"alternate", "feed"} or "stylesheet" in rel or kind is None:
            return
        # without a type an alternate is the page in another language; JSON may be the page for programs
        if "feed" not in rel and (kind == "feed" or attributes.get("hreflang") or _is_plain_json(attributes, href)):
            return
        self._add(href, attributes.get("title", ""), kind, "link")

    def _anchor(self, href: str, attributes: Mapping[str, str]) -> None:
        kind = _TYPES.get(attributes.get("type", "").partition(";")[0].strip().lower(), "feed")
        if kind in ("feed", "XML", "JSON Feed") and not looks_like_a_feed(href):
            return
        url = self._add(href, attributes.get("title", ""), kind, "anchor")
        self._open = (url, []) if url else None

    def _add(self, href: str, title: str, kind: str, found: Found) -> str | None:
        self._links += 1
        href = href.strip()
        if href[:5].lower() == "feed:":
            href = f"http:{href[5:]}" if href.startswith("//", 5) else href[5:]
        url = web_address(href, self._base)
        if url is None:
            return None
        url = url.partition("#")[0]
        title = one_line(title)[:_LONGEST_TITLE]
        self.found.setdefault(url, Candidate(url, title, kind, found, bool(_COMMENTS.search(_behind_host(url)))))
        return url


def looks_like_a_feed(address: str) -> bool:
    """True when ``address`` is written as those of feeds are, such as /feed/, news.rss or ?format=atom."""
    if address[:5].lower() == "feed:":
        return True
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return False
    host = parts.netloc.lower()
    if host.startswith(("feeds.", "rss.", "feed.")) and parts.path.strip("/"):
        return True
    return bool(_FEED_PATH.search(parts.path) or _FEED_QUERY.search(parts.query))


def _is_plain_json(attributes: Mapping[str, str], href: str) -> bool:
    return attributes.get("type", "").lower().startswith("application/json") and "feed" not in href.lower()


def _behind_host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _text(body: bytes, content_type: str) -> str:
    """The page as text, by its mark, the HTTP charset, its meta element, else as UTF-8; bad bytes become U+FFFD."""
    marks = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
    by_mark = next((name for mark, name in marks.items() if body.startswith(mark)), None)
    header = re.search(r"""charset\s*=\s*["']?([\w.:+-]{1,40})""", content_type, re.IGNORECASE)
    meta = _CHARSET.search(body[:4096])
    for name in (by_mark, header and header[1], meta and meta[1].decode()):
        try:
            if name and not codecs.lookup(name).name.startswith(("idna", "punycode")):  # slow, and never a page's
                return body.decode(name, "replace").removeprefix("\ufeff")
        except (LookupError, UnicodeError):
            continue
    return body.decode("utf-8", "replace")
