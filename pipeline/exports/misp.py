"""A MISP event: an object "report" for each item, tagged with what it mentions, with the sentences that say so.

Written by hand in the MISP core format (https://www.misp-standard.org/rfc/misp-standard-core.html): an event of a
million objects is never in memory. Ids are made from what they name and timestamps from when it changed, so that the
same filter gives the same event, newer. Objects belong to their event: MISP has each id once, whatever event it is in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, BinaryIO
from uuid import UUID

from pipeline.clean import display_title
from pipeline.exports.about import About, entity_ids, id_of, item_id, sentences, uri
from pipeline.models import ItemRow
from pipeline.times import from_iso

#: The object template "report" of misp-objects.
_TEMPLATE = {
    "name": "report",
    "meta-category": "misc",
    "template_uuid": "70a68471-df22-4e3f-aa1a-5a3be19f82df",
    "template_version": "8",
}
_ONLY_US, _DONE, _UNDEFINED = "0", "2", "4"


def write(items: Iterable[ItemRow], file: BinaryIO, about: About) -> None:
    """One event; its objects are written one by one."""
    event_id = id_of("misp", about.title, *sorted(about.wanted.items()))
    event = {
        "uuid": str(event_id),
        "info": about.title,
        "date": f"{about.updated:%Y-%m-%d}",
        "timestamp": str(int(about.updated.timestamp())),
        "analysis": _DONE,
        "threat_level_id": _UNDEFINED,
        "distribution": _ONLY_US,
        "published": False,
        "Orgc": {"name": "watchfloor", "uuid": str(id_of("watchfloor"))},
        "Tag": [{"name": 'osint:source-type="news-report"'}],
    }
    head = json.dumps({"Event": event}, ensure_ascii=False)
    file.write(head.removesuffix("}}").encode() + b', "Object": [\n')
    is_first = True
    for row in items:
        text = json.dumps(_object(row, event_id), ensure_ascii=False).encode("utf-8", "replace")
        file.write((b"" if is_first else b",\n") + text)
        is_first = False
    file.write(b"\n]}}\n")


def _object(row: ItemRow, event_id: UUID) -> dict[str, Any]:
    item = row.item
    number = id_of("object", event_id, item_id(item))
    stamp = str(int(from_iso(item["changed_at"]).timestamp()))
    tags = [{"name": f'watchfloor:entity="{entity}"'} for entity in entity_ids(row)]
    if row.verdict:
        tags.append({"name": f'watchfloor:verdict="{row.verdict["verdict"]}"'})

    def attribute(relation: str, kind: str, value: str, *more: object, **fields: Any) -> dict[str, Any]:
        return {
            "uuid": str(id_of("attribute", number, relation, *more)),
            "object_relation": relation,
            "type": kind,
            "category": "External analysis" if kind == "link" else "Other",
            "value": value,
            "to_ids": False,
            "distribution": "5",  # as its event
            "timestamp": stamp,
            **fields,
        }

    attributes = [attribute("title", "text", display_title(item), Tag=tags)]
    if url := uri(item["url"]):
        attributes.append(attribute("link", "link", url))
    for place, (sentence, rules) in enumerate(sentences(row)):
        attributes.append(attribute("summary", "text", sentence, place, comment=f"tagged by {rules}"))
    return {
        **_TEMPLATE,
        "uuid": str(number),
        "description": "News item",
        "comment": item["feed_title"],
        "distribution": "5",
        "timestamp": stamp,
        "first_seen": from_iso(item["published_at"] or item["first_seen_at"]).isoformat(),
        "Attribute": attributes,
    }
