"""Atom 1.0 (RFC 4287): an entry for each item, which feed readers take: title, link, outlet, excerpt, entities."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, BinaryIO

from lxml import etree

from pipeline.clean import display_title
from pipeline.exports.about import About, clean, entity_ids, id_of, item_id, sentences, uri
from pipeline.models import ItemRow

MEDIA_TYPE = "application/atom+xml"
_NS = "http://www.w3.org/2005/Atom"


def write(items: Iterable[ItemRow], file: BinaryIO, about: About) -> None:
    """One feed; its entries are written one by one."""
    with etree.xmlfile(file, encoding="utf-8") as out:
        out.write_declaration()
        with out.element(f"{{{_NS}}}feed", nsmap={None: _NS}):
            out.write("\n")
            for element in _head(about):
                out.write(element, with_tail=False)
                out.write("\n")
            for row in items:
                out.write(_entry(row, about), with_tail=False)
                out.write("\n")


def _head(about: About) -> list[Any]:
    head = [
        _element("id", f"urn:uuid:{id_of('atom', about.title, *sorted(about.wanted.items()))}"),
        _element("title", about.title),
        _element("updated", _moment(about.updated.isoformat())),
        _element("generator", about.program),
    ]
    if about.address:
        head.append(_element("link", rel="self", type=MEDIA_TYPE, href=about.address))
    return head


def _entry(row: ItemRow, about: About) -> Any:
    item = row.item
    entry = etree.Element(f"{{{_NS}}}entry", nsmap={None: _NS})
    author = etree.Element(f"{{{_NS}}}author")
    author.append(_element("name", clean(item["author"] or "").strip() or item["feed_title"]))
    told = [sentence for sentence, _ in sentences(row)]
    said = "\n\n".join([sentence for sentence in told if sentence != item["title"]] or told)
    entry.extend(
        [
            _element("id", f"urn:uuid:{item_id(item)}"),
            _element("title", display_title(item)),
            _element("updated", _moment(item["updated_at"])),
            _element("published", _moment(item["published_at"] or item["first_seen_at"])),
            author,
        ]
    )
    if url := uri(item["url"]):
        language = {"hreflang": item["language"]} if item["language"] else {}
        entry.append(_element("link", rel="alternate", href=url, **language))
    for entity in entity_ids(row):
        name = about.entities[entity]["name"] if entity in about.entities else entity
        entry.append(_element("category", term=entity, label=name))
    # not a summary: RFC 4287, 4.1.2, would ask for a link beside that, and not every item has one
    entry.append(_element("content", said, type="text"))
    source = etree.SubElement(entry, f"{{{_NS}}}source")
    source.append(_element("id", f"urn:uuid:{id_of('outlet', item['feed_id'])}"))
    source.append(_element("title", item["feed_title"]))
    source.append(_element("updated", _moment(item["updated_at"])))
    return entry


def _element(name: str, text: str | None = None, **attributes: str) -> Any:
    made = etree.Element(f"{{{_NS}}}{name}", {key: clean(value) for key, value in attributes.items()})
    made.text = None if text is None else clean(text)
    return made


def _moment(text: str) -> str:
    """As RFC 3339 has it."""
    return text.replace("+00:00", "Z")
