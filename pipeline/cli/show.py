"""``show``: one item on the terminal, with its mentions marked, its versions, and what each edit changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.text import Text

from pipeline.clean import display_title
from pipeline.cli.common import common_options, counted, load_config, open_stored, print_json
from pipeline.edits.differences import Edit, Mark, Piece, edits_of, shortened
from pipeline.errors import UsageError
from pipeline.models import Mentioned
from pipeline.store import ItemHistory
from pipeline.times import from_iso

_COLOURS = (
    "black on cyan|black on yellow|white on magenta|black on green|white on blue|white on red|black on white".split("|")
)
_KINDS = {"kept": ("", "", ""), "removed": ("strike red", "[-", "-]"), "added": ("green", "{+", "+}")}
_LABEL_WIDTH = 11


@click.command()
@click.argument("item", type=int)
@click.option("--diff", is_flag=True, help="Show what each edit changed, the oldest first.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@common_options
def show(*, item: int, diff: bool, as_json: bool, config_path: Path | None, db: Path | None) -> None:
    """One ITEM: its text with mentions marked, its copies, versions and verdicts.

    \b
    Example:
      watchfloor show 17
      watchfloor show 17 --diff
    """
    loaded = load_config(config_path, db)
    with open_stored(loaded) as store:
        history = store.items.history(item)
    if history is None:
        raise UsageError(f"there is no item {item}; see the ids with: watchfloor review list")
    edits = edits_of(history.item, history.said, history.said_before)
    if as_json:
        print_json(_as_json(history, edits if diff else None))
        return
    page = _Page(history, loaded.timezone)
    page.head(edits)
    if diff:
        page.edits(edits)
    else:
        page.text()


class _Page:
    """Prints an item: in colours on a terminal, with brackets elsewhere."""

    def __init__(self, history: ItemHistory, zone: ZoneInfo) -> None:
        self._console = Console(soft_wrap=True, highlight=False)
        self._history = history
        self._zone = zone
        entities = list(dict.fromkeys(mention.entity for mention in history.said.mentions or ()))
        self._styles = {entity: _COLOURS[number % len(_COLOURS)] for number, entity in enumerate(entities)}

    def head(self, edits: Sequence[Edit]) -> None:
        """All but the text: a line each."""
        item, history = self._history.item, self._history
        title = self._marked("title") if item["title"] else Text(display_title(item))
        title.stylize("bold")
        self._console.print(title)
        self._line("item", str(item["id"]))
        self._line("feed", f"{history.feed_title} ({item['feed_id']})")
        self._line("address", item["url"])
        self._line("published", self._time(item["published_at"]))
        self._line("first seen", self._time(item["first_seen_at"]))
        if edits:
            self._line("updated", f"{self._time(item['updated_at'])} ({counted(len(edits), 'edit')})")
        self._line("language", item["language"])
        self._line("text", "of the page (full text)" if item["feed_content"] is not None else None)
        counts = dict.fromkeys(self._styles, 0)
        for mention in history.said.mentions or ():
            counts[mention.entity] += 1
        self._line("mentions", ", ".join(f"{self._name(entity)} {count}" for entity, count in counts.items()) or "none")
        for copy in history.copies:
            lead = "; the lead" if copy["is_lead"] else ""
            when = self._time(copy["published_at"] or copy["first_seen_at"])
            name = copy["title"] or copy["url"] or "(no title)"
            self._line("copy", f"{copy['id']}  {name}  ({copy['feed_id']}, {when}{lead})")
        for version, edit in zip(history.versions, edits, strict=True):
            self._line("version", f"{self._time(version['seen_at'])} to {self._time(edit.at)}")
        for verdict in history.verdicts:
            about = f" on {self._name(verdict['entity_id'])}" if verdict["entity_id"] else ""
            note = f": {verdict['note']}" if verdict["note"] else ""
            self._line(
                "verdict",
                f"{verdict['verdict']}{about} by {verdict['reviewer']}, {self._time(verdict['created_at'])}{note}",
            )

    def text(self) -> None:
        """Summary and content, mentions marked. A summary that the content begins with is not shown twice."""
        item = self._history.item
        repeats = item["summary"] and " ".join(item["content"].split()).startswith(" ".join(item["summary"].split()))
        for field in ("content",) if repeats else ("summary", "content"):
            if item[field]:
                self._console.print()
                self._console.print(self._marked(field))

    def edits(self, edits: Sequence[Edit]) -> None:
        """What each edit changed."""
        if not edits:
            self._console.print("\nNever edited since it was first seen.")
        for number, edit in enumerate(edits, 1):
            title = Text(f"\nEdit {number} of {len(edits)}, seen {self._time(edit.at)}", style="bold")
            self._console.print(title)
            if edit.awaits_page:
                self._console.print(
                    Text("The page was not read on both sides of it: the feed's own text is compared.", style="dim")
                )
            if not edit.differences.fields:
                self._console.print(Text("The text is the same on both sides.", style="dim"))
            for field, pieces in edit.differences.fields.items():
                line = Text.assemble((f"{field}: ", "dim"))
                line.append(self._difference(shortened(pieces)))
                self._console.print(line)
            for mark in edit.differences.marks:
                self._console.print(self._mark(mark))

    def _difference(self, pieces: Iterable[Piece]) -> Text:
        line = Text()
        for piece in pieces:
            style, opening, closing = _KINDS[piece.kind]
            if self._console.is_terminal:
                line.append(piece.text, style=style)
            else:
                line.append(f"{opening}{piece.text}{closing}")
        return line

    def _mark(self, mark: Mark) -> Text:
        sign = ("new", "bold green") if mark.is_new else ("gone", "bold red")
        line = Text.assemble((f"{mark.what} {sign[0]}: ", sign[1]))
        if mark.what == "mention":
            quote = " ".join(mark.sentence.split())
            line.append(f"{self._name(mark.name)} (rule {mark.rule}): ")
            line.append(f'"{quote if len(quote) <= 200 else quote[:199] + "…"}"', style="dim")
        else:
            line.append(mark.name)
        return line

    def _marked(self, field: str) -> Text:
        """A field with its mentions marked; of two that overlap the first is shown."""
        given, at = self._history.item[field], 0
        marked = Text()
        for mention in self._history.said.mentions or ():
            if mention.field != field or mention.start < at:
                continue
            marked.append(given[at : mention.start])
            self._append(marked, mention, given[mention.start : mention.end])
            at = mention.end
        marked.append(given[at:])
        return marked

    def _append(self, line: Text, mention: Mentioned, words: str) -> None:
        if self._console.is_terminal:
            line.append(words, style=self._styles[mention.entity])
            line.append(f"[{mention.entity}]", style="dim")
        else:
            line.append(f"[[{words}|{mention.entity}]]")

    def _line(self, label: str, value: str | None) -> None:
        if value:
            self._console.print(Text.assemble((f"{label:<{_LABEL_WIDTH}} ", "dim"), value))

    def _time(self, moment: str | None) -> str:
        return f"{from_iso(moment).astimezone(self._zone):%Y-%m-%d %H:%M %Z}" if moment else ""

    def _name(self, entity: str) -> str:
        return self._history.entities.get(entity, entity)


def _as_json(history: ItemHistory, edits: Sequence[Edit] | None) -> dict[str, Any]:
    answer = history.item | {
        "feed_title": history.feed_title,
        "mentions": history.mentions,
        "copies": history.copies,
        "versions": history.versions,
        "verdicts": history.verdicts,
    }
    return answer if edits is None else answer | {"edits": [dataclasses.asdict(edit) for edit in edits]}
