"""db/schema.sql is a snapshot of the schema; ``make schema`` writes it."""

from __future__ import annotations

from pathlib import Path

from sqlite_utils import Database

from pipeline.migrations import migrations

SNAPSHOT = Path(__file__).parents[1] / "db" / "schema.sql"
HEADER = "-- The schema of the database, as the migrations build it. Written by: make schema\n\n"

#: What DESIGN.md fixes: tables and columns that others rely on.
CONTRACT = {
    "feeds": "id url configured_url title state etag last_modified last_status last_error last_success_at "
    "last_polled_at next_poll_at interval_s failures",
    "fetches": "id feed_id started_at finished_at status bytes outcome error items_seen items_new",
    "items": "id feed_id guid url canonical_url title summary content author language published_at first_seen_at "
    "updated_at content_hash story_id",
    "item_versions": "item_id seen_at title summary content content_hash",
    "stories": "id lead_item_id title first_seen_at last_seen_at items_count",
    "entities": "id name kind parent_id description",
    "mentions": "id item_id entity_id field start end text rule score evidence watchlist_version",
    "verdicts": "id item_id mention_id verdict entity_id note reviewer created_at",
    "digests": "date created_at html markdown json",
}


def current_schema() -> str:
    with Database(memory=True) as db:
        migrations.apply(db)
        return f"{HEADER}{db.schema.strip()}\n"


def test_the_snapshot_is_true() -> None:
    """db/schema.sql is what the migrations build."""
    assert SNAPSHOT.read_text(encoding="utf-8") == current_schema()


def test_the_contracts_columns_are_there() -> None:
    """Every table and column that DESIGN.md names exists."""
    with Database(memory=True) as db:
        migrations.apply(db)
        for table, columns in CONTRACT.items():
            assert set(columns.split()) <= {column.name for column in db.table(table).columns}, table


if __name__ == "__main__":
    SNAPSHOT.write_text(current_schema(), encoding="utf-8")
