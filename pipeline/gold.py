"""Stored items as lines of a gold set for ``evaluate``, and a file of them that holds each item once."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import WatchfloorError
from pipeline.wholefile import write_whole

#: The file of regression cases, beside the database.
REGRESSIONS = "regressions.jsonl"


def text_of(item: Mapping[str, Any]) -> str:
    """What a gold line has for ``text``: the content, after the summary where that says something else.

    So everything that was tagged stands in title or text.
    """
    summary, content = item["summary"], item["content"]
    return content if summary in content else f"{summary}\n\n{content}".strip()


def gold_line(item: Mapping[str, Any], right: Iterable[tuple[str, str]], judged: Collection[str]) -> str:
    """One line, without its end. ``right`` are entities and the words that show them; words that stand neither in
    title nor in text are left out. Entities that are neither ``right`` nor ``judged`` are not measured in it."""
    title, text = item["title"], text_of(item)
    labels: dict[str, list[str]] = {}
    for entity, words in right:
        if (words in title or words in text) and words not in labels.get(entity, ()):
            labels.setdefault(entity, []).append(words)
    line = {
        "id": f"item-{item['id']}",
        "title": title,
        "text": text,
        "lang": item["language"],
        "feed": item["feed_id"],
        "labels": dict(sorted(labels.items())),
        "judged": sorted({*labels, *judged}),
    }
    return json.dumps(line, ensure_ascii=False)


def gold_lines(items: Iterable[Mapping[str, Any]]) -> tuple[list[str], int]:
    """One line for each judged item, and how many were left out as the words of a missed tag are not known or stand in
    the item no more. Judged in a line are the entities that people found right, wrong or missed in it."""
    lines, left_out = [], 0
    for item in items:
        texts = (item["title"], text_of(item))
        if any(not words or not any(words in text for text in texts) for _, words in item["missed"]):
            left_out += 1
            continue
        right = [*item["right"], *item["missed"]]
        lines.append(gold_line(item, right, {entity for entity, _ in item["wrong"]}))
    return lines, left_out


def keep_case(path: Path, line: str) -> None:
    """Put a gold ``line`` at the end of the file ``path``, in place of an earlier one of the same item.

    Whoever reads the file meanwhile sees it whole, as it was or as it is.

    Raises:
        WatchfloorError: when the file cannot be read or written.
    """
    own = json.loads(line)["id"]
    try:
        before = path.read_text(encoding="utf-8").split("\n") if path.exists() else []
        kept = [other for other in before if other.strip() and _id_of(other) != own]
        write_whole(path, "".join(f"{one}\n" for one in (*kept, line)))
    except (OSError, UnicodeDecodeError) as error:
        raise WatchfloorError(
            f"{path}: the regression case cannot be written: {error}; make the file writable and save the lesson again"
        ) from None


def _id_of(line: str) -> Any:
    """The id of a gold line; None for a line that somebody broke, which stays as it is."""
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value.get("id") if isinstance(value, dict) else None
