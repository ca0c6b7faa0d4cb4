"""feedlist: config.yaml edited so that all else stays, OPML read and written."""

from __future__ import annotations

import difflib
import re
import shutil
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline import config, feedlist, watchlist
from pipeline.config import FeedSource
from pipeline.errors import ConfigError, UsageError
from pipeline.feedlist import Outline, roundtrip

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
    "null": ("feeds: null  # c\n", 'feeds:       # c\n  - {id: x, url: "https://x.test/"}\n'),
    "empty brackets": ("feeds: []  # c\n", 'feeds:     # c\n  - {id: x, url: "https://x.test/"}\n'),
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
    "byte order mark": ("\ufefffeeds: []\n", '\ufefffeeds:\n  - {id: x, url: "https://x.test/"}\n'),
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


def test_an_alias_of_a_removed_feed_is_written_out(tmp_path: Path) -> None:
    """When an alias hangs on the feed to remove, what it stands for takes its place."""
    text = "feeds:\n- &a {id: a, url: 'http://a.test/', tags: &t [x]}\n- {id: b, url: 'http://b.test/', tags: *t}\n"
    path = write(tmp_path, text)
    feedlist.remove(path, "a")
    (left,) = config.load(path).feeds
    assert left == FeedSource(id="b", url="http://b.test/", tags=("x",))


def test_an_edit_that_would_change_more_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the round trip makes of a text, nothing that says something else, or loses a comment, is written."""
    text = "timezone: UTC\nfeeds:\n- {id: a, url: 'http://a.test/'}\n# kept\n- {id: b, url: 'http://b.test/'}\n"
    path = write(tmp_path, text)
    rest = "feeds:\n- {id: b, url: 'http://b.test/'}\n"
    for wrong in ("feeds: [", f"# kept\n{rest}", f"timezone: UTC\n{rest}", text):
        monkeypatch.setattr(roundtrip, "removed", lambda *_, wrong=wrong: iter([wrong]))
        with pytest.raises(UsageError, match="edit its feeds by hand"):
            feedlist.remove(path, "a")
    assert path.read_text(encoding="utf-8") == text
    assert [file.name for file in tmp_path.iterdir()] == ["config.yaml"]


BRACKETS = """feeds: [
  # zero
  {id: a, url: 'http://a.test/'},  # one
  # two
  {id: b, # bee
   url: 'http://b.test/'}, # three
  # four
]
# end
"""


@pytest.mark.parametrize("gone", ["a", "b"])
def test_comments_inside_of_brackets_are_not_lost(tmp_path: Path, gone: str) -> None:
    """Where the layout of brackets cannot be kept, the comments in them stand above the feeds."""
    path = write(tmp_path, BRACKETS)
    feedlist.remove(path, gone)
    after = path.read_text(encoding="utf-8")
    own = {"a": {"# one"}, "b": {"# bee", "# three"}}[gone]
    assert set(re.findall(r"# \w+", BRACKETS)) - own <= set(re.findall(r"# \w+", after))
    assert [feed.id for feed in config.load(path).feeds] == ["b" if gone == "a" else "a"]


JSON = """{
  "database": "w.db",
  "feeds": [
    {
      "id": "a",
      "url": "http://a.test/"
    },
    {"id": "b", "url": "http://b.test/"}
  ]
}
"""


def test_a_configuration_in_json_keeps_its_lines(tmp_path: Path) -> None:
    """Feeds are added to and removed from a list in brackets over many lines where they stand."""
    path = write(tmp_path, JSON)
    feedlist.remove(path, "a")
    assert changed(JSON.encode(), path.read_bytes()) == [f"-{row}\n" for row in JSON.splitlines()[3:7]]
    feedlist.add(path, [Outline("https://x.test/", "x")])
    assert '    {"id": "b", "url": "http://b.test/"}, {id: x, url: "https://x.test/"}\n' in path.read_text(
        encoding="utf-8"
    )


COMMENTED = """# 0

feeds:  # 1
  # 2

  - id: a  # 4
    # 5
    url: http://a.test/  # 6
    # 7
  # 8

# 9
  - id: b # 10
    tags: # 11
      # 12
      - x # 13
    url: |- # 15
      http://b.test/

    # 16

# 17
timezone: UTC
# 18
"""


def test_comments_around_a_removed_feed_stay(tmp_path: Path) -> None:
    """Those on its lines and between them go with a feed; those above and below stay, and so does every other byte."""
    for gone, first, last in (("a", 6, 8), ("b", 13, 18)):
        path = write(tmp_path, COMMENTED)
        feedlist.remove(path, gone)
        rows = COMMENTED.splitlines(keepends=True)
        assert path.read_text(encoding="utf-8") == "".join([*rows[: first - 1], *rows[last:]])


@pytest.mark.parametrize("count", [3, 120])
def test_a_list_of_any_length_is_edited_in_one_place(tmp_path: Path, count: int) -> None:
    """Of a long list each feed can be removed, and one added, by changing its line alone."""
    rows = [f"- {{id: f{n}, url: 'http://{n}.test/'}}   # {n}\n" for n in range(count)]
    text = "".join(["feeds: # all\n", *rows, "# tail\ntimezone: UTC"])
    for at in {0, 1, 2, count // 2, count - 3, count - 2, count - 1}:
        path = write(tmp_path, text)
        feedlist.remove(path, f"f{at}")
        assert path.read_text(encoding="utf-8").rstrip() == text.replace(rows[at], "")
        assert next(roundtrip.removed(text, at)).rstrip() == text.replace(rows[at], "")  # the first that is tried
    path = write(tmp_path, text)
    feedlist.add(path, [Outline("https://x.test/", "x")])
    new = '- {id: x, url: "https://x.test/"}\n'
    assert path.read_text(encoding="utf-8").rstrip() == text.replace("# tail", f"{new}# tail")


@st.composite
def configurations(draw: st.DrawFn) -> str:
    """A configuration with feeds f0, f1 … in any style, and numbered comments wherever a person may write one."""
    number = iter(range(1000))

    def pick(*choices: str) -> str:
        return draw(st.sampled_from(choices))

    def remark() -> str:
        return pick("", "", f" # c{next(number)}", f"   # c{next(number)}")

    def between(indent: str) -> str:
        return pick(
            "", "", "\n", f"{indent}# c{next(number)}\n", f"# c{next(number)}\n\n", f"{indent}  # c{next(number)}\n"
        )

    def feed(n: int, dash: str) -> str:
        deep = " " * len(dash)
        flow = f"{{id: f{n}, url: 'http://{n}.test/', tags: [it's, \"a # b\"]}}"
        return pick(
            f"{dash}{flow}{remark()}\n",
            f"{dash}id: f{n}{remark()}\n{between(deep)}{deep}url: http://{n}.test/{remark()}\n",
            f"{dash}url: >-{remark()}\n{deep}  http://{n}.test/\n{deep}id: f{n}{remark()}\n",
            f"{dash}url: |-\n{deep}  http://{n}.test/\n{deep}id: f{n}\n{deep}tags:{remark()}\n{deep}- x{remark()}\n",
            f'{dash.rstrip()}{remark()}\n{between(deep)}{deep}id: f{n}\n{deep}url: "http://{n}.test/"{remark()}\n',
        )

    ids = range(draw(st.integers(0, 4)))
    dash = pick("- ", "  - ", "    -   ", " - ")
    gap = dash[: len(dash) - len(dash.lstrip())]
    inner = "".join(f"{between(gap)}{feed(n, dash)}" for n in ids)
    brackets = [f"{{id: f{n}, url: 'http://{n}.test/'}}" for n in ids]
    feeds = pick(
        f"feeds:{remark()}\n{inner}",
        f"feeds:{remark()}\n{inner}",
        f"feeds: [{', '.join(brackets)}]{remark()}\n",
        f"feeds: [{remark()}\n" + "".join(f"{between('  ')}  {one},{remark()}\n" for one in brackets) + "]\n",
    )
    before = pick("", "timezone:   UTC" + remark() + "\n", "fetch:\n    timeout: 20" + remark() + "\n", "---\n")
    after = pick("", "database: 'w.db'" + remark() + "\n", f"digest:{remark()}\n      deliver: []{remark()}\n")
    text = between("") + before + between("") + feeds + between("  ") + after + between("")
    return text.replace("\n", pick("\n", "\n", "\r\n"))


def remarks(text: str) -> Counter[str]:
    return Counter(re.findall(r"# c\d+", text))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(configurations())
def test_adding_and_removing_loses_no_comment(tmp_path: Path, text: str) -> None:
    """However a configuration is written: add, then remove, gives the same feeds and every comment."""
    path = write(tmp_path, text)
    before = config.load(path).feeds
    feedlist.add(path, [NEW])
    added = path.read_bytes().decode()
    assert config.load(path).feeds[:-1] == before
    assert remarks(added) == remarks(text)
    if "feeds: [" not in text:  # one new line, and every other byte stays
        assert all("new-desk" in row for row in changed(text.encode(), added.encode()))
    feedlist.remove(path, "new-desk")
    assert config.load(path).feeds == before
    assert remarks(path.read_text(encoding="utf-8")) == remarks(text)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(configurations())
def test_removing_loses_only_the_feeds_own_comments(tmp_path: Path, text: str) -> None:
    """Each feed can be removed, whatever the style; at most the comments beside and between its lines go with it."""
    path = write(tmp_path, text)
    for feed in config.load(path).feeds:
        before = path.read_bytes().decode()
        left = [other for other in config.load(path).feeds if other != feed]
        feedlist.remove(path, feed.id)
        assert list(config.load(path).feeds) == left
        lost = remarks(before) - remarks(path.read_text(encoding="utf-8"))
        assert len(lost) <= 4


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
    """Export, then import into an empty configuration: the same ids, addresses and tags, by folder."""
    feeds = config.load(real).feeds
    exported = feedlist.read_opml(opml(tmp_path, feedlist.write_opml(feeds)))
    (tmp_path / "other").mkdir()
    other = write(tmp_path / "other", "feeds:\n")
    feedlist.add(other, exported)
    first_tags = list(dict.fromkeys(feed.tags[0] for feed in feeds))
    by_folder = sorted(feeds, key=lambda feed: first_tags.index(feed.tags[0]))
    assert [(f.id, f.url, f.tags) for f in config.load(other).feeds] == [(f.id, f.url, f.tags) for f in by_folder]


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


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "euc-kr", "cp949", "shift_jis", "iso-8859-1", "gb18030"]
)
def test_opml_is_read_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    """By its byte order mark, or by the encoding that it declares."""
    name = {"iso-8859-1": "Café", "shift_jis": "新聞", "gb18030": "新闻"}.get(encoding, "북한")
    body = f"<?xml version='1.0' encoding='{encoding}'?><opml><body><outline text='{name}' xmlUrl='https://x.test/'/></body></opml>"
    (outline,) = feedlist.read_opml(opml(tmp_path, body.encode(encoding)))
    assert outline.title == name


def test_old_and_careless_opml_is_read(tmp_path: Path) -> None:
    """Version 1, names in capitals, outlines without type or name, an address under url, markup of others."""
    found = feedlist.read_opml(
        opml(
            tmp_path,
            """<?xml version="1.1"?><!-- by hand --><OPML version="1.1" xmlns:a="urn:a"><HEAD/><Body>
            <Outline xmlUrl="https://one.test/"/><outline Type="RSS" text="two" URL="https://two.test/"/>
            <outline type="link" text="page" url="https://page.test/"/><a:outline xmlUrl="https://no.test/"/>
            <outline text="three" xmlUrl="https://three.test/" category=" /a , , /b/ "><outline text="x"/></outline>
            </Body></OPML>""".replace('version="1.1"?', 'version="1.0"?'),
        )
    )
    assert [(outline.url, outline.title, outline.folders, outline.line) for outline in found] == [
        ("https://one.test/", "", (), 2),
        ("https://two.test/", "two", (), 2),
        ("https://three.test/", "three", ("a", "b"), 4),
    ]


def test_what_cannot_be_polled_is_left_out(path: Path) -> None:
    """Of a list from elsewhere the usable feeds are added; of the others the line and the reason are known."""
    good, bad, secret = (
        NEW,
        Outline("ftp://x.test/", "Old", line=7),
        Outline("https://x.test/?k=${HOME}", "Sly", line=9),
    )
    added = feedlist.add_all(path, [bad, good, secret, Outline("https://asec.test/", "there")])
    assert (added.ids, added.known) == (("new-desk",), 1)
    assert [(skipped.outline.line, skipped.outline.title) for skipped in added.skipped] == [(7, "Old"), (9, "Sly")]
    assert "can be polled" in added.skipped[0].reason
    assert "environment variable" in added.skipped[1].reason


def test_a_feed_in_two_folders_has_both_tags(path: Path) -> None:
    """An address that stands twice in a list is one feed with the tags of both."""
    twice = [Outline("https://x.test/", "One", ("press", "asia")), Outline("https://x.test/", "Two", ("asia", "cyber"))]
    added = feedlist.add_all(path, twice)
    assert (added.ids, added.known) == (("One",), 1)
    assert config.load(path).feeds[-1].tags == ("press", "asia", "cyber")


def test_thousands_of_feeds_are_added_at_once(path: Path) -> None:
    """Each of them has an id of its own, even when all have one name."""
    added = feedlist.add_all(path, [Outline(f"https://{n}.test/", "News", ("press",)) for n in range(2000)])
    assert (added.ids[0], added.ids[1], added.ids[-1]) == ("News", "News-2", "News-2000")
    assert len(config.load(path).feeds) == 2001


def test_folders_are_the_first_tags(tmp_path: Path) -> None:
    """The export is OPML 2.0: a head with a title, a folder for each first tag, all tags as the category."""
    text = feedlist.write_opml(
        [
            FeedSource(id="a", url="https://a.test/", tags=("press", "korea")),
            FeedSource(id="b", url="https://b.test/"),
            FeedSource(id="c", url="https://c.test/", tags=("press",)),
        ]
    )
    root = ElementTree.fromstring(text)
    assert (root.tag, root.get("version"), root.findtext("head/title")) == ("opml", "2.0", "watchfloor feeds")
    folder, alone = root.findall("body/outline")
    assert (folder.get("text"), [feed.get("text") for feed in folder]) == ("press", ["a", "c"])
    assert folder[0].attrib == {
        "type": "rss", "text": "a", "title": "a", "xmlUrl": "https://a.test/", "category": "/press,/korea",
    }  # fmt: skip
    assert alone.get("xmlUrl") == "https://b.test/"
    assert "watchfloor:" not in text


TAGS = st.lists(
    st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(["press", "a/b", "a, b", "/"]), max_size=4
)
FEEDS = st.lists(
    st.builds(
        FeedSource,
        id=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,8}", fullmatch=True),
        url=st.from_regex(r"https://[a-z]{1,8}\.test/[a-z0-9?&=<>'\"#%;:@!한-]{0,12}", fullmatch=True),
        tags=TAGS.map(lambda tags: tuple(tag for tag in tags if "${" not in tag)),
    ),
    unique_by=(lambda feed: feed.id, lambda feed: feed.url),
    max_size=6,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FEEDS)
@example([FeedSource(id="0b_", url="https://a.test/")])
def test_export_and_import_lose_nothing(tmp_path: Path, feeds: list[FeedSource]) -> None:
    """Ids, addresses and tags come back whatever they hold; the export is the same every time."""
    text = feedlist.write_opml(feeds)
    assert text == feedlist.write_opml(feeds)
    other = write(tmp_path, "database: w.db\n")
    feedlist.add_all(other, feedlist.read_opml(opml(tmp_path, text)))
    found = {feed.id: (feed.url, feed.tags) for feed in config.load(other).feeds}
    assert found == {feed.id: (feed.url, feed.tags) for feed in feeds}


def test_a_close_id_is_suggested(path: Path) -> None:
    """Removing a feed whose id is mistyped names the one that is meant."""
    with pytest.raises(UsageError, match="did you mean asec"):
        feedlist.remove(path, "asce")


def test_opml_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A missing file or a folder gives one line."""
    for name in ("none.opml", "."):
        with pytest.raises(UsageError, match="cannot be read"):
            feedlist.read_opml(tmp_path / name)


def test_deep_outlines_do_not_crash(tmp_path: Path) -> None:
    """Outlines without names may nest as deep as they like."""
    body = b"<opml><body>" + b"<outline>" * 50_000 + b"<outline xmlUrl='https://x.test/'/>" + b"</outline>" * 50_000
    assert feedlist.read_opml(opml(tmp_path, body + b"</body></opml>")) == [Outline("https://x.test/", "")]
