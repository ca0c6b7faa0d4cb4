"""Which stored item an entry of a feed is, when its id does not tell: an id used twice, or an id that changed. Pure.

An id is reused by feeds that give their newest item always the same one, and changed by feeds that move. What tells
then is what an editor seldom changes all at once: the wording, the page's address, the date.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from pipeline.likeness import Grams, grams, share, weight

#: Characters of a summary and of a text that are compared.
COMPARED = 3000
_ALIKE = 0.55  # of the lighter text; two articles of one desk share a third, one in twenty pairs half
_ALL_BUT_EQUAL = 0.85
_SUBSTANTIAL = 50  # weight of a text that says enough to be unlike another; two sentences
_SOME_TITLE = 8  # weight of a title of two or three words
_SHARED_ID = re.compile(r"(?P<base>.+)#[0-9a-f]{16}", re.DOTALL)
_ARTICLE_PATH = re.compile(r"\d|[-_%][^/]*\Z")  # a number anywhere, or a name of several words


@dataclass(frozen=True, slots=True)
class Entry:
    """What is compared of an item. ``address`` is the canonical one."""

    guid: str
    url: str | None
    address: str | None
    title: str
    text: str
    published_at: datetime | None
    content_hash: str


def base_of(guid: str) -> str:
    """The feed's own id in ``guid``, which may hold the mark of one of several items that share it."""
    found = _SHARED_ID.fullmatch(guid)
    return found["base"] if found else guid


def own_guid(guid: str, content_hash: str) -> str:
    """The identity of an item whose id belongs to another item."""
    return f"{base_of(guid)}#{content_hash[:16]}"


def names_a_page(address: str | None) -> bool:
    """True for the address of an article; False for one of a whole site or section, which many items may share."""
    if not address:
        return False
    parts = urlsplit(address)
    return bool(parts.query or _ARTICLE_PATH.search(parts.path))


def is_an_address(entry: Entry) -> bool:
    """True when nothing but its address identifies an entry, as it was sent or as it is canonical."""
    return entry.guid in (entry.address, entry.url)


def can_tell(entry: Entry) -> bool:
    """True when the address of ``entry`` can tell which item it is."""
    return names_a_page(entry.address) or (bool(entry.address) and is_an_address(entry))


def is_edit(before: Entry, after: Entry) -> bool:
    """True when two entries with one id are versions of one item, False when the id was used for another item.

    An edit keeps the page, the date or much of the wording. Without any of them it is one still as long as too little
    is said to tell.
    """
    are_pages = names_a_page(before.address) and names_a_page(after.address)
    is_same_page = are_pages and before.address == after.address
    is_other_page = are_pages and not is_same_page
    are_dated = before.published_at is not None and after.published_at is not None
    is_same_date = are_dated and before.published_at == after.published_at
    is_other_date = are_dated and not is_same_date
    title, text = _title_share(before, after), _text_share(before, after)
    moved = is_other_page and is_other_date
    if is_same_page or (text is not None and text >= (_ALL_BUT_EQUAL if moved else _ALIKE)):
        return True
    if is_same_date and not is_other_page:
        return True
    if text is not None:  # it says other things
        return bool(title and title >= _ALIKE) and not is_other_page and not is_other_date
    if title is None or title >= _ALIKE:
        return not moved
    return not (is_other_page or is_other_date) and title > 0


def is_unlike(one: Entry, other: Entry) -> bool:
    """True when two entries surely tell of different things: other titles, other texts, and not the same date."""
    title, text = _title_share(one, other), _text_share(one, other)
    is_same_date = one.published_at is not None and one.published_at == other.published_at
    return not is_same_date and title is not None and title < _ALIKE and text is not None and text < _ALIKE


def same_id(entries: Sequence[Entry], stored: Sequence[Entry]) -> dict[str, str]:
    """Identity of an entry → identity of the stored item that it is a version of, among those that share one id.

    ``stored`` has the newest first. An entry that is missing in the answer is an item of its own.
    """
    found: dict[str, str] = {}
    free = list(stored)

    def give(entry: Entry, fitting: Sequence[Entry]) -> None:
        if fitting and entry.guid not in found:
            best = max(fitting, key=lambda one: _closeness(one, entry))  # the first, where several are as close
            found[entry.guid] = best.guid
            free.remove(best)

    for entry in entries:
        give(entry, [one for one in free if _says_the_same(one, entry)])
    for entry in entries:
        give(entry, [one for one in free if one.guid == entry.guid and is_edit(one, entry)])
    for entry in entries:
        if entry.guid not in found:
            give(entry, [one for one in free if is_edit(one, entry)])
    return found


def by_address(entries: Sequence[Entry], stored: Iterable[Entry]) -> dict[str, str]:
    """Identity of an entry → identity of the stored item with its address, where neither shares it with another."""
    alone = _alone(entries, lambda entry: entry.address)
    found = {}
    for address, before in _alone(stored, lambda entry: entry.address).items():
        after = alone.get(address)
        if after is None or not (can_tell(before) and can_tell(after)) or is_unlike(before, after):
            continue
        if urlsplit(before.url or "").fragment == urlsplit(after.url or "").fragment:  # page#one is not page#two
            found[after.guid] = before.guid
    return found


def by_title(entries: Sequence[Entry], stored: Sequence[Entry], seen: int) -> dict[str, str]:
    """Identity of an entry → identity of the stored item with its title, where a feed changed ids and addresses.

    Title and date must be the same, no text may say otherwise, and neither stands for two. An undated entry needs its
    path or its text besides. For one entry that is too little, unless path or text speak for it, or nothing but the
    address ever identified it; where at least two and half of the ``seen`` entries of the body come back so, the feed
    has moved.
    """
    sure: dict[str, str] = {}
    likely: dict[str, str] = {}
    for detail in (_title_and_path, _title_and_date):
        old, new = _alone(stored, detail), _alone(entries, detail)
        for said in old.keys() & new.keys():
            before, after = old[said], new[said]
            text = _text_share(before, after)
            is_same_path = detail is _title_and_path
            is_known = is_same_path or after.published_at is not None or text is not None
            if after.guid in likely or before.guid in likely.values() or not is_known or (text or 1) < _ALIKE:
                continue
            likely[after.guid] = before.guid
            is_by_address = is_an_address(before) and is_an_address(after)
            is_dated_alike = after.published_at is not None and (is_by_address or (text or 0) >= _ALL_BUT_EQUAL)
            if (is_same_path and names_a_page(after.address)) or is_dated_alike:
                sure[after.guid] = before.guid
    return likely if len(likely) >= 2 and 2 * len(likely) >= seen else sure


def _says_the_same(one: Entry, other: Entry) -> bool:
    """Whether two entries are equal but for their address; another way of writing it changes the content hash."""
    is_equal = (one.title, one.text) == (other.title, other.text)
    return one.content_hash == other.content_hash or (is_equal and is_edit(one, other))


def _title_and_date(entry: Entry) -> Hashable:
    return (entry.title, entry.published_at) if entry.title else None


def _title_and_path(entry: Entry) -> Hashable:
    parts = urlsplit(entry.address or "")
    return (*said, parts.path, parts.query) if parts.path and (said := _title_and_date(entry)) else None  # type: ignore[misc]


def _alone(entries: Iterable[Entry], key: Callable[[Entry], Hashable]) -> dict[Hashable, Entry]:
    """Key → the one entry that has it; those that share a key, or have none, are left out."""
    keyed = [(key(entry), entry) for entry in entries]
    counts = Counter(said for said, _ in keyed)
    return {said: entry for said, entry in keyed if said is not None and counts[said] == 1}


def _closeness(one: Entry, other: Entry) -> tuple[bool, bool, float, float]:
    is_same_date = one.published_at is not None and one.published_at == other.published_at
    return (
        one.address == other.address,
        is_same_date,
        _title_share(one, other) or 0,
        _text_share(one, other) or 0,
    )


def _title_share(one: Entry, other: Entry) -> float | None:
    """How much of the lighter title stands in the other; None where there are too few words to tell."""
    if one.title == other.title and one.title:
        return 1.0
    return _share(grams(one.title), grams(other.title), _SOME_TITLE)


def _text_share(one: Entry, other: Entry) -> float | None:
    """The same of the texts; None where one of them says too little to tell."""
    return _share(grams(one.text), grams(other.text), _SUBSTANTIAL)


def _share(one: Grams, other: Grams, least: int) -> float | None:
    lighter, heavier = sorted((one, other), key=weight)
    return share(lighter, heavier) if weight(lighter) >= least else None
