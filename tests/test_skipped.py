"""What a body holds and the items do not: read after all where it can be, else counted by reason."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import ParseError
from pipeline.parse import parse
from pipeline.parse.survey import survey

URL = "http://feeds.test/dir/feed.xml"
HEAD = "<rss version='2.0'><channel><title>T</title>"
TAIL = "</channel></rss>"
ONE, TWO = (f"<item><guid>{name}</guid><title>{name}</title></item>" for name in ("one", "two"))
VERSION = '{"version": "https://jsonfeed.org/version/1.1", "title": "T", "items": ['
#: The real feeds that are read in a moment; the large ones are of the same makes.
REAL = [
    path
    for path in sorted((Path(__file__).parents[2] / "shared" / "feeds").glob("*.xml"))
    if path.stat().st_size < 150_000
]


def read(body: str) -> tuple[list[str], dict[str, int]]:
    """The titles and what was skipped; entries add up."""
    feed = parse(body.encode(), URL)
    told_apart = {reason: count for reason, count in feed.skipped.items() if reason != "deleted"}
    assert feed.entries == len(feed.items) + sum(told_apart.values())
    return [item.title or item.content for item in feed.items], dict(feed.skipped)


@pytest.mark.parametrize(
    ("body", "titles", "skipped"),
    [
        (HEAD + ONE + TWO + TAIL, ["one", "two"], {}),
        (HEAD + ONE + ONE + TWO + TAIL, ["one", "two"], {"repeated": 1}),
        (HEAD + ONE + "<item/><item><title> </title></item>" + TAIL, ["one"], {"empty": 2}),
        (HEAD + ONE + "<item><title>Half", ["one"], {"cut_off": 1}),
        (VERSION + '7, null, [], "x", {"id": 1, "title": "one"}, {}]}', ["one"], {"not_object": 4, "empty": 1}),
        (VERSION + '{"id": 1, "title": "one"}, {"id": 2, "ti', ["one"], {"cut_off": 1}),
        (VERSION + '{"id": 1, "title": x}, {"id": 2, "title": "two"}]}', ["two"], {"unreadable": 1}),
        ("<urlset><url><loc>http://a.test/</loc></url><url><loc>ftp:x</loc></url></urlset>", [""], {"unreadable": 1}),
    ],
)
def test_reasons(body: str, titles: list[str], skipped: dict[str, int]) -> None:
    """Each reason has its number, and reasons without a case are absent."""
    assert read(body) == (titles, skipped)


def test_a_tombstone_is_no_error() -> None:
    """at:deleted-entry is counted, the other entries stay, the feed keeps its title."""
    body = (
        "<feed xmlns='http://www.w3.org/2005/Atom' xmlns:at='http://purl.org/atompub/tombstones/1.0'><title>T</title>"
        "<at:deleted-entry ref='1' when='2026-11-23T00:00:00Z'><at:comment>gone</at:comment></at:deleted-entry>"
        "<entry><id>2</id><title>two</title></entry></feed>"
    )
    assert read(body) == (["two"], {"deleted": 1})
    assert parse(body.encode(), URL).title == "T"


@pytest.mark.parametrize(
    ("broken", "titles"),
    [
        ("<item><guid>x</guid><title>x</titel></item>", ["", "one", "two"]),
        ("<item><guid>x</guid><title><![CDATA[x</title></item>", ["x", "one", "two"]),
        ("<!-- <item><guid>x</guid><title>x</title></item>", ["x", "one", "two"]),
        ("<item><guid>x</guid><title>x</title>", ["x", "one", "two"]),
    ],
)
def test_a_broken_entry_costs_no_other(broken: str, titles: list[str]) -> None:
    """Wrong end tags, sections and comments without end do not swallow the entries after them, nor the feed's title."""
    for body in (HEAD + broken + ONE + TWO + TAIL, HEAD + broken + ONE + TWO):
        assert read(body) == (titles, {})
        assert parse(body.encode(), URL).title == "T"


def test_a_broken_entry_in_atom_or_rdf_costs_no_other() -> None:
    """What stands around the entries is closed as it was opened, prefixed or not."""
    entry = "<a:entry><a:id>{0}</a:id><a:title>{0}</a:{1}></a:entry>"
    body = "<a:feed xmlns:a='http://www.w3.org/2005/Atom' xml:lang='ko'><a:title>T</a:title>"
    body += entry.format("x", "titel") + entry.format("one", "title") + "</a:feed>"
    feed = parse(body.encode(), URL)
    assert [(item.guid, item.title) for item in feed.items] == [("x", ""), ("one", "one")]
    rdf = (
        "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns='http://purl.org/rss/1.0/'>"
        f"<channel><title>T</title></channel>{ONE.replace('</title>', '</titel>')}{TWO}</rdf:RDF>"
    )
    assert read(rdf)[0] == ["", "two"]


def test_many_broken_entries_are_counted_at_least() -> None:
    """Where there are too many to read each for itself, the number of what is missing stands there."""
    broken = "<item><guid>x</guid><title>x</titel></item>" * 3000
    titles, skipped = read(HEAD + ONE + broken + ONE + TAIL)
    assert titles[0] == "one"
    assert skipped["unreadable"] > 1000


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("<item><item/><ITEM\n><items><itemx></item>", 3),
        ("<![CDATA[<item>]]><!-- <entry> --><item>", 1),
        ("<media:item><x:entry>", 0),
        ("<f xmlns:x='http://www.w3.org/2005/Atom'><x:entry/><y:entry/></f>", 1),
        ("<![CDATA[<item><item>", 2),
        ("<item><!-- <item>", 2),
        ("<item", 0),
    ],
)
def test_what_is_an_entry(text: str, entries: int) -> None:
    """An entry is an element of a feed's own namespace; what a section without end swallows counts."""
    assert len(survey(text).entries) == entries


@pytest.mark.parametrize("path", REAL or [None], ids=lambda path: path.name if path else "none")
def test_no_loss_is_invented(path: Path | None) -> None:
    """In every real feed the count of the text is the number of feedparser's entries."""
    if path is None:
        pytest.skip("../shared/feeds with the real feed files is not here")
    assert set(parse(path.read_bytes(), URL).skipped) <= {"repeated"}


@pytest.mark.parametrize(
    "character", ["<item>", "<![CDATA[", "<!--", "<skipHours>", "<at:deleted-entry ", "<x:item xmlns:"]
)
def test_the_survey_is_linear(character: str) -> None:
    """Megabytes made to be slow are surveyed in a moment; what is quadratic would take hours."""
    survey(character * 500_000)


JSON_TAILS = {
    "a comma at the end": '{"id": 1, "title": "one, ]"},],}',
    "line ends in texts": '{"id": 1, "title": "one,\n]"}]}',
    "words after it": '{"id": 1, "title": "one, ]"}]} <!-- cached -->',
    "garbage further on": '{"id": 1, "title": "one, ]"}], "x": }',
}


@pytest.mark.parametrize("name", JSON_TAILS)
def test_json_that_is_nearly_right(name: str) -> None:
    """What other readers forgive is no loss."""
    assert read(VERSION + JSON_TAILS[name]) == (["one, ]"], {})


@pytest.mark.parametrize(
    "tail", ['{"a": [{},' * 100_000, '"\\"' * 500_000, "{x}," * 500_000, '"a":"' * 500_000, ", " * 500_000 + "x"]
)
def test_hostile_json_is_read_in_no_time(tail: str) -> None:
    """Broken JSON made to be slow raises ParseError or gives nothing."""
    try:
        assert not parse((VERSION + tail).encode(), URL).items
    except ParseError as error:
        assert "broken JSON" in str(error)  # noqa: PT017


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.integers(1, 8), st.floats(0, 1), st.booleans())
def test_a_body_that_is_cut_keeps_what_is_whole(count: int, place: float, is_json: bool) -> None:
    """Wherever a feed is cut off, each entry that is whole is an item, and no more than one is missing."""
    if is_json:
        entries = [json.dumps({"id": f"g{number}", "title": f"t{number}"}) for number in range(count)]
        text, end = VERSION + ", ".join(entries) + "]}", "}"
    else:
        entries = [f"<item><guid>g{number}</guid><title>t{number}</title></item>" for number in range(count)]
        text, end = HEAD + "".join(entries) + TAIL, "</item>"
    first = text.index(entries[0]) + len(entries[0])
    cut = text[: first + int(place * (len(text) - first))]
    whole = len(re.findall(r"t\d\"" + end if is_json else end, cut))
    titles, skipped = read(cut)
    assert titles[:whole] == [f"t{number}" for number in range(whole)]
    assert len(titles) <= whole + 1
    assert sum(skipped.values()) <= 1
