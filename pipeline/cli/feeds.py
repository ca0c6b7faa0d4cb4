"""``feeds``: the list of feeds, seen and tested. How it is edited stands in ``feeds_edit``."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from pipeline import health, websub
from pipeline.cli import feeds_edit
from pipeline.cli.check import Asked, Checker
from pipeline.cli.common import (
    common_options,
    load_config,
    note,
    open_stored,
    print_json,
    show_table,
    stopped_by_signals,
)
from pipeline.config import Config, FeedSource
from pipeline.errors import UsageError
from pipeline.models import Feed
from pipeline.store import Store
from pipeline.times import from_iso, utc_now
from pipeline.tools import tools_for

_COLUMNS = ("id", "state", "items", "rhythm", "last success", "next poll", "failures", "gaps", "remark", "url")
_KEYS = (
    "rhythm_s",
    "last_success_at",
    "last_item_at",
    "next_poll_at",
    "failures",
    "last_gap_at",
    "last_error",
    "subscription",
)


@click.group()
def feeds() -> None:
    """List, add, remove, check, import and export feeds.

    \b
    Example:
      watchfloor feeds list
      watchfloor feeds check
    """


for _command in feeds_edit.COMMANDS:
    feeds.add_command(_command)


@feeds.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@common_options
def list_feeds(*, as_json: bool, config_path: Path | None, db: Path | None) -> None:
    """How each feed stands: state, rhythm, last success, next poll, failures, gaps, and what is to be done.

    Times are local to the configured time zone; in JSON they are UTC.

    \b
    Example:
      watchfloor feeds list --json
    """
    config = load_config(config_path, db)
    rows = []
    if db is not None or config.database.exists():
        with open_stored(config) as store:
            rows = store.coverage.feeds()
            subscriptions = store.subscriptions.by_feed() if config.websub.public_url else {}
            for row in rows:
                row["subscription"] = subscriptions.get(row["id"])
    if db is None:  # a database that is named may be of other feeds, such as the demo's
        known = {row["id"] for row in rows}
        rows += [_never_polled(feed) for feed in config.feeds if feed.id not in known]
    now = utc_now()
    for row in rows:
        row["remark"] = _remark(row, now)
    if as_json:
        print_json(rows)
        return
    show_table("Feeds", _COLUMNS, [_cells(row, config) for row in rows])


def _never_polled(feed: FeedSource) -> dict[str, Any]:
    return dict.fromkeys(_KEYS) | {"id": feed.id, "url": feed.url, "items": 0, "gaps": 0, "state": None}


def _remark(row: Mapping[str, Any], now: datetime) -> str | None:
    """What an operator should know of a feed: its error, that it moved, may have lost items, is stale, is pushed."""
    if row["state"] is None:
        return None
    hub = websub.in_words(row["subscription"]) if row.get("subscription") and row["state"] != "disabled" else None
    if row["last_error"]:
        return "; ".join(filter(None, (str(row["last_error"]), hub)))
    moved = f"has moved for good; write url: {row['url']} into the configuration" if row["state"] == "moved" else None
    gap = f"items may have been missed before {row['last_gap_at']}" if row["last_gap_at"] else None
    return "; ".join(filter(None, (moved, gap, health.stale(row, now), hub))) or None


def _cells(row: Mapping[str, Any], config: Config) -> list[Any]:
    def local(key: str) -> str:
        return f"{from_iso(row[key]).astimezone(config.timezone):%Y-%m-%d %H:%M}" if row[key] else ""

    rhythm = health.rhythm(row) if row["last_success_at"] else ""
    polls = (local("last_success_at"), local("next_poll_at"), row["failures"])
    return [
        row["id"],
        row["state"] or "not polled yet",
        row["items"],
        rhythm,
        *polls,
        row["gaps"],
        row["remark"],
        row["url"],
    ]


@feeds.command()
@click.argument("feed_id", metavar="[ID]", required=False)
@common_options
def check(*, feed_id: str | None, config_path: Path | None, db: Path | None) -> None:
    """Show what a poll of each feed (or the feed ID) would do now, hop by hop, without storing anything.

    It asks as the next poll would, with what the server said last time, whether or not the feed is due. Exits with 1
    when one fails.

    \b
    Example:
      watchfloor feeds check 38north
    """
    config = load_config(config_path, db, required=True)
    sources = [feed for feed in config.feeds if feed_id in (None, feed.id)]
    if feed_id is not None and not sources:
        raise UsageError(f"there is no feed {feed_id!r} in {config.path.name}; see: watchfloor feeds list")
    stored: dict[str, Feed] = {}
    known: dict[str, dict[str, str]] = {}
    if config.database.exists():
        with open_stored(config) as store:
            stored = {feed.id: feed for feed in store.polls.feeds()}
            known = {feed.id: store.known.hashes(feed.id) for feed in sources}
    now = utc_now()
    asked = [Asked(_as_known(feed, stored.get(feed.id)), known.get(feed.id, {})) for feed in sources]
    with ThreadPoolExecutor(min(16, len(asked) or 1)) as pool:
        results = list(pool.map(Checker(config, now), asked))
    show_table("", ("id", "result", "hops", "answer"), [result.cells() for result in results])
    if feed_id is not None:
        for number, hop in enumerate(results[0].hops, 1):
            print(f"{number}. {hop}")
    failed = sum(not result.works for result in results)
    note(f"{len(results) - failed} of {len(results)} feeds work")
    if failed:
        raise click.exceptions.Exit(1)


def _as_known(source: FeedSource, stored: Feed | None) -> Feed:
    """The feed as the next poll takes it: what is stored, unless its address was changed since."""
    if stored is None or stored.configured_url != source.url:
        return Feed(source.id, source.url, source.url)
    return stored


@feeds.command()
@click.argument("feed_id", metavar="ID")
@click.option("--pages", type=click.IntRange(1, 100_000), default=100, show_default=True, help="Walk at most so many.")
@common_options
def backfill(*, feed_id: str, pages: int, config_path: Path | None, db: Path | None) -> None:
    """Walk the feed ID back once, page after page, and store the older items that its publisher keeps.

    Works for feeds that link to older pages (RFC 5005); the feed's schedule stays as it is, and its gaps are filled.

    \b
    Example:
      watchfloor feeds backfill 38north --pages 20
    """
    from pipeline.backfill import walk  # noqa: PLC0415 - the other commands need none of it

    config = load_config(config_path, db, required=True)
    seen = new = count = 0
    with Store(config.database) as store, stopped_by_signals() as stop:
        for page in walk(config, store, tools_for(config), feed_id, pages, stop):
            count, seen, new = count + 1, seen + page.items_seen, new + page.items_new
            note(f"{page.url}: {page.items_seen} items, {page.items_new} new")
    if count == 1:
        print(f"{feed_id} links to no older page; {seen} items seen, {new} new")
    else:
        print(f"{feed_id}: {count} pages, {seen} items seen, {new} new")
