"""What makes an item the same item: its identity, and which entries of one body are distinct. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pipeline import clean
from pipeline.addresses import canonical_address
from pipeline.models import Item

_NEVER = datetime.max.replace(tzinfo=UTC)


def make_item(
    *, guid: str, url: str | None, published_at: datetime | None, enclosure: str | None = None, **fields: Any
) -> Item:
    """An item with its identity: the feed's own id, else its canonical address, else a hash of what it says.

    An ``enclosure`` is its address only where an entry has nothing else.
    """
    said = (fields["title"], fields["summary"], fields["content"])
    url = url if url or guid or any(said) else enclosure
    canonical = canonical_address(url)
    return Item(
        guid=clean.one_line(guid) or canonical or f"sha256:{_digest(*said, str(published_at))}",
        url=url,
        canonical_url=canonical,
        published_at=published_at,
        content_hash=_digest(*said, canonical or ""),  # canonical: a tracking code is no new version
        **fields,
    )


def says_something(item: Item) -> bool:
    """False for an entry without id, link and words."""
    return bool(item.url or item.title or item.summary or item.content or not item.guid.startswith("sha256:"))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def distinct(items: Iterable[Item]) -> list[Item]:
    """The distinct items in their order. Entries that share an identity but say different things are all kept.

    The oldest keeps a shared guid, so that a newer one does not overwrite it; a shared link identifies none. Nothing
    here depends on the order of the entries.
    """
    found: dict[tuple[str, str], Item] = {}
    for item in items:
        same = found.setdefault((item.guid, item.content_hash), item)
        if _age(item) < _age(same):
            found[item.guid, item.content_hash] = item
    oldest = {item.guid: item for item in sorted(found.values(), key=_age, reverse=True)}
    sharing = Counter(item.guid for item in found.values())
    alike = Counter((item.guid, item.title, item.canonical_url) for item in found.values())
    kept = []
    for item in found.values():
        if sharing[item.guid] == 1 or (item is oldest[item.guid] and item.guid != item.canonical_url):
            kept.append(item)
            continue
        is_alone = alike[item.guid, item.title, item.canonical_url] == 1
        told_apart = _digest(item.title, item.canonical_url or "") if is_alone else item.content_hash
        kept.append(replace(item, guid=f"{item.guid}#{told_apart[:16]}"))
    return kept


def _age(item: Item) -> tuple[datetime, str]:
    return item.published_at or _NEVER, item.content_hash
