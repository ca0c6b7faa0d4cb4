"""XML as it comes: broken in every usual way, and read all the same."""

from __future__ import annotations

import pytest

from tests.cases.desk import NEWS, OTHER, Desk, atom, entry, feed, rss
from tests.feedserver import ok

TWO = rss(entry(), entry(OTHER, guid="2"))


def test_xml_entity(desk: Desk) -> None:
    """HTML's entities, which XML does not know, are decoded. [MF122]"""
    text = "<description>caf&eacute;&nbsp;&mdash; &hellip; &copy; &AElig;</description>"
    desk.serves(feed(entry(f"{NEWS} &ndash; &euro;5", text)))
    desk.recovers(f"{NEWS} – €5")
    assert desk.item()["summary"] == "café — … © Æ"


def test_xml_ctrl(desk: Desk) -> None:
    """Control characters, which XML forbids, are dropped, and the feed survives. [MF52 MF569]"""
    desk.serves(feed(entry(NEWS.replace("110", "1\x0810\x1e"), "<description>a\x08b\x1ec\x00d</description>")))
    desk.recovers(NEWS)
    assert desk.item()["summary"] == "abcd"


def test_xml_junk_after(desk: Desk) -> None:
    """HTML after the end of the feed costs nothing. [FP-B]"""
    desk.serves(ok((TWO + "\n<script>track()</script><div>Served in 0.1 s<br></div></body></html>").encode()))
    desk.recovers(NEWS, OTHER)


def test_xml_unclosed(desk: Desk) -> None:
    """A feed that ends inside its second item keeps the whole ones; the second comes when it is whole. [FP-B]"""
    body = TWO[: TWO.index(OTHER) + 8]
    desk.serves(ok(body.encode()), ok(TWO.encode()))
    desk.poll()
    assert NEWS in {item["title"] for item in desk.items()}
    desk.recovers(NEWS, OTHER)


def test_xml_empty(desk: Desk) -> None:
    """A channel without items is a success without items. [RSS2]"""
    desk.serves(ok(b"<?xml version='1.0'?><rss version='2.0'><channel><title>Wire</title></channel></rss>"))
    report = desk.poll()
    assert (report.feeds_ok, report.items_seen) == (1, 0)
    assert (desk.feed()["state"], desk.feed()["last_error"], desk.outcomes()) == ("ok", None, ["ok"])


# --- more of the group

ITEM, START = entry(), '<?xml version="1.0" encoding="utf-8"?>'
MALFORMED = {
    "space before": "\n\n  " + rss(),
    "BOM and space before": "\ufeff\r\n\ufeff" + rss(),
    "a warning before": "<br />\n<b>Warning</b>: Undefined index in <b>/x.php</b> on line <b>5</b><br />\n" + rss(),
    "a word before": "Notice: deprecated\n" + rss(),
    "a comment before": "<!-- cached -- 2026 -->" + rss(),
    "two declarations": START + rss(),
    "declaration twice, apart": START + "\n<!-- x -->\n" + rss(),
    "XML 1.1": rss(start='<?xml version="1.1"?>'),
    "no declaration": rss(start=""),
    "declaration with curly quotes": rss(start="<?xml version=“1.0” encoding=“utf-8”?>"),
    "declaration without end": rss(start='<?xml version="1.0" encoding="utf-8">'),
    "stylesheet": START + '<?xml-stylesheet href="http://n.test/a.xsl" type="text/xsl"?>' + rss(start=""),
    "bad doctype": rss(start=START + "<!DOCTYPE rss PUBLIC -//x//y SYSTEM http://n.test/x.dtd>"),
    "doctype of HTML": rss(start=START + "<!DOCTYPE html>"),
    "doctype with entities": rss(start=START + '<!DOCTYPE rss [<!ENTITY nbsp "&#160;">\n<!ENTITY copy "&#169;">]>'),
    "lone ampersands": feed(
        entry(NEWS, "<link>http://n.test/?a=1&b=2&amp;c=3</link><description>R&D & more &</description>")
    ),
    "lone less-than": feed(entry(NEWS, "<description>5 < 6 and a<b, <3</description>")),
    "half a reference": feed(
        entry(NEWS, "<description>&am &#; &#x; &#xZZ; &#99999999; &#0; &#xD800; &lt</description>")
    ),
    "references to control characters": feed(entry(NEWS, "<description>&#8;&#x1F;&#11;&#150;</description>")),
    "namespace not declared": feed(entry(NEWS, "<dc:creator>Kim</dc:creator><media:thumbnail url='x'/><content:encoded>"
                                         "<![CDATA[<p>x</p>]]></content:encoded><foo:bar>baz</foo:bar>")),
    "namespace declared twice": rss().replace("<rss ", "<rss xmlns:dc='http://a.test/' xmlns:dc='http://b.test/' "),
    "attribute twice": rss().replace("isPermaLink='false'", "isPermaLink='false' isPermaLink='false'"),
    "attribute without quotes": rss().replace("isPermaLink='false'", "isPermaLink=false"),
    "attribute without value": rss().replace("<item>", "<item hidden>"),
    "attribute with <": rss().replace("<item>", "<item note='a<b'>"),
    "CDATA": feed(entry(f"<![CDATA[{NEWS}]]>")),
    "CDATA in parts": feed(entry(f"<![CDATA[{NEWS[:20]}]]><![CDATA[{NEWS[20:]}]]>")),
    "CDATA in CDATA": feed(entry(NEWS, "<description><![CDATA[a <![CDATA[b]]> c]]></description>")),
    "CDATA without end": rss(entry(), "<item><guid>1</guid><title><![CDATA[" + NEWS).split("</channel>")[0],
    "]]> in text": feed(entry(NEWS, "<description>a ]]> b</description>")),
    "comment with --": feed(entry(NEWS, "<!-- a -- b --->")),
    "comment without end": rss(ITEM + "<!-- the rest"),
    "end tag missing": rss().replace("</guid>", ""),
    "end tags crossed": feed(entry(NEWS, "<description><b><i>x</b></i></description>")),
    "end tag too many": feed(entry(NEWS, "</p></div>")),
    "end of channel missing": rss().replace("</channel>", ""),
    "end of all missing": rss().replace("</channel></rss>", ""),
    "two roots": rss() + rss(entry(guid="1")),
    "capitals": rss().replace("item", "Item").replace("title", "TITLE").replace("channel", "Channel"),
    "item in item": f"{START}<rss version='2.0'><channel><title>W</title><item>{ITEM}</item></channel></rss>",
    "HTML within": feed(entry(NEWS, "<description><p>One<br>two<img src=x></p></description>")),
    "item in the head": f"{START}<rss version='2.0'>{ITEM}<channel><title>W</title></channel></rss>",
    "title twice": feed(entry(NEWS, "<media:title xmlns:media='http://search.yahoo.com/mrss/'>No</media:title>")),
    "space in tags": rss().replace("<item>", "<item\n\t>").replace("</item>", "</item\n>"),
    "no-break space in a tag": rss().replace("<item>", "<item\u00a0>"),
    "emoji": feed(entry(NEWS, "<description>😀 &#128512; &#xD83D;&#xDE00;</description>")),
    "NUL bytes": rss().replace("<item>", "\0<item>\0"),
    "bytes U+FFFE": rss().replace("<item>", "\ufffe<item>\uffff"),
    "CR for newlines": rss().replace("><", ">\r<"),
    "unknown element with a title": feed("<note><title>No</title></note>", ITEM),
}  # fmt: skip


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed_feed_is_read(desk: Desk, body: str | bytes) -> None:
    """The item is there, once, with its title, whatever else is wrong. [FP-B]"""
    desk.serves(body if isinstance(body, bytes) else ok(body.encode()))
    desk.poll()
    titles = {item["title"] for item in desk.items()}
    assert NEWS in titles, desk.feed()
    assert desk.tagged()
    assert desk.feed()["state"] == "ok"


def test_doctype_without_end_is_read(desk: Desk) -> None:
    """A document type whose inner part never closes ends where the feed begins."""
    desk.serves(ok(rss(start="<!DOCTYPE rss [<!ENTITY % x SYSTEM 'http://n.test/x'> %x;").encode()))
    desk.recovers(NEWS)


@pytest.mark.parametrize("where", range(len(rss()), len(TWO), 7))
def test_cut_anywhere_keeps_the_items_before(desk: Desk, where: int) -> None:
    """Wherever a feed breaks off behind its first item, that item is kept, and the next poll brings the second."""
    desk.serves(ok(TWO[:where].encode()), ok(TWO.encode()))
    desk.poll()
    assert NEWS in {item["title"] for item in desk.items()}
    desk.recovers(NEWS, OTHER)


def test_empty_atom_and_json_are_successes(desk: Desk) -> None:
    """A feed that holds nothing yet is no error in any format."""
    desk.serves(ok(atom("").encode()))
    desk.serves(ok(b'{"version": "https://jsonfeed.org/version/1.1", "items": []}'), path="/b", name="b")
    desk.serves(ok(b"<rss version='2.0'/>"), path="/c", name="c")
    assert desk.poll().feeds_ok == 3


def test_item_with_nothing_in_it_costs_no_other(desk: Desk) -> None:
    """Entries without any text stand beside good ones."""
    desk.serves(feed("<item/>", "<item></item>", entry(), "<item><pubDate>Mon, 23 Nov 2026</pubDate></item>"))
    desk.poll()
    assert NEWS in {item["title"] for item in desk.items()}
    assert desk.feed()["state"] == "ok"


def test_title_with_markup_is_plain(desk: Desk) -> None:
    """Markup in a title, as elements, escaped or in CDATA, leaves its text."""
    titles = [f"<b>{NEWS}</b>", f"&lt;b&gt;{NEWS}&lt;/b&gt;", f"<![CDATA[<b>{NEWS}</b>]]>"]
    desk.serves(feed(*[entry(title, guid=str(number)) for number, title in enumerate(titles)]))
    desk.recovers(NEWS, NEWS, NEWS)
