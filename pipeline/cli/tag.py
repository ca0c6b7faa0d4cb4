"""``tag`` and ``retag``: the watch-list tried on text, and applied to what is stored."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, TextIO

import click
from rich.console import Console
from rich.text import Text

from pipeline import retagging, watchlist
from pipeline.cli.common import DEFAULT_CONFIG, Day, common_options, load_config, note, open_stored, show_table
from pipeline.errors import UsageError
from pipeline.models import Mention
from pipeline.tag import Tagger
from pipeline.watchlist import Watchlist


@click.command()
@click.argument("source", type=click.File("r", encoding="utf-8"), default="-", metavar="[FILE|-]")
@click.option("--jsonl", is_flag=True, help='JSON lines {"id","title","text"} in, JSON lines with mentions out.')
@common_options
def tag(*, source: TextIO, jsonl: bool, config_path: Path | None, db: Path | None) -> None:
    """Try the watch-list on text. Needs no database and, without config.yaml, uses the pack dprk-cyber.

    \b
    Example:
      echo 'Hackers of Unit 180 in Pyongyang stole $41m in ether' | watchfloor tag
      watchfloor tag --jsonl < documents.jsonl
    """
    tagger = Tagger(_watchlist(config_path, db))
    try:
        if jsonl:
            _tag_jsonl(tagger, source)
        else:
            _tag_plain(tagger, source.read())
    except UnicodeDecodeError as error:
        raise UsageError(f"{source.name}: is not UTF-8 text (byte {error.start})") from None


def _watchlist(config_path: Path | None, db: Path | None) -> Watchlist:
    if config_path is None and not DEFAULT_CONFIG.exists():
        return watchlist.load_pack("dprk-cyber")
    return load_config(config_path, db).watchlist


def _tag_jsonl(tagger: Tagger, source: TextIO) -> None:
    for number, line in enumerate(source, 1):
        if not line.strip():
            continue
        document = _document(line, f"{source.name}:{number}")
        fields = {"title": document.get("title") or "", "text": document.get("text") or ""}
        mentions = next(tagger.tag([fields]))
        found = [
            {
                "entity": mention.entity_id,
                "field": mention.field,
                "start": mention.start,
                "end": mention.end,
                "text": mention.text,
                "rule": mention.rule,
                "score": mention.score,
            }
            for mention in mentions
        ]
        click.echo(json.dumps({"id": document.get("id"), "mentions": found}, ensure_ascii=False))


def _document(line: str, place: str) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except ValueError as error:
        raise UsageError(f"{place}: is not JSON ({error}); each line must be one object") from None
    if not isinstance(document, dict):
        raise UsageError(f'{place}: is not an object; write {{"id": …, "title": …, "text": …}}')
    for key in ("title", "text"):
        if not isinstance(document.get(key) or "", str):
            raise UsageError(f"{place}: {key}: is not a text")
    return document


def _tag_plain(tagger: Tagger, text: str) -> None:
    mentions = next(tagger.tag([{"text": text}]))
    console = Console(soft_wrap=True, highlight=False)
    marked = Text()
    for piece, mention in _pieces(text, mentions):
        marked.append(piece, style="bold reverse" if mention and console.is_terminal else "")
        if mention is not None:
            marked.append(f"[{mention.entity_id}]", style="dim" if console.is_terminal else "")
    console.print(marked, end="" if text.endswith("\n") else "\n")
    note(f"{len(mentions)} mentions")


def _pieces(text: str, mentions: tuple[Mention, ...]) -> Iterator[tuple[str, Mention | None]]:
    """``text`` cut at its mentions; of two that overlap the first is shown."""
    at = 0
    for mention in mentions:
        if mention.start >= at:
            yield text[at : mention.start], None
            yield mention.text, mention
            at = mention.end
    yield text[at:], None


@click.command()
@click.option("--since", type=Day(), help="Only items first seen on this day (UTC) or later.")
@click.option("--dry-run", is_flag=True, help="Show what would be gained and lost; change nothing.")
@common_options
def retag(*, since: date | None, dry_run: bool, config_path: Path | None, db: Path | None) -> None:
    """Apply the present watch-list to stored items. Verdicts stay.

    \b
    Example:
      watchfloor retag --dry-run
      watchfloor retag --since 2026-11-01
    """
    config = load_config(config_path, db)
    moment = datetime.combine(since, time.min, UTC) if since else None
    gained: Counter[tuple[str, str]] = Counter()
    lost: Counter[tuple[str, str]] = Counter()
    samples: dict[tuple[str, str], str] = {}
    with open_stored(config) as store:
        if not dry_run:
            store.watch.sync_entities(config.watchlist)
        for change in retagging.retag(config.watchlist, store, since=moment, dry_run=dry_run):
            key = (change.entity_id, change.rule)
            (gained if change.gained else lost)[key] += 1
            samples.setdefault(key, f"{'+' if change.gained else '-'} {change.text} — {change.title}")
    rows = [(key[0], key[1], gained[key], lost[key], samples[key]) for key in sorted(gained.keys() | lost.keys())]
    if rows:
        show_table("", ("entity", "rule", "gained", "lost", "sample"), rows)
    verb = "would be" if dry_run else "were"
    print(f"{sum(gained.values())} mentions {verb} gained, {sum(lost.values())} lost", file=sys.stdout)
