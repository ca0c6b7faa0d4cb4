"""config.py: every mistake in config.yaml is one line that names its place; what is right becomes a Config."""

from __future__ import annotations

import re
from datetime import time, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import config, watchlist
from pipeline.config import Config
from pipeline.errors import ConfigError

REAL = Path(__file__).parents[1] / "config.yaml"
PATH = Path("/srv/news/config.yaml")
OWN = """\
watchlist:
  - id: office-39
    name: Office 39
    kind: organisation
    rules:
      - Office 39
      - {id: office-39.b, patterns: ["bureau|office 39"]}
      - {id: office-39.r, regex: ['Room \\d+']}
"""


@pytest.fixture(autouse=True)
def _no_pack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the default pack takes a third of a second; only tests that name it need it."""
    empty = watchlist.Watchlist(words={}, contexts={"dprk": ("pyongyang",)}, entities=())
    monkeypatch.setattr(watchlist, "load_pack", lambda *_: empty)


def load(text: str) -> Config:
    return config.parse(text, PATH)


def mistakes(text: str) -> list[str]:
    """The mistakes of ``text``, without the file's name."""
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert caught.value.exit_status == 2
    return [row.removeprefix(f"{PATH}:") for row in str(caught.value).splitlines()]


def test_the_shipped_configuration_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """config.yaml is right, and says what DESIGN.md says."""
    monkeypatch.undo()
    found = config.load(REAL)
    assert (str(found.timezone), found.database) == ("Asia/Seoul", REAL.parent / "db/watchfloor.db")
    assert (found.schedule.interval, found.schedule.digest_at) == (timedelta(minutes=30), time(7))
    assert len(found.feeds) >= 25
    assert found.watchlist.entities
    assert config.template() == REAL.read_text(encoding="utf-8")


def test_defaults() -> None:
    """Sections with nothing in them count as absent."""
    found = load("feeds:\nfetch:\nschedule:\n  interval:\nwatchlist:\ndigest:\ndatabase:\ntimezone:\n")
    default = config.default(PATH.parent)
    assert (found.fetch, found.schedule, found.digest) == (default.fetch, default.schedule, default.digest)
    assert (found.database, found.feeds) == (default.database, ())


MISTAKES = {
    "unknown key": ("feedz: []", "1: feedz: unknown key; did you mean feeds?"),
    "unknown key, deeper": ("fetch:\n  time_out: 3", "2: fetch.time_out: unknown key; did you mean timeout?"),
    "unknown key in a feed": (
        "feeds:\n- {id: a, url: 'http://a', tag: [x]}",
        "2: feeds[0].tag: unknown key; did you mean tags?",
    ),
    "unknown key in an entity": (
        OWN + "    colour: red\n",
        "9: watchlist[0].colour: unknown key; known keys: id, name, kind,",
    ),
    "unknown key in a rule": (
        OWN.replace("patterns", "pattern"),
        "7: watchlist[0].rules[1].pattern: unknown key; did you mean patterns?",
    ),
    "nothing like it": ("digest: {zzz: 1}", "1: digest.zzz: unknown key; known keys: deliver"),
    "number for text": ("database: 5", "1: database: 5 is not text; put it in quotes"),
    "no for text": ("feeds:\n- {id: no, url: 'http://a'}", "2: feeds[0].id: false is not text; put it in quotes"),
    "text for number": ("fetch: {timeout: soon}", "1: fetch.timeout: 'soon' is not a number; write one"),
    "yes for number": ("fetch: {concurrency: yes}", "1: fetch.concurrency: true is not a number"),
    "fraction": ("fetch: {per_host: 1.5}", "1: fetch.per_host: 1.5 is not a whole number"),
    "too small": ("fetch: {concurrency: 0}", "1: fetch.concurrency: 0 is too small; use 1 or more"),
    "too large": ("fetch: {timeout: .inf}", "1: fetch.timeout: inf is too large; use 3600"),
    "not a yes or no": (
        "fetch: {allow_private_addresses: 7}",
        "1: fetch.allow_private_addresses: 7 is not a yes or no",
    ),
    "text for a block": ("fetch: fast", "1: fetch: 'fast' is not a block of settings"),
    "text for a list": ("feeds: http://a/", "1: feeds: 'http://a/' is not a list"),
    "text for a feed": ("feeds: [http://a/]", "1: feeds[0]: 'http://a/' is not a block of settings"),
    "missing key": ("feeds:\n  - id: a\n    tags: []", "2: feeds[0].url: is missing; add it"),
    "empty value": ("feeds:\n  - id: a\n    url:", "3: feeds[0].url: is missing; add it"),
    "bad id": ("feeds:\n- {id: 북한, url: 'http://a'}", "2: feeds[0].id: the id '북한' may hold only letters"),
    "repeated id": (
        "feeds:\n- {id: a, url: 'http://a'}\n- id: a\n  url: http://b",
        "3: feeds[1].id: the id 'a' stands twice (first on line 2); rename one",
    ),
    "repeated key": ("database: a\ntimezone: UTC\ndatabase: b", "3: database: stands twice; keep one of them"),
    "no unit": ("schedule: {interval: 30}", "1: schedule.interval: 30 is not a duration; write a number and s, m, h"),
    "odd unit": ("schedule: {interval: 1h30m}", "1: schedule.interval: '1h30m' is not a duration"),
    "endless": ("schedule: {interval: 99999999999d}", "1: schedule.interval: '99999999999d' is not a duration"),
    "out of range": ("schedule: {interval: 0s}", "1: schedule.interval: '0s' is out of range; use 1s to 366d"),
    "wrong order": (
        "schedule:\n  min_interval: 2h\n  max_interval: 1h",
        "2: schedule.min_interval: is longer than max_interval; make it shorter",
    ),
    "long window": ("stories:\n  window: 90d", "2: stories.window: is too long; use 60d or less"),
    "unquoted time": (
        "schedule: {digest_at: 17:30}",
        '1: schedule.digest_at: 1050 is not a time of day; write it in quotes: "17:30"',
    ),
    "impossible time": ('schedule: {digest_at: "25:00"}', "1: schedule.digest_at: '25:00' is not a time of day"),
    "time zone": ("timezone: seoul", "1: timezone: unknown time zone 'seoul'; did you mean Asia/Seoul?"),
    "time zone offset": ("timezone: +9", "1: timezone: unknown time zone 9; use a name such as Asia/Seoul"),
    "time zone folder": ("timezone: ../etc", "1: timezone: unknown time zone '../etc'"),
    "public address": (
        "websub: {public_url: news.example/hooks}",
        "1: websub.public_url: 'news.example/hooks' cannot be called by a hub; write http(s)://host/path/",
    ),
    "public address with a query": (
        "websub:\n  public_url: https://news.example/?hook=",
        "2: websub.public_url: 'https://news.example/?hook=' cannot be called by a hub; write http(s)://host/path/",
    ),
    "public address without a host": (
        "websub: {public_url: 'https://:80/'}",
        "1: websub.public_url: 'https://:80/' is not an address that can be polled; write http",
    ),
    "websub port": ("websub: {port: 0}", "1: websub.port: 0 is too small; use 1 or more"),
    "websub lease": ("websub: {lease: forever}", "1: websub.lease: 'forever' is not a duration"),
    "user agent": ("fetch: {user_agent: 뉴스}", "1: fetch.user_agent: must be one line of plain ASCII text"),
    "path": ('database: "a\\0b"', "1: database: 'a\\x00b' is not the name of a file"),
    "empty path": ("digest: {deliver: [{file: ''}]}", "1: digest.deliver[0].file: '' is not the name of a file"),
    "unknown pack": ("watchlist:\n- pack: dprk", "2: watchlist[0].pack: no pack 'dprk'; the packs are: dprk-cyber"),
    "missing file": ("watchlist:\n- file: none.yaml", "no such file"),
    "broken regex": (
        OWN.replace("\\d+", "(\\d+"),
        "8: watchlist[0].rules[2].regex[0]: rule office-39.r: invalid regular expression",
    ),
    "empty regex": (
        OWN.replace("Room \\d+", "\\d*"),
        "8: watchlist[0].rules[2].regex[0]: rule office-39.r: invalid regular expression",
    ),
    "broken pattern": (
        OWN.replace("bureau|office", "{nosuch}"),
        "7: watchlist[0].rules[1].patterns: rule office-39.b:",
    ),
    "odd kind": (OWN.replace("organisation", "group"), "4: watchlist[0].kind: 'group' is not one of"),
    "list": ("- a\n- b", "1: is not a configuration; write lines of key: value"),
    "text": ("hello", "1: is not a configuration"),
    "number": ("5", "1: is not a configuration"),
    "empty": ("", "1: is empty; write what to watch, or start anew with: watchfloor init"),
    "comments only": ("# a\n# b\n", "1: is empty"),
    "tag": ("database: !!python/name:os.system x", "1: tags such as !!python/name:os.system are not allowed"),
    "loop": ("feeds: &x [*x]", "1: *x stands inside of what it stands for"),
    "deep": ("feeds: " + "[" * 5000, "1: is nested too deeply"),
    "number as key": ("1: x", "1: 1: unknown key; known keys: database"),
    "yes as key": ("on: x", "1: on: unknown key"),
    "list as key": ("[a]: x", "1: a key is a list or a block"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_every_mistake_is_one_line(name: str) -> None:
    """A mistake names line and key, and says what to do; nothing else is reported with it."""
    text, expected = MISTAKES[name]
    (found,) = mistakes(text)
    assert found.startswith(expected) or (name == "missing file" and expected in found)
    assert re.search(r"[;(]|known keys|not one of|must be|invalid", found)


URLS = [
    "example.org/feed", "http://", "http:///feed", "https://[::1", "http://a b/", "http://a/b c", "ftp://a/", "feed://a/",
    "http://a:99999/", "http://a:x/", "http://a:0/", "http://a..b/", "http://" + "a" * 64 + ".test/", "http://a/\x07",
    "javascript:alert(1)", "file:", "file://", "file://feeds/a.xml", "file:%00", "C:\\feeds\\a.xml", "//a/b", "", " ",
    "http:a",
]  # fmt: skip


@pytest.mark.parametrize("url", URLS)
def test_addresses_that_cannot_be_polled(url: str) -> None:
    """A broken address of any shape is one line at its key."""
    escaped = url.replace("\\", "\\\\").replace("\x07", "\\a")
    (found,) = mistakes(f'feeds:\n  - id: a\n    url: "{escaped}"\n')
    assert found.startswith("3: feeds[0].url: ")


@pytest.mark.parametrize(
    "url",
    [
        "http://a",
        "HTTPS://A.test:8443/x?y=1&z=%20#f",
        "http://[::1]:80/",
        "http://뉴스.한국/피드",
        "http://user:pw@a.test/",
        " http://a/ ",
    ],
)
def test_addresses_that_can_be_polled(url: str) -> None:
    """What browsers take, the configuration takes."""
    assert load(f"feeds: [{{id: a, url: '{url}'}}]").feeds[0].url == url.strip()


@pytest.mark.parametrize(
    ("url", "absolute"),
    [
        ("file:feeds/a.xml", "file:///srv/news/feeds/a.xml"),
        ("file:my feeds/북한 #1?.xml", "file:///srv/news/my%20feeds/%EB%B6%81%ED%95%9C%20%231%3F.xml"),
        ("file:my%20feeds/%EB%B6%81.xml", "file:///srv/news/my%20feeds/%EB%B6%81.xml"),
        ("file:100%.xml", "file:///srv/news/100%25.xml"),
        ("file:%FF.xml", "file:///srv/news/%FF.xml"),
        ("file:/abs/a.xml", "file:///abs/a.xml"),
        ("file:///abs/a.xml", "file:///abs/a.xml"),
        ("FILE://localhost/abs/a.xml", "file:///abs/a.xml"),
    ],
)
def test_file_addresses_count_from_the_configuration(url: str, absolute: str) -> None:
    """Spaces, percent-encoding and any script work; a relative path counts from the file's folder."""
    assert load(f'feeds:\n- id: a\n  url: "{url}"\n').feeds[0].url == absolute


@pytest.mark.parametrize(
    ("text", "public_url"),
    [
        ("", None),
        ("websub:\n  public_url:\n", None),
        ("websub: {public_url: 'https://news.example'}", "https://news.example/"),
        ("websub: {public_url: 'http://news.example:8080/hooks//'}", "http://news.example:8080/hooks/"),
    ],
)
def test_websub_is_off_unless_a_public_address_is_given(text: str, public_url: str | None) -> None:
    """An empty key counts as absent; the address ends in one slash, as a path is put behind it."""
    found = load(f"feeds: []\n{text}").websub
    assert (found.public_url, found.host, found.port, found.lease) == (public_url, "127.0.0.1", 8002, timedelta(days=7))


def test_paths_count_from_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """database and watch-list files are found beside the file, wherever the command runs."""
    folder = tmp_path / "한 글"
    folder.mkdir()
    (folder / "own.yaml").write_text("entities:\n- {id: x, name: X, kind: topic, rules: [xyz]}\n", encoding="utf-8")
    text = "database: a.db\ndigest: {deliver: [{file: 'out/{date}.html'}]}\nwatchlist: [{file: own.yaml}]\n"
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found = config.load(Path("한 글/config.yaml"))
    assert found.database == folder / "a.db"
    assert [entity.id for entity in found.watchlist.entities] == ["x"]


def test_all_mistakes_are_reported_in_the_order_of_the_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """YAML's, the environment's, the models' and the watch-list's mistakes come together; none is told twice."""
    monkeypatch.delenv("WATCHFLOOR_NONE", raising=False)
    text = (
        "feeds:\n- {id: a, url: 'http://a'}\n- {id: a, url: nowhere}\n- {id: b, url: '${WATCHFLOOR_NONE}'}\n"
        "timezone: Seoul\ntimezone: Mars\nwatchlist:\n- pack: none\nfetch:\n  colour: red\n"
    )
    found = mistakes(text)
    places = [row.split(": ")[:2] for row in found]
    assert places == [
        ["3", "feeds[1].url"],
        ["3", "feeds[1].id"],
        ["4", "feeds[2].url"],
        ["6", "timezone"],
        ["8", "watchlist[0].pack"],
        ["10", "fetch.colour"],
    ]


def test_mistakes_of_a_watchlist_file_name_that_file(tmp_path: Path) -> None:
    """They come after those of the configuration."""
    (tmp_path / "own.yaml").write_text("entities:\n- {id: x}\n", encoding="utf-8")
    path = tmp_path / "config.yaml"
    path.write_text("watchlist: [{file: own.yaml}]\n\n\nfeedz: 1\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    places = [(mistake.path.name, mistake.line) for mistake in caught.value.mistakes]
    assert places == [("config.yaml", 4), *[("own.yaml", 2)] * 3]


def test_variables_fill_in_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """${NAME} may be an address or a number; a message shows the name, never the value."""
    monkeypatch.setenv("WATCHFLOOR_TEST", "7")
    monkeypatch.setenv("WATCHFLOOR_KEY", "s3cr3t")
    found = load("fetch: {concurrency: '${WATCHFLOOR_TEST}'}\nfeeds: [{id: a, url: 'http://a/?k=${WATCHFLOOR_KEY}'}]")
    assert (found.fetch.concurrency, found.feeds[0].url) == (7, "http://a/?k=s3cr3t")
    (message,) = mistakes("feeds: [{id: a, url: 'ftp://${WATCHFLOOR_KEY}/'}]")
    assert "s3cr3t" not in message
    assert "${WATCHFLOOR_KEY}" in message


def test_anchors_and_merges_work() -> None:
    """What YAML offers against repetition may be used; an own key beats a merged one."""
    text = (
        "feeds:\n- &a {id: a, url: 'http://a', tags: &t [x]}\n- {<<: *a, id: b}\n- {id: c, url: 'http://c', tags: *t}\n"
    )
    assert [(feed.id, feed.url, feed.tags) for feed in load(text).feeds] == [
        ("a", "http://a", ("x",)),
        ("b", "http://a", ("x",)),
        ("c", "http://c", ("x",)),
    ]


TEXT = OWN + REAL.read_text(encoding="utf-8").replace("watchlist:\n  - pack: dprk-cyber\n", "").replace(
    ", subject: [dprk]", ""
)
PIECES = [
    *" ,  ,:,: ,- ,#,',\",[,],{,},*x,&x ,!!set ,<<: *x,${X_Y},0,-1,1e9,null,true,한,\\,? ,%,@,=,(,*,2026-99-99".split(
        ","
    ),
    *("\t", "\n", ",", "\0", "\x07", "\u2028", "|\n", "---\n"),
]


@settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 25), st.sampled_from(PIECES)), min_size=1, max_size=4))
def test_mutated_configurations_load_or_raise_config_error(edits: list[tuple[float, int, str]]) -> None:
    """Whatever is cut out of the shipped configuration or put into it: a Config, or placed mistakes of one line."""
    text = TEXT
    for place, cut, piece in edits:
        at = int(place * len(text))
        text = text[:at] + piece + text[at + cut :]
    try:
        load(text)
    except ConfigError as error:
        assert all("\n" not in str(mistake) and mistake.line for mistake in error.mistakes)  # noqa: PT017
    assert load(TEXT).feeds


def test_a_subject_is_a_context_of_the_watchlist() -> None:
    """A feed's subject that the watch-list does not know is told with what to do."""
    text = 'feeds: [{id: a, url: "http://a.test/", subject: [drpk]}]\n'
    assert mistakes(text) == ["1: feeds[0].subject: there is no context 'drpk' in the watch-list; did you mean dprk?"]
    text = text.replace("drpk", "weather")
    (found,) = mistakes(text)
    assert found.endswith("remove it, or write one of: dprk")


def test_a_priority_is_for_an_entity_of_the_watchlist(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that the watch-list does not know is told with its line and what to do."""
    monkeypatch.undo()
    text = "review:\n  priority:\n    lab-110: 2\n    lab-111: 2\n"
    assert mistakes(text) == [
        "4: review.priority.lab-111: there is no entity 'lab-111' in the watch-list; did you mean lab-110?"
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("filters: [{id: a, feed: wir}]", "1: filters[0].feed: there is no feed 'wir'; did you mean wire?"),
        ("filters: [{id: a, entity: lab-11}]", "filters[0].entity: there is no entity 'lab-11' in the watch-list; "),
        ("filters: [{id: a}]", "filters nothing; give one of entity, feed, language, verdict, words"),
        ("filters: [{id: a, words: x}, {id: a, words: y}]", "1: filters[1].id: the id 'a' stands twice; rename one"),
        ("alerts: [{name: a, deliver: []}]", "1: alerts[0].deliver: is empty; give at least one"),
        ("digest: {deliver: [{mail: a@b.example}]}", "deliver[0].mail: needs mail: host; name the server"),
        (
            "mail: {host: h, sender: a@b.example, user: u, password: p}",
            "mail.password: stands in the file; secrets come",
        ),
        ("mail: {host: h, sender: a@b.example, user: u, password: '${WF_UNSET}'}", "variable WF_UNSET is not set"),
        ("digest: {deliver: [{apprise: 'slack://x'}]}", "has no name; add one, such as name: desk-chat"),
    ],
)
def test_mistakes_in_what_is_sent_and_saved_are_one_line(tmp_path: Path, text: str, sentence: str) -> None:
    """Each names its line, its key and the remedy."""
    feeds = 'feeds: [{id: wire, url: "http://a.example/"}]'
    with pytest.raises(ConfigError) as caught:
        config.parse(f"{text}\n{feeds}\n", tmp_path / "config.yaml")
    assert len(caught.value.mistakes) == 1
    assert sentence in str(caught.value)
