"""CSV (RFC 4180) for spreadsheets: a line for each item, and no cell that a spreadsheet would run.

Source: OWASP, CSV Injection. A quote is put before a cell whose first sign that can be seen begins a formula, in ASCII
or in full width, as East Asian spreadsheets take it. So it is inside of a cell after a semicolon, a tab or the end of a
line: spreadsheets of half of Europe, or one that was told so, part cells there, and look at no quotation mark.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import Any, BinaryIO

from pipeline.exports.about import About, entity_ids
from pipeline.models import ItemRow

COLUMNS = (
    "id", "feed_id", "url", "title", "summary", "author", "language", "published_at", "first_seen_at",
    "entities", "mentions", "verdict", "story_id", "rules",
)  # fmt: skip
#: Before the sign that counts: spaces, what cannot be seen, quotation marks.
_UNSEEN = r"[\s\x00-\x20\x7f-\xa0\xad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\"]*"
_STARTS = re.compile(rf"[\t\r\n]|{_UNSEEN}[=+\-@＝＋－＠|%]")
_STARTS_WITHIN = re.compile(rf"([;\t\r\n]{_UNSEEN})(?=[=+\-@＝＋－＠|%])")


def write(items: Iterable[ItemRow], file: BinaryIO, about: About) -> None:
    """A line of names, then one for each item, UTF-8."""
    text = io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in items:
        computed = {
            "entities": " ".join(entity_ids(row)),
            "mentions": len(row.mentions),
            "verdict": row.verdict["verdict"] if row.verdict else None,
            "rules": " ".join(dict.fromkeys(mention["rule"] for mention in row.mentions)),
        }
        writer.writerow([harmless({**row.item, **computed}[column]) for column in COLUMNS])
    text.detach()


def harmless(value: Any) -> Any:
    """A text with a quote before whatever a spreadsheet would take for a formula; anything else as it is."""
    if not isinstance(value, str):
        return value
    return ("'" if _STARTS.match(value) else "") + _STARTS_WITHIN.sub(r"\1'", value)
