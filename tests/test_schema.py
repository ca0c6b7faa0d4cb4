"""Two snapshots that ``make schema`` writes: db/schema.sql, and the JSON Schema of watch-lists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from sqlite_utils import Database

from pipeline import yamlfile
from pipeline.errors import ConfigError
from pipeline.migrations import migrations
from pipeline.watchlist import Pack, schema

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


PACKS = Path(__file__).parents[1] / "pipeline" / "packs"


def test_the_watchlist_schema_is_true() -> None:
    """The schema that ships is what the models make."""
    assert schema.shipped() == schema.text()


@pytest.mark.parametrize("path", sorted(PACKS.glob("*.yaml")), ids=lambda path: path.name)
def test_every_pack_fits_the_schema(path: Path) -> None:
    """An editor finds nothing wrong in the packs that ship, and each says which schema it follows."""
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# yaml-language-server: $schema={schema.FILE_NAME}\n")
    validator = jsonschema.Draft202012Validator(schema.schema())
    assert not [error.message for error in validator.iter_errors(yaml.safe_load(text))]


RULE: dict[str, Any] = {"id": "x.1", "phrases": ["a"]}


@pytest.mark.parametrize(
    ("change", "is_right"),
    [
        ({}, True),
        ({"phrases": {"en": ["a"], "ko": ["b"]}}, True),
        ({"requires": "c"}, True),
        ({"requires": ["c", {"context": "c", "within": "sentence"}]}, True),
        ({"unless": {"context": "c", "within": "item"}}, True),
        ({"requires": {"within": "item"}}, False),
        ({"requires": {"context": "c", "within": "page"}}, False),
        ({"score": 2}, False),
        ({"phrase": ["a"]}, False),
        ({"phrases": "a"}, False),
        ({"last_resort": "yes please"}, False),
    ],
)
def test_schema_and_models_agree(change: dict[str, Any], is_right: bool) -> None:
    """What the schema accepts and refuses, reading accepts and refuses."""
    entity = {"id": "x", "name": "X", "kind": "topic", "rules": [RULE | change, "a plain phrase"]}
    data = {"contexts": {"c": ["d"]}, "entities": [entity]}
    errors = list(jsonschema.Draft202012Validator(schema.schema()).iter_errors(data))
    assert (not errors) is is_right
    file = yamlfile.parse(json.dumps(data), Path("x.yaml"))
    if is_right:
        assert file.validate(Pack).entities
    else:
        with pytest.raises(ConfigError):
            file.validate(Pack)


if __name__ == "__main__":
    SNAPSHOT.write_text(current_schema(), encoding="utf-8")
    (PACKS / schema.FILE_NAME).write_text(schema.text(), encoding="utf-8")
