"""A body's bytes as text, and that text as XML that a strict parser reads. Never raises."""

from __future__ import annotations

import re
from html.entities import html5
from xml.sax.saxutils import escape

from pipeline.parse.charset import decoded

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ROOT = re.compile(r"<([A-Za-z][\w:.-]*)")
_COMMENTS = re.compile(r"<!--.*?-->", re.DOTALL)
_XML_START = re.compile(r"[\s\ufeff]*(?:<\?xml[^>]*>\s*)?")
_REFERENCES = re.compile(
    r"(?P<as_is><!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)|&(?:amp|lt|gt|quot|apos);)"
    r"|(?P<doctype><!DOCTYPE[^\[>]*+(?:\[.*?(?:\]\s*+>|(?=<(?:rss|feed|rdf:RDF|urlset)[\s>])|\Z)|>|\Z))"
    r"|&(?:#(?P<decimal>\d{1,7});|#[xX](?P<hex>[0-9a-fA-F]{1,6});|(?P<name>[a-zA-Z]\w*+);)?",
    re.DOTALL | re.IGNORECASE,
)

_ENDLESS_TAG = re.compile(r"<([A-Za-z_][\w:.-]*)\s[^<>]{20000,}?(/?)>")
_ENDLESS_AUTHOR = re.compile(
    r"(<(?:[\w.-]+:)?(?:author|creator|managingEditor|webMaster|name)\b[^<>]*>[^<]{2000})[^<]+"
)
_MOST_CATEGORIES = 5000
_CATEGORY = re.compile(r"<category\b[^<>]*(?:/>|>(?:[^<]*|<!\[CDATA\[[^\]]*\]\]>)</category\s*>)")


def text_of(body: bytes, content_type: str) -> str:
    """``body``, which came under the HTTP header ``content_type``, as text without white space at its start."""
    return decoded(body, content_type).lstrip("\ufeff \t\r\n\x00")


def root_name(text: str) -> str:
    """The local name of the first element of ``text`` in small letters, whatever comes before it; "" without one."""
    root = _ROOT.search(_COMMENTS.sub("", text[:5000]))
    return root[1].lower().rsplit(":")[-1] if root else ""


def well_formed(text: str) -> str:
    """``text`` without what most often breaks XML, so that the strict parser reads it.

    Drops characters that XML forbids and the document type, so that no entity is ever declared, expanded or fetched;
    writes HTML's named characters as themselves and a lone ``&`` as ``&amp;``.
    """

    def mended(found: re.Match[str]) -> str:
        if found["as_is"]:
            return found[0]
        if found["doctype"]:
            return ""
        number = int(found["decimal"]) if found["decimal"] else int(found["hex"], 16) if found["hex"] else None
        if number is not None:
            return "" if number > 0x10FFFF or _NOT_XML.match(chr(number)) else found[0]
        named = html5.get(f"{found['name']};") if found["name"] else None
        return escape(named) if named else "&amp;" + found[0][1:]

    start = _XML_START.match(text)
    return _tamed(_REFERENCES.sub(mended, _NOT_XML.sub("", text[start.end() if start else 0 :])))


def _tamed(text: str) -> str:
    """``text`` without what no feed needs and parsers take quadratic time for.

    That is: start tags of 20,000 characters lose their attributes, names of authors end after 2,000, and categories,
    which are not stored, go where there are thousands.
    """
    text = _ENDLESS_TAG.sub(r"<\1\2>", text)
    text = _ENDLESS_AUTHOR.sub(r"\1", text)
    return _CATEGORY.sub("", text) if text.count("<category") > _MOST_CATEGORIES else text
