"""clean.py: markup to text, addresses, dates, languages."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import clean
from pipeline.addresses import canonical_address

MARKUP = st.lists(
    st.sampled_from(
        "< > </ /> <a <b> <p> </p> <br> <!-- --> <![CDATA[ ]]> <script> </script> <svg> </svg <embed> <? <! ' \" = &"
        " &amp; &lt; &#x26; &#60; &#0; &#xd800; &#99999999; ; \n \x00 \u2028 \ud800 \u00ad x y".split(" ")
    )
).map("".join)


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>one<p>two<br>three", "one\ntwo\nthree"),
        ("one\n\n two <b>x</b>\nthree", "one\ntwo x three"),
        ("<div>one\n\ntwo</div>", "one two"),
        ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
        ("a<embed src=x>b<object><embed></object>c", "abc"),
        ("x<script>if (a < b) alert('<p>')</script>y", "xy"),
        ("x<style>p{}</STYLE >y<script src=z>", "xy"),
        ("x<iframe src=z>y", "xy"),
        ("x<iframe>old browsers</iframe>y", "xy"),
        ("<img alt='a > b' src=x>after", "after"),
        ('<a title="<b>x</b>">k</a>', "k"),
        ("<p>3 < 4 & 5 > 2, <3</p>", "3 < 4 & 5 > 2, <3"),
        ("mail <ann@desk.test> now", "mail <ann@desk.test> now"),
        ("a <b and c", "a and c"),
        ("a <!-- b --> c <!-- d", "a c d"),
        ("<![CDATA[x]]>y", "xy"),
        ("<?php x ?>y<!DOCTYPE z>", "y"),
        ("&lt;b&gt; &amp;amp; &copy &#8220;q&#x201d;", "<b> &amp; © “q”"),
        ("&#0;&#8;&#xd800;&#99999999;x", "\ufffd\ufffd\ufffdx"),
        ("soft\u00adhyphen zero\u200bwidth \u202eturned", "softhyphen zerowidth turned"),
        ("가<br/>나&nbsp;다", "가\n나 다"),
    ],
)
def test_html_to_text(markup: str, text: str) -> None:
    """Blocks are lines, code and comments go, everything else that a reader sees stays."""
    assert clean.html_to_text(markup) == text


HOSTILE = {
    "nested blocks": ("<div>" * 100_000 + "x", "x"),
    "open tags": ("<a " * 100_000, ""),
    "open comments": ("<!--" * 100_000, ""),
    "open quotes": ('<a "' * 100_000, None),
    "quotes in quotes": ("""<a '"'<a '"'""" * 50_000, None),
    "one quote": ('<a "' + "<b>" * 100_000, None),
    "quoted brackets": ('<a "<b>" ' * 50_000, None),
    "open scripts": ("<script>" * 100_000, ""),
    "open drawings": ("<svg>" * 100_000, ""),
    "half ends": ("<script></script " * 50_000, None),
    "sections": ("<![CDATA[" * 100_000, ""),
    "declarations": ("<!x" * 100_000, None),
    "ends": ("</" * 200_000, None),
    "less than": ("<" * 5_000_000, None),
    "five megabytes": ("&amp;" * 1_000_000, "&" * 1_000_000),
    "long numbers": (("&#" + "9" * 50) * 50_000, "\ufffd" * 50_000),
    "endless number": ("&#" + "9" * 5000 + ";", "\ufffd"),
    "empty lines": ("\n \n" * 500_000, ""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_html_to_text_is_linear(name: str) -> None:
    """Markup made to be slow is read within seconds; what is quadratic would take minutes."""
    markup, text = HOSTILE[name]
    began = time.perf_counter()
    found = clean.html_to_text(markup)
    assert time.perf_counter() - began < 8
    assert text is None or found == text


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.one_of(MARKUP, st.text()))
def test_text_never_raises_and_is_clean(markup: str) -> None:
    """Any text gives clean text, and cleaning that again changes nothing."""
    for text in (clean.html_to_text(markup), clean.plain(markup), clean.to_text(markup, is_html=True)):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028]", text)
        assert clean.plain(text) == text
    assert "\n" not in clean.one_line(markup)
    clean.looks_like_markup(markup)
    clean.language_code(markup)
    clean.utc_time(markup)
    canonical_address(clean.web_address(markup, "http://a.test/"))
    clean.web_address("http://a.test/" + markup, markup)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("<b>bold</b>", "bold"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;Hello", "Hello"),
        ("Why &lt;b&gt; is bold", "Why <b> is bold"),
    ],
)
def test_active_markup_goes_however_often_it_was_escaped(value: str, text: str) -> None:
    """A script that was escaped twice is no text; a tag that is talked about is."""
    assert clean.to_text(value, is_html=True) == text


def test_plain_text_is_left_alone() -> None:
    """What is declared as text keeps its brackets and lines."""
    assert clean.to_text("a <b> &amp;\r\n\r\n c\td\x07", is_html=False) == "a <b> &amp;\nc d"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Mon, 06 Sep 2021 14:30:00 EST", "2021-09-06 19:30:00"),
        ("Mon, 06 Sep 2021 14:30:00 KST", "2021-09-06 05:30:00"),
        ("Mon, 06 Sep 2021 14:30:00 +0900 (KST)", "2021-09-06 05:30:00"),
        ("Mon, 6 Sep 21 14:30 GMT", "2021-09-06 14:30:00"),
        ("Mon, 06 Sep 2021 14:30:00 GMT-05:00", "2021-09-06 19:30:00"),
        ("06 September 2021", "2021-09-06 00:00:00"),
        ("Mon Sep  6 14:30:00 KST 2021", "2021-09-06 05:30:00"),
        ("September 6, 2021 2:30 pm EDT", "2021-09-06 18:30:00"),
        ("2021-09-06T14:30:00Z", "2021-09-06 14:30:00"),
        ("2021-09-06T14:30:00.123+09:00", "2021-09-06 05:30:00"),
        ("2021-09-06 14:30", "2021-09-06 14:30:00"),
        ("20210906T143000Z", "2021-09-06 14:30:00"),
        ("2021-09-06T23:59:60Z", "2021-09-06 23:59:59"),
        ("2021-09", "2021-09-01 00:00:00"),
        ("2021.09.06. 14:30", "2021-09-06 14:30:00"),
        ("2021년 9월 6일 오후 2:30", "2021-09-06 05:30:00"),
        ("Mon Sep 06 2021 14:30:00 GMT+0900 (Korea Standard Time)", "2021-09-06 05:30:00"),
        ("06.09.2021 14:30 +0300", "2021-09-06 11:30:00"),
        ("20210906143000", "2021-09-06 14:30:00"),
        ("2021年9月6日 14:30", "2021-09-06 14:30:00"),
        ("2021-09-06T14:30:00+0900Z", "2021-09-06 05:30:00"),
        ("1630938600", "2021-09-06T14:30:00+00:00"),
        ("-2021-01-01", None),
        ("99999999999999999999", None),
        ("09/06/2021", None),
        ("026, 26 Foo 20xx 25:61", None),
        ("2021-13-45", None),
        ("0001-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-12:00", None),
        ("Fri, 31 Dec 9999 23:59:59 -1200", None),
        ("Mon, 06 Sep 2021 14:30:00 +99:99", None),
        ("1", None),
        ("21", None),
        ("--09", None),
        ("2021 garbage", None),
        ("", None),
        (None, None),
    ],
)
def test_utc_time(value: str | None, expected: str | None) -> None:
    """Dates of every zone become UTC; half dates are never completed from today's."""
    moment = datetime.fromisoformat(expected).replace(tzinfo=UTC) if expected else None
    assert clean.utc_time(value) == moment


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("/r/1", "http://a.test/r/1"),
        ("//cdn.test/x", "http://cdn.test/x"),
        (" http://b.test/a b\n", "http://b.test/a%20b"),
        ("http://b.test/\n<a>", "http://b.test/%3Ca%3E"),
        ("http://뉴스.한국/기사", "http://뉴스.한국/기사"),
        ("javascript:alert(1)", None),
        ("\x01javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("file:///etc/passwd", None),
        ("mailto:a@b.test", None),
        ("http://", None),
        ("http://[x", None),
        ("http://a b/", None),
        ("", None),
        (None, None),
    ],
)
def test_web_address(value: str | None, address: str | None) -> None:
    """Links are absolute http addresses on one line, or nothing."""
    assert clean.web_address(value, "http://a.test/dir/feed") == address


def test_language_code() -> None:
    """Codes are BCP 47 in small letters."""
    assert [clean.language_code(code) for code in ("ko_KR", " EN ", "english language", "", None)] == [
        "ko-kr",
        "en",
        None,
        None,
        None,
    ]


def test_display_title() -> None:
    """An item without title is called by its text; a long one is cut at a word."""
    empty = {"title": "", "summary": "", "content": ""}
    assert clean.display_title({**empty, "summary": "Text"}) == "Text"
    assert clean.display_title(empty) == "(no title)"
    assert clean.display_title({**empty, "title": "word " * 60}) == "word " * 31 + "…"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a < b and c > d", "a < b and c > d"),
        ("List<String> of <ann@desk.test>, Why <b> is bold", "List<String> of <ann@desk.test>, Why <b> is bold"),
        ("<button onClick={this.go}>in JSX</button>", "<button onClick={this.go}>in JSX</button>"),
        ("Set onclick = 1 in code", "Set onclick = 1 in code"),
        ("x<script>alert('<b>')</script>y", "xy"),
        ("Using the <script> element, & the <b> one", "Using the element, & the <b> one"),
        ("a <img src=x onerror=alert(1)> b <i>c</i>", "a b <i>c</i>"),
        ("<a href='javascript:alert(1)'>k", "k"),
        ("one\n<iframe src=x>two\n&lt; three", "one\ntwo\n&lt; three"),
        ("<svg/onload=alert(1)>x</svg>", "x"),
        ("<scr<script>ipt>alert(1)", "alert(1)"),
        ("x <a title='<' onclick='y' z", None),
    ],
)
def test_no_text_is_active_whatever_it_is_declared_as(value: str, text: str | None) -> None:
    """Of plain text only what would run in a page goes, with closed scripts' code; words about tags and code stay."""
    found = clean.to_text(value, is_html=False)
    assert text is None or found == text
    assert not running(found)


class _Browser(HTMLParser):
    """Notes what would run if a text were put into a page as it is."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.running: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style", "iframe", "object", "embed", "svg"):
            self.running.append(tag)
        for name, value in attrs:
            if (re.fullmatch("on[a-z]{3,}", name) and value and value[0] != "{") or "javascript:" in (value or ""):
                self.running.append(f"{tag} {name}={value}")


def running(text: str) -> list[str]:
    return _Browser(text).running


ACTIVE = st.lists(
    st.one_of(
        st.sampled_from(
            "<script> </script> <script <scr ipt> <svg /onload=x> onload='y' <img src=x> <a href=javascript:z> <iframe>"
            " < << > ' \" <!-- --> <![CDATA[ <template> <textarea> <plaintext> <p> </p> &lt; &amp;lt; &#60; x y".split(
                " "
            )
        ),
        st.just(" "),
    )
).map("".join)


@settings(max_examples=600, deadline=None, derandomize=True)
@given(ACTIVE, st.booleans())
def test_nothing_active_survives(value: str, is_html: bool) -> None:
    """However tags are nested, broken, quoted and escaped, no text is active, and cleaning it again changes nothing."""
    text = clean.to_text(value, is_html=is_html)
    assert not running(text)
    assert clean.to_text(text, is_html=False) == text


@pytest.mark.parametrize(
    "nested",
    [
        "<div>",
        "<ul><li>",
        "<b><p>",
        "<a><div></a>",
        "<table>x",
        "<x></y>",
        "<b>x</p>",
        "<font a='1'><p>",
        "&",
        "<script>",
    ],
)
@pytest.mark.parametrize("active", [" <svg/onload=x", " ' <a onclick='x'", "<script>"])
def test_the_last_look_is_bounded(nested: str, active: str) -> None:
    """Nesting on which HTML parsers are quadratic costs no time, and deep nesting never ends the process."""
    began = time.perf_counter()
    for count in (250, 100_000):
        assert not running(clean.to_text(nested * count + active, is_html=False)[-2000:])
    assert time.perf_counter() - began < 8
