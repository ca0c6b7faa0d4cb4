"""STIX 2.1 bundles (stix2): a report for each item with what it is about, and a note with the sentences that say so.

    item → report, which refers to the watched organisations (intrusion sets) and people (identities) that it mentions
         → note on the report: the sentences with the rules that tagged them, the source as external reference

Places and topics have no object of their own in STIX without inventing facts (a location needs its country or its
coordinates), so they are labels of the report; a report on these alone refers to its outlet. Ids are made from what
they name, so the same data give the same bytes. Source: OASIS, STIX Version 2.1, parts 3 and 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, BinaryIO

import stix2

from pipeline.clean import display_title
from pipeline.exports.about import About, aliases, entity_ids, id_of, item_id, sentences
from pipeline.markup import web_address
from pipeline.models import ItemRow
from pipeline.times import from_iso

_LABELS_OF_VERDICTS = "verdict-{}"


def write(items: Iterable[ItemRow], file: BinaryIO, about: About) -> None:
    """One bundle, its objects written one by one; what several reports refer to stands before the first."""
    bundle = f"bundle--{id_of('stix', about.title, *sorted(about.wanted.items()))}"
    file.write(f'{{"type": "bundle", "id": "{bundle}", "objects": [\n'.encode())
    maker = _Maker(about)
    is_first = True
    for made in maker.objects(items):
        file.write((b"" if is_first else b",\n") + made.serialize(ensure_ascii=False).encode("utf-8", "replace"))
        is_first = False
    file.write(b"\n]}\n")


class _Maker:
    """Makes the objects, those that several reports share once."""

    def __init__(self, about: About) -> None:
        self._about = about
        self._made: set[str] = set()
        self._us = stix2.Identity(
            id=f"identity--{id_of('watchfloor')}",
            created=about.since,
            modified=about.since,
            name="watchfloor",
            identity_class="system",
            description="A news-monitoring pipeline; what it reports is what news items said, not what is so.",
        )

    def objects(self, items: Iterable[ItemRow]) -> Iterator[Any]:
        """All of them, each before whatever refers to it."""
        yield self._us
        for row in items:
            referred = [made for entity in entity_ids(row) if (made := self._entity(entity)) is not None]
            if not referred:
                referred = [self._outlet(row)]
            for made in referred:
                if made.id not in self._made:
                    self._made.add(made.id)
                    yield made
            yield from self._report(row, [made.id for made in referred])

    def _entity(self, entity_id: str) -> Any:
        """The object that stands for a watched entity; None for one that has none."""
        entity = self._about.entities.get(entity_id)
        if entity is None or entity["kind"] not in ("organisation", "person"):
            return None
        shared = {
            "created": self._about.since,
            "modified": self._about.since,
            "created_by_ref": self._us.id,
            "name": entity["name"],
            **({"description": entity["description"]} if entity["description"] else {}),
        }
        if entity["kind"] == "person":
            return stix2.Identity(id=f"identity--{id_of('entity', entity_id)}", identity_class="individual", **shared)
        others = aliases(entity)
        return stix2.IntrusionSet(
            id=f"intrusion-set--{id_of('entity', entity_id)}", **shared, **({"aliases": others} if others else {})
        )

    def _outlet(self, row: ItemRow) -> Any:
        return stix2.Identity(
            id=f"identity--{id_of('outlet', row.item['feed_id'])}",
            created=self._about.since,
            modified=self._about.since,
            created_by_ref=self._us.id,
            name=row.item["feed_title"],
            identity_class="organization",
            sectors=["entertainment"],
        )

    def _report(self, row: ItemRow, referred: list[str]) -> Iterator[Any]:
        item = row.item
        created, modified = from_iso(item["first_seen_at"]), from_iso(item["updated_at"])
        shared: dict[str, Any] = {
            "created": created,
            "modified": max(created, modified),
            "created_by_ref": self._us.id,
            "external_references": [_source(item)],
            "confidence": round(100 * max(mention["score"] for mention in row.mentions)),
            **({"lang": item["language"]} if item["language"] else {}),
        }
        labels = [f"watchfloor-{entity}" for entity in entity_ids(row)]
        if row.verdict:
            labels.append(_LABELS_OF_VERDICTS.format(row.verdict["verdict"]))
        report = stix2.Report(
            id=f"report--{item_id(item)}",
            name=display_title(item),
            published=_published(item),
            report_types=["threat-report"],
            object_refs=referred,
            labels=labels,
            **shared,
        )
        yield report
        yield stix2.Note(
            id=f"note--{id_of('note', item['feed_id'], item['guid'])}",
            abstract=f"What {item['feed_title']} said",
            content="\n\n".join(f"{sentence}\n(tagged by {rules})" for sentence, rules in sentences(row)),
            authors=[item["author"] or item["feed_title"]],
            object_refs=[report.id],
            **shared,
        )


def _published(item: dict[str, Any]) -> datetime:
    return from_iso(item["published_at"] or item["first_seen_at"])


def _source(item: dict[str, Any]) -> dict[str, str]:
    url = web_address(item["url"])
    return {"source_name": item["feed_title"], **({"url": url} if url else {"external_id": item["guid"]})}
