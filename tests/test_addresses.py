"""Canonical addresses: the ways to one page become one, other pages stay others."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.addresses import canonical_address


def google_news(address: bytes) -> str:
    """The address that Google News gave a page while it still showed where it leads."""
    inside = b"\x08\x13\x22" + bytes([len(address)]) + address + b"\xd2\x01\x00"
    return "https://news.google.com/rss/articles/" + base64.urlsafe_b64encode(inside).decode().rstrip("=") + "?oc=5"


ONE_PAGE = [
    # syntax
    ("HTTP://News.TEST:80", "https://news.test/"),
    ("https://news.test.:443/a#top", "https://news.test/a"),
    ("https://news.test/a/../b//c/", "https://news.test/b/c"),
    ("https://news.test/?b=2&a=1", "https://news.test/?a=1&b=2"),
    ("https://news.test/a?x=1&amp;y=2", "https://news.test/a?x=1&y=2"),
    ("https://user:secret@news.test/a", "https://news.test/a"),
    ("http://뉴스.한국/기사", "https://xn--vg1b002a.xn--3e0b707e/%EA%B8%B0%EC%82%AC"),
    ("https://news.test/%ea%b8%b0%ec%82%ac", "https://news.test/기사"),
    ("https://news.test/a%2Cb%7Ec", "https://news.test/a,b~c"),
    ("https://news.test/a?q=x+y", "https://news.test/a?q=x%20y"),
    ("https://news.test/a#:~:text=word", "https://news.test/a"),
    # tracking and sessions
    ("https://news.test/a?utm_source=rss&utm_medium=feed&id=1", "https://news.test/a?id=1"),
    ("https://news.test/a?fbclid=IwAR0", "https://news.test/a"),
    ("https://news.test/a?gclid=1&dclid=2&msclkid=3&yclid=4", "https://news.test/a"),
    ("https://news.test/a?mc_cid=1&mc_eid=2&_hsenc=3&mkt_tok=4", "https://news.test/a"),
    ("https://news.test/a?at_medium=RSS&at_campaign=KARANGA", "https://news.test/a"),
    ("https://news.test/a?ref=rss", "https://news.test/a"),
    ("https://news.test/a?partner=rss&emc=rss", "https://news.test/a"),
    ("https://news.test/a?source=rss----d12c403d4976--food", "https://news.test/a"),
    ("https://news.test/a?traffic_source=rss", "https://news.test/a"),
    ("https://news.test/a?rss", "https://news.test/a"),
    ("https://news.test/a?CMP=share_btn&ref_src=twsrc", "https://news.test/a"),
    ("https://news.test/a;jsessionid=1F?access_token=2", "https://news.test/a"),
    ("https://news.test/a?PHPSESSID=2&sid=0123456789abcdef0123456789abcdef", "https://news.test/a"),
    ("https://news.test/a?_=1700000000&rnd=5", "https://news.test/a"),
    ("https://x.com/desk/status/12?s=20", "https://x.com/desk/status/12"),
    ("https://www.youtube.com/watch?v=abc&feature=youtu.be&si=1", "https://youtube.com/watch?v=abc&feature=youtu.be"),
    # mobile
    ("http://m.site.co.kr/news/view?id=1", "https://www.site.co.kr/news/view?id=1"),
    ("https://mobile.news.test/a", "https://news.test/a"),
    ("https://en.m.wikipedia.org/wiki/Lazarus_Group", "https://en.wikipedia.org/wiki/Lazarus_Group"),
    ("https://m-en.yna.co.kr/view/AEN1", "https://en.yna.co.kr/view/AEN1"),
    ("https://sp.shimbun.co.jp/a", "https://www.shimbun.co.jp/a"),
    ("https://n.news.site.co.kr/a/1", "https://news.site.co.kr/a/1"),
    ("https://n.news.naver.com/mnews/article/001/0012345678?sid=100", "https://n.news.naver.com/article/001/0012345678"),
    (
        "https://news.naver.com/main/read.naver?mode=LSD&mid=sec&sid1=100&oid=001&aid=0012345678",
        "https://m.news.naver.com/read.nhn?oid=001&aid=0012345678",
    ),
    ("https://news.v.daum.net/v/20261123120000123", "https://v.daum.net/v/20261123120000123"),
    # AMP
    ("https://news.test/a/amp", "https://news.test/a"),
    ("https://news.test/a/amp/", "https://news.test/a/"),
    ("https://news.test/a/1.amp.html", "https://news.test/a/1.html"),
    ("https://news.test/a/1.amp", "https://news.test/a/1"),
    ("https://news.test/a?amp=1", "https://news.test/a"),
    ("https://news.test/a.html?amp", "https://news.test/a.html"),
    ("https://www.news.test/a/?outputType=amp", "https://news.test/a"),
    ("https://news.test/a?type=amp", "https://news.test/a"),
    ("https://amp.news.test/a", "https://news.test/a"),
    ("https://news.test/amp/2026/11/a", "https://news.test/2026/11/a"),
    ("https://news.test/news/amp/world-123", "https://news.test/news/world-123"),
    ("https://www.yna.co.kr/amp/view/AKR1", "https://www.yna.co.kr/view/AKR1"),
    ("https://www.site.kr/news/articleViewAmp.html?idxno=12", "https://m.site.kr/news/articleView.html?idxno=12"),
    ("https://www.joongang.co.kr/amparticle/25100000", "https://www.joongang.co.kr/article/25100000"),
    ("https://www-news-test.cdn.ampproject.org/v/s/www.news.test/a/1.amp.html?amp_js_v=1", "https://news.test/a/1.html"),
    ("https://www.google.com/amp/s/www.news.test/a/1/amp/", "https://news.test/a/1"),
    ("https://www.google.co.kr/amp/news.test/a/1", "https://news.test/a/1"),
    ("https://www.bing.com/amp/s/news.test/a/1", "https://news.test/a/1"),
    # aggregators
    ("https://www.google.com/url?rct=j&sa=t&url=https://news.test/a/1%3Fid%3D2&ct=ga&usg=x", "https://news.test/a/1?id=2"),
    ("https://www.google.com/url?q=https%3A%2F%2Fnews.test%2Fa%2F1&sa=D", "https://news.test/a/1"),
    ("http://www.bing.com/news/apiclick.aspx?ref=FexRss&aid=&url=https%3a%2f%2fnews.test%2fa%2f1&c=9", "https://news.test/a/1"),
    ("https://r.search.yahoo.com/_ylt=A/RV=2/RE=1/RO=10/RU=https%3a%2f%2fnews.test%2fa%2f1/RK=2/RS=x", "https://news.test/a/1"),
    ("http://rd.yahoo.co.jp/rss/l/topics/*https://news.test/a/1", "https://news.test/a/1"),
    ("https://l.facebook.com/l.php?u=https%3A%2F%2Fnews.test%2Fa%2F1%3Ffbclid%3D2&h=AT0", "https://news.test/a/1"),
    ("https://out.reddit.com/t3_x?url=https%3A%2F%2Fnews.test%2Fa%2F1&token=3", "https://news.test/a/1"),
    ("https://news.test/redirect?url=https://www.news.test/a/1", "https://news.test/a/1"),
    (google_news(b"https://www.news.test/a/1"), "https://news.test/a/1"),
    ("https://google.com/url?url=https%3A%2F%2Fl.facebook.com%2Fl.php%3Fu%3Dhttps%253A%252F%252Fa.test%252F1", "https://a.test/1"),
]  # fmt: skip

TWO_PAGES = [
    ("https://news.test/index.php?article=5", "https://news.test/index.php?article=6"),
    ("https://news.test/a?page=2", "https://news.test/a"),
    ("https://news.test/#!/news/5", "https://news.test/#!/news/6"),
    ("https://news.test/#/news/5", "https://news.test/"),
    ("https://en.yna.co.kr/view/A1", "https://jp.yna.co.kr/view/A1"),
    ("https://sp.yna.co.kr/view/A1", "https://yna.co.kr/view/A1"),
    ("https://news.test/en/a", "https://news.test/ko/a"),
    ("https://news.test/a?lang=en", "https://news.test/a?lang=ko"),
    ("https://news.test/amp-technology", "https://news.test/technology"),
    ("https://news.test/a/amplifier", "https://news.test/a"),
    ("https://news.test/tag/amp", "https://news.test/tag"),
    ("https://en.wikipedia.org/wiki/AMP", "https://en.wikipedia.org/wiki"),
    ("https://amp-tech.com/a", "https://tech.com/a"),
    ("https://t-mobile.com/a", "https://t-com/a"),
    ("https://m.co.kr/a", "https://www.co.kr/a"),
    ("https://amp.github.io/a", "https://m.github.io/a"),
    ("https://news.test:8080/a", "https://news.test/a"),
    ("https://news.test/article.pl?sid=26/11/23/1", "https://news.test/article.pl?sid=26/11/23/2"),
    ("https://news.test/list?sid=100", "https://news.test/list?sid=101"),
    ("https://news.test/?s=12", "https://news.test/?s=13"),
    ("https://news.test/a?ref=12", "https://news.test/a?ref=13"),
    ("https://news.test/a?id=1&from=2026", "https://news.test/a?id=1&from=2025"),
    ("https://news.test/a?id=5&next=https://news.test/list", "https://news.test/a?id=6&next=https://news.test/list"),
    (
        "https://news.test/a?id=5&home=1&url=https://other.test/",
        "https://news.test/a?id=6&home=1&url=https://other.test/",
    ),
    ("https://news.test/?q=%B1%E2", "https://news.test/?q=%BB%E7"),
    ("https://news.test/a%2541", "https://news.test/a%41"),
    ("https://news.test/a%2Fb", "https://news.test/a/b"),
    ("https://news.test/a?q=x%2By", "https://news.test/a?q=x+y"),
    ("https://news.test/a?q=1%262", "https://news.test/a?q=1&2"),
    ("https://news.test/Article", "https://news.test/article"),
    ("https://translate.google.com/translate?tl=en&u=https://news.test/a/1", "https://news.test/a/1"),
    ("https://web.archive.org/web/2020/https://news.test/a", "https://web.archive.org/web/2021/https://news.test/a"),
    ("https://n.news.naver.com/article/001/0012345678", "https://n.news.naver.com/article/001/0012345679"),
    ("https://news.naver.com/main/list.naver?sid1=100", "https://news.naver.com/main/list.naver?sid1=101"),
]


@pytest.mark.parametrize(("one", "other"), ONE_PAGE)
def test_two_ways_to_one_page_are_one(one: str, other: str) -> None:
    """Both have the same canonical address, and that is its own."""
    canonical = canonical_address(one)
    assert canonical == canonical_address(other)
    assert canonical == canonical_address(canonical)
    assert canonical is not None
    assert canonical.startswith("https://")


@pytest.mark.parametrize(("one", "other"), TWO_PAGES)
def test_two_pages_stay_two(one: str, other: str) -> None:
    """What changes the page stays in its address."""
    assert canonical_address(one) != canonical_address(other)


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("http://news.test:8080/a", "http://news.test:8080/a"),  # a port speaks one protocol
        ("http://[::1]:80/", "https://[::1]/"),
        ("http://a.test:99999/", "http://a.test:99999/"),
        ("http://[x/", "http://[x/"),
        ("mailto:a@b.test", "mailto:a@b.test"),
        ("https://news.google.com/rss/articles/CBMi0?oc=5", "https://news.google.com/rss/articles/CBMi0?oc=5"),
        (None, None),
    ],
)
def test_what_cannot_be_read_stays(address: str | None, canonical: str | None) -> None:
    """No address raises, and none is invented."""
    assert canonical_address(address) == canonical


PIECES = st.sampled_from(
    [
        *("http://", "https://", "a.test", "m.", "www.", "amp.", "xn--", "news.naver.com", ":", "99", "@", "[", "]"),
        *("/", "/amp", ".amp.html", "..", "?", "&", "=", "#", "#!/", ";", "+", "*", "%", "%25", "%2F", "%41", "%B1"),
        *("url=", "u=", "next=", "utm_source=", "sid=", "RU=", ".cdn.ampproject.org/c/s/", "google.com/url?q="),
        *("기사", "\ud800", "\x00", " "),
    ]
)


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(st.lists(PIECES | st.text(max_size=3), max_size=14).map("".join))
def test_any_text_gives_an_address(text: str) -> None:
    """Nothing raises."""
    for address in (text, "https://" + text, "https://a.test/" + text):
        assert isinstance(canonical_address(address), str)


@pytest.mark.parametrize(
    "piece", ["a", "/", "?u=/", "&utm_a=1", "%25", "xn--", "../", ".", "?url=http://a/", "*http://", "&amp;"]
)
@pytest.mark.parametrize("start", ["https://a.test/", "https://", "https://a.test/?", "https://rd.yahoo.com/"])
def test_long_addresses_take_no_time(start: str, piece: str) -> None:
    """However long and built to be slow, an address takes less than a tenth of a second."""
    for length in (7990, 1_000_000):
        address = (start + piece * length)[:length]
        began = time.process_time()
        assert canonical_address(address)
        assert time.process_time() - began < 0.1
