"""Encodings and formats: what a body says, whatever it is written in."""

from __future__ import annotations

import codecs
import json
import re

import pytest

from tests.cases.desk import NEWS, OTHER, Desk, atom, entry, rss
from tests.feedserver import ok

RUSSIAN = "Хакеры лаборатории 110 из КНДР украли криптовалюту"
KOREAN = "북한 랩 110 해커가 이더리움을 훔쳤다"
JAPANESE = "北朝鮮のラボ110のハッカーが暗号資産を盗んだ"
CHINESE = "朝鲜110号实验室的黑客窃取了加密货币"
TAIWANESE = "北韓110號實驗室的駭客竊取了加密貨幣"
SPANISH = "Hackers del laboratorio 110 de Corea del Norte robaron éter"


def written(text: str, *, encoding: str, codec: str) -> bytes:
    """A feed with the one item ``text`` that declares ``encoding`` and is written in ``codec``."""
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>' if encoding else '<?xml version="1.0"?>'
    return rss(entry(text), start=declaration).encode(codec)


def says(desk: Desk, body: bytes, title: str, content_type: str = "application/xml") -> None:
    """``body`` brings one item, tagged, whose title is ``title``."""
    desk.serves(ok(body, ("Content-Type", content_type)))
    desk.recovers(title)


def test_enc_koi8r(desk: Desk) -> None:
    """KOI8-R is Russian. [FP-E]"""
    says(desk, written(RUSSIAN, encoding="KOI8-R", codec="koi8-r"), RUSSIAN)


def test_enc_sjis(desk: Desk) -> None:
    """Shift_JIS with a character that only NEC's and Microsoft's extension has. [WHATWG-E]"""
    says(desk, written(JAPANESE + "①㈱", encoding="Shift_JIS", codec="cp932"), JAPANESE + "①㈱")


def test_enc_utf16(desk: Desk) -> None:
    """UTF-16LE without a byte order mark shows in its first bytes. [XML-F]"""
    says(desk, written(KOREAN, encoding="utf-16", codec="utf-16-le"), KOREAN)


def test_enc_http_xml(desk: Desk) -> None:
    """The charset of HTTP holds against another one in the XML declaration. [7303§3 FP-E]"""
    says(desk, written(KOREAN, encoding="utf-8", codec="euc-kr"), KOREAN, "application/xml; charset=EUC-KR")


def test_enc_textxml(desk: Desk) -> None:
    """text/xml without a charset is UTF-8, not ASCII and not Latin-1. [7303 FP-E]"""
    says(desk, written(KOREAN, encoding="", codec="utf-8"), KOREAN, "text/xml")


def test_enc_badbytes(desk: Desk) -> None:
    """One split character costs that character only: all items stay, and their Hangul. [MFL581]"""
    body = rss(entry(KOREAN), entry(KOREAN + " 둘", guid="2"), entry("북한 랩 110 끝", guid="3")).encode()
    cut = body.replace("둘".encode(), "둘".encode()[:2])
    desk.serves(ok(cut, ("Content-Type", "application/xml")))
    desk.poll()
    titles = [item["title"] for item in desk.items()]
    assert len(titles) == len(desk.tagged()) == 3
    assert {KOREAN, "북한 랩 110 끝"} < set(titles)
    assert any(title.startswith(KOREAN + " ") for title in titles)


def test_fmt_json(desk: Desk) -> None:
    """JSON Feed 1.1 is read; an id that is a number becomes text. [JF]"""
    items = [
        {"id": 7, "title": NEWS, "content_text": "x"},
        {"id": "8", "content_html": f"<p>{OTHER}</p>", "title": OTHER},
    ]
    body = json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "Wire", "items": items})
    desk.serves(ok(body.encode(), ("Content-Type", "application/feed+json")))
    desk.recovers(NEWS, OTHER)
    assert {item["guid"] for item in desk.items()} == {"7", "8"}


RDF = (
    '<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="http://n.test/">'
    "<title>Wire</title><link>http://n.test/</link></channel><item rdf:about='http://n.test/1'>"
    f"<title>{NEWS}</title><link>http://n.test/1</link><dc:date>2026-11-23T10:00:00+09:00</dc:date></item></rdf:RDF>"
)


def test_fmt_rdf(desk: Desk) -> None:
    """In RSS 1.0 the items stand outside of the channel, and are found with their dates. [RSS1]"""
    says(desk, RDF.encode(), NEWS, "application/rdf+xml")
    assert desk.item()["published_at"] == "2026-11-23T01:00:00Z"
    assert desk.item()["url"] == "http://n.test/1"


def test_fmt_atom03(desk: Desk) -> None:
    """Atom 0.3 with issued and modified. [FP-D]"""
    body = (
        '<?xml version="1.0"?><feed version="0.3" xmlns="http://purl.org/atom/ns#"><title>Wire</title><entry>'
        f"<id>tag:n.test,2026:1</id><title mode='escaped'>{NEWS}</title><link rel='alternate' href='http://n.test/1'/>"
        "<issued>2026-11-23T10:00:00Z</issued><modified>2026-11-23T11:00:00Z</modified></entry></feed>"
    )
    says(desk, body.encode(), NEWS)
    assert desk.item()["published_at"] in ("2026-11-23T10:00:00Z", "2026-11-23T11:00:00Z")


def test_fmt_podcast(desk: Desk) -> None:
    """Titles of other namespaces do not take the item's place, and its enclosure is not fetched. [own]"""
    media = desk.server.url("/episode.mp3")
    more = (
        f"<itunes:title>Episode 1</itunes:title><media:content url='{media}'><media:title>Photo</media:title>"
        f"<media:description>A photo</media:description></media:content><enclosure url='{media}' type='audio/mpeg' "
        f"length='9'/><itunes:image href='{media}'/>"
    )
    head = "<itunes:title>Show</itunes:title><image><title>Logo</title><url>http://n.test/l.png</url></image>"
    start = '<?xml version="1.0"?>'
    for title_first in (True, False):
        order = entry(NEWS, more) if title_first else f"<item>{more}<title>{NEWS}</title><guid>2</guid></item>"
        body = rss(order, head=head, start=start).replace(
            "<rss ",
            "<rss xmlns:media='http://search.yahoo.com/mrss/' "
            "xmlns:itunes='http://www.itunes.com/dtds/podcast-1.0.dtd' ",
        )
        name = "a" if title_first else "b"
        desk.serves(ok(body.encode()), path=f"/{name}", name=name)
    desk.recovers(NEWS, NEWS)
    assert sorted(desk.server.paths()) == ["/a", "/b"]


# --- more of the group

CHARSETS = [
    ("windows-1251", "cp1251", RUSSIAN), ("koi8-u", "koi8-u", RUSSIAN), ("iso-8859-5", "iso8859-5", RUSSIAN),
    ("ibm866", "cp866", RUSSIAN), ("x-mac-cyrillic", "mac-cyrillic", RUSSIAN), ("cp1251", "cp1251", RUSSIAN),
    ("gb2312", "gb2312", CHINESE), ("GBK", "gbk", TAIWANESE), ("gb18030", "gb18030", CHINESE + "😀"),
    ("gb2312", "gbk", CHINESE + "鎔"), ("big5", "big5", TAIWANESE), ("big5-hkscs", "big5hkscs", TAIWANESE + "嘅"),
    ("euc-jp", "euc-jp", JAPANESE), ("iso-2022-jp", "iso2022-jp", JAPANESE),
    ("windows-31j", "cp932", JAPANESE),
    ("x-sjis", "cp932", JAPANESE), ("euc-kr", "euc-kr", KOREAN), ("euc-kr", "cp949", KOREAN + " 똠방"),
    ("ks_c_5601-1987", "cp949", KOREAN), ("windows-949", "cp949", KOREAN), ("iso-8859-1", "latin-1", SPANISH),
    ("iso-8859-1", "cp1252", SPANISH + " “ya” – 5 €"), ("us-ascii", "cp1252", SPANISH + " – ya"),
    ("iso-8859-15", "iso8859-15", SPANISH + " €"), ("windows-1252", "cp1252", SPANISH + " €"),
    ("iso-8859-2", "iso8859-2", NEWS + " žluťoučký"), ("windows-1250", "cp1250", NEWS + " žluťoučký"),
    ("windows-1253", "cp1253", NEWS + " Ελλάδα"), ("windows-1254", "cp1254", NEWS + " Ağrı"),
    ("windows-1255", "cp1255", NEWS + " שלום"), ("windows-1256", "cp1256", NEWS + " سلام"),
    ("windows-1257", "cp1257", NEWS + " žėlė"), ("windows-1258", "cp1258", NEWS + " đô"),
    ("cp874", "cp874", NEWS + " สวัสดี"),
    ("windows-874", "cp874", NEWS + " สวัสดี"),
    ("tis-620", "cp874", NEWS + " สวัสดี"),
    ("macintosh", "mac-roman", SPANISH), ("iso-8859-9", "cp1254", NEWS + " Ağrı"), ("utf8", "utf-8", KOREAN),
    ("UTF_8", "utf-8", KOREAN), ("unicode-1-1-utf-8", "utf-8", KOREAN), ("utf-16", "utf-16", KOREAN),
    ("utf-16le", "utf-16-le", RUSSIAN), ("utf-16be", "utf-16-be", RUSSIAN), ("utf-32", "utf-32", KOREAN),
    ("utf-8", "utf-8-sig", KOREAN), ("", "utf-16", KOREAN), ("", "utf-16-be", RUSSIAN),
]  # fmt: skip


@pytest.mark.parametrize(("encoding", "codec", "text"), CHARSETS)
def test_declared_encoding_is_read(desk: Desk, encoding: str, codec: str, text: str) -> None:
    """What newsrooms write in, by the names that browsers know. [WHATWG-E]"""
    says(desk, written(text, encoding=encoding, codec=codec), text)


@pytest.mark.parametrize(
    ("encoding", "codec", "content_type", "text"),
    [
        pytest.param(
            "koi8-r", "utf-8-sig", "text/xml; charset=koi8-r", KOREAN, id="a BOM holds against both",
        ),
        pytest.param("utf-8", "utf-16", "text/xml; charset=utf-8", KOREAN, id="a UTF-16 BOM holds against both"),
        pytest.param("utf-16", "utf-8", "text/xml", KOREAN, id="says UTF-16, is UTF-8"),
        pytest.param("iso-8859-1", "utf-8", "text/xml", KOREAN, id="says Latin-1, is UTF-8"),
        pytest.param("iso-8859-1", "utf-8", "text/xml; charset=iso-8859-1", KOREAN, id="both say Latin-1, is UTF-8"),
        pytest.param("utf-8", "cp1252", "text/xml", SPANISH + " – “ya”", id="says UTF-8, is cp1252"),
        pytest.param("", "cp1252", "text/xml", SPANISH + " – “ya”", id="says nothing, is cp1252"),
        pytest.param("utf-8", "euc-kr", "text/xml; charset='euc-kr'", KOREAN, id="single quotes"),
        pytest.param("utf-8", "cp1251", 'text/xml; charset="windows-1251"; x=y', RUSSIAN, id="double quotes"),
        pytest.param("utf-8", "cp1251", "text/xml;CHARSET = Windows-1251", RUSSIAN, id="spaces, capitals"),
        pytest.param("koi8-r", "koi8-r", "text/xml; charset=no-such-thing", RUSSIAN, id="HTTP names no encoding"),
        pytest.param("no-such-thing", "utf-8", "text/xml", KOREAN, id="XML names no encoding"),
        pytest.param("utf-8", "utf-8", "text/xml; charset=us-ascii", KOREAN, id="ASCII by a server's habit"),
        pytest.param("euc-kr", "euc-kr", "text/xml; charset=utf-8", KOREAN, id="UTF-8 by a server's habit"),
        pytest.param("rot13", "utf-8", "text/xml; charset=punycode", KOREAN, id="codecs that are no encodings"),
    ],
)  # fmt: skip
def test_contradicting_encodings(desk: Desk, encoding: str, codec: str, content_type: str, text: str) -> None:
    """BOM, then HTTP, then XML, then the bytes themselves; habits of servers count less than bytes. [7303§3 FP-E]"""
    says(desk, written(text, encoding=encoding, codec=codec), text, content_type)


def test_utf7_is_never_decoded(desk: Desk) -> None:
    """UTF-7 hides markup in plain letters; it stays letters. [WHATWG-E]"""
    title = NEWS + " +ADw-script+AD4-"
    says(desk, written(title, encoding="utf-7", codec="ascii"), title, "text/xml; charset=utf-7")


def test_undeclared_legacy_encoding_keeps_the_rest(desk: Desk) -> None:
    """What cannot be told is kept as well as can be: the item and its ASCII are there."""
    desk.serves(ok(written(NEWS + " " + RUSSIAN, encoding="", codec="cp1251")))
    desk.poll()
    assert desk.item()["title"].startswith(NEWS)


def test_every_label_of_the_standard_is_known(desk: Desk) -> None:
    """Each label of the Encoding Standard reads what is written under it; one feed for each. [WHATWG-E]"""
    texts: dict[str, tuple[str, str]] = {}
    for codec, text, names in LABELS:
        for label in names.split():
            name = f"f{len(texts)}"
            texts[name] = (label, text)
            desk.serves(ok(written(text, encoding=label, codec=codec)), path=f"/{name}", name=name)
    desk.poll()
    wrong = {label for name, (label, text) in texts.items() if [item["title"] for item in desk.items(name)] != [text]}
    assert sorted(wrong) == []


LABELS = [
    ("utf-8", KOREAN, "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8"),
    ("cp866", RUSSIAN, "866 cp866 csibm866 ibm866"),
    ("iso8859-2", "Zážitek", "csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 "
     "latin2"),
    ("iso8859-3", "Ĝis", "csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3"),
    ("iso8859-4", "Ķīna", "csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4"),
    ("iso8859-5", RUSSIAN, "csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5 "
     "iso_8859-5:1988"),
    ("iso8859-6", "سلام", "arabic asmo-708 csisolatinarabic ecma-114 iso-8859-6 iso-ir-127 iso8859-6 iso88596 "
     "iso_8859-6 iso_8859-6:1987 csiso88596e csiso88596i iso-8859-6-e iso-8859-6-i"),
    ("iso8859-7", "Ελλάδα", "csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso88597 "
     "iso_8859-7 iso_8859-7:1987 sun_eu_greek"),
    ("iso8859-8", "שלום", "csiso88598e csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-ir-138 iso8859-8 iso88598 "
     "iso_8859-8 iso_8859-8:1988 visual csiso88598i iso-8859-8-i logical"),
    ("iso8859-10", "Þór ą", "csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6"),
    ("iso8859-13", "Žėlė", "iso-8859-13 iso8859-13 iso885913"),
    ("iso8859-14", "ŵyn", "iso-8859-14 iso8859-14 iso885914"),
    ("iso8859-15", "5 €", "csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9"),
    ("iso8859-16", "șase €", "iso-8859-16"), ("koi8-r", RUSSIAN, "cskoi8r koi koi8 koi8-r koi8_r"),
    ("koi8-u", "Україна", "koi8-ru koi8-u"), ("mac-roman", "déjà", "csmacintosh mac macintosh x-mac-roman"),
    ("cp874", "สวัสดี", "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874"),
    ("cp1250", "žluťoučký", "cp1250 windows-1250 x-cp1250"), ("cp1251", RUSSIAN, "cp1251 windows-1251 x-cp1251"),
    ("cp1252", "déjà – 5 €", "ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 "
     "iso88591 iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252"),
    ("cp1253", "Ελλάδα", "cp1253 windows-1253 x-cp1253"),
    ("cp1254", "Ağrı €", "cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 "
     "latin5 windows-1254 x-cp1254"),
    ("cp1255", "שלום", "cp1255 windows-1255 x-cp1255"), ("cp1256", "سلام", "cp1256 windows-1256 x-cp1256"),
    ("cp1257", "Žėlė", "cp1257 windows-1257 x-cp1257"), ("cp1258", "đô", "cp1258 windows-1258 x-cp1258"),
    ("mac-cyrillic", RUSSIAN, "x-mac-cyrillic x-mac-ukrainian"),
    ("gbk", TAIWANESE, "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk gb18030"),
    ("big5", TAIWANESE, "big5 big5-hkscs cn-big5 csbig5 x-x-big5"),
    ("euc-jp", JAPANESE, "cseucpkdfmtjapanese euc-jp x-euc-jp"),
    ("iso2022-jp", JAPANESE, "csiso2022jp iso-2022-jp"),
    ("cp932", JAPANESE + "①", "csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis"),
    ("cp949", KOREAN + " 똠", "cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 "
     "ksc_5601 windows-949"),
    ("utf-16-be", RUSSIAN, "unicodefffe utf-16be"),
    ("utf-16-le", RUSSIAN, "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le"),
]  # fmt: skip


FORMATS = {
    "RSS 0.91": (
        '<?xml version="1.0"?><!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" '
        f'"http://my.netscape.com/publish/formats/rss-0.91.dtd"><rss version="0.91"><channel><title>W</title>{entry()}'
        "</channel></rss>"
    ),
    "RSS 0.92": rss().replace('version="2.0"', 'version="0.92"'),
    "RSS 0.90": RDF.replace("http://purl.org/rss/1.0/", "http://my.netscape.com/rdf/simple/0.9/"),
    "RSS without a version": rss().replace(' version="2.0"', ""),
    "RSS in a namespace": rss().replace("<rss ", '<rss xmlns="http://backend.userland.com/rss2" '),
    "RSS with the items outside": rss().replace("</channel>", "").replace("<item>", "</channel><item>"),
    "RSS in capitals": rss().replace("rss", "RSS").replace("channel", "Channel").replace("item>", "ITEM>"),
    "Atom": atom(),
    "Atom with a prefix": re.sub("<(/?)(?=[a-z])", r"<\1a:", atom()).replace("xmlns", "xmlns:a"),
    "Atom, one entry": f'<entry xmlns="http://www.w3.org/2005/Atom"><id>1</id><title>{NEWS}</title></entry>',
    "Atom, title as HTML": atom(f'<entry><id>1</id><title type="html">&lt;b&gt;{NEWS}&lt;/b&gt;</title></entry>'),
    "Atom, title as XHTML": atom(
        f'<entry><id>1</id><title type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">{NEWS}</div></title></entry>'
    ),
    "Atom without namespace": atom().replace(' xmlns="http://www.w3.org/2005/Atom"', ""),
    "Atom in http:// of the W3C, upper case": atom().replace("www.w3.org/2005/Atom", "www.w3.org/2005/atom"),
    "JSON Feed 1.0": json.dumps({"version": "https://jsonfeed.org/version/1", "items": [{"id": "1", "title": NEWS}]}),
    "JSON Feed without ids": json.dumps(
        {"version": "https://jsonfeed.org/version/1.1", "items": [{"url": "http://n.test/1", "title": NEWS}]}
    ),
    "JSON Feed with nonsense beside": json.dumps(
        {"version": "https://jsonfeed.org/version/1.1", "hubs": 5, "authors": [7], "items": [
            None, 5, [],
            {"id": None, "title": NEWS, "tags": "x", "authors": "y", "attachments": [None], "date_published": 5},
        ]}
    ),
}  # fmt: skip


@pytest.mark.parametrize("content_type", ["application/xml", "text/html; charset=utf-8"])
@pytest.mark.parametrize("body", FORMATS.values(), ids=FORMATS)
def test_format_is_read(desk: Desk, body: str, content_type: str) -> None:
    """Every format and its usual misspellings, whatever the header calls it."""
    says(desk, body.encode(), NEWS, content_type)


def test_json_feed_with_bom(desk: Desk) -> None:
    """A byte order mark before the brace is no part of the JSON."""
    says(desk, codecs.BOM_UTF8 + FORMATS["JSON Feed 1.0"].encode(), NEWS, "application/json")


def test_json_feed_in_utf16(desk: Desk) -> None:
    """JSON in UTF-16 is read by its byte order mark."""
    says(desk, FORMATS["JSON Feed 1.0"].encode("utf-16"), NEWS, "application/json")


def test_content_is_read_beside_the_summary(desk: Desk) -> None:
    """content:encoded, Atom's XHTML content and media:description are text that is tagged."""
    namespaces = (
        "<rss xmlns:content='http://purl.org/rss/1.0/modules/content/' xmlns:media='http://search.yahoo.com/mrss/' "
    )
    encoded = f"<description>Short.</description><content:encoded><![CDATA[<p>{NEWS}</p>]]></content:encoded>"
    desk.serves(ok(rss(entry("One", encoded)).replace("<rss ", namespaces).encode()))
    xhtml = f'<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>{NEWS}</p></div></content>'
    desk.serves(ok(atom(f"<entry><id>1</id><title>Two</title>{xhtml}</entry>").encode()), path="/b", name="b")
    desk.recovers("One", "Two")
    assert {item["content"] for item in desk.items()} == {NEWS}
