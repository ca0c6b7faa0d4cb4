"""The watch-list language as a JSON Schema (draft 2020-12), for editors that complete and check YAML while one types.

Made from the models; ``packs/watchlist.schema.json`` is a snapshot that a test keeps true. A file says which schema it
follows in its first line: ``# yaml-language-server: $schema=watchlist.schema.json``.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from pipeline.watchlist.models import Pack

FILE_NAME = "watchlist.schema.json"

_LIST = {"type": "array", "items": {"type": "string"}}
_BY_LANGUAGE = {"type": "object", "additionalProperties": _LIST}
_CONDITION = {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/Condition"}]}


def schema() -> dict[str, Any]:
    """The schema of one watch-list file, with the short forms that reading it accepts."""
    made = Pack.model_json_schema()
    rule, entity = (made["$defs"][name]["properties"] for name in ("Rule", "Entity"))
    for name in ("phrases", "patterns"):
        _accept(rule[name], [_LIST, _BY_LANGUAGE])
    for name in ("requires", "unless"):
        _accept(rule[name], [_CONDITION, {"type": "array", "items": _CONDITION}])
    _accept(entity["aliases"], [_LIST, _BY_LANGUAGE])
    entity["rules"]["items"] = {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/Rule"}]}
    for name in ("words", "contexts"):
        made["properties"][name]["additionalProperties"] = {"anyOf": [_LIST, _BY_LANGUAGE]}
    made["$defs"]["Condition"]["properties"]["within"].pop("default")  # it depends on where the condition stands

    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "watchfloor watch-list"}


def text() -> str:
    """The schema as it is written to a file."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def shipped() -> str:
    """The snapshot that ships."""
    return (resources.files("pipeline") / "packs" / FILE_NAME).read_text(encoding="utf-8")


def _accept(field: dict[str, Any], forms: list[dict[str, Any]]) -> None:
    for key in ("type", "items", "additionalProperties"):
        field.pop(key, None)
    field["anyOf"] = forms
