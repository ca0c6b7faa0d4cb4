"""The digest: what it says of a day, and that no text of a feed gets out of its place."""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipeline.clean import display_title
from pipeline.digest import Digest, build, render
from pipeline.models import DayRow, ItemRow
from pipeline.times import day_bounds, from_iso, to_iso

SEOUL = ZoneInfo("Asia/Seoul")
DAY = date(2026, 11, 23)
ENTITIES = (
    {"id": "sanctions", "name": "Sanctions", "kind": "topic"},
    {"id": "unit-180", "name": "Unit 180", "kind": "organisation"},
    {"id": "lab-110", "name": "Lab 110", "kind": "organisation"},
)


def mention(entity: str, field: str, start: int, text: str, sentence: str, sentence_start: int = 0) -> dict[str, Any]:
    return {
        "entity_id": entity, "field": field, "start": start, "end": start + len(text), "text": text,
        "rule": f"{entity}.name", "score": 0.9, "evidence": {"sentence": sentence, "sentence_start": sentence_start},
    }  # fmt: skip


def item(number: int, title: str, summary: str, *mentions: dict[str, Any], **columns: Any) -> ItemRow:
    row = {
        "id": number, "title": title, "summary": summary, "content": "", "url": f"http://n.test/{number}",
        "feed_id": "a", "story_id": number, "leads": 1,
        "published_at": "2026-11-23T03:00:00Z", "first_seen_at": "2026-11-23T03:10:00Z",
    }  # fmt: skip
    return ItemRow(row | columns, mentions, None)


def feed(feed_id: str, state: str = "ok", error: str | None = None) -> dict[str, Any]:
    row = {"id": feed_id, "title": f"Feed {feed_id}", "state": state, "last_error": error, "last_success_at": None}
    return row | {"rhythm_s": None, "last_item_at": None}


def digest_of(*items: ItemRow, feeds: tuple[dict[str, Any], ...] = (), polled: tuple[str, ...] = ()) -> Digest:
    fetches = tuple({"feed_id": key, "polls": 3, "failures": 0, "last_error": None} for key in polled)
    return build(DAY, SEOUL, DayRow(items, 9, ENTITIES, feeds or (feed("a"),), fetches), "v1")


TEXT = "First. Sanctions hit Unit 180 again."
BOTH = item(
    1, "News", TEXT, mention("sanctions", "summary", 7, "Sanctions", TEXT[7:], 7),
    mention("unit-180", "summary", 21, "Unit 180", TEXT[7:], 7),
)  # fmt: skip


def test_items_are_grouped_by_entity_and_shown_in_full_once() -> None:
    """Organisations come before topics; under its second entity an item is one line that points to the first."""
    made = digest_of(BOTH)
    assert [section.entity_id for section in made.sections] == ["unit-180", "sanctions"]
    first, second = made.sections[0].entries[0], made.sections[1].entries[0]
    assert (first.shown_under, first.also) == (None, ("Sanctions",))
    assert (second.shown_under, second.excerpt) == ("Unit 180", ())
    assert made.quiet == ("Lab 110",)


def test_copies_are_one_entry_led_by_the_storys_lead() -> None:
    """Of three items of one story the lead is shown, with the feeds that had the others."""
    tag = mention("unit-180", "summary", 21, "Unit 180", TEXT[7:], 7)
    items = [
        item(number, f"Title {number}", TEXT, tag, story_id=2, leads=int(number == 3), feed_id=feed_id)
        for number, feed_id in ((2, "a"), (3, "b"), (4, "b"))
    ]
    made = digest_of(*items, item(5, "Other", TEXT, tag), feeds=(feed("a"), feed("b")))
    [section] = made.sections
    assert [(entry.title, entry.copies) for entry in section.entries] == [
        ("Title 3", ("Feed a", "Feed b")),
        ("Other", ()),
    ]
    assert made.headline.startswith("4 of 9 new items in 2 stories mention")
    assert "Same in Feed a, Feed b (2 copies)" in render(made, "text")


def test_the_excerpt_is_the_sentence_with_the_mention_marked() -> None:
    """The pieces of an excerpt make up the sentence, and only the mention is marked."""
    pieces = digest_of(BOTH).sections[0].entries[0].excerpt
    assert "".join(piece for piece, _ in pieces) == "Sanctions hit Unit 180 again."
    assert [piece for piece, marked in pieces if marked] == ["Unit 180"]


def test_a_long_sentence_is_cut_around_its_mention() -> None:
    """An excerpt of a sentence of thousands of characters is short and still shows the mention."""
    text = "word " * 1000 + "Unit 180" + " word" * 1000
    row = item(1, "T", text, mention("unit-180", "summary", 5000, "Unit 180", text))
    pieces = digest_of(row).sections[0].entries[0].excerpt
    assert ("Unit 180", True) in pieces
    assert sum(len(piece) for piece, _ in pieces) < 400


HOSTILE = '</title><script>alert(1)</script> [x](http://evil.test) **b** "q" <img src=x onerror=alert(1)>'


@pytest.mark.parametrize("form", ["html", "markdown", "text", "json"])
def test_hostile_text_stays_text(form: str) -> None:
    """Markup in a title, a feed's name or an address does not become markup of the digest."""
    row = item(1, HOSTILE, TEXT, mention("unit-180", "summary", 21, "Unit 180", TEXT), url='http://n.test/"><script>')
    text = render(digest_of(row, feeds=(feed("a") | {"title": HOSTILE},)), form)
    if form == "html":
        assert "<script" not in text
        assert "<img" not in text
        assert 'href="http://n.test/&#34;&gt;&lt;script&gt;"' in text
    elif form == "markdown":
        assert "\\<script\\>" in text
        assert "](http://evil" not in text.replace("\\]", "")
    elif form == "json":
        assert json.loads(text)["sections"][0]["entries"][0]["title"] == display_title({"title": HOSTILE})


def test_the_html_asks_nothing_of_the_outside() -> None:
    """One file: no script, no image, no stylesheet, no font from anywhere."""
    text = render(digest_of(BOTH), "html")
    assert not [word for word in ("<script", "<img", "<link", "@import", "url(") if word in text]


def test_what_could_not_be_seen_is_said() -> None:
    """Feeds that failed or were not polled stand with their reason; disabled ones do not count."""
    feeds = (feed("a"), feed("b", "error", "404: gone fishing"), feed("c"), feed("d", "disabled"))
    made = digest_of(feeds=feeds, polled=("a", "b"))
    assert (made.feeds_polled, made.feeds_configured) == (2, 3)
    assert [(trouble.feed_id, trouble.error) for trouble in made.troubles] == [
        ("b", "404: gone fishing"),
        ("c", "was not polled in this day"),
    ]
    assert "404: gone fishing" in render(made, "text")


def test_a_day_without_mentions_says_so() -> None:
    """Nothing found is a statement with its number."""
    assert digest_of().headline == "None of 9 new items mentions what is watched."


def test_the_same_rows_give_the_same_bytes() -> None:
    """Nothing in a digest depends on when it is made."""
    assert [render(digest_of(BOTH), form) for form in ("html", "json")] == [
        render(digest_of(BOTH), form) for form in ("html", "json")
    ]


def test_times_are_local() -> None:
    """A time of the day is shown as hours; one of another day with its date."""
    late = item(2, "T", TEXT, mention("unit-180", "summary", 21, "Unit 180", TEXT), published_at="2026-11-22T03:00:00Z")
    times = [entry.time for section in digest_of(BOTH, late).sections for entry in section.entries]
    assert times == ["12:00", "2026-11-22 12:00", "12:00"]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [("America/New_York", "2026-03-08", 23), ("America/New_York", "2026-11-01", 25),
     ("Australia/Lord_Howe", "2026-04-05", 24.5), ("Asia/Seoul", "2026-11-01", 24)],
)  # fmt: skip
def test_days_are_as_long_as_they_are(zone: str, day: str, hours: float) -> None:
    """A local day runs from midnight to midnight, whatever the clocks do."""
    start, end = day_bounds(date.fromisoformat(day), ZoneInfo(zone))
    assert (end - start).total_seconds() == hours * 3600
    assert from_iso(to_iso(start)) == start


def test_what_may_have_been_missed_is_said_with_its_feed() -> None:
    """A gap with its times, a feed that went silent, entries that could not be read; what loses nothing is left out."""
    silent = feed("b") | {"rhythm_s": 3600, "last_item_at": "2026-11-13T15:00:00Z"}
    gap = {"feed_id": "a", "from_at": "2026-11-23T03:00:00Z", "to_at": "2026-11-23T09:00:00Z", "missing": 12}
    skipped = tuple({"feed_id": "a", "reason": reason, "entries": 2} for reason in ("unreadable", "repeated"))
    made = build(DAY, SEOUL, DayRow((), 0, ENTITIES, (feed("a"), silent), (), (gap,), skipped), "v1")
    assert [(one.feed_id, one.text) for one in made.unseen] == [
        ("a", "items may have been missed from 12:00 to 18:00, about 12 by its rhythm"),
        ("b", "stale: silent for 10 days, though it had an item every 60 min; look whether the site moved"),
        ("a", "2 entries not stored: too broken to read"),
    ]
    for form in ("html", "markdown", "text"):
        assert "may have been missed from 12:00 to 18:00" in render(made, form)
