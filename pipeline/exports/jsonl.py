"""JSON lines: every item as it is stored, with its mentions, their proof, and the verdict that stands."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import BinaryIO

from pipeline.exports.about import About
from pipeline.models import ItemRow


def write(items: Iterable[ItemRow], file: BinaryIO, about: About) -> None:
    """One JSON object a line, UTF-8."""
    for row in items:
        document = {**row.item, "mentions": row.mentions, "verdict": row.verdict}
        file.write(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
