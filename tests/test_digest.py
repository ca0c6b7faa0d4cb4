"""The digest: what it says of a day, and that no text of a feed gets out of its place."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

from pipeline.clean import display_title
from pipeline.digest import Background, Change, Digest, build, charts, render
from pipeline.edits import edits_of
from pipeline.models import Covered, DayRow, ItemRow, Mentioned, Said
from pipeline.precision import Judged
from pipeline.times import day_bounds, from_iso, to_iso
from pipeline.unusual import Remark

SEOUL = ZoneInfo("Asia/Seoul")
DAY = date(2026, 11, 23)
COVERED = Covered(*day_bounds(DAY, SEOUL))
ENTITIES = (
    {"id": "sanctions", "name": "Sanctions", "kind": "topic", "priority": 1.0},
    {"id": "unit-180", "name": "Unit 180", "kind": "organisation", "priority": 1.0},
    {"id": "lab-110", "name": "Lab 110", "kind": "organisation", "priority": 2.0},
)


def mention(entity: str, field: str, start: int, text: str, sentence: str, sentence_start: int = 0) -> dict[str, Any]:
    return {
        "entity_id": entity, "field": field, "start": start, "end": start + len(text), "text": text,
        "rule": f"{entity}.name", "score": 0.9, "evidence": {"sentence": sentence, "sentence_start": sentence_start},
    }  # fmt: skip


def item(
    number: int, title: str, summary: str, *mentions: dict[str, Any], verdict: str | None = None, **columns: Any
) -> ItemRow:
    row = {
        "id": number, "title": title, "summary": summary, "content": "", "url": f"http://n.test/{number}",
        "feed_id": "a", "story_id": number, "leads": 1, "story_since": "2026-11-23T03:10:00Z",
        "published_at": "2026-11-23T03:00:00Z", "first_seen_at": "2026-11-23T03:10:00Z",
    }  # fmt: skip
    return ItemRow(row | columns, mentions, {"verdict": verdict, "reviewer": "ana"} if verdict else None)


def feed(feed_id: str, **columns: Any) -> dict[str, Any]:
    """A feed that was polled three times with success."""
    row = {
        "id": feed_id, "title": f"Feed {feed_id}", "rhythm_s": None, "last_item_at": None, "polls": 3, "failures": 0,
        "last_outcome": "ok", "last_error": None, "last_success_at": None,
    }  # fmt: skip
    return row | columns


def digest_of(
    *items: ItemRow,
    feeds: Sequence[Mapping[str, Any]] = (),
    outlets: Mapping[int, tuple[str, ...]] | None = None,
    known: Background | None = None,
    changes: Sequence[Change] = (),
    **rows: Any,
) -> Digest:
    day = DayRow(
        items=items,
        items_new=9,
        first_item_id=1,
        last_item_id=9,
        entities=ENTITIES,
        outlets=outlets or {},
        feeds=tuple(map(dict, feeds or (feed("a"),))),
        **rows,
    )
    return build(DAY, SEOUL, COVERED, day, changes, known or Background(watchlist_version="v1"))


TEXT = "First. Sanctions hit Unit 180 again."
UNIT = mention("unit-180", "summary", 21, "Unit 180", TEXT[7:], 7)
BOTH = item(1, "News", TEXT, mention("sanctions", "summary", 7, "Sanctions", TEXT[7:], 7), UNIT)


def test_items_are_grouped_by_entity_and_shown_in_full_once() -> None:
    """Organisations come before topics; under its second entity an item is one line that points to the first."""
    made = digest_of(BOTH)
    assert [section.entity_id for section in made.sections] == ["unit-180", "sanctions"]
    first, second = made.sections[0].entries[0], made.sections[1].entries[0]
    assert (first.shown_under, first.also) == (None, ("Sanctions",))
    assert (second.shown_under, second.excerpt) == ("Unit 180", ())
    assert "(see Unit 180)" in render(made, "text")


def test_copies_are_one_entry_led_by_the_storys_lead() -> None:
    """Of three items of one story the lead is shown, with the feeds that had the others."""
    items = [
        item(number, f"Title {number}", TEXT, UNIT, story_id=2, leads=int(number == 3), feed_id=feed_id)
        for number, feed_id in ((2, "a"), (3, "b"), (4, "b"))
    ]
    made = digest_of(
        *items, item(5, "Other", TEXT, UNIT), feeds=(feed("a"), feed("b")), outlets={2: ("a", "b"), 5: ("a",)}
    )
    [section] = made.sections
    assert [(entry.title, entry.outlets, entry.copies) for entry in section.entries] == [
        ("Title 3", ("Feed a",), 2),
        ("Other", (), 0),
    ]
    assert made.headline.startswith("4 of 9 new items in 2 stories mention")
    assert "also in 1 other: Feed a · 2 copies in this day" in render(made, "text")


def test_the_best_story_comes_first() -> None:
    """The one that more outlets have, then the surer tag."""
    weak = item(1, "Weak", TEXT, UNIT | {"score": 0.5})
    sure = item(2, "Sure", TEXT, UNIT)
    wide = item(3, "Wide", TEXT, UNIT)
    made = digest_of(weak, sure, wide, outlets={3: ("a", "b", "c")})
    assert [entry.title for entry in made.sections[0].entries] == ["Wide", "Sure", "Weak"]


def test_what_was_told_before_comes_after_what_is_new() -> None:
    """A further copy of a story of an earlier day stands below, with that day."""
    old = item(1, "Old", TEXT, UNIT, story_since="2026-11-20T16:00:00Z")
    made = digest_of(old, item(2, "New", TEXT, UNIT), outlets={1: ("a", "b", "c")})
    assert [(entry.title, entry.since) for entry in made.sections[0].entries] == [("New", None), ("Old", "2026-11-21")]
    assert "first told on 2026-11-21" in render(made, "markdown")


def test_an_irrelevant_story_is_a_title_at_the_end() -> None:
    """What a person found irrelevant keeps its line, without an excerpt; any other verdict stands with its reviewer."""
    made = digest_of(item(1, "No", TEXT, UNIT, verdict="irrelevant"), item(2, "Yes", TEXT, UNIT, verdict="escalated"))
    text = render(made, "text")
    assert "No <http://n.test/1> (irrelevant)" in text
    assert text.index("No <") > text.index("Yes <")
    assert "· escalated (ana)" in text
    assert text.count("Tagged by") == 1


def test_the_excerpt_is_the_sentence_with_the_mention_marked() -> None:
    """The pieces of an excerpt make up the sentence, and only the mention is marked."""
    pieces = digest_of(BOTH).sections[0].entries[0].excerpt
    assert "".join(piece for piece, _ in pieces) == "Sanctions hit Unit 180 again."
    assert [piece for piece, marked in pieces if marked] == ["Unit 180"]


def test_each_story_has_its_proof() -> None:
    """The rule, its score and the words that decided stand below the excerpt, in every form."""
    near = UNIT | {"evidence": UNIT["evidence"] | {"context": {"north": "Pyongyang"}}}
    made = digest_of(item(1, "News", TEXT, near))
    assert made.sections[0].entries[0].proof[0].because == ("Pyongyang",)
    for form in ("html", "markdown", "text"):
        assert "unit-180.name 0.90 (near “Pyongyang”)" in render(made, form)


def test_a_long_sentence_is_cut_around_its_mention() -> None:
    """An excerpt of a sentence of thousands of characters is short and still shows the mention."""
    text = "word " * 1000 + "Unit 180" + " word" * 1000
    row = item(1, "T", text, mention("unit-180", "summary", 5000, "Unit 180", text))
    pieces = digest_of(row).sections[0].entries[0].excerpt
    assert ("Unit 180", True) in pieces
    assert sum(len(piece) for piece, _ in pieces) < 400


def test_a_day_of_many_stories_stays_a_page() -> None:
    """Of 100 stories 8 are shown in full, 12 by their titles, the others counted; JSON has all."""
    made = digest_of(*(item(number, f"Story {number}.", TEXT, UNIT) for number in range(1, 101)))
    text = render(made, "text")
    assert (text.count("Tagged by"), text.count("- Story")) == (8, 20)
    assert "- and 80 more" in text
    assert len(json.loads(render(made, "json"))["sections"][0]["entries"]) == 100


HOSTILE = '</title><script>alert(1)</script> [x](http://evil.test) **b** "q" <img src=x onerror=alert(1)>'


@pytest.mark.parametrize("form", ["html", "markdown", "text", "json"])
def test_hostile_text_stays_text(form: str) -> None:
    """Markup in a title, a feed's name, an error or an address does not become markup of the digest."""
    unit = mention("unit-180", "summary", 21, "Unit 180", TEXT)
    row = item(1, HOSTILE, TEXT, unit, url='http://n.test/"><script>')
    feeds = (feed("a", title=HOSTILE), feed("b", last_outcome="error", last_error=HOSTILE))
    text = render(digest_of(row, feeds=feeds, outlets={1: ("b",)}), form)
    if form == "html":
        assert "<script" not in text
        assert "<img src=x" not in text
        assert 'href="http://n.test/&#34;&gt;&lt;script&gt;"' in text
    elif form == "markdown":
        assert "\\<script\\>" in text
        assert "](http://evil" not in text.replace("\\]", "")
    elif form == "json":
        assert json.loads(text)["sections"][0]["entries"][0]["title"] == display_title({"title": HOSTILE})


@pytest.mark.parametrize("form", ["html", "markdown"])
@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", None])
def test_only_web_addresses_become_links(form: str, url: str | None) -> None:
    """An address of any other scheme is left out."""
    text = render(digest_of(item(1, "Title", TEXT, UNIT, url=url)), form)
    assert "alert(1)" not in text
    assert 'class="title"' not in text
    assert "](<" not in text


def test_the_html_asks_nothing_of_the_outside() -> None:
    """One file: no script, no stylesheet, no font from anywhere, and pictures that it holds itself."""
    known = Background(days=(DAY,), counts={"unit-180": (3,)}, watchlist_version="v1")
    text = render(digest_of(BOTH, known=known), "html")
    assert not [word for word in ("<script", "<link", "@import", "url(") if word in text]
    sources = re.findall(r'<img src="([^"]*)"', text)
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)


def test_a_chart_has_a_column_for_each_day() -> None:
    """Fourteen counts: columns as tall as the counts, the last in its own colour, nothing where there was nothing."""
    counts = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)
    picture = Image.open(io.BytesIO(base64.b64decode(charts.data_url(counts).partition(",")[2])))
    drawn = picture.convert("RGBA")
    step = picture.width // len(counts)
    tall = []
    for place in range(len(counts)):
        column = [drawn.getpixel((place * step + 2, y)) for y in range(picture.height)]
        tall.append(sum(isinstance(pixel, tuple) and pixel[3] > 0 for pixel in column))
    assert tall == sorted(tall)
    assert (tall[0], tall[-1]) == (2, picture.height)
    assert charts.blocks((0, 1, 7)) == "▁▂█"


def test_what_could_not_be_seen_is_said() -> None:
    """Feeds that failed or were not polled stand with their reason."""
    feeds = (
        feed("a"),
        feed("b", last_outcome="error", failures=3, last_error="404: gone fishing"),
        feed("c", polls=0, last_outcome=None),
        feed("d", failures=1, last_error="503"),
    )
    seen = digest_of(feeds=feeds).coverage
    assert (seen.polled, seen.feeds, seen.healthy) == (3, 4, 1)
    assert [(trouble.feed_id, trouble.is_blind, trouble.error) for trouble in seen.troubles] == [
        ("b", True, "404: gone fishing"),
        ("c", True, "was not polled in this day"),
        ("d", False, "503; works again"),
    ]
    assert "404: gone fishing" in render(digest_of(feeds=feeds), "text")


def test_a_silence_is_backed_by_coverage() -> None:
    """That there is nothing says whether the sources that usually have it were seen."""
    usual = {"lab-110": ["a", "b"], "sanctions": ["a"]}
    known = Background(usual_feeds=usual, watchlist_version="v1")
    seen = render(digest_of(feeds=(feed("a"), feed("b")), known=known), "text")
    assert "Nothing on Lab 110, Sanctions: every source that usually has them was seen." in seen
    assert "Nothing on Unit 180, of which no source had anything in the last 90 days; 2 of 2 sources were seen" in seen
    blind = render(digest_of(feeds=(feed("a"), feed("b", last_outcome="error", failures=3)), known=known), "text")
    assert "Nothing on Lab 110, but 1 of the 2 sources that usually have it could not be seen: Feed b." in blind
    assert "Nothing on Sanctions: every source" in blind


def test_what_is_unusual_stands_first() -> None:
    """With the count and what is usual; in the headline what is more."""
    remarks = [Remark("lab-110", 12, 2, 0, 4, 0.001), Remark("sanctions", 0, 20, 12, 29, 0.004)]
    made = digest_of(BOTH, known=Background(remarks=remarks, watchlist_version="v1"))
    assert "Unusually much on Lab 110." in made.headline
    text = render(made, "text")
    assert "- *Lab 110*: 12 mentions where 0 to 4 are usual" in text
    assert text.index("12 mentions") < text.index("== Unit 180")


def test_too_short_a_history_is_said() -> None:
    """Not "nothing is unusual", but that it cannot be told."""
    made = digest_of(BOTH, known=Background(reason="Not yet: 14 days are needed, there are 3.", watchlist_version="v1"))
    for form in ("html", "markdown", "text"):
        assert "Not yet: 14 days are needed, there are 3." in render(made, form)
        assert "within what is usual" not in render(made, form)


def changed(at: str, old: Said, new: Said) -> Change:
    row = {
        "id": 7, "title": new.title, "summary": new.summary, "content": new.content, "url": "http://n.test/7",
        "updated_at": at, "feed_content": None,
    }  # fmt: skip
    version = {"seen_at": "2026-11-20T00:00:00Z", "feed_content": None}
    return Change(row, "Feed a", new.mentions or (), edits_of(row, new, [(version, old)]))


def test_edits_that_matter_are_told() -> None:
    """A headline that changed and a mention that came, of an edit of this day; not that of another, nor a mere word."""
    unit = Mentioned("unit-180", "title", 0, 8, "Unit 180", "unit-180.name")
    old, new = Said("Hackers named", "Text.", "", ()), Said("Unit 180 named", "Text.", "", (unit,))
    noon, before = "2026-11-23T03:00:00Z", "2026-11-21T03:00:00Z"
    [edit] = digest_of(changes=[changed(noon, old, new), changed(before, old, new)]).edits
    assert edit.changes == ("headline: “Hackers named” became “Unit 180 named”", "mention new: Unit 180")
    assert edit.time == "12:00"
    word = replace(new, summary="Texts.")
    assert digest_of(changes=[changed(noon, new, word)]).edits == ()
    assert digest_of(changes=[changed(noon, replace(old, title="Old"), old)]).edits == ()  # nothing is tagged in it


def test_the_review_is_summed_up() -> None:
    """Stories that await, verdicts of the day, and rules below the floor."""
    rules = [Judged("lab-110.name", "lab-110", 50, 2, 8), Judged("unit-180.name", "unit-180", 50, 9, 1)]
    known = Background(rules=rules, floor=0.8, watchlist_version="v1")
    text = render(digest_of(decided={"relevant": 3, "wrong_tag": 1}, awaiting=12, known=known), "text")
    assert "12 stories await a verdict. Verdicts of the day: 3 relevant, 1 wrong tag." in text
    assert "2 rules have been judged; 1 below the floor:" in text
    assert "*lab-110.name* (Lab 110): 2 of 10 judged mentions are right" in text


def test_a_day_without_mentions_says_so() -> None:
    """Nothing found is a statement with its number, and with what was seen."""
    assert digest_of().headline == "None of 9 new items mentions what is watched; 1 of 1 sources were seen all day."


def test_it_names_what_it_was_made_from() -> None:
    """The range of items, the watch-list and the program, in every form."""
    for form in ("html", "markdown", "text"):
        text = render(digest_of(BOTH), form).replace("\\", "")
        assert "items 1 to 9 (2026-11-22T15:00:00Z to 2026-11-23T15:00:00Z), watch-list v1, watchfloor 0." in text


def test_the_same_rows_give_the_same_bytes() -> None:
    """Nothing in a digest depends on when it is made."""
    assert [render(digest_of(BOTH), form) for form in ("html", "json")] == [
        render(digest_of(BOTH), form) for form in ("html", "json")
    ]


def test_times_are_local() -> None:
    """A time of the day is shown as hours; one of another day with its date."""
    late = item(2, "T", TEXT, UNIT, published_at="2026-11-22T03:00:00Z")
    times = {entry.time for section in digest_of(BOTH, late).sections for entry in section.entries}
    assert times == {"12:00", "2026-11-22 12:00"}


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [("America/New_York", "2026-03-08", 23), ("America/New_York", "2026-11-01", 25),
     ("Australia/Lord_Howe", "2026-04-05", 24.5), ("Asia/Seoul", "2026-11-01", 24)],
)  # fmt: skip
def test_days_are_as_long_as_they_are(zone: str, day: str, hours: float) -> None:
    """A local day runs from midnight to midnight, whatever the clocks do."""
    start, end = day_bounds(date.fromisoformat(day), ZoneInfo(zone))
    assert (end - start).total_seconds() == hours * 3600


def test_gaps_silences_and_what_could_not_be_read_stand_among_what_was_not_seen() -> None:
    """Each in the words that feeds list uses; what loses nothing is left out."""
    start, end = COVERED.since, COVERED.until
    silent = feed("b", rhythm_s=3600, last_item_at=to_iso(end - timedelta(days=9)))
    gap = {"feed_id": "a", "from_at": to_iso(start), "to_at": to_iso(start + timedelta(hours=5)), "missing": 3}
    skipped = (
        {"feed_id": "a", "reason": "unreadable", "entries": 2},
        {"feed_id": "a", "reason": "repeated", "entries": 8},
    )
    text = render(digest_of(feeds=(feed("a"), silent), gaps=(gap,), skipped=skipped), "text")
    assert "- *a*: items may have been missed from 00:00 to 05:00, about 3 by its rhythm" in text
    assert "- *b*: stale: silent for 9 days" in text
    assert "- *a*: 2 entries not stored: too broken to read" in text
    assert "twice" not in text
    assert from_iso(to_iso(end)) == end
