"""Feeds, and what their polls bring: one transaction stores a poll's items, mentions, validators and log line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlite_utils import Database

from pipeline.models import Feed, FeedLinks, Fetched, Gap, Hints, Plan, Stored, TaggedItem
from pipeline.store.mentions import mention_row, replace_mentions
from pipeline.store.pages import await_pages
from pipeline.store.stories import await_folding, own_stories
from pipeline.store.versions import keep_version, without_touched
from pipeline.store.writing import MOST_VARIABLES, chunks, inserted_id, writing
from pipeline.times import from_iso, to_iso


@dataclass(frozen=True, slots=True)
class Poll:
    """One poll, ready to be stored. ``fresh`` holds the items that are new or changed; ``title`` is the feed's.

    ``readdressed`` tells which of ``fresh`` are stored under another identity (``Known.told_apart``). ``hints`` and
    ``links`` are None when no body was read.
    """

    feed: Feed
    fetched: Fetched
    plan: Plan
    body_hash: str | None = None
    title: str = ""
    items_seen: int = 0
    fresh: Sequence[TaggedItem] = ()
    watchlist_version: str = ""
    skipped: Mapping[str, int] = field(default_factory=dict)
    hints: Hints | None = None
    links: FeedLinks | None = None
    gap: Gap | None = None
    readdressed: Mapping[str, str] = field(default_factory=dict)
    full_text: bool = False  # the pages of its items are to be read


@dataclass(frozen=True, slots=True)
class Delivery:
    """Items of a feed that came otherwise than by a poll, ready to be stored: pushed by a hub, or of an older page."""

    feed: Feed
    fetched: Fetched
    source: Literal["push", "backfill"]
    items_seen: int = 0
    fresh: Sequence[TaggedItem] = ()
    watchlist_version: str = ""
    skipped: Mapping[str, int] = field(default_factory=dict)
    readdressed: Mapping[str, str] = field(default_factory=dict)
    full_text: bool = False


class Polls:
    """Feeds and their polls. Made by ``Store``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def sync_feeds(self, configured: Mapping[str, str], interval_s: int) -> None:
        """Make the feeds table agree with the configuration (id → address).

        A feed whose configured address changed starts afresh; one that left the configuration is disabled, its items
        stay; one that came back goes on.
        """
        stored = {row["id"]: row for row in self._db.table("feeds").rows}
        fresh = [
            _new_feed(feed_id, url, interval_s)
            for feed_id, url in configured.items()
            if feed_id not in stored or stored[feed_id]["configured_url"] != url
        ]
        states = {key: "ok" for key, row in stored.items() if key in configured and row["state"] == "disabled"}
        states |= {
            key: "disabled" for key, row in stored.items() if key not in configured and row["state"] != "disabled"
        }
        if not fresh and not states:
            return
        with writing(self._db):
            self._db.table("feeds").upsert_all(fresh, pk="id")
            for feed_id, state in states.items():
                self._db.table("feeds").update(feed_id, {"state": state, "next_poll_at": None})

    def feeds(self) -> list[Feed]:
        """Every feed, by id."""
        return [_feed(row) for row in self._db.table("feeds").rows_where(order_by="id")]

    def feed(self, feed_id: str) -> Feed | None:
        """The feed with this id."""
        return next(map(_feed, self._db.table("feeds").rows_where("id = ?", [feed_id])), None)

    def save(self, poll: Poll, now: datetime) -> Stored:
        """Store one poll whole or not at all. An item that is stored already and unchanged is left alone."""
        seen_at = to_iso(now)
        with writing(self._db):
            fetch_id = self._log(poll)
            stored = self._save_items(poll, seen_at) if poll.fresh else Stored()
            self._db.table("feeds").update(poll.feed.id, _after(poll, seen_at))
            if stored.items_new:
                self._db.table("fetches").update(fetch_id, {"items_new": stored.items_new})
            if poll.gap is not None:
                self._db.table("gaps").insert(_gap_row(poll.gap, poll.feed.id, fetch_id))
        return stored

    def save_delivery(self, delivery: Delivery, now: datetime) -> Stored:
        """Store items that came otherwise than by a poll, whole or not at all.

        Validators, body hash and schedule of the feed stay as its last poll left them, and no gap is told from it; only
        that the feed is not silent is kept.
        """
        seen_at = to_iso(now)
        with writing(self._db):
            fetch_id = self._log(delivery)
            stored = self._save_items(delivery, seen_at) if delivery.fresh else Stored()
            if stored.items_new:
                self._db.table("fetches").update(fetch_id, {"items_new": stored.items_new})
                dates = [to_iso(tagged.item.published_at) for tagged in delivery.fresh if tagged.item.published_at]
                newest = max((date for date in dates if date <= seen_at), default=seen_at)
                self._db.execute(
                    "UPDATE feeds SET last_item_at = max(coalesce(last_item_at, ''), ?) WHERE id = ?",
                    [newest, delivery.feed.id],
                )
        return stored

    def fill_gaps(self, feed_id: str, now: datetime) -> int:
        """Say of the feed's gaps that it was walked back past them; returns how many there were."""
        with writing(self._db):
            return self._db.execute(
                "UPDATE gaps SET filled_at = ? WHERE feed_id = ? AND filled_at IS NULL", [to_iso(now), feed_id]
            ).rowcount

    def postpone(self, feed_ids: Iterable[str], until: datetime) -> None:
        """Do not poll these feeds before ``until``, not even when forced: their host asked for it."""
        moment = to_iso(until)
        with writing(self._db):
            for feed_id in feed_ids:
                self._db.execute(
                    """
                    UPDATE feeds SET hold_until = max(coalesce(hold_until, ''), :until),
                      next_poll_at = max(coalesce(next_poll_at, ''), :until) WHERE id = :id
                    """,
                    {"until": moment, "id": feed_id},
                )

    def _log(self, poll: Poll | Delivery) -> int:
        fetched = poll.fetched
        row = {
            "feed_id": poll.feed.id,
            "started_at": to_iso(fetched.started_at),
            "finished_at": to_iso(fetched.finished_at),
            "status": fetched.status,
            "bytes": fetched.received_bytes,
            "outcome": fetched.outcome,
            "error": fetched.error,
            "items_seen": poll.items_seen,
            "skipped": json.dumps(poll.skipped),
            "source": poll.source if isinstance(poll, Delivery) else "poll",
        }
        return inserted_id(self._db.table("fetches").insert(row))

    def _save_items(self, poll: Poll | Delivery, seen_at: str) -> Stored:
        by_guid = {tagged.item.guid: tagged for tagged in poll.fresh}
        self._readdress(poll, by_guid)
        present = self._present(poll.feed.id, by_guid)
        new = [tagged for guid, tagged in by_guid.items() if guid not in present]
        differing = [
            (present[guid], tagged)
            for guid, tagged in by_guid.items()
            if guid in present and present[guid]["content_hash"] != tagged.item.content_hash
        ]
        changed = without_touched(self._db, differing, poll.items_seen - len(new))
        where_from = {"feed_id": poll.feed.id, "first_seen_at": seen_at}
        ids = own_stories(self._db, new[::-1], seen_at)
        self._db.table("items").insert_all(
            {"id": ids[tagged.item.guid], "story_id": ids[tagged.item.guid]}
            | _item_row(tagged, seen_at, poll.watchlist_version)
            | where_from
            for tagged in reversed(new)
        )
        mentions = [
            mention_row(mention, ids[tagged.item.guid], poll.watchlist_version)
            for tagged in new
            for mention in tagged.mentions
        ]
        self._db.table("mentions").insert_all(mentions)
        gained = len(mentions)
        for row, tagged in changed:
            keep_version(self._db, row)
            self._db.table("items").update(row["id"], _item_row(tagged, seen_at, poll.watchlist_version))
            gained += replace_mentions(self._db, row["id"], tagged.mentions, poll.watchlist_version)
        await_folding(
            self._db,
            [(ids[tagged.item.guid], tagged.keys) for tagged in new] + [(row["id"], t.keys) for row, t in changed],
        )
        if poll.full_text:
            await_pages(self._db, [*ids.values(), *(row["id"] for row, _ in changed)], seen_at)
        return Stored(items_new=len(new), items_updated=len(changed), mentions=gained)

    def _readdress(self, poll: Poll | Delivery, by_guid: Mapping[str, TaggedItem]) -> None:
        """Give stored items the identities and addresses under which they come now."""
        for guid, stored in poll.readdressed.items():
            item = by_guid[guid].item
            self._db.execute(
                "UPDATE items SET guid = ?, canonical_url = ?, url = ? WHERE feed_id = ? AND guid = ?",
                [guid, item.canonical_url, item.url, poll.feed.id, stored],
            )

    def _present(self, feed_id: str, guids: Iterable[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for chunk in chunks(guids, MOST_VARIABLES):
            marks = ",".join("?" * len(chunk))
            for row in self._db.table("items").rows_where(f"feed_id = ? AND guid IN ({marks})", [feed_id, *chunk]):
                found[row["guid"]] = row
        return found


def _new_feed(feed_id: str, url: str, interval_s: int) -> dict[str, Any]:
    nothing = dict.fromkeys(
        ("etag", "last_modified", "validators_url", "body_hash", "last_error", "next_poll_at", "hold_until", "topic")
    )
    start = {"url": url, "configured_url": url, "state": "ok", "interval_s": interval_s, "failures": 0}
    start |= {"hints": "{}", "hubs": "[]"}
    return {"id": feed_id} | start | nothing


def _feed(row: Mapping[str, Any]) -> Feed:
    def moment(key: str) -> datetime | None:
        return from_iso(row[key]) if row[key] else None

    return Feed(
        id=row["id"],
        url=row["url"],
        configured_url=row["configured_url"],
        state=row["state"],
        etag=row["etag"],
        last_modified=row["last_modified"],
        validators_url=row["validators_url"],
        body_hash=row["body_hash"],
        interval_s=row["interval_s"],
        failures=row["failures"],
        rhythm_s=row["rhythm_s"],
        last_item_at=moment("last_item_at"),
        last_polled_at=moment("last_polled_at"),
        last_success_at=moment("last_success_at"),
        hints=_hints(row["hints"]),
        next_poll_at=moment("next_poll_at"),
        hold_until=moment("hold_until"),
    )


def _after(poll: Poll, now: str) -> dict[str, Any]:
    """The feed's columns after a poll. What a failed poll brought leaves validators and address as they were."""
    fetched, plan = poll.fetched, poll.plan
    columns: dict[str, Any] = {
        "state": plan.state,
        "failures": plan.failures,
        "interval_s": plan.interval_s,
        "rhythm_s": plan.rhythm_s,
        "last_item_at": to_iso(plan.last_item_at) if plan.last_item_at else None,
        "next_poll_at": to_iso(plan.next_poll_at) if plan.next_poll_at else None,
        "hold_until": to_iso(plan.hold_until) if plan.hold_until else None,
        "last_polled_at": now,
        "last_status": fetched.status,
        "last_error": fetched.error,
    }
    if fetched.outcome in ("ok", "unchanged", "not_modified"):
        columns |= {"last_success_at": now, "url": fetched.permanent_url or poll.feed.url}
    elif plan.gives_up_move:
        columns["url"] = poll.feed.configured_url
    if fetched.outcome in ("ok", "unchanged"):
        is_whole = not poll.skipped.get("cut_off")  # else the rest must not hide behind a 304
        columns |= {
            "etag": fetched.etag if is_whole else None,
            "last_modified": fetched.last_modified if is_whole else None,
            "validators_url": fetched.url,
            "body_hash": poll.body_hash,
        }
    if poll.title:
        columns["title"] = poll.title
    if poll.hints is not None:
        columns["hints"] = _hints_json(poll.hints)
    if poll.links is not None:
        columns |= {"hubs": json.dumps(poll.links.hubs), "topic": poll.links.topic}
    return columns


def _hints(text: str) -> Hints:
    said = json.loads(text)
    wait = said.get("wait")
    return Hints(
        wait=None if wait is None else timedelta(seconds=wait),
        skip_hours=frozenset(said.get("skip_hours", ())),
        skip_days=frozenset(said.get("skip_days", ())),
    )


def _hints_json(hints: Hints) -> str:
    said: dict[str, Any] = {} if hints.wait is None else {"wait": round(hints.wait.total_seconds())}
    if hints.skip_hours:
        said["skip_hours"] = sorted(hints.skip_hours)
    if hints.skip_days:
        said["skip_days"] = sorted(hints.skip_days)
    return json.dumps(said)


def _gap_row(gap: Gap, feed_id: str, fetch_id: int) -> dict[str, Any]:
    return {
        "feed_id": feed_id,
        "fetch_id": fetch_id,
        "from_at": to_iso(gap.from_at),
        "to_at": to_iso(gap.to_at),
        "newest_before": to_iso(gap.newest_before) if gap.newest_before else None,
        "oldest_after": to_iso(gap.oldest_after) if gap.oldest_after else None,
        "missing": gap.missing,
    }


def _item_row(tagged: TaggedItem, seen_at: str, version: str) -> dict[str, Any]:
    item = tagged.item
    return {
        "guid": item.guid,
        "url": item.url,
        "canonical_url": item.canonical_url,
        "title": item.title,
        "summary": item.summary,
        "content": item.content,
        "author": item.author,
        "language": item.language,
        "published_at": to_iso(item.published_at) if item.published_at else None,
        "updated_at": seen_at,
        "content_hash": item.content_hash,
        "watchlist_version": version,
    }
