"""STIX 2.1 bundles (stix2): a report for each item with what it is about, and a note with the sentences that say so.

    item → report, which refers to the watched organisations (intrusion sets) and people (identities) that it mentions
         → note on the report: the sentences with the rules that tagged them, the source as external reference

Places and topics have no object of their own in STIX without inventing facts (a location needs its country or its
coordinates), so they are labels of the report; a report on these alone refers to its outlet. Ids are made from what
they name, and ``modified`` moves with a verdict and a new watch-list, too: the same data give the same bytes, and
others are a newer version of the same objects. Source: OASIS, STIX Version 2.1, parts 3 and 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, BinaryIO

import stix2

from pipeline.clean import display_title
from pipeline.exports.about import About, aliases, entity_ids, id_of, item_id, sentences, uri
from pipeline.models import ItemRow
from pipeline.times import from_iso


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
        self._entities = {
            entity["id"]: self._entity(entity)
            for entity in about.entities.values()
            if entity["kind"] in ("organisation", "person")
        }

    def objects(self, items: Iterable[ItemRow]) -> Iterator[Any]:
        """All of them, each before whatever refers to it."""
        yield self._us
        for row in items:
            referred = [self._entities[entity] for entity in entity_ids(row) if entity in self._entities]
            if not referred:
                referred = [self._outlet(row)]
            for made in referred:
                if made.id not in self._made:
                    self._made.add(made.id)
                    yield made
            yield from self._report(row, [made.id for made in referred])

    def _entity(self, entity: Mapping[str, Any]) -> Any:
        """The object that stands for a watched organisation or person."""
        shared = {
            "created": self._about.since,
            "modified": self._about.listed,
            "created_by_ref": self._us.id,
            "name": entity["name"],
            **({"description": entity["description"]} if entity["description"] else {}),
        }
        if entity["kind"] == "person":
            number = id_of("entity", entity["id"])
            return stix2.Identity(id=f"identity--{number}", identity_class="individual", **shared)
        others = aliases(entity)
        return stix2.IntrusionSet(
            id=f"intrusion-set--{id_of('entity', entity['id'])}", **shared, **({"aliases": others} if others else {})
        )

    def _outlet(self, row: ItemRow) -> Any:
        return stix2.Identity(
            id=f"identity--{id_of('outlet', row.item['feed_id'])}",
            created=self._about.since,
            modified=self._about.since,
            created_by_ref=self._us.id,
            name=row.item["feed_title"],
            identity_class="organization",
        )

    def _report(self, row: ItemRow, referred: list[str]) -> Iterator[Any]:
        item = row.item
        shared: dict[str, Any] = {
            "created": from_iso(item["first_seen_at"]),
            "modified": from_iso(item["changed_at"]),
            "created_by_ref": self._us.id,
            "external_references": [_source(item)],
            "confidence": round(100 * max(mention["score"] for mention in row.mentions)),
            **({"lang": item["language"]} if item["language"] else {}),
        }
        labels = [f"watchfloor-{entity}" for entity in entity_ids(row)]
        if row.verdict:
            labels.append(f"verdict-{row.verdict['verdict']}")
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
    url = uri(item["url"])
    return {"source_name": item["feed_title"], **({"url": url} if url else {"external_id": item["guid"]})}
