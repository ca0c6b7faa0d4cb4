"""Parquet (pyarrow): typed columns, mentions as a list of records; some thousand items are in memory at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.exports.about import About, entity_ids
from pipeline.models import ItemRow
from pipeline.times import from_iso

_TIME, _GROUP = pa.timestamp("s", tz="UTC"), 2000
_MENTION = pa.struct(
    [
        ("entity_id", pa.string()), ("field", pa.string()), ("start", pa.int32()), ("end", pa.int32()),
        ("text", pa.string()), ("rule", pa.string()), ("score", pa.float64()), ("sentence", pa.string()),
        ("evidence", pa.string()), ("watchlist_version", pa.string()),
    ]
)  # fmt: skip
SCHEMA = pa.schema(
    [
        ("id", pa.int64()), ("feed_id", pa.string()), ("feed_title", pa.string()), ("guid", pa.string()),
        ("url", pa.string()), ("canonical_url", pa.string()), ("title", pa.string()), ("summary", pa.string()),
        ("content", pa.string()), ("author", pa.string()), ("language", pa.string()), ("published_at", _TIME),
        ("first_seen_at", _TIME), ("updated_at", _TIME), ("story_id", pa.int64()), ("leads", pa.bool_()),
        ("entities", pa.list_(pa.string())), ("mentions", pa.list_(_MENTION)), ("verdict", pa.string()),
        ("reviewer", pa.string()), ("verdict_at", _TIME),
    ]
)  # fmt: skip


def write(items: Iterable[ItemRow], file: BinaryIO, about: About) -> None:
    """One file with a row group for each 2,000 items."""
    rest = iter(items)
    schema = SCHEMA.with_metadata({"title": about.title, "program": about.program})
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        while group := list(islice(rest, _GROUP)):
            writer.write_table(pa.Table.from_pylist([_row(item) for item in group], schema=schema))


def _row(row: ItemRow) -> dict[str, Any]:
    item, verdict = row.item, row.verdict or {}
    given_at = verdict.get("created_at")
    return {
        **item,
        **{
            name: from_iso(item[name]) if item[name] else None
            for name in ("published_at", "first_seen_at", "updated_at")
        },
        "leads": bool(item["leads"]),
        "entities": entity_ids(row),
        "mentions": [
            {
                **mention,
                "sentence": mention["evidence"].get("sentence"),
                "evidence": json.dumps(mention["evidence"], ensure_ascii=False),
            }
            for mention in row.mentions
        ],
        "verdict": verdict.get("verdict"),
        "reviewer": verdict.get("reviewer"),
        "verdict_at": from_iso(given_at) if given_at else None,
    }
