"""``feeds``: the list of feeds, seen and tested. How it is edited stands in ``feeds_edit``."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from pipeline import run
from pipeline.cli import feeds_edit
from pipeline.cli.common import common_options, load_config, note, open_stored, print_json, show_table
from pipeline.config import Config, FeedSource
from pipeline.errors import ParseError, UsageError
from pipeline.fetch import Fetcher
from pipeline.models import Feed
from pipeline.parse import parse

_COLUMNS = ("id", "state", "items", "last_success_at", "next_poll_at", "failures", "last_error", "url")


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
    """How each feed stands: state, last success, next poll, failures, last error.

    \b
    Example:
      watchfloor feeds list --json
    """
    config = load_config(config_path, db)
    rows = []
    if db is not None or config.database.exists():
        with open_stored(config) as store:
            rows = store.reports.feeds()
    if db is None:  # a database that is named may be of other feeds, such as the demo's
        known = {row["id"] for row in rows}
        rows += [dict.fromkeys(_COLUMNS) | {"id": f.id, "url": f.url} for f in config.feeds if f.id not in known]
    if as_json:
        print_json(rows)
        return
    cells = [
        ["not polled yet" if name == "state" and not row[name] else row[name] for name in _COLUMNS] for row in rows
    ]
    show_table("Feeds", [name.replace("_", " ") for name in _COLUMNS], cells)


@feeds.command()
@click.argument("feed_id", metavar="[ID]", required=False)
@common_options
def check(*, feed_id: str | None, config_path: Path | None, db: Path | None) -> None:
    """Fetch and read each feed (or the feed ID) now, without storing anything; exits with 1 when one fails.

    \b
    Example:
      watchfloor feeds check 38north
    """
    config = load_config(config_path, db, required=True)
    sources = [feed for feed in config.feeds if feed_id in (None, feed.id)]
    if feed_id is not None and not sources:
        raise UsageError(f"there is no feed {feed_id!r} in {config.path.name}; see: watchfloor feeds list")
    with ThreadPoolExecutor(min(16, len(sources) or 1)) as pool:
        results = list(pool.map(_Checker(config), sources))
    show_table("", ("id", "result", "items", "answer"), results)
    failed = sum(result[1] != "ok" for result in results)
    note(f"{len(results) - failed} of {len(results)} feeds work")
    if failed:
        raise click.exceptions.Exit(1)


class _Checker:
    """Fetches and reads one feed as a first poll would; a client for each thread."""

    def __init__(self, config: Config) -> None:
        self._make = run.tools_for(config).fetcher
        self._local = threading.local()

    def __call__(self, source: FeedSource) -> tuple[str, str, object, str]:
        fetcher: Fetcher | None = getattr(self._local, "fetcher", None)
        if fetcher is None:
            fetcher = self._local.fetcher = self._make()
        fetched = fetcher.fetch(Feed(source.id, source.url, source.url))
        if fetched.outcome != "ok":
            return source.id, "failed", "", fetched.error or fetched.outcome
        try:
            parsed = parse(fetched.body, fetched.url, fetched.content_type)
        except ParseError as error:
            return source.id, "failed", "", str(error)
        moved = f"; moved for good to {fetched.permanent_url}" if fetched.permanent_url else ""
        return source.id, "ok", len(parsed.items), f"{parsed.title or '(no title)'}, {len(fetched.body):,} bytes{moved}"
