"""What changes between two polls, and what goes away."""

from __future__ import annotations

import json
from datetime import timedelta

from tests.cases.desk import NEWS, OTHER, Desk, atom, entry, feed
from tests.feedserver import ok, response

EMPTY = feed("")


def versions(desk: Desk) -> list[str]:
    return [row["title"] for row in desk.store.db.table("item_versions").rows]


def test_upd_title(desk: Desk) -> None:
    """A corrected title under the same guid: one item with the new text; what it said before is kept. [LR1535 FB740]"""
    desk.serves(feed(entry(NEWS)), feed(entry(OTHER)))
    desk.poll(2)
    desk.holds(OTHER)
    assert versions(desk) == [NEWS]


def test_upd_reuse(desk: Desk) -> None:
    """A guid used again for another story does not lose the new one, nor the old one. [LR1535]"""
    links = ["<link>http://n.test/1</link>", "<link>http://n.test/2</link>"]
    desk.serves(feed(entry(NEWS, links[0])), feed(entry(OTHER, links[1])))
    desk.poll(2)
    assert OTHER in {item["title"] for item in desk.items()}
    assert NEWS in {item["title"] for item in desk.items()} | set(versions(desk))
    assert {item["id"] for item in desk.items()} == desk.tagged()


def test_upd_nochange(desk: Desk) -> None:
    """Ever new build dates and orders of the same items are no news. [CKS]"""
    items = [entry(NEWS), entry(OTHER, guid="2")]
    answers = [feed(*items[:: (-1) ** n], head=f"<lastBuildDate>{n}</lastBuildDate><ttl>{n}</ttl>") for n in range(4)]
    desk.serves(*answers)
    desk.poll(4)
    desk.holds(NEWS, OTHER)
    assert (versions(desk), desk.outcomes()) == ([], ["ok"] * 4)


def test_upd_backdated(desk: Desk) -> None:
    """An item at the bottom, older than all others, is stored: dates are no high-water mark. [own]"""
    new = entry(NEWS, "<pubDate>Mon, 23 Nov 2026 10:00:00 GMT</pubDate>")
    old = entry(OTHER, "<pubDate>Tue, 23 Nov 1999 10:00:00 GMT</pubDate>", guid="2")
    desk.serves(feed(new), feed(new, old))
    desk.poll(2)
    desk.holds(NEWS, OTHER)


def test_upd_burst(desk: Desk) -> None:
    """300 new items at once are all stored. [own]"""
    burst = [entry(f"Filler {n}", guid=f"f{n}") for n in range(300)]
    desk.serves(feed(entry()), feed(*burst, entry()))
    desk.poll()
    report = desk.poll()
    assert (report.items_new, len(desk.items())) == (300, 301)


def test_upd_format(desk: Desk) -> None:
    """A feed that turns from RSS to Atom under the same ids has no new items. [own]"""
    both = "".join(f"<entry><id>{n}</id><title>{title}</title></entry>" for n, title in ((1, NEWS), (2, OTHER)))
    desk.serves(feed(entry(), entry(OTHER, guid="2")), ok(atom(both).encode()))
    desk.poll(2)
    desk.holds(NEWS, OTHER)


def test_del_vanish(desk: Desk) -> None:
    """An item that is gone from the feed is kept. [MF1038]"""
    desk.serves(feed(entry(), entry(OTHER, guid="2")), feed(entry(OTHER, guid="2")))
    desk.poll(3)
    desk.holds(NEWS, OTHER)


def test_del_empty(desk: Desk) -> None:
    """A feed that is empty from now on is no error, and costs no item. [BF101]"""
    desk.serves(feed(), EMPTY)
    desk.poll(2)
    desk.recovers(NEWS)


def test_del_tombstone(desk: Desk) -> None:
    """A deleted-entry of one item is no error; the other item is kept. [6721]"""
    entries = [f"<entry><id>{n}</id><title>{title}</title></entry>" for n, title in ((1, NEWS), (2, OTHER))]
    gone = '<at:deleted-entry xmlns:at="http://purl.org/atompub/tombstones/1.0" ref="1" when="2026-11-23T10:00:00Z"/>'
    desk.serves(ok(atom(*entries).encode()), ok(atom(gone, entries[1]).encode()))
    desk.poll(2)
    assert desk.feed()["state"] == "ok"
    titles = {item["title"] for item in desk.items()}
    assert {OTHER} <= titles <= {NEWS, OTHER}


# --- more of the group


def test_changed_text_is_tagged_anew(desk: Desk) -> None:
    """The mentions follow the text: they come with it and go with it."""
    desk.serves(feed(entry("Rain")), feed(entry(NEWS)), feed(entry("Sun")))
    desk.poll()
    assert desk.tagged() == set()
    desk.poll()
    desk.holds(NEWS)
    desk.poll()
    assert desk.tagged() == set()
    assert versions(desk) == ["Rain", NEWS]


def test_changed_date_alone_is_no_new_version(desk: Desk) -> None:
    """An item whose date alone changes stays one item in one version."""
    dates = ("Mon, 23 Nov 2026 10:00:00 GMT", "Mon, 23 Nov 2026 11:00:00 GMT")
    desk.serves(*[feed(entry(NEWS, f"<pubDate>{date}</pubDate>")) for date in dates])
    desk.poll(2)
    desk.holds()
    assert versions(desk) == []


def test_title_that_flips_to_and_fro_is_one_item(desk: Desk) -> None:
    """Two headlines in turn are one item; each version is kept."""
    desk.serves(*[feed(entry(title)) for title in (NEWS, OTHER, NEWS, OTHER)])
    desk.poll(4)
    desk.holds(OTHER)
    assert versions(desk) == [NEWS, OTHER, NEWS]


def test_changed_body_under_one_headline_is_a_version(desk: Desk) -> None:
    """A story that grows is one item with its newest text."""
    desk.serves(*[feed(entry(NEWS, f"<description>{'More. ' * n}</description>")) for n in (1, 2, 3)])
    desk.poll(3)
    assert desk.item()["summary"] == "More. More. More."
    assert len(versions(desk)) == 2


def test_item_that_comes_back_is_the_same(desk: Desk) -> None:
    """An item that vanishes and comes back is neither new nor doubled."""
    desk.serves(feed(), EMPTY, feed(entry(OTHER, guid="2")), feed(entry(), entry(OTHER, guid="2")))
    desk.poll(4)
    desk.holds(NEWS, OTHER)
    assert versions(desk) == []


def test_items_between_errors_are_found(desk: Desk) -> None:
    """What was published while the feed failed is stored when it is back."""
    desk.serves(feed(), response(b"", status="500 Oh"), ok(b"<html>"), feed(entry(OTHER, guid="2")))
    desk.poll()
    desk.fails("500")
    desk.fails("HTML")
    desk.recovers(NEWS, OTHER)


def test_new_item_in_the_middle_is_found(desk: Desk) -> None:
    """Position says nothing: a new item between old ones is stored."""
    old = [entry(f"Filler {n}", guid=f"f{n}") for n in range(50)]
    desk.serves(feed(*old), feed(*old[:25], entry(), *old[25:]))
    desk.poll(2)
    assert len(desk.items()) == 51
    assert len(desk.tagged()) == 1


def test_page_that_scrolls_leaves_nothing_out(desk: Desk) -> None:
    """Of a feed that shows the newest ten, all that was ever shown is stored."""
    items = [entry(f"Filler {n}", guid=f"f{n}") for n in range(30)]
    desk.serves(*[feed(*reversed(items[start : start + 10])) for start in range(0, 21, 4)])
    desk.poll(6)
    assert len(desk.items()) == 30


def test_rss_that_becomes_json_feed_has_no_new_items(desk: Desk) -> None:
    """The ids hold across formats."""
    items = [{"id": "1", "title": NEWS}]
    body = json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items}).encode()
    desk.serves(feed(), ok(body, ("Content-Type", "application/feed+json")))
    desk.poll(2)
    desk.holds()


def test_guids_that_change_with_every_link_kept(desk: Desk) -> None:
    """A publisher that gives all its items new guids is read on; nothing is lost."""
    link = "<link>http://n.test/1</link>"
    desk.serves(feed(entry(NEWS, link, guid="old")), feed(entry(NEWS, link, guid="new"), entry(OTHER, guid="2")))
    desk.poll(2)
    assert {NEWS, OTHER} == {item["title"] for item in desk.items()}


def test_same_guid_in_two_languages_of_one_feed(desk: Desk) -> None:
    """Two entries of one guid in one body that differ are both found again at each poll, without new versions."""
    two = [entry(NEWS, "<link>http://n.test/en</link>"), entry(OTHER, "<link>http://n.test/ko</link>")]
    desk.serves(feed(*two), feed(*two, head="<ttl>1</ttl>"), feed(*reversed(two)))
    desk.poll(3)
    desk.holds(NEWS, OTHER)
    assert versions(desk) == []


def test_skipped_entries_are_counted(desk: Desk) -> None:
    """Entries that are no items are counted with their reason in the log of the poll."""
    items = [None, 5, "x", {"id": "1", "title": NEWS}]
    desk.serves(ok(json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items}).encode()))
    desk.recovers(NEWS)
    [row] = desk.store.db.table("fetches").rows
    assert sum(json.loads(row["skipped"]).values()) == 3


def test_items_are_never_lost_to_a_restart(desk: Desk) -> None:
    """Each run with its own clients and threads goes on where the last one stopped."""
    desk.serves(*[feed(entry(f"Filler {n}", guid=f"f{n}"), entry()) for n in range(4)])
    for _ in range(4):
        desk.look(timedelta(hours=25))
    assert len(desk.items()) == 5
