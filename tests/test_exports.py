"""Exports: what each form holds, that other programs take it, and that no text of a feed becomes more than text."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import feedparser
import pyarrow.parquet as pq
import pytest
import stix2
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree
from pymisp import MISPEvent
from stix2validator import ValidationOptions, validate_string

from pipeline.exports import FORMS, About, writer
from pipeline.exports.spreadsheet import harmless
from pipeline.models import ItemRow, Wanted
from pipeline.store import Store
from pipeline.times import to_iso
from tests.conftest import NOW, Site, call
from tests.desk import Desk, make_desk
from tests.test_reporting import Desk as Stored

ITEMS = [
    ("Lab 110 of North Korea named", "Pyongyang's Lab 110 wrote the tool. The famous lab is silent."),
    ("=HYPERLINK(1) Lab 110 in Pyongyang", "Lab 110, said Pyongyang &lt;b&gt;boldly&lt;/b&gt;."),
    ("Unit 180 seen", "Unit 180 was seen in Minsk."),
]
FORM_NAMES = sorted(FORMS)


@pytest.fixture
def desk(tmp_path: Path, site: Site) -> Desk:
    made = make_desk(tmp_path, site, ITEMS)
    made.judge(ITEMS[0][0], "relevant")
    return made


def exported(desk: Desk, form: str, *arguments: str) -> str:
    done = call("export", "--format", form, *arguments, cwd=desk.folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def titles(desk: Desk, *arguments: str) -> list[str]:
    return [json.loads(line)["title"] for line in exported(desk, "jsonl", *arguments).splitlines()]


def about(**changes: Any) -> About:
    entity = {
        "id": "lab-110", "name": "Lab 110", "kind": "organisation", "description": "", "priority": 1,
        "aliases": '{"en": ["Lab 110", "Centre 110"]}', "references": "{}",
    }  # fmt: skip
    shared = {"title": "test", "address": "", "since": NOW, "listed": NOW, "updated": NOW, "program": "watchfloor"}
    return About(**{**shared, "entities": {"lab-110": entity}, **changes})


def row(number: int, **columns: Any) -> ItemRow:
    moment = to_iso(NOW + timedelta(seconds=number))
    item = {
        "id": number, "feed_id": "f", "feed_title": "Feed", "guid": str(number), "url": f"http://n.test/{number}",
        "canonical_url": None, "title": f"Title {number}", "summary": "", "content": "", "author": None,
        "language": "en", "published_at": moment, "first_seen_at": moment, "updated_at": moment, "changed_at": moment,
        "content_hash": "", "story_id": number, "watchlist_version": "v", "leads": 1,
    }  # fmt: skip
    mention = {
        "id": number, "item_id": number, "entity_id": "lab-110", "field": "title", "start": 0, "end": 5,
        "text": "Title", "rule": "lab-110.name", "score": 0.9, "evidence": {"sentence": f"Title {number}"},
        "watchlist_version": "v",
    }  # fmt: skip
    return ItemRow(item | columns, (mention,), None)


def written(form: str, rows: Iterator[ItemRow] | list[ItemRow], **changes: Any) -> bytes:
    file = io.BytesIO()
    writer(form)(rows, file, about(**changes))
    return file.getvalue()


# Filters


def test_filters_are_met_by_all_forms_alike(desk: Desk) -> None:
    """By entity, several of which are alternatives, by verdict, and by day, in the configured time zone."""
    assert titles(desk, "--entity", "lab-110") == [ITEMS[1][0], ITEMS[0][0]]  # a feed's oldest item stands last
    assert len(titles(desk, "--entity", "lab-110", "--entity", "unit-180")) == 3
    assert titles(desk, "--verdict", "relevant") == [ITEMS[0][0]]
    assert titles(desk, "--verdict", "none") == [ITEMS[2][0], ITEMS[1][0]]
    assert len(titles(desk, "--since", "2026-11-23", "--until", "2026-11-23")) == 3
    assert titles(desk, "--since", "2026-11-24") == titles(desk, "--until", "2026-11-22") == []


def test_a_saved_filter_is_an_export(desk: Desk) -> None:
    """By its id; words are those of the search field; options narrow it down."""
    path = desk.folder / "config.yaml"
    saved = "filters:\n  - {id: minsk, words: minsk}\n  - {id: labs, entity: lab-110, feed: f}\n"
    path.write_text(saved + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert titles(desk, "--filter", "minsk") == [ITEMS[2][0]]
    assert titles(desk, "--filter", "labs", "--verdict", "relevant") == [ITEMS[0][0]]
    assert titles(desk, "--filter", "labs", "--entity", "unit-180") == [ITEMS[2][0]]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--entity", "lab-11"), "there is no entity 'lab-11'; did you mean lab-110?"),
        (("--since", "2026-11-24", "--until", "2026-11-23"), "--since 2026-11-24 is later than --until 2026-11-23"),
        (("--until", "9999-12-31"), "9999-12-31 is at the end of the calendar; write a day nearer to now"),
        (("--filter", "x"), "there is no filter 'x' in config.yaml; remove it, or write one of: none is there"),
        (("--output", "no/such/folder/x.csv"), "no/such/folder/x.csv: cannot be written: No such file or directory"),
    ],
)
def test_wrong_inputs_are_one_line(desk: Desk, arguments: tuple[str, ...], sentence: str) -> None:
    """What is wrong and what to do, and nothing is written."""
    done = call("export", "--format", "csv", *arguments, cwd=desk.folder)
    assert done.returncode in (1, 2)
    assert done.stderr.startswith(f"error: {sentence}")
    assert len(done.stderr.splitlines()) == 1


def test_a_mention_that_was_called_wrong_is_left_out(desk: Desk) -> None:
    """And an item of which nothing else was tagged."""
    desk.judge(ITEMS[2][0], "wrong_tag", text="Unit 180", entity_id="unit-180")
    assert ITEMS[2][0] in titles(desk)  # it is mentioned in the text, too
    with desk.store as store:
        for mention in store.db.query("SELECT id, item_id FROM mentions WHERE entity_id = 'unit-180'"):
            store.review.mark(mention["item_id"], "wrong_tag", reviewer="ann", now=NOW, mention_id=mention["id"])
    assert ITEMS[2][0] not in titles(desk)


@pytest.mark.parametrize("form", FORM_NAMES)
def test_the_same_data_give_the_same_bytes(desk: Desk, form: str) -> None:
    """Ids and times come from the data."""
    files = [desk.folder / "a", desk.folder / "b"]
    for file in files:
        exported(desk, form, "--output", str(file))
    assert files[0].read_bytes() == files[1].read_bytes() != b""


@pytest.mark.parametrize("form", FORM_NAMES)
def test_writers_hold_a_bounded_number_of_items(form: str) -> None:
    """Of 10,000 items never more than two of Parquet's groups are alive while they are written."""
    import weakref  # noqa: PLC0415

    alive: weakref.WeakSet[Any] = weakref.WeakSet()
    most = 0

    def rows() -> Iterator[ItemRow]:
        nonlocal most
        for number in range(10_000 if form == "parquet" else 500):
            one = row(number)
            marker = _Marker()
            alive.add(marker)
            yield replace(one, item=one.item | {"content_hash": marker})
            most = max(most, len(alive))

    if form == "jsonl":
        with mock.patch("json.dumps", _dumped):  # which knows no marker
            written(form, rows())
    else:
        written(form, rows())
    assert most <= (4002 if form == "parquet" else 3)


def _dumped(*_arguments: Any, **_options: Any) -> str:
    return "{}"


class _Marker:
    """Something whose life can be followed."""


def test_a_pipe_stays_a_pipe(desk: Desk) -> None:
    """What is no file is written to, not replaced by one."""
    pipe = desk.folder / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(pipe.read_bytes)
        exported(desk, "csv", "--output", str(pipe))
        assert read.result().count(b"\r\n") == 4
    assert pipe.is_fifo()


def test_a_full_disk_leaves_the_file_that_was_there(desk: Desk) -> None:
    """And nothing beside it."""
    (desk.folder / "x.csv").write_text("before")
    (desk.folder / "x.csv.part").symlink_to("/dev/full")
    done = call("export", "--format", "csv", "--output", "x.csv", cwd=desk.folder)
    assert done.stderr == "error: x.csv: cannot be written: No space left on device; name another file\n"
    assert [file.name for file in desk.folder.glob("x*")] == ["x.csv"]
    assert (desk.folder / "x.csv").read_text() == "before"


def test_a_full_disk_behind_standard_output_is_one_line(desk: Desk) -> None:
    """In a process of its own, as the shell starts it."""
    command = [sys.executable, "-m", "pipeline", "export", "--format", "csv"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command, cwd=desk.folder, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.stderr == "error: standard output: cannot be written: No space left on device\n"
    assert done.returncode != 0


# CSV


@given(st.text(max_size=40))
@example("=1+1")
@example(" =1+1")
@example("\t@SUM(1)")
@example("＝cmd|'/c calc'!A1")
@example("-2+3")
@example("a;=1+1")
@example('a\t"=1+1')
@example("a\n\u3000@SUM(1)")
@example("\u200b=1+1")
@example("\ufeff\x00＝1")
def test_no_cell_is_a_formula_and_none_is_lost(text: str) -> None:
    """Whatever a title holds, and where ever a spreadsheet parts cells: nothing but quotes is added to it, before what
    would be run."""
    data = written("csv", [row(1, title=text)]).decode("utf-8")
    [head, line] = csv.reader(io.StringIO(data, newline=""))
    cell = line[head.index("title")]
    whole = text.encode("utf-8", "replace").decode()
    assert cell.replace("'", "") == whole.replace("'", "")
    unseen = " \u3000\u00a0\u200b\ufeff\x00"
    assert not cell.lstrip(unseen).startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    for separator in ";\t":
        parted = [one.strip(f'{unseen}"') for one in re.split(rf"[\r\n{separator}]", data)]
        assert not [one for one in parted if one.startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))]


def test_a_text_without_a_formula_stays_as_it_is() -> None:
    """Signs inside of a sentence are no formula."""
    for text in ("a - b", "1+1=2", "He said; she said", "first line\nsecond line", "mail@news.test", "100 %"):
        assert harmless(text) == text


def test_numbers_stay_numbers() -> None:
    """A quote is put only before text."""
    assert harmless(-5) == -5
    assert harmless("plain - text") == "plain - text"


# Parquet


def test_parquet_has_types_and_mentions(desk: Desk) -> None:
    """Times are times, mentions are records; the verdict stands beside them."""
    exported(desk, "parquet", "--output", str(desk.folder / "x.parquet"))
    table = pq.read_table(desk.folder / "x.parquet").to_pylist()
    assert [one["title"] for one in table] == [title for title, _ in reversed(ITEMS)]
    assert table[2]["first_seen_at"] == NOW
    assert table[2]["entities"] == ["lab-110"]
    assert table[2]["mentions"][0]["text"] == "Lab 110"
    assert (table[2]["verdict"], table[2]["reviewer"]) == ("relevant", "ann")


def test_without_pyarrow_it_is_said_what_to_install(desk: Desk) -> None:
    """One line."""
    with mock.patch.dict("sys.modules", {"pyarrow": None, "pipeline.exports.parquet": None}):
        done = call("export", "--format", "parquet", "--output", "x", cwd=desk.folder)
    assert done.returncode == 1
    assert "install it with: pip install 'watchfloor[parquet]'" in done.stderr


# STIX


def assert_valid_stix(text: str) -> None:
    """Strict, but for ids that are not random and for hashes of pages that we do not keep."""
    options = ValidationOptions(version="2.1", strict=True, disabled=["uuid-check", "extref-hashes"])
    results = validate_string(text, options)
    assert results.is_valid, [str(error) for error in results.errors]


def test_a_bundle_passes_the_stix_validator_and_is_read_back(desk: Desk) -> None:
    """Report, note, intrusion set and identity, with the excerpt and the source."""
    text = exported(desk, "stix")
    assert_valid_stix(text)
    bundle = stix2.parse(text, allow_custom=False)
    kinds = [one.type for one in bundle.objects]
    assert [kinds.count(kind) for kind in ("report", "note", "intrusion-set", "identity")] == [3, 3, 2, 1]
    report = next(one for one in bundle.objects if one.type == "report" and one.name == ITEMS[0][0])
    assert "verdict-relevant" in report.labels
    note = next(one for one in bundle.objects if one.type == "note" and one.object_refs == [report.id])
    assert "Pyongyang's Lab 110 wrote the tool.\n(tagged by lab-110.name)" in note.content
    assert note.external_references[0].url == "http://news.test/0"
    group = next(one for one in bundle.objects if one.id == report.object_refs[0])
    assert (group.name, group.aliases) == ("Lab 110", ["Centre of the Hundred and Ten"])


def test_every_reference_of_a_bundle_stands_in_it(desk: Desk) -> None:
    """Nothing refers to what is not there."""
    objects = json.loads(exported(desk, "stix"))["objects"]
    ids = {one["id"] for one in objects}
    assert len(ids) == len(objects)
    for one in objects:
        assert {*one.get("object_refs", []), *([one["created_by_ref"]] if "created_by_ref" in one else [])} <= ids


def test_an_item_on_a_topic_alone_refers_to_its_outlet() -> None:
    """A report needs something that it refers to; a topic is a label of it."""
    entity = {"id": "t", "name": "T", "kind": "topic", "description": "", "aliases": "{}", "references": "{}"}
    one = row(1)
    one = replace(one, mentions=({**one.mentions[0], "entity_id": "t"},))
    objects = json.loads(written("stix", [one], entities={"t": entity}))["objects"]
    report = next(made for made in objects if made["type"] == "report")
    assert report["labels"] == ["watchfloor-t"]
    outlet = next(made for made in objects if made["id"] == report["object_refs"][0])
    assert (outlet["type"], outlet["name"]) == ("identity", "Feed")


# MISP


def test_pymisp_loads_the_event(desk: Desk) -> None:
    """With an object for each item, its link, its sentences and its tags."""
    event = MISPEvent()
    event.load(exported(desk, "misp"))
    assert len(event.objects) == 3
    first = event.objects[2]
    values = {one.object_relation: one.value for one in first.attributes}
    assert (values["title"], values["link"]) == (ITEMS[0][0], "http://news.test/0")
    assert values["summary"]
    tags = {tag.name for one in first.attributes for tag in one.tags}
    assert tags == {'watchfloor:entity="lab-110"', 'watchfloor:verdict="relevant"'}
    assert json.loads(event.to_json())["info"] == "watchfloor: all tagged items"


def test_an_event_has_objects_of_its_own() -> None:
    """MISP takes an id once: in the event of another filter an item is another object, in the same one the same."""
    events = [json.loads(written("misp", [row(1)], wanted={"entities": one}))["Event"] for one in ("a", "b", "a")]
    ids = [(event["uuid"], event["Object"][0]["uuid"], event["Object"][0]["Attribute"][0]["uuid"]) for event in events]
    assert ids[0] == ids[2]
    assert len({one for found in ids for one in found}) == 6


def test_what_is_decided_is_a_newer_version(desk: Desk) -> None:
    """Of the same report and the same object: others take a second import only where it is newer."""

    def versions() -> tuple[str, str, str]:
        report = next(
            one
            for one in json.loads(exported(desk, "stix"))["objects"]
            if one["type"] == "report" and one["name"] == ITEMS[2][0]
        )
        event = json.loads(exported(desk, "misp"))["Event"]
        return report["modified"], event["timestamp"], event["Object"][0]["timestamp"]

    before = versions()
    with desk.store as store:
        item = next(store.db.query("SELECT id FROM items WHERE title = ?", [ITEMS[2][0]]))["id"]
        store.review.mark(item, "escalated", reviewer="ann", now=NOW + timedelta(hours=1))
    decided = versions()
    assert all(new > old for new, old in zip(decided, before, strict=True))
    with desk.store as store:
        verdict = next(store.db.query("SELECT max(id) AS id FROM verdicts"))["id"]
        store.db.table("undos").insert(
            {"verdict_id": verdict, "reviewer": "ann", "created_at": to_iso(NOW + timedelta(hours=2))}
        )
    assert all(new > old for new, old in zip(versions(), decided, strict=True))


@pytest.mark.parametrize(
    ("url", "written_as"),
    [
        ("http://news.test/뉴스?a|b#c#d", "http://news.test/%EB%89%B4%EC%8A%A4?a%7Cb#c%23d"),
        ("https://n.test/[x]/100%/%2f", "https://n.test/%5Bx%5D/100%25/%2f"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
        ("http://[bad/", None),
        ("javascript:alert(1)", None),
    ],
)
def test_addresses_are_uris_in_every_form(url: str, written_as: str | None) -> None:
    """As RFC 3986 has it, for readers and validators that are strict; what is no address is left out."""
    bundle = written("stix", [row(1, url=url)]).decode()
    assert_valid_stix(bundle)
    report = next(one for one in json.loads(bundle)["objects"] if one["type"] == "report")
    links = valid(written("atom", [row(1, url=url)])).xpath("//a:entry/a:link/@href", namespaces=ATOM)
    values = json.loads(written("misp", [row(1, url=url)]))["Event"]["Object"][0]["Attribute"]
    assert report["external_references"][0].get("url") == written_as
    assert [*links, None][0] == written_as
    assert [*[one["value"] for one in values if one["type"] == "link"], None][0] == written_as


@given(st.text(max_size=30))
@example("0::")
@example("a@b@c/")
@example("[::g]/")
@example("a:b/")
def test_no_address_breaks_a_bundle(text: str) -> None:
    """Whatever stands behind the scheme."""
    assert_valid_stix(written("stix", [row(1, url=f"http://{text}")]).decode())


# Atom

ATOM = {"a": "http://www.w3.org/2005/Atom"}
SCHEMA = etree.RelaxNG(etree.parse(Path(__file__).with_name("atom.rng")))


def valid(data: bytes) -> Any:
    tree = etree.fromstring(data)
    SCHEMA.assertValid(tree)
    ids = tree.xpath("//a:entry/a:id/text()", namespaces=ATOM)
    assert len(ids) == len(set(ids))
    assert not tree.xpath("//a:entry[not(a:content) and not(a:link[@rel = 'alternate'])]", namespaces=ATOM)  # 4.1.2
    return tree


def test_the_feed_is_valid_and_read(desk: Desk) -> None:
    """By the rules of RFC 4287, and as feedparser takes it."""
    text = exported(desk, "atom")
    valid(text.encode())
    parsed = feedparser.parse(text)
    assert not parsed.bozo
    assert [entry.title for entry in parsed.entries] == [title for title, _ in reversed(ITEMS)]
    first = parsed.entries[2]
    assert (first.link, first.author, [tag.term for tag in first.tags]) == ("http://news.test/0", "A feed", ["lab-110"])
    assert first.summary.startswith("Pyongyang's Lab 110 wrote the tool.")


@given(st.text(max_size=80), st.text(max_size=40))
@example("</title><script>alert(1)</script>", "]]>")
@example("\x00\x0b\ufffe\ud800", "\x85")
def test_no_text_breaks_the_feed(title: str, author: str) -> None:
    """Markup stays text, and what XML cannot hold is left out."""
    tree = valid(written("atom", [row(1, title=title or "x", author=author or None, url="javascript:alert(1)")]))
    assert not tree.xpath("//*[local-name() = 'script']")
    assert not tree.xpath("//*[local-name() = 'entry']/*[local-name() = 'link']")


def test_an_item_has_the_same_id_in_every_database() -> None:
    """It is that of its feed and guid, whatever its number."""
    ids = [feedparser.parse(written("atom", [row(number, guid="same")])).entries[0].id for number in (1, 2)]
    assert ids[0] == ids[1] != feedparser.parse(written("atom", [row(1, guid="other")])).entries[0].id


# Streaming from the store


def steps(store: Store, read: Callable[[], Any]) -> int:
    """How many hundreds of instructions SQLite ran for what ``read`` reads."""
    taken = [0]

    def count() -> None:
        taken[0] += 1

    store.db.conn.set_progress_handler(count, 100)
    read()
    store.db.conn.set_progress_handler(None, 0)
    return taken[0]


@pytest.fixture
def stored(make_config: Callable[..., Any], store: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[[range], Store]:
    """Stores items with these numbers; the export looks at fifty candidates at a time."""
    desk = Stored(make_config({}), store)
    monkeypatch.setattr("pipeline.store.exporting._CANDIDATES", 50)

    def add(numbers: range) -> Store:
        for number in numbers:
            desk.item(NOW + timedelta(seconds=number), f"Unit 180 {'odd' if number % 2 else 'even'} {number}")
        return store

    return add


def test_the_time_grows_with_the_number_of_items_alone(stored: Callable[[range], Store]) -> None:
    """Five times as many items take five times as many steps of SQLite: no look scans or sorts all of them."""
    filters = [
        Wanted(),
        Wanted(entities=("unit-180",)),
        Wanted(entities=("unit-180", "lab-110")),
        Wanted(feed="a"),
        Wanted(feed="none"),
        Wanted(verdict="none"),
        Wanted(since=NOW),
        Wanted(words="unit"),
    ]
    taken = []
    for numbers in (range(200), range(200, 1000)):
        store = stored(numbers)
        taken.append([steps(store, lambda: list(store.exporting.items(wanted))) for wanted in filters])  # noqa: B023
    assert [more <= 6 * few + 20 for few, more in zip(*taken, strict=True)] == [True] * len(filters), taken


def test_what_was_decided_is_found_without_a_look_at_the_rest(stored: Callable[[range], Store]) -> None:
    """In few steps, however many items nobody decided on; the newest first."""
    store = stored(range(1000))
    for item in (3, 500, 501):
        store.review.mark(item, "relevant", reviewer="ann", now=NOW)
    store.review.mark(501, "irrelevant", reviewer="ann", now=NOW)
    assert [one.item["id"] for one in store.exporting.newest(Wanted(verdict="relevant"), 50)] == [500, 3]
    assert steps(store, lambda: store.exporting.newest(Wanted(verdict="relevant"), 50)) < 40


def test_batches_leave_nothing_out(stored: Callable[[range], Store]) -> None:
    """Of 1,003 items all, each once, in both orders, with and without words."""
    store = stored(range(1003))
    assert [one.item["id"] for one in store.exporting.items(Wanted())] == list(range(1, 1004))
    several = Wanted(entities=("unit-180", "lab-110"), feed="a")
    assert [one.item["id"] for one in store.exporting.items(several)] == list(range(1, 1004))
    assert [one.item["id"] for one in store.exporting.items(Wanted(words="odd"))] == list(range(2, 1004, 2))
    newest = store.exporting.newest(Wanted(words="even"), 300)
    assert [one.item["id"] for one in newest] == list(range(1003, 403, -2))
    until = Wanted(since=NOW + timedelta(seconds=10), until=datetime(2026, 11, 23, 12, 0, 20, tzinfo=UTC))
    assert [one.item["id"] for one in store.exporting.items(until)] == list(range(11, 21))
    assert list(store.exporting.items(Wanted(since=NOW + timedelta(days=9)))) == []
