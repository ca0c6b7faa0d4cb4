"""A page's bytes to the text of its article, through trafilatura. Pure; nothing that a page holds raises.

trafilatura (Barbaresi, ACL 2021, https://aclanthology.org/2021.acl-demo.15/) finds the article; here stands what it
does not do: bounds of size, the article that was meant where a page holds several, and lines that are no part of it.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.clean import one_line, plain
from pipeline.fulltext.charset import text_of
from pipeline.likeness import Grams, grams, share, size

log = logging.getLogger(__name__)

#: Bytes of a page; more is no article. What the fetcher may bring back is larger, for feeds.
MAX_BYTES = 5_000_000
#: Elements of a page. Time goes with them, 0.1 to 0.3 ms each; a long live blog has some 10,000.
MAX_ELEMENTS = 20_000
#: Attributes of one element; libxml2 takes time in proportion to their square, and cannot be interrupted.
MAX_ATTRIBUTES = 1_000

_TYPES = frozenset({"", "text/html", "application/xhtml+xml", "text/plain", "application/octet-stream"})
_NOT_PAGES = (
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
)
_HTML = re.compile(r"<(?:!doctype html|html|head|body|div|p|article|main|table|h1)\b", re.IGNORECASE)
_ATTRIBUTE = (
    r"""[\s/]*+(?:[^\s/>=]++(?:\s*+=\s*+(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^\s>"'][^\s>]*+)?+)?+|=)"""  # as libxml2
)
_TAG = re.compile(rf"<[a-zA-Z][^\s/>]*+(?:{_ATTRIBUTE}){{0,{MAX_ATTRIBUTES}}}+(?P<more>{_ATTRIBUTE})?")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_TITLES = "(//meta[@property='og:title' or @name='twitter:title']/@content | //head/title)[position() < 6]"
_NOT_FREE = re.compile(r'"isAccessibleForFree"\s*:\s*"?false', re.IGNORECASE)
# Names that site builders give to what is no article. Only small elements are taken out by them.
_ASIDE = re.compile(
    r"(?<![a-z])(?:cookies?|consent|gdpr|newsletter|subscri(?:be|ption)|signup|sign-up|promo|paywall|regwall|feedback"
    r"|satisfaction|prev_?-?next|pager|breadcrumbs?|read-?also|attachments?|view_file|copyright|disclaimer)(?![a-z])",
    re.IGNORECASE,
)
_NOTICE = re.compile(  # a line that says whose the text is, or that it is interrupted
    r"[©ⓒ]|무단\s?(?:전재|복제)|無断転載|责任编辑|責任編輯|责编[:：]|版权所有|all rights reserved|все права защищены"
    r"|(?:story|article) continues (?:below|after)|\A\W*(?:上一篇|下一篇)|扫一扫|扫描二维码"
    r"|\A\W*(?:advertisement|anzeige|publicité|publicidad|реклама|广告|広告|광고)\W*\Z"
    r"|\A\W*(?:read (?:more|also)|lesen sie auch|lire aussi|lea también|читайте также"
    r"|관련\s?기사|相关阅读|関連記事)\W*:"
    r"|подписывайтесь на (?:наш|канал)|suscríbete a (?:la|nuestra)|subscribe to our (?:newsletter|channel)",
    re.IGNORECASE,
)
_LONGEST_NAME = 1_000  # characters of a class or an id
_LARGEST_ASIDE = 1_500  # characters, white space included
_LONGEST_NOTICE = 200  # characters; longer is a paragraph that speaks of such things


@dataclass(frozen=True, slots=True)
class PageText:
    """The text of a page's article: plain, a line for each paragraph. Without text, ``reason`` says why."""

    url: str  # the address that answered
    text: str = ""
    titles: tuple[str, ...] = ()  # what the page calls itself, in its head and in its headings
    headings: tuple[str, ...] = ()  # of these, the ones that a reader sees
    locked: bool = False  # the page says that not all of it is free to read
    reason: str = ""


def extract(page: bytes, url: str, content_type: str = "", title: str = "") -> PageText:
    """The article of ``page``, which ``url`` gave under the HTTP header ``content_type``.

    ``title`` is the item's; it tells which article is meant where a page holds several. The page's headline is not
    part of the text. Comments are left out, tables are kept: indicators and lists of sanctions stand in them.
    """
    reason = _unreadable(page, content_type)
    if reason:
        return PageText(url, reason=reason)
    markup = _NOT_XML.sub("", text_of(page, content_type))
    if not _HTML.search(markup):
        return PageText(url, reason="is not a web page (no HTML)")
    if any(tag["more"] for tag in _TAG.finditer(markup)):
        return PageText(url, reason=f"is built to be slow (an element with more than {MAX_ATTRIBUTES:,} attributes)")
    try:
        return _read(markup, url, title)
    except Exception as error:  # whatever makes lxml and trafilatura stumble; logged with its traceback
        log.warning("%s: its text cannot be extracted", url, exc_info=error)
        return PageText(url, reason=f"cannot be read ({type(error).__name__})")


def _unreadable(page: bytes, content_type: str) -> str:
    """Why ``page`` cannot be a web page with an article; empty when it may be one."""
    kind = content_type.partition(";")[0].strip().lower()
    start = page[:64].lstrip()
    if not page.strip():
        return "is empty"
    if kind not in _TYPES:
        return f"is not a web page ({kind[:60]})"
    for beginning, name in _NOT_PAGES:
        if start.startswith(beginning):
            return f"is not a web page ({name})"
    if start[:1] in (b"{", b"["):
        return "is not a web page (JSON)"
    if len(page) > MAX_BYTES:
        return f"is too large ({len(page):,} bytes; at most {MAX_BYTES:,})"
    return ""


def _read(markup: str, url: str, title: str) -> PageText:
    html, bare_extraction = _libraries()
    try:
        # As bytes: text that names an encoding of its own is refused.
        tree = html.document_fromstring(markup.encode(), parser=_parser())
    except html.etree.ParserError:
        return PageText(url, reason="holds no markup")
    locked = any(_NOT_FREE.search(script.text or "") for script in tree.iter("script"))
    html.etree.strip_elements(tree, "script", "style", "svg", "template", "noscript", with_tail=False)
    elements = sum(1 for _ in tree.iter())
    if elements > MAX_ELEMENTS:
        return PageText(url, reason=f"is too large ({elements:,} elements; at most {MAX_ELEMENTS:,})")
    headings = tuple(_names(tree.xpath("//h1")[:3]))
    for element in tree.iter():
        for name in ("class", "id"):
            if len(element.get(name) or "") > _LONGEST_NAME:  # trafilatura tries some hundred expressions on each
                del element.attrib[name]
    titles = tuple(dict.fromkeys((*_names(tree.xpath(_TITLES)), *headings)))
    _keep_one_article(tree, title)
    _take_out_asides(tree)
    for summary in tree.iter("summary"):  # the question of a foldable answer
        summary.tag = "h3"
    document = bare_extraction(tree, url=None, include_comments=False, include_tables=True, deduplicate=False)
    text = _article(document.text if document else "", {*titles, one_line(title)})
    return PageText(url, text, titles, headings, locked, "" if text else "holds no article")


@functools.cache
def _libraries() -> tuple[Any, Any]:
    """lxml.html and trafilatura's extraction. Takes a second and 40 MB, so it waits until a page is there."""
    from lxml import etree, html  # noqa: PLC0415
    from trafilatura import bare_extraction  # noqa: PLC0415

    html.etree = etree
    # It reports each page without an article as an error; here that is a reason in the result.
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL + 1)
    return html, bare_extraction


def _parser() -> Any:
    html, _ = _libraries()
    return html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, collect_ids=False)


def _names(found: list[Any]) -> Iterator[str]:
    """What ``found``, elements and attributes, say as one line each."""
    for one in found:
        name = one_line(str(one) if isinstance(one, str) else _text(one)[:2000])[:500]
        if name:
            yield name


def _keep_one_article(tree: Any, title: str) -> None:
    """Where whole articles follow one another, as on pages that never end, only the one meant by ``title`` stays."""
    articles = [found for found in tree.xpath("//article[.//h1][not(ancestor::article)]") if size(_text(found)) > 300]
    if len(articles) < 2:
        return
    wanted = grams(title)
    meant = max(articles, key=lambda article: _likeness(wanted, article))  # the first, where none is like it
    for article in articles:
        if article is not meant:
            article.drop_tree()


def _likeness(wanted: Grams, article: Any) -> float:
    return max(share(wanted, grams(heading.text_content())) for heading in article.xpath(".//h1"))


def _take_out_asides(tree: Any) -> None:
    """Drop small elements whose class or id says that they are no article, and table cells that are a menu."""
    for element in tree.xpath(
        "//body//*[self::div or self::section or self::aside or self::p or self::ul or self::form]"
    ):
        name = f"{element.get('class') or ''} {element.get('id') or ''}"
        if _ASIDE.search(name) and _is_small(element) and not element.xpath(".//h1|.//article"):
            element.drop_tree()
    for cell in tree.xpath("//td[count(.//a) > 2][not(.//table)]"):
        linked = sum(size(_text(link)) for link in cell.xpath(".//a"))
        if linked >= 0.7 * size(_text(cell)):
            cell.drop_tree()


def _is_small(element: Any) -> bool:
    """Whether the text of ``element`` is short; looks no further than it must, as elements may stand in elements."""
    length = 0
    for text in element.itertext():
        length += len(text)
        if length > _LARGEST_ASIDE:
            return False
    return True


def _text(element: Any) -> str:
    return str(element.text_content())


def _article(text: str, titles: set[str]) -> str:
    """``text`` without the headline it may start with and without lines that are notices."""
    lines = plain(text).splitlines()
    while lines and one_line(lines[0]) in titles:
        del lines[0]
    kept = [line for line in lines if len(line) > _LONGEST_NOTICE or not _NOTICE.search(line)]
    return "\n".join(kept)
