"""The lines of YAML that add a pattern to what holds a rule back, to be put into a configuration. Edits nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline import yamlfile
from pipeline.watchlist.models import Exclusion
from pipeline.watchlist.reading import DEFAULT_PACK, read_parts


def lines_for(config: Path, exclusion: Exclusion) -> str:
    """The element of ``watchlist:`` in ``config`` that gives the rule, with the ``exclusion`` among those it has.

    Of an entity in place only ``id`` is repeated; its other keys stay as they are. Empty where no element gives the
    rule. A configuration that does not exist counts as an empty one.

    Raises:
        ConfigError: when the configuration cannot be read.
    """
    data: Any = yamlfile.load(config).data if config.exists() else None
    given = data.get("watchlist") if isinstance(data, dict) else None
    entries = given if isinstance(given, list) else [{"pack": DEFAULT_PACK}]
    file = yamlfile.YamlFile(config, entries, {})
    for entry, part in zip(entries, read_parts(file, ()), strict=True):
        if exclusion.rule in part.rules:
            kept = {key: entry[key] for key in ("pack", "file", "id", "without") if key in entry}
            changed = kept | {"unless": _joined(entry.get("unless") or {}, exclusion)}
            return yaml.safe_dump(
                {"watchlist": [changed]}, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120
            )
    return ""


def _joined(before: Mapping[str, Any], exclusion: Exclusion) -> dict[str, Any]:
    own = before.get(exclusion.rule) or {}
    by_place: dict[str, list[str]] = dict(own) if isinstance(own, dict) else {"sentence": own}
    patterns = [*by_place.get(exclusion.within, ()), *exclusion.patterns]
    by_place[exclusion.within] = list(dict.fromkeys(patterns))
    short = by_place["sentence"] if by_place.keys() == {"sentence"} else by_place
    return {**before, exclusion.rule: short}
