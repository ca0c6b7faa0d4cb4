"""feedlist.py: config.yaml edited line by line, OPML read and written."""

from __future__ import annotations

import difflib
import os
import shutil
from pathlib import Path

import pytest

from pipeline import config, feedlist, watchlist
from pipeline.config import FeedSource
from pipeline.errors import ConfigError, UsageError
from pipeline.feedlist import Outline

REAL = Path(__file__).parents[1] / "config.yaml"
NEW = Outline("https://new.test/rss", "New Desk", ("press", "북한"))


@pytest.fixture(autouse=True)
def _no_pack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the pack takes a third of a second; here nobody watches anything."""
    monkeypatch.setattr(watchlist, "load_pack", lambda *_: watchlist.build([]))


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """The configuration that ships, to edit."""
    return Path(shutil.copy(REAL, tmp_path / "config.yaml"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A short configuration, to edit."""
    return write(tmp_path, "feeds:\n  - {id: asec, url: https://asec.test/}\n")


def changed(before: bytes, after: bytes) -> list[str]:
    rows = difflib.diff_bytes(difflib.unified_diff, before.splitlines(True), after.splitlines(True), n=0)
    return [row.decode() for row in rows if row[:1] in b"+-" and not row.startswith((b"---", b"+++"))]


def write(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_bytes(text.encode())
    return path


def opml(folder: Path, body: str | bytes) -> Path:
    path = folder / "feeds.opml"
    path.write_bytes(body if isinstance(body, bytes) else body.encode())
    return path


def test_adding_changes_one_line(real: Path) -> None:
    """A feed added to the shipped configuration is one new line; every other byte stays."""
    before = real.read_bytes()
    assert feedlist.add(real, [NEW]) == ["new-desk"]
    assert changed(before, real.read_bytes()) == [
        '+  - {id: new-desk, url: "https://new.test/rss", tags: [press, "북한"]}\n'
    ]
    assert config.load(real).feeds[-1] == FeedSource(id="new-desk", url=NEW.url, tags=NEW.folders)


def test_removing_changes_one_line(real: Path) -> None:
    """A feed removed from the shipped configuration is one line less; every other byte stays."""
    before = real.read_bytes()
    feedlist.remove(real, "asec")
    (row,) = changed(before, real.read_bytes())
    assert row.startswith("-  - {id: asec,")


def test_adding_then_removing_restores_the_file(real: Path) -> None:
    """What add does, remove undoes, byte for byte."""
    before = real.read_bytes()
    feedlist.remove(real, feedlist.add(real, [NEW])[0])
    assert real.read_bytes() == before


SHAPES = {
    "missing": ("database: w.db  # c\n", 'database: w.db  # c\nfeeds:\n  - {id: x, url: "https://x.test/"}\n'),
    "no end of line": ("database: w.db", 'database: w.db\nfeeds:\n  - {id: x, url: "https://x.test/"}\n'),
    "nothing": (
        "feeds:  # c\n# d\ntimezone: UTC\n",
        'feeds:  # c\n  - {id: x, url: "https://x.test/"}\n# d\ntimezone: UTC\n',
    ),
    "null": ("feeds: null  # c\n", 'feeds: [{id: x, url: "https://x.test/"}]  # c\n'),
    "empty brackets": ("feeds: []  # c\n", 'feeds: [{id: x, url: "https://x.test/"}]  # c\n'),
    "brackets": (
        "feeds: [{id: a, url: 'http://a.test/'}]\n",
        "feeds: [{id: a, url: 'http://a.test/'}, {id: x, url: \"https://x.test/\"}]\n",
    ),
    "brackets over lines": (
        "feeds: [\n  {id: a, url: 'http://a.test/'},  # one\n]\n",
        "feeds: [\n  {id: a, url: 'http://a.test/'}, {id: x, url: \"https://x.test/\"},  # one\n]\n",
    ),
    "block": (
        "feeds:\n  -\n    id: a\n    url: >-\n      http://a.test/\n\n# tail\n",
        'feeds:\n  -\n    id: a\n    url: >-\n      http://a.test/\n  - {id: x, url: "https://x.test/"}\n\n# tail\n',
    ),
    "anchor": (
        "feeds: &all\n- id: a\n  url: http://a.test/  # c\n",
        'feeds: &all\n- id: a\n  url: http://a.test/  # c\n- {id: x, url: "https://x.test/"}\n',
    ),
    "braces": ("{database: w.db}\n", '{database: w.db, feeds: [{id: x, url: "https://x.test/"}]}\n'),
    "windows": (
        "feeds:\r\n- id: a  # c\r\n  url: http://a.test/\r\n\r\n# tail\r\n",
        'feeds:\r\n- id: a  # c\r\n  url: http://a.test/\r\n- {id: x, url: "https://x.test/"}\r\n\r\n# tail\r\n',
    ),
    "byte order mark": ("\ufefffeeds: []\n", '\ufefffeeds: [{id: x, url: "https://x.test/"}]\n'),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_list_can_be_edited(tmp_path: Path, shape: str) -> None:
    """However feeds: is written, a new feed goes to its end, and can be removed again."""
    before, after = SHAPES[shape]
    path = write(tmp_path, before)
    ids = [feed.id for feed in config.load(path).feeds]
    feedlist.add(path, [Outline("https://x.test/", "x")])
    assert path.read_bytes().decode() == after
    feedlist.remove(path, "x")
    assert [feed.id for feed in config.load(path).feeds] == ids


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("feeds:\n- id: a\n  url: http://a.test/\n", "feeds:\n"),
        ("feeds:\n# one\n-\n  id: a\n  url: http://a.test/ # gone\n# two\n", "feeds:\n# one\n# two\n"),
        ("feeds: [\n  {id: a, url: 'http://a.test/'},  # gone\n  # two\n]\n", "feeds: [\n  # two\n]\n"),
        ("feeds: [{id: a, url: 'http://a.test/'}]\n", "feeds: []\n"),
    ],
)
def test_the_only_feed_can_be_removed(tmp_path: Path, before: str, after: str) -> None:
    """Removing the last feed leaves an empty list and the comments around it."""
    path = write(tmp_path, before)
    feedlist.remove(path, "a")
    assert path.read_text(encoding="utf-8") == after
    assert config.load(path).feeds == ()


def test_an_edit_that_would_change_more_is_refused(tmp_path: Path) -> None:
    """When an alias hangs on the feed to remove, the file is left as it was."""
    text = "feeds:\n- &a {id: a, url: 'http://a.test/', tags: &t [x]}\n- {id: b, url: 'http://b.test/', tags: *t}\n"
    path = write(tmp_path, text)
    with pytest.raises(UsageError, match="edit its feeds by hand"):
        feedlist.remove(path, "a")
    assert path.read_text(encoding="utf-8") == text
    assert os.listdir(tmp_path) == ["config.yaml"]  # noqa: PTH208


def test_a_broken_configuration_is_left_as_it_was(tmp_path: Path) -> None:
    """add and remove name the mistake and write nothing."""
    path = write(tmp_path, "feedz: []\n")
    with pytest.raises(ConfigError, match="did you mean feeds"):
        feedlist.add(path, [NEW])
    with pytest.raises(ConfigError, match="did you mean feeds"):
        feedlist.remove(path, "x")
    assert path.read_text(encoding="utf-8") == "feedz: []\n"


@pytest.mark.parametrize("url", ["ftp://x.test/", "x.test/rss", "https://x.test/?key=${SECRET}", "https://[x", ""])
def test_an_address_that_cannot_be_polled_is_refused(path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is added when one address of several is unusable, or would send a secret out."""
    monkeypatch.setenv("SECRET", "x")
    before = path.read_bytes()
    with pytest.raises(UsageError):
        feedlist.add(path, [NEW, Outline(url, "")])
    assert path.read_bytes() == before


def test_ids_that_are_taken_or_invalid_are_refused(path: Path) -> None:
    """--id must be free and valid."""
    with pytest.raises(UsageError, match="already"):
        feedlist.add(path, [NEW], "asec")
    with pytest.raises(UsageError, match="only letters"):
        feedlist.add(path, [NEW], "북한")
    with pytest.raises(UsageError, match="no feed 'zz'"):
        feedlist.remove(path, "zz")


def test_an_address_stands_once(path: Path) -> None:
    """An address that the configuration has, also as a relative file, is left out."""
    assert feedlist.add(path, [NEW, NEW]) == ["new-desk"]
    assert feedlist.add(path, [NEW]) == []
    assert feedlist.add(path, [Outline("file:feeds/a b.xml", "local")]) == ["local"]
    assert feedlist.add(path, [Outline((path.parent / "feeds/a b.xml").as_uri(), "again")]) == []
    assert feedlist.add(path, [Outline("file:feeds/a%20b.xml", "once more")]) == []


@pytest.mark.parametrize(
    ("url", "title", "feed_id"),
    [
        ("https://www.yna.co.kr/rss/north.xml", "연합뉴스", "yna-co-kr-rss-north-xml"),
        ("https://뉴스.한국/피드", "북한 소식", "feed"),
        ("https://x.test/", "NK뉴스 Pro!", "nk-pro"),
        ("https://x.test/", "asec", "asec-2"),
        ("https://x.test/", "A.b_c", "A.b_c"),
        ("https://x.test/", "no", "no"),
        ("https://x.test/", "180", "180"),
        ("file:a.xml", "", "file-a-xml"),
    ],
)
def test_ids_are_made_from_titles(path: Path, url: str, title: str, feed_id: str) -> None:
    """A title in Korean, one that YAML reads as a number, or one that is taken still gives a valid, free id."""
    assert feedlist.add(path, [Outline(url, title)]) == [feed_id]
    assert config.load(path).feeds[-1].id == feed_id


def test_a_link_stays_a_link(tmp_path: Path, path: Path) -> None:
    """Editing through a symbolic link changes the file it leads to, and keeps its permissions."""
    path.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    feedlist.add(link, [NEW])
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert config.load(path).feeds[-1].id == "new-desk"


def test_opml_keeps_addresses_and_tags(tmp_path: Path) -> None:
    """What write_opml writes, read_opml reads: addresses, ids as names, tags as folders."""
    feeds = [
        FeedSource(id="a", url="https://a.test/?x=1&y=<2>", tags=("press", "북한", "Asia/Korea")),
        FeedSource(id="b_c", url="file:///srv/f%20g.xml"),
    ]
    found = feedlist.read_opml(opml(tmp_path, feedlist.write_opml(feeds)))
    assert [(outline.url, outline.title, outline.folders) for outline in found] == [
        (feed.url, feed.id, feed.tags) for feed in feeds
    ]


def test_every_feed_of_the_shipped_configuration_survives_opml(tmp_path: Path, real: Path) -> None:
    """Export, then import into an empty configuration: the same ids, addresses and tags in the same order."""
    feeds = config.load(real).feeds
    exported = feedlist.read_opml(opml(tmp_path, feedlist.write_opml(feeds)))
    (tmp_path / "other").mkdir()
    other = write(tmp_path / "other", "feeds:\n")
    feedlist.add(other, exported)
    assert [(f.id, f.url, f.tags) for f in config.load(other).feeds] == [(f.id, f.url, f.tags) for f in feeds]


def test_folders_become_tags(tmp_path: Path) -> None:
    """Nested folders and categories are tags; spelling of xmlUrl and the feed: scheme do not matter."""
    found = feedlist.read_opml(
        opml(
            tmp_path,
            """<opml version="1.0"><body>
            <outline text="Press,  Asia"><outline title="Korea ${HOME}">
              <outline text="One" xmlURL="feed://one.test/rss" category="/a,/b/c"/>
              <outline text="Two" xmlUrl="feed:https://two.test/rss"/></outline></outline>
            <outline text="Three" type="rss" xmlUrl=" https://three.test/ "/></body></opml>""",
        )
    )
    assert found == [
        Outline("http://one.test/rss", "One", ("Press Asia", "Korea $ {HOME}", "a", "b/c")),
        Outline("https://two.test/rss", "Two", ("Press Asia", "Korea $ {HOME}")),
        Outline("https://three.test/", "Three"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no xml",
        b"<opml><body>",
        b"<rss/>",
        b"<opml version='2.0'><head/></opml>",
        b"<!DOCTYPE opml [<!ENTITY a 'x'>]><opml><body/></opml>",
        b"<!DOCTYPE opml [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><opml><body>&a;</body></opml>",
        b"<!DOCTYPE opml [<!ENTITY % p 'x'>]><opml><body/></opml>",
        b"<?xml version='1.0' encoding='no-such'?><opml><body/></opml>",
        "<?xml version='1.0' encoding='utf-8'?><opml><body><outline text='한'/></body></opml>".encode("euc-kr"),
        b"\x00\x01\x02",
        b"<opml><body>" + b"<outline text='x'>" * 500 + b"</outline>" * 500 + b"</body></opml>",
    ],
)
def test_broken_opml_is_refused(tmp_path: Path, body: bytes) -> None:
    """What is no OPML gives one line that names the file."""
    with pytest.raises(UsageError, match=r"feeds\.opml: ") as caught:
        feedlist.read_opml(opml(tmp_path, body))
    assert "\n" not in str(caught.value)


def test_opml_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A missing file or a folder gives one line."""
    for name in ("none.opml", "."):
        with pytest.raises(UsageError, match="cannot be read"):
            feedlist.read_opml(tmp_path / name)


def test_deep_outlines_do_not_crash(tmp_path: Path) -> None:
    """Outlines without names may nest as deep as they like."""
    body = b"<opml><body>" + b"<outline>" * 50_000 + b"<outline xmlUrl='https://x.test/'/>" + b"</outline>" * 50_000
    assert feedlist.read_opml(opml(tmp_path, body + b"</body></opml>")) == [Outline("https://x.test/", "")]
