"""What every export knows besides its items, and the words and ids that several forms share. Pure."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv6Address
from typing import Any
from urllib.parse import quote

from pipeline.markup import web_address
from pipeline.models import ItemRow

#: Ids that are made from what they name are made below this one (UUID version 5, RFC 9562), so that the same item has
#: the same id in every export.
NAMESPACE = uuid.UUID("7b0a3c52-6d61-5b0c-8f3e-2f3d0b6a9c11")
_NOT_OF_URIS = re.compile(r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]")
#: Scheme and authority with the number of a host that is one, path and query, fragment.
_ADDRESS = re.compile(
    r"(https?://(?:[^@/?#\[\]]*@)?(?:\[([^\]]*)\]|[^:@/?#\[\]]+)(?::\d*)?)((?:[/?][^#]*)?)(?:#(.*))?", re.IGNORECASE
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class About:
    """``title`` says what was asked for; ``entities`` are the rows of all that was ever watched, by id; ``since`` is
    when the first watch-list was used, ``listed`` when the last one was, ``updated`` when anything changed last."""

    title: str
    address: str  # where the export is read, if it is at an address of ours
    entities: Mapping[str, Mapping[str, Any]]
    since: datetime
    listed: datetime
    updated: datetime
    program: str
    wanted: Mapping[str, Any] = field(default_factory=dict)  # the filters, as plain values


def id_of(*names: object) -> uuid.UUID:
    """The id of what these names are the name of."""
    return uuid.uuid5(NAMESPACE, "\n".join(map(str, names)))


def item_id(item: Mapping[str, Any]) -> uuid.UUID:
    """The id of an item, which it keeps in every database."""
    return id_of("item", item["feed_id"], item["guid"])


def entity_ids(row: ItemRow) -> list[str]:
    """The entities that an item mentions, each once, in the order of its text."""
    return list(dict.fromkeys(mention["entity_id"] for mention in row.mentions))


def sentences(row: ItemRow) -> Iterator[tuple[str, str]]:
    """Each sentence that has a mention, once, with the rules that found them."""
    found: dict[str, list[str]] = {}
    for mention in row.mentions:
        sentence = " ".join(str(mention["evidence"].get("sentence") or mention["text"]).split())
        found.setdefault(sentence, []).append(mention["rule"])
    for sentence, rules in found.items():
        yield sentence, ", ".join(dict.fromkeys(rules))


def uri(url: str | None) -> str:
    """The address where it leads to the web, as RFC 3986 has it: feeds write letters of any script, and brackets and
    bars as they like. Empty for any other scheme, and for what is no address at all."""
    found = _ADDRESS.fullmatch(_NOT_OF_URIS.sub(lambda char: quote(char[0], safe=""), web_address(url)))
    if found is None:
        return ""
    server, number, path, fragment = found.groups()
    try:
        IPv6Address(number or "::")
    except ValueError:
        return ""
    rest = path + ("" if fragment is None else f"#{fragment.replace('#', '%23')}")
    return server + rest.replace("[", "%5B").replace("]", "%5D")


def aliases(entity: Mapping[str, Any]) -> list[str]:
    """The other names of an entity, in all languages."""
    found: Sequence[Sequence[str]] = list(json.loads(entity["aliases"]).values())
    return [name for name in dict.fromkeys(name for names in found for name in names) if name != entity["name"]]


def clean(text: str) -> str:
    """``text`` without characters that XML 1.0 cannot hold."""
    return _CONTROL.sub("", text)
