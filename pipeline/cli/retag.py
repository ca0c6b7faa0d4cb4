"""``retag``: the present watch-list applied to what is stored, or shown what that would change."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pipeline import retagging
from pipeline.cli.common import Day, common_options, load_config, note, open_stored, print_json, show_table
from pipeline.config import Config
from pipeline.store import RetagChange, Store
from pipeline.times import utc_now
from pipeline.upkeep import follow

_SAMPLES = 3  # of each rule and direction


@dataclass
class _Tally:
    """What a retagging changes, by rule."""

    items: int = 0
    gained: Counter[tuple[str, str]] = field(default_factory=Counter)
    lost: Counter[tuple[str, str]] = field(default_factory=Counter)
    samples: dict[tuple[str, str, bool], list[RetagChange]] = field(default_factory=dict)

    def add(self, change: RetagChange) -> None:
        key = (change.entity_id, change.rule)
        (self.gained if change.gained else self.lost)[key] += 1
        shown = self.samples.setdefault((*key, change.gained), [])
        if len(shown) < _SAMPLES:
            shown.append(change)

    def rules(self) -> list[tuple[str, str]]:
        return sorted(self.gained.keys() | self.lost.keys())

    def samples_of(self, key: tuple[str, str]) -> list[RetagChange]:
        return [change for gained in (True, False) for change in self.samples.get((*key, gained), ())]


@click.command()
@click.option("--since", type=Day(), help="Only items first seen on this day (UTC) or later.")
@click.option("--dry-run", is_flag=True, help="Show what would be gained and lost; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@common_options
def retag(*, since: date | None, dry_run: bool, as_json: bool, config_path: Path | None, db: Path | None) -> None:
    """Apply the present watch-list to stored items. Verdicts stay.

    Shows by rule what is gained and lost, with samples. Works in batches: when it is interrupted, what it did stays,
    and the next call goes on with the rest.

    \b
    Example:
      watchfloor retag --dry-run
      watchfloor retag --since 2026-11-01
    """
    config = load_config(config_path, db)
    moment = datetime.combine(since, time.min, UTC) if since else None
    tally = _Tally()
    with open_stored(config) as store:
        left = store.watch.count_outdated(config.watchlist.version, moment)
        if not dry_run:
            follow(config, store, utc_now())
        try:
            _work(config, store, moment, tally, left=left, dry_run=dry_run, quiet=as_json)
        except KeyboardInterrupt:
            note(f"stopped after {tally.items} of {left} items; the same call goes on with the rest")
            raise click.Abort from None
    if as_json:
        print_json(_as_json(tally, config.watchlist.version, dry_run=dry_run))
    else:
        _show(tally, config.watchlist.version, dry_run=dry_run)


def _work(
    config: Config, store: Store, since: datetime | None, tally: _Tally, *, left: int, dry_run: bool, quiet: bool
) -> None:
    columns = (TextColumn("retagging"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("", total=left)
        for items, changes in retagging.retag(config.watchlist, store, since=since, dry_run=dry_run):
            tally.items += items
            for change in changes:
                tally.add(change)
            bar.advance(task, items)


def _show(tally: _Tally, version: str, *, dry_run: bool) -> None:
    rules = tally.rules()
    if rules:
        counts = [(entity, rule, tally.gained[entity, rule], tally.lost[entity, rule]) for entity, rule in rules]
        show_table("By rule", ("entity", "rule", "gained", "lost"), counts)
        samples = [
            ("+" if one.gained else "-", rule, one.item_id, one.text, one.sentence, one.title)
            for entity, rule in rules
            for one in tally.samples_of((entity, rule))
        ]
        show_table("Samples", ("", "rule", "item", "mention", "sentence", "title"), samples)
    verb = "would be" if dry_run else "were"
    gained, lost = tally.gained.total(), tally.lost.total()
    print(f"{gained} mentions {verb} gained, {lost} lost, in {tally.items} items that another watch-list had tagged")
    print(f"the watch-list's version is {version}", file=sys.stderr)


def _as_json(tally: _Tally, version: str, *, dry_run: bool) -> dict[str, Any]:
    return {
        "watchlist_version": version,
        "dry_run": dry_run,
        "items": tally.items,
        "gained": tally.gained.total(),
        "lost": tally.lost.total(),
        "rules": [
            {
                "entity": entity,
                "rule": rule,
                "gained": tally.gained[entity, rule],
                "lost": tally.lost[entity, rule],
                "samples": [
                    {key: getattr(one, key) for key in ("item_id", "gained", "text", "sentence", "title")}
                    for one in tally.samples_of((entity, rule))
                ],
            }
            for entity, rule in tally.rules()
        ],
    }
