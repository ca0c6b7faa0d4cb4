"""Hostile payloads: nothing runs, nothing is read that is not the feed's, and nothing grows without bound."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import brotli
import pytest
import zstandard

from pipeline.store import Store
from tests.cases.desk import NEWS, OTHER, XML, Desk, atom, entry, feed, rss
from tests.conftest import write_config
from tests.feedserver import FeedServer, Piece, chunk, ok, response

MEGABYTE = 1024 * 1024
START = '<?xml version="1.0" encoding="utf-8"?>'


# --- as a process: what takes memory


@dataclass(frozen=True)
class Process:
    """How the command line fared with feeds that are built to hurt: each feed's row, its items, and the memory."""

    status: int
    report: dict[str, Any]
    stderr: str
    feeds: dict[str, dict[str, Any]]
    items: dict[str, list[str]]
    peak_mb: float

    def refused(self, name: str, reason: str) -> None:
        """The feed ``name`` is an error for ``reason``, nothing of it is stored, and memory stayed bounded."""
        assert reason in self.feeds[name]["last_error"]
        assert self.items[name] == []
        assert self.peak_mb < 300


def bomb(megabytes: int) -> bytes:
    """gzip of so many MiB of spaces."""
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    block = packer.compress(b" " * MEGABYTE) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + block * megabytes


def header_bomb() -> Iterator[Piece]:
    yield b"HTTP/1.1 200 OK\r\n"
    for number in range(1000):
        yield b"".join(b"X-%d-%d: %s\r\n" % (number, i, b"y" * 45) for i in range(100))
    yield b"\r\n" + rss().encode()


def fifty_megabytes() -> Iterator[Piece]:
    yield response(b"", XML, ("Transfer-Encoding", "chunked"), length=False)
    yield chunk(rss(entry()).split("</channel>")[0].encode())
    block = "".join(entry("Filler " * 100, guid=f"f{n}") for n in range(80)).encode()
    for _ in range(50 * MEGABYTE // len(block)):
        yield chunk(block)
    yield chunk(b"</channel></rss>") + b"0\r\n\r\n"


def peak_of(pid: int) -> float:
    """The most memory that a process has had so far, in MB (Linux). What wait4 tells begins with its parent's."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Process:
    """One run of the command line over all feeds that take memory and, beside them, a good one."""
    folder = tmp_path_factory.mktemp("process")
    start = rss(entry()).split("</channel>")[0].encode() + b"<x>"
    zeros = b" " * MEGABYTE
    with FeedServer() as server:
        server.on("/bomb", ok(gzip.compress(start) + bomb(1024), XML, ("Content-Encoding", "gzip")))
        server.on("/bomb2", ok(gzip.compress(bomb(1024)), XML, ("Content-Encoding", "gzip, gzip")))
        server.on("/br", ok(brotli.compress(zeros * 64, quality=5), XML, ("Content-Encoding", "br")))
        server.on("/zstd", ok(zstandard.compress(zeros * 64), XML, ("Content-Encoding", "zstd")))
        server.on("/headers", header_bomb)
        server.on("/50mb", fifty_megabytes)
        server.on("/good", feed(entry(OTHER)))
        write_config(folder, {path[1:]: server.url(path) for path in server._scripts})
        with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
            command = [sys.executable, "-m", "pipeline", "run", "--json"]
            running = subprocess.Popen(command, cwd=folder, stdout=out, stderr=err)
            ends, peak = time.monotonic() + 100, 0.0
            while running.poll() is None and time.monotonic() < ends:
                peak = max(peak, peak_of(running.pid))
                time.sleep(0.02)
            running.kill()
    with Store(folder / "w.db") as store:
        rows = {row["id"]: dict(row) for row in store.db.table("feeds").rows}
        titles = {
            name: [row["title"] for row in store.db.table("items").rows_where("feed_id = ?", [name])] for name in rows
        }
    return Process(
        running.returncode, json.loads((folder / "out").read_text()), (folder / "err").read_text(), rows, titles,
        peak,
    )  # fmt: skip


def test_sec_bomb(process: Process) -> None:
    """A gzip bomb of 1 MB that unpacks to 1 GiB is cut off. [DX HX203]"""
    process.refused("bomb", "unpacked body is larger than fetch.max_bytes")


def test_sec_bomb2(process: Process) -> None:
    """A few kilobytes that unpack twice to 1 GiB are cut off. [DX HX203]"""
    process.refused("bomb2", "unpacked body is larger than fetch.max_bytes")


def test_sec_50mb(process: Process) -> None:
    """A valid feed of 50 MB is refused, or stored within bounds. [FP209 FP302 CE203]"""
    process.refused("50mb", "larger than fetch.max_bytes")


def test_tr_header_bomb(process: Process) -> None:
    """100,000 headers, 6 MB, are refused. [own 9110§5.4]"""
    process.refused("headers", "protocol")


@pytest.mark.parametrize("name", ["br", "zstd"])
def test_bomb_of_another_coding(process: Process, name: str) -> None:
    """Brotli and zstd bombs are cut off too. [DX HX203]"""
    process.refused(name, "unpacked body is larger than fetch.max_bytes")


def test_good_feed_beside_them_is_stored(process: Process) -> None:
    """The run ends well, without a traceback, and the good feed's item is there."""
    assert (process.status, process.report["feeds_ok"], process.report["feeds_failed"]) == (0, 1, 6)
    assert process.items["good"] == [OTHER]
    assert process.stderr == ""


# --- entities


def laughs(depth: int) -> str:
    inner = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, depth))
    return f'{START}<!DOCTYPE rss [<!ENTITY l0 "lol">{inner}]>'


def nothing_expanded(desk: Desk, body: str, secret: str) -> None:
    """``body`` ends soon, as an error or as an item without ``secret``; only the feed's address is asked."""
    desk.serves(ok(body.encode(), XML))
    desk.poll()
    assert desk.server.paths() == ["/feed"]
    said = "".join(str(value) for item in desk.items() for value in item.values()) + str(desk.feed())
    assert secret not in said
    assert len(said) < 20_000
    assert [item["title"][:7] for item in desk.items()] in (["Lab 110"], [])


def test_sec_laughs(desk: Desk) -> None:
    """Ten entities of ten entities are not expanded. [DX]"""
    nothing_expanded(desk, rss(entry(NEWS + " &l9;"), start=laughs(10)), "lollol")
    assert len(desk.items()) == 1


def test_sec_xxe_file(desk: Desk, tmp_path: Path) -> None:
    """An entity that names a file is never read. [DX]"""
    (tmp_path / "secret").write_text("KEEP-THIS-SECRET")
    start = f'{START}<!DOCTYPE rss [<!ENTITY x SYSTEM "{(tmp_path / "secret").as_uri()}">]>'
    nothing_expanded(desk, rss(entry(NEWS + " &x;"), start=start), "KEEP-THIS-SECRET")
    nothing_passwd = rss(entry(NEWS + " &x;"), start=f'{START}<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>')
    desk.serves(ok(nothing_passwd.encode(), XML))
    desk.poll()
    assert "root:" not in str(desk.items())


def entity_tricks(address: str) -> dict[str, str]:
    doctype = START + "<!DOCTYPE rss "
    big = "lol" * 50_000
    return {
        "quadratic": rss(entry(NEWS + " &a;" * 2000), start=f'{doctype}[<!ENTITY a "{big}">]>'),
        "external entity": rss(entry(NEWS + " &a;"), start=f'{doctype}[<!ENTITY a SYSTEM "{address}">]>'),
        "external DTD": rss(start=f'{doctype}SYSTEM "{address}">'),
        "public DTD": rss(start=f'{doctype}PUBLIC "-//x//y" "{address}">'),
        "parameter entity": rss(start=f'{doctype}[<!ENTITY % p SYSTEM "{address}"> %p;]>'),
        "parameter laughs": rss(
            start=f"{doctype}[<!ENTITY % a 'lollol'><!ENTITY % b '%a;%a;%a;'><!ENTITY c '%b;%b;'>]>"
        ),
        "entity that is itself": rss(entry(NEWS + " &a;"), start=f'{doctype}[<!ENTITY a "&b;"><!ENTITY b "&a;">]>'),
        "attribute default": rss(start=f'{doctype}[<!ATTLIST item lollol CDATA "lollol">]>'),
        "XInclude": rss(entry(NEWS, f'<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="{address}"/>')),
        "schema": rss().replace(
            "<rss ", f'<rss xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:schemaLocation="a {address}" '
        ),
        "stylesheet": rss(start=f'{START}<?xml-stylesheet type="text/xsl" href="{address}"?>'),
        "enclosure, image, feed's links": rss(
            entry(NEWS, f'<enclosure url="{address}" length="1" type="a/b"/><source url="{address}">x</source>'
                  f"<comments>{address}</comments>"),
            head=f'<image><url>{address}</url></image><cloud domain="127.0.0.1" port="80" path="/x"/>'
            f"<docs>{address}</docs>",
        ),
        "content by address": atom(
            f'<entry><id>1</id><title>{NEWS}</title><content src="{address}" type="x/y"/></entry>'
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", entity_tricks(""))
def test_nothing_is_expanded_or_fetched(desk: Desk, name: str) -> None:
    """Entities of any kind, inclusions and references of a feed make no request and no text. [DX]"""
    nothing_expanded(desk, entity_tricks(desk.server.url("/lollol"))[name], "lollol" if "," not in name else "\0")


# --- markup and addresses

ACTIVE = ("<script", "javascript:", "onerror", "onload", "<iframe", "<svg", "alert(", "<img", "<style", "vbscript:")


def no_markup(desk: Desk) -> None:
    for item in desk.items():
        said = "".join(str(item[key]) for key in ("title", "summary", "content", "author", "url", "canonical_url"))
        assert not [mark for mark in ACTIVE if mark in said.lower()], said


def test_sec_script_title(desk: Desk) -> None:
    """A script in a title, escaped once or twice, leaves the text of the title alone. [HB FR2121]"""
    once, twice = "&lt;script&gt;alert(1)&lt;/script&gt;", "&amp;lt;script&amp;gt;alert(1)&amp;lt;/script&amp;gt;"
    cdata = "<![CDATA[<script>alert(1)</script><img src=x onerror=alert(2)>]]>"
    desk.serves(feed(*[entry(NEWS + bad, guid=str(n)) for n, bad in enumerate((once, twice, cdata))]))
    desk.recovers(NEWS, NEWS, NEWS)
    no_markup(desk)


def test_sec_html(desk: Desk) -> None:
    """script, onerror, iframe, svg and javascript: in summary and content leave their plain text. [FP-S FR2121]"""
    bad = (
        "<p>Good</p><script>alert(1)</script><img src=x onerror=alert(2)><iframe src=javascript:alert(3)></iframe>"
        "<svg onload=alert(4)><script>alert(5)</script></svg><a href='javascript:alert(6)'>link</a>"
        "<style>*{background:url(javascript:alert(7))}</style><object data=x></object><math><mi xlink:href=x></math>"
    )
    more = f"<description><![CDATA[{bad}]]></description>"
    more += f"<c:encoded xmlns:c='http://purl.org/rss/1.0/modules/content/'><![CDATA[{bad}<p>More</p>]]></c:encoded>"
    desk.serves(feed(entry(NEWS, more)))
    desk.recovers(NEWS)
    no_markup(desk)
    assert "Good" in desk.item()["summary"] + desk.item()["content"]
    assert "More" in desk.item()["content"]


def test_sec_js_link(desk: Desk) -> None:
    """Links that are no http(s) addresses are not stored; their items are. [FU208 GR27612]"""
    links = ["javascript:alert(1)", "JaVaScRiPt:alert(1)", " java\nscript:alert(1)", "data:text/html,x", "vbscript:x",
             "file:///etc/passwd", "http://", "&#1;javascript:alert(1)", "about:blank", "blob:x"]  # fmt: skip
    desk.serves(feed(*[entry(NEWS, f"<link>{link}</link>", guid=str(n)) for n, link in enumerate(links)]))
    guid = "<item><guid>javascript:alert(1)</guid><title>" + NEWS + "</title></item>"
    desk.serves(feed(guid), path="/b", name="b")
    href = f'<entry><id>1</id><title>{NEWS}</title><link href="javascript:alert(1)" xml:base="javascript:x"/></entry>'
    desk.serves(ok(atom(href).encode()), path="/c", name="c")
    desk.recovers(*[NEWS] * 12)
    assert {item["url"] for item in desk.items()} == {None}


def test_sec_ansi(desk: Desk) -> None:
    """Escape sequences and a forged line of a log in a title lose what makes them work. [own]"""
    title = f"{NEWS}\x1b[2J\x1b]0;x\x07\x9b31m\r\n2026-11-23 ERROR feed b: hacked\x00\u202e\u2028"
    desk.serves(ok(rss(entry(title)).encode(), XML))
    desk.poll()
    stored = desk.item()["title"]
    assert stored.startswith(NEWS)
    assert stored.isprintable()


def test_sec_deep(desk: Desk) -> None:
    """100,000 elements within one another crash nothing: an item or an error. [DX own]"""
    deep = "<x>" * 100_000 + "</x>" * 100_000
    desk.serves(feed(entry(), head=deep), feed())
    desk.poll()
    assert desk.feed()["state"] in ("ok", "error")
    assert "bug" not in str(desk.feed()["last_error"])
    desk.recovers(NEWS)


@pytest.mark.slow
def test_sec_20k(desk: Desk) -> None:
    """Of 20,000 entries, 4 MB, all are stored. [FR3416]"""
    many = (entry("Filler", f"<description>{'word ' * 15}{n}</description>", guid=f"f{n}") for n in range(19_999))
    body = rss(entry(), *many).encode()
    assert len(body) > 3_000_000
    desk.serves(ok(body, XML))
    report = desk.poll()
    assert (report.items_seen, report.items_new) == (20_000, 20_000)
    assert len(desk.tagged()) == 1


# --- more of the group

LONG = "x" * 200_000
HUGE: dict[str, bytes] = {
    "long title": rss(entry(NEWS + " " + LONG)).encode(),
    "long guid": rss(entry(guid=LONG)).encode(),
    "long link": rss(entry(NEWS, f"<link>http://n.test/{LONG}</link>")).encode(),
    "long date": rss(entry(NEWS, f"<pubDate>{'9' * 200_000}</pubDate>")).encode(),
    "long line of tags": rss(entry(NEWS, f"<description>{'&lt;b&gt;' * 20_000}</description>")).encode(),
    "open quotes": rss(entry(NEWS, f"<description>{'&lt;a href=&quot;' * 20_000}</description>")).encode(),
    "many spaces": rss(entry(NEWS, f"<description>{' ' * 200_000}</description>")).encode(),
    "many ampersands": rss(entry(NEWS, f"<description>{'&' * 50_000}</description>")).encode(),
    "many attributes": rss().replace("<item>", "<item " + "".join(f"a{n}='' " for n in range(2000)) + ">").encode(),
    "many namespaces": rss().replace(
        "<item>", "<item " + "".join(f"xmlns:a{n}='u{n}' " for n in range(1000)) + ">"
    ).encode(),
    "many categories": rss(entry(NEWS, "<category>x</category>" * 2000)).encode(),
    "many comments": rss("<!-- -->" * 20_000, entry()).encode(),
    "deep HTML": rss(entry(NEWS, f"<description>{'&lt;div&gt;' * 10_000}</description>")).encode(),
    "deep XHTML": atom(
        f"<entry><id>1</id><title>{NEWS}</title><content type='xhtml'>" + "<div>" * 5000 + "</div>" * 5000
        + "</content></entry>"
    ).encode(),
    "JSON of 10,000 empty items": (
        '{"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "1", "title": "' + NEWS + '"}'
        + ", {}" * 10_000 + "]}"
    ).encode(),
}  # fmt: skip


@pytest.mark.parametrize("body", HUGE.values(), ids=HUGE)
@pytest.mark.timeout(60)
def test_huge_part_hides_nothing(desk: Desk, body: bytes) -> None:
    """A part without measure does not keep the item from being stored, nor the run from ending."""
    desk.serves(ok(body))
    desk.poll()
    assert any(item["title"].startswith(NEWS) for item in desk.items()), str(desk.feed())[:2000]


@pytest.mark.parametrize(
    "body",
    [
        rss(entry(NEWS, f"<author>{LONG}</author>")),
        rss().replace("<item>", "<item " + "".join(f"a{n}='' " for n in range(100_000)) + ">"),
        rss(entry(NEWS, "".join(f"<category>{n}</category>" for n in range(100_000)))),
    ],
    ids=["author", "attributes", "categories"],
)
def test_part_that_feedparser_is_slow_with(desk: Desk, body: str) -> None:
    """A long author, many attributes of one element, many categories of one item: the item is stored in seconds."""
    desk.serves(ok(body.encode()))
    desk.recovers(NEWS)


JSON_START = '{"version": "https://jsonfeed.org/version/1.1", "items": [{"title": "' + NEWS + '", "id": '
JSONS = {
    "deep arrays": "[" * 100_000, "deep objects": '{"a":' * 100_000, "deep value": JSON_START + "[" * 100_000,
    "number of 5000 digits": JSON_START + "9" * 5000 + "}]}", "1e999": JSON_START + "1e999}]}",
    "NaN": JSON_START + "NaN}]}", "-0": JSON_START + "-0}]}", "lone surrogate": JSON_START + '"\\ud800"}]}',
    "NUL": JSON_START + '"\\u0000"}]}', "trailing comma": JSON_START + '"1"},]}', "true": JSON_START + "true}]}",
    "twice the key": JSON_START + '"1", "id": "2"}]}', "object": JSON_START + '{"a": 1}}]}',
}  # fmt: skip


@pytest.mark.parametrize("body", JSONS.values(), ids=JSONS)
def test_hostile_json_is_an_error_or_an_item(desk: Desk, body: str) -> None:
    """Nesting, numbers and escapes that break parsers cost at most one poll."""
    desk.serves(ok(body.encode(), ("Content-Type", "application/feed+json")), feed(entry(OTHER, guid="other")))
    desk.poll()
    assert "bug" not in str(desk.feed()["last_error"])
    assert [item["title"] for item in desk.items()] == ([NEWS] if desk.feed()["state"] == "ok" else [])
    desk.poll()
    assert OTHER in {item["title"] for item in desk.items()}


def test_item_links_are_never_fetched(desk: Desk) -> None:
    """Links, images and enclosures of items are stored or dropped, never asked for."""
    address = desk.server.url("/x")
    html = f"&lt;img src='{address}'&gt;&lt;link rel=stylesheet href='{address}'&gt;"
    desk.serves(feed(entry(NEWS, f"<link>{address}</link><description>{html}</description>")))
    desk.recovers(NEWS)
    assert desk.server.paths() == ["/feed"]


@pytest.mark.parametrize("char", ["\u202e", "\u200b", "\u2066", "\ufeff", "\u00ad", "\x9d", "\u2060"])
def test_invisible_characters_do_not_hide_a_mention(desk: Desk, char: str) -> None:
    """Marks that turn or split words are dropped before the text is tagged. [own]"""
    desk.serves(feed(entry(NEWS.replace("Lab", f"L{char}ab"))))
    desk.recovers(NEWS)
