"""Bytes to text: every label of the encoding standard, and what servers say in error."""

from __future__ import annotations

import codecs

import pytest
import webencodings
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.parse import parse

URL = "http://feeds.test/feed.xml"
#: One text for each encoding of the standard, in its own writing. Those that the standard never decodes have none.
SAMPLES = {
    "utf-8": "라자루스 ①", "ibm866": "Группа", "iso-8859-2": "Łódź", "iso-8859-3": "ĦĝŬ", "iso-8859-4": "Ģēķ",
    "iso-8859-5": "Группа", "iso-8859-6": "مجموعة", "iso-8859-7": "Ομάδα", "iso-8859-8": "קבוצה",
    "iso-8859-8-i": "קבוצה", "iso-8859-10": "Ģēķð", "iso-8859-13": "Žąė", "iso-8859-14": "Ŵŷḃ", "iso-8859-15": "Œ€é",
    "iso-8859-16": "Șț€", "koi8-r": "Группа", "koi8-u": "Ґрупа ї", "macintosh": "caféπ", "windows-874": "กลุ่ม",
    "windows-1250": "Łódź", "windows-1251": "Группа", "windows-1252": "“café” €", "windows-1253": "Ομάδα",
    "windows-1254": "Şğı", "windows-1255": "קבוצה", "windows-1256": "مجموعة", "windows-1257": "Žąė",
    "windows-1258": "Đơư", "x-mac-cyrillic": "Группа", "gbk": "集团镕€", "gb18030": "集团镕㐀", "big5": "集團碁",
    "euc-jp": "日本グループ", "iso-2022-jp": "日本グループ", "shift_jis": "日本①髙", "euc-kr": "정찰총국 똠",
    "utf-16be": "정찰총국", "utf-16le": "정찰총국",
}  # fmt: skip
PYTHON = {"gbk": "gb18030", "big5": "big5hkscs", "shift_jis": "cp932", "euc-kr": "cp949", "macintosh": "mac-roman",
          "iso-8859-8-i": "iso8859-8", "x-mac-cyrillic": "mac-cyrillic", "windows-874": "cp874"}  # fmt: skip
NEVER = {"replacement", "x-user-defined"}


def title(body: bytes, content_type: str = "") -> str:
    (item,) = parse(body, URL, content_type).items
    return item.title


def feed(text: str, declared: str = "", more: str = "") -> str:
    declaration = f"<?xml version='1.0' encoding='{declared}'?>" if declared else ""
    return f"{declaration}<rss version='2.0'><channel>{more}<item><title>{text}</title></item></channel></rss>"


@pytest.mark.parametrize("label", sorted(webencodings.LABELS))
def test_every_label_of_the_standard(label: str) -> None:
    """Each label reads its writing, from the XML declaration and from the HTTP header alike."""
    name = webencodings.LABELS[label]
    if name in NEVER:
        assert title(feed("라자루스 그룹", label).encode(), f"text/xml; charset={label}") == "라자루스 그룹"
        return
    text = SAMPLES[name]
    encoding = PYTHON.get(name, name)
    assert title(feed(text, label).encode(encoding)) == text
    assert title(feed(text).encode(encoding), f'text/xml; charset="{label.upper()}"') == text


def test_there_is_a_text_for_every_encoding() -> None:
    """No encoding of the standard is left out above."""
    assert set(SAMPLES) | NEVER == set(webencodings.LABELS.values())


def test_x_user_defined_is_read_as_the_standard_says() -> None:
    """Its upper half is the private area, which no other bytes could mean."""
    assert title(feed("caf", "x-user-defined").encode().replace(b"caf", b"caf\xe9")) == "caf\uf7e9"


@pytest.mark.parametrize("label", ["hz-gb-2312", "iso-2022-kr", "utf-7", "unicode_escape", "punycode", "idna", "rot13"])
def test_encodings_that_hide_markup_are_not_decoded(label: str) -> None:
    """Letters stay the letters that they are, so that no markup appears which was none."""
    for text in ("+ADw-b+AD4-", "~{<:Ky2;S{#,NpJ)~}"):
        shown = title(feed(f"<![CDATA[{text}]]>", label).encode(), f"text/xml; charset={label}")
        assert shown in (text, "~{")  # the second holds "<:", which begins no tag; nothing of it becomes Chinese


@pytest.mark.parametrize("encoding", ["euc_jp", "iso2022_jp"])
def test_nec_characters(encoding: str) -> None:
    """Characters that NEC added (row 13 of JIS X 0208) are read, wherever they stand."""
    label = {"euc_jp": "euc-jp", "iso2022_jp": "iso-2022-jp"}[encoding]
    row_13 = "③".encode("cp932")  # 8742: cell 3 of row 13, which is 2D23 in JIS
    assert row_13 == b"\x87\x42"
    body = feed("日#本", label).encode(encoding)
    inside = b"\x1b$B\x2d\x23\x1b(B" if encoding == "iso2022_jp" else b"\xad\xa3"
    assert title(body.replace(b"#", inside)) == "日③本"
    assert "日" in title(body.replace(b"#", b"\xff\xff"))


RUSSIAN, KOREAN = "Группа Лазарь похитила", "라자루스 그룹 정찰총국"


@pytest.mark.parametrize(
    ("text", "encoding", "declared", "content_type", "more"),
    [
        (RUSSIAN, "utf-8", "windows-1251", "", ""),
        (RUSSIAN, "utf-8", "", "text/xml; charset=koi8-r", ""),
        ("Ру", "utf-8-sig", "windows-1251", "", ""),
        (RUSSIAN, "cp1251", "utf-8", "", ""),
        (RUSSIAN, "cp1251", "iso-8859-1", "text/xml; charset=utf-8", ""),
        (RUSSIAN, "cp1251", "windows-1251", "text/xml; charset=ISO-8859-1", ""),
        (RUSSIAN, "koi8-r", "", "", ""),
        ("Ру é", "utf-8", "windows-1252", "", ""),
        (KOREAN, "cp949", "utf-8", "", ""),
        (KOREAN, "cp949", "", "text/xml; charset=ISO-8859-1", ""),
        ("日本の暗号資産", "cp932", "utf-8", "", "<language>ja</language>"),
        ("日本の暗号資産", "euc_jp", "", "", "<language>ja-JP</language>"),
        ("集团资产", "gb18030", "utf-8", "", "<language>zh-cn</language>"),
        ("集團資產", "big5", "utf-8", "", "<language>zh-TW</language>"),
        ("café à la crème", "cp1252", "utf-8", "", "<language>fr</language>"),
        ("ÄÖÜ ÅÄÖ", "cp1252", "", "", ""),
        (KOREAN, "utf-32-be", "utf-32", "", ""),
        ("x é", "utf-8", "windows-1252", "text/xml; charset=nonsense", ""),
    ],
)
def test_what_is_said_in_error(text: str, encoding: str, declared: str, content_type: str, more: str) -> None:
    """UTF-8 beyond doubt is UTF-8; what is said by default yields to the bytes, then to the language."""
    assert title(feed(text, declared, more).encode(encoding), content_type) == text


def test_a_declaration_after_garbage_counts() -> None:
    """Words of a broken server before the feed cost neither its encoding nor its items."""
    body = b"<br />\n<b>Warning</b>: mysql_connect() in x.php\n" + feed(KOREAN, "euc-kr").encode("euc-kr")
    assert title(body) == KOREAN


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.binary(max_size=200), st.sampled_from(sorted(webencodings.LABELS)))
def test_no_bytes_under_any_label_raise(body: bytes, label: str) -> None:
    """Whatever the bytes and the label, a title is read and is text."""
    whole = feed("#", label).encode().replace(b"#", b"<![CDATA[x" + body.replace(b"]", b"") + b"]]>")
    for item in parse(codecs.BOM_UTF8 * (len(body) % 2) + whole, URL, f"text/xml; charset={label}").items:
        item.title.encode()
