"""``stories``: what was folded together, and folding anew."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pipeline.clean import display_title
from pipeline.cli.common import (
    Day,
    common_options,
    counted,
    load_config,
    note,
    open_stored,
    print_json,
    show_table,
    stopped_by_signals,
)
from pipeline.errors import UsageError
from pipeline.folding import BATCH, fold
from pipeline.stories.parts import first_of, own_parts
from pipeline.upkeep import keep_ready


@click.group()
def stories() -> None:
    """See which copies of the news were folded into one story, and fold anew.

    \b
    Example:
      watchfloor stories list
      watchfloor stories show 17
    """


@stories.command(name="list")
@click.option("--least", type=click.IntRange(min=1), default=2, show_default=True, help="Of at least so many items.")
@click.option("--since", type=Day(), help="Only those with an item first seen on this day (UTC) or later.")
@click.option("--limit", type=click.IntRange(min=1), default=30, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@common_options
def list_stories(
    *, least: int, since: date | None, limit: int, as_json: bool, config_path: Path | None, db: Path | None
) -> None:
    """Stories of two and more items, the newest first.

    \b
    Example:
      watchfloor stories list --since 2026-11-01
    """
    with open_stored(load_config(config_path, db)) as store:
        rows = store.stories.list(least=least, limit=limit, since=str(since or ""))
        waiting = store.stories.waiting()
    if as_json:
        print_json(rows)
    elif rows:
        cells = [(row["id"], row["items_count"], ", ".join(row["feeds"]), row["title"]) for row in rows]
        show_table("Stories", ("story", "items", "feeds", "title"), cells)
    else:
        print(f"No story has {least} items or more.")
    if waiting:
        note(f"{waiting} items are still to be folded; the next run goes on with them, or: watchfloor stories rebuild")


@stories.command()
@click.argument("story", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@common_options
def show(*, story: int, as_json: bool, config_path: Path | None, db: Path | None) -> None:
    """The items of STORY (the id of any of its items): who had it first, and what each copy has that the others lack.

    \b
    Example:
      watchfloor stories show 17
    """
    config = load_config(config_path, db)
    with open_stored(config) as store:
        found = store.stories.story(story)
    if found is None:
        raise UsageError(f"there is no story {story}; see them with: watchfloor stories list")
    own = own_parts([row["content"] or row["summary"] for row in found["items"]])
    if as_json:
        print_json(found | {"items": [row | {"own": parts} for row, parts in zip(found["items"], own, strict=True)]})
        return
    first = first_of(found["items"])
    print(f"{found['title']}\nstory {found['id']}: {counted(found['items_count'], 'item')}, first in {first['outlet']}")
    for row, parts in zip(found["items"], own, strict=True):
        moment = row["published_at"] or row["first_seen_at"]
        marks = ["lead"] * (row["id"] == found["lead_item_id"]) + ["first"] * (row is first)
        marked = f" ({', '.join(marks)})" if marks else ""
        print(f"\n{row['id']}  {row['outlet']}, {moment}{marked}")
        print(f"    {display_title(row)}")
        if row["url"]:
            print(f"    {row['url']}")
        for part in parts:
            print(f"  + {' '.join(part.split())}")


@stories.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@common_options
def rebuild(*, as_json: bool, config_path: Path | None, db: Path | None) -> None:
    """Work out all stories anew from the items. Verdicts stay with their items.

    Needed after the window was changed. When it is interrupted, what it did stays, and the next call (or the next run)
    goes on with the rest.

    \b
    Example:
      watchfloor stories rebuild
    """
    config = load_config(config_path, db)
    with open_stored(config) as store, stopped_by_signals() as stop:
        going_on = store.stories.is_rebuilding()
        left = store.stories.waiting() if going_on else store.stories.begin_rebuild()
        if going_on:
            note(f"going on with an interrupted rebuild: {left} items are left")
        columns = (TextColumn("folding"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        done = 0
        with Progress(*columns, console=Console(stderr=True), disable=as_json or not sys.stderr.isatty()) as progress:
            task = progress.add_task("folding", total=left)
            while not stop.is_set() and (number := fold(store, config.stories.window, most=BATCH, stop=stop)):
                done += number
                progress.update(task, completed=min(done, left))
        keep_ready(store, stop=stop)
        left = store.stories.waiting()
        totals = store.stories.totals()
    if stop.is_set() and left:
        note(f"stopped; {left} items are left: the same call goes on with them")
        raise click.Abort
    if as_json:
        print_json(totals)
    else:
        print(_summary(totals))


def _summary(totals: dict[str, Any]) -> str:
    return (
        f"{counted(totals['items'], 'item')} in {counted(totals['stories'], 'story', 'stories')}; "
        f"{counted(totals['folded'], 'story', 'stories')} of two items and more, the largest of {totals['largest']}"
    )
