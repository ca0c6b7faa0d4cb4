"""A body's bytes as text, and that text as XML that a strict parser reads. Never raises."""

from __future__ import annotations

import codecs
import re
from html.entities import html5
from xml.sax.saxutils import escape

_CHARSET = r"""charset\s*=\s*["']?([\w.:+-]{1,40})"""
_XML_ENCODING = re.compile(rb"""\s*<\?xml[^>]{1,300}?encoding\s*=\s*["']([\w.:+-]{1,40})""")
_TEXT_CODEC = re.compile(
    r"(utf-8|ascii|cp\d+|iso8859-\d+|iso2022_\w+|koi8-\w|euc_\w+|shift_jis\w*|gb\w+|big5\w*|mac-\w+)\Z"
)
# What browsers read by a name; the real encodings hold a few characters more. Source: https://encoding.spec.whatwg.org
_WIDER = {"ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "euc_kr": "cp949", "shift_jis": "cp932",
          "gb2312": "gb18030", "gbk": "gb18030", "big5": "big5hkscs"}  # fmt: skip
_WIDE = (  # the byte order mark, or where the zeros of "<?xm" stand
    (b"\xff\xfe\0\0|\0\0\xfe\xff", "utf-32"), (b"\xff\xfe|\xfe\xff", "utf-16"), (b"[^\0]\0\0\0", "utf-32-le"),
    (b"\0\0\0[^\0]", "utf-32-be"), (b"[^\0]\0[^\0]\0", "utf-16-le"), (b"\0[^\0]\0[^\0]", "utf-16-be"),
)  # fmt: skip
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_XML_START = re.compile(r"[\s\ufeff]*(?:<\?xml[^>]*>\s*)?")
_REFERENCES = re.compile(
    r"(?P<as_is><!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)|&(?:amp|lt|gt|quot|apos);)"
    r"|(?P<doctype><!DOCTYPE[^\[>]*+(?:\[.*?(?:\]\s*+>|\Z)|>|\Z))"
    r"|&(?:#(?P<decimal>\d{1,7});|#[xX](?P<hex>[0-9a-fA-F]{1,6});|(?P<name>[a-zA-Z]\w*+);)?",
    re.DOTALL | re.IGNORECASE,
)


def text_of(body: bytes, content_type: str) -> str:
    """``body``, which came under the HTTP header ``content_type``, as text without white space at its start.

    By its byte order mark, the HTTP charset, the XML declaration, else as UTF-8, in this order.

    Servers say Latin-1 and UTF-8 by default, whatever they send: there the bytes themselves decide. Bad bytes become
    U+FFFD. Source: RFC 7303 section 3; XML 1.0 appendix F.
    """
    charset = re.search(_CHARSET, content_type, re.IGNORECASE)
    return _decoded(body, charset[1] if charset else "").lstrip("\ufeff \t\r\n\x00")


def _decoded(body: bytes, http_charset: str) -> str:
    wide = next((name for beginning, name in _WIDE if re.match(beginning, body, re.DOTALL)), None)
    if wide:
        return body.decode(wide, "replace")
    as_utf8 = body.decode("utf-8", "replace")
    bad = as_utf8.count("\ufffd")
    good = len(as_utf8) - len(as_utf8.encode("ascii", "ignore")) - bad
    declared = _XML_ENCODING.match(body[:1000].removeprefix(codecs.BOM_UTF8))
    names = [codec for name in (http_charset, declared[1].decode() if declared else "") if (codec := _codec(name))]
    for name in [*names, "utf-8"]:
        if name in ("utf-8", "cp1252"):
            if bad * 10 <= good:
                return as_utf8
            if name == "utf-8":
                continue
        try:
            return body.decode(name, "replace" if name == "cp1252" else "strict")
        except UnicodeDecodeError:
            continue
    other = next((name for name in names if name != "utf-8"), "cp1252")
    return as_utf8 if good >= bad and other == "cp1252" else body.decode(other, "replace")


def _codec(charset: str) -> str | None:
    """Python's name for a ``charset`` that feeds are written in; None for anything else, such as ``punycode``."""
    name = re.sub(r"^x-|^windows-(?=949)", lambda found: "cp" if found[0] != "x-" else "", charset.lower())
    try:
        name = codecs.lookup(name).name
    except LookupError:
        return None
    return _WIDER.get(name, name) if _TEXT_CODEC.match(name) else None


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
    return _REFERENCES.sub(mended, _NOT_XML.sub("", text[start.end() if start else 0 :]))
