"""Edits that matter: those of tagged items that changed a headline, a mention, a victim or an amount. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.clean import display_title
from pipeline.digest.sections import local_time
from pipeline.digest.values import Edited
from pipeline.edits import Edit
from pipeline.models import Covered, Mentioned
from pipeline.times import from_iso, to_iso

_LONGEST = 160


@dataclass(frozen=True, slots=True)
class Change:
    """A stored item that was edited: its row, its feed's title, what is tagged in it now, and all its edits."""

    item: Mapping[str, Any]
    feed: str
    mentions: tuple[Mentioned, ...]
    edits: Sequence[Edit]


def edited(
    changes: Sequence[Change], names: Mapping[str, str], covered: Covered, day: date, zone: ZoneInfo
) -> tuple[Edited, ...]:
    """Those of the time that a digest covers, in the order of time."""
    since, until = to_iso(covered.since), to_iso(covered.until)
    found = []
    for change in changes:
        for edit in change.edits:
            told = tuple(_told(edit, names)) if since <= edit.at < until and _is_tagged(change, edit) else ()
            if told:
                when = local_time(from_iso(edit.at), day, zone)
                item = change.item
                entry = Edited(item["id"], display_title(item), item["url"], change.feed, when, told)
                found.append((edit.at, item["id"], entry))
    return tuple(entry for _, _, entry in sorted(found, key=lambda one: one[:2]))


def _is_tagged(change: Change, edit: Edit) -> bool:
    """Tagged now, or until this edit."""
    return bool(change.mentions) or any(mark.what == "mention" for mark in edit.differences.marks)


def _told(edit: Edit, names: Mapping[str, str]) -> Iterator[str]:
    """What the edit changed, a line each."""
    if edit.awaits_page:
        return
    title = edit.differences.fields.get("title")
    if title is not None:
        old = "".join(piece.text for piece in title if piece.kind != "added")
        new = "".join(piece.text for piece in title if piece.kind != "removed")
        yield f"headline: “{_short(old)}” became “{_short(new)}”"
    for mark in edit.differences.marks:
        what = names.get(mark.name, mark.name) if mark.what == "mention" else mark.name
        yield f"{mark.what} {'new' if mark.is_new else 'gone'}: {_short(what)}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
