"""Edits as polls store them: a feed that touches every item at every poll makes no versions."""

from __future__ import annotations

import json

from tests.cases.desk import Desk, entry, feed

#: Items (title, text) on different things.
NEWS = (
    ("Busan exchange halts withdrawals", "A trading platform in Busan lost ether overnight."),
    ("Parliament passes budget", "Lawmakers in Seoul agreed on spending for schools."),
    ("Storm nears Jeju", "Ferries stay in port as winds grow."),
    ("검찰, 대북 송금 수사 확대", "검찰이 송금 의혹에 대한 수사를 확대하고 있다."),
    ("台风逼近上海", "气象部门发布橙色预警。"),
    ("台風が九州に接近", "気象庁は大雨への警戒を呼びかけた。"),
)


def restless(poll: int, item: int, text: str) -> str:
    adverts = ("Fly to Osaka with Kumo Air", "Nori House, the taste of home", "Dreamland beds, now with springs")
    lines = (text, "Police visited the place.", f"{100 * item + poll} views, {poll} comments", adverts[poll % 3])
    described = "".join(f"&lt;p&gt;{line}&lt;/p&gt;" for line in lines)
    return entry(NEWS[item][0], f"<description>{described}</description>", guid=str(item))


def test_a_feed_that_touches_every_item_at_every_poll_makes_no_version(desk: Desk) -> None:
    """Ten polls with other adverts and counters: no version, nothing updated, all as stored first. Then one edit."""
    polls = [feed(*[restless(poll, item, NEWS[item][1]) for item in range(6)]) for poll in range(10)]
    edited = [NEWS[item][1] for item in range(6)]
    edited[0] = "A trading platform in Busan lost $41 million overnight."
    desk.serves(*polls, feed(*[restless(11, item, edited[item]) for item in range(6)]))
    desk.poll()
    before = desk.items()
    for _ in range(9):
        report = desk.poll()
        assert (report.items_new, report.items_updated) == (0, 0)
    assert desk.store.db.table("item_versions").count == 0
    unhashed = [[{**row, "content_hash": ""} for row in rows] for rows in (before, desk.items())]
    assert unhashed[0] == unhashed[1]
    assert desk.poll().items_updated == 1
    [version] = desk.store.db.table("item_versions").rows
    assert version["summary"].startswith(NEWS[0][1])
    assert "$41 million" in next(row for row in desk.items() if row["id"] == version["item_id"])["summary"]


def test_a_touched_item_is_read_once(desk: Desk) -> None:
    """Its new hash is kept, so that the next poll of the same body does not take it for changed again."""
    first, second = (feed(restless(poll, 0, NEWS[0][1])) for poll in (0, 3))
    desk.serves(first, second, second)
    hashes = []
    for _ in range(3):
        desk.poll()
        hashes.append(desk.items()[0]["content_hash"])
    assert hashes[0] != hashes[1] == hashes[2]


def test_an_item_whose_address_alone_changes_follows_it(desk: Desk) -> None:
    """No version, as it says the same; the new address is stored."""
    desk.serves(*[feed(entry("Rain", f"<link>http://n.test/{where}</link>")) for where in ("old", "new")])
    desk.poll(2)
    assert desk.items()[0]["url"] == "http://n.test/new"
    assert desk.store.db.table("item_versions").count == 0


def test_a_feed_of_one_item_with_a_rotating_advert_makes_at_most_one_version(desk: Desk) -> None:
    """Where nothing tells the advert at first, its place does from the second change on."""
    desk.serves(*[feed(restless(poll, 0, NEWS[0][1])) for poll in range(8)])
    desk.poll(8)
    assert desk.store.db.table("item_versions").count == 1


def test_a_version_keeps_its_mentions(desk: Desk) -> None:
    """What was tagged in the old text is kept with it."""
    desk.serves(feed(entry("Lab 110 of North Korea")), feed(entry("Rain in Busan")))
    desk.poll(2)
    [version] = desk.store.db.table("item_versions").rows
    [kept] = [mention for mention in json.loads(version["mentions"]) if mention["entity"] == "lab-110"]
    assert kept == {
        "entity": "lab-110",
        "field": "title",
        "start": 0,
        "end": 7,
        "text": "Lab 110",
        "rule": kept["rule"],
    }
