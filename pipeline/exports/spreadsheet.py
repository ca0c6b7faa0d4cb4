"""CSV (RFC 4180) for spreadsheets: a line for each item, and no cell that a spreadsheet would run.

Source: OWASP, CSV Injection. A cell is made harmless when the first sign in it that is not a space begins a formula,
in ASCII or in full width, as East Asian spreadsheets take it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any, BinaryIO

from pipeline.exports.about import About, entity_ids
from pipeline.models import ItemRow

COLUMNS = (
    "id", "feed_id", "url", "title", "summary", "author", "language", "published_at", "first_seen_at",
    "entities", "mentions", "verdict", "story_id", "rules",
)  # fmt: skip
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "|", "%")


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
    """A text that a spreadsheet would take for a formula with a quote in front; anything else as it is."""
    if isinstance(value, str) and (
        value.startswith(_DANGEROUS) or value.lstrip(" \u00a0\u3000").startswith(_DANGEROUS)
    ):
        return f"'{value}"
    return value
