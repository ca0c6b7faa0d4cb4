"""Items → stories: the story of one batch, from the queue of new and changed items to what they are folded into.

    unfolded items → keys → items that share some, within the window → is it a copy? → one story

Two items are of one story when one is a copy of the other, or when a row of copies leads from one to the other. A batch
is one transaction: an interruption costs nothing, and the next pass goes on. What an edit or a rebuild changes takes
the same way: the items of the stories concerned are folded anew, from nothing.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from pipeline.models import Group, Unfolded
from pipeline.store import Store
from pipeline.stories.compared import Copy
from pipeline.stories.copies import is_copy
from pipeline.stories.fingerprint import keys_of

#: Items of one transaction, which then takes a tenth of a second.
BATCH = 100
#: What one pass folds at most: after an upgrade a million may wait, which is no reason to poll late.
A_PASS = 20_000
#: Of the items that share keys with one, so many are compared with it, those first that share the rarest.
_MOST_COMPARED = 30
_MOST_KEPT = 300  # texts with their words, some kilobytes each


def fold(store: Store, window: timedelta, *, most: int | None = None, stop: threading.Event | None = None) -> int:
    """Fold the items that wait, the last stored first, and return how many: all, or about ``most``.

    Copies further apart than ``window`` are two stories. Ends between two batches when ``stop`` is set.

    Raises:
        sqlite3.Error: when the database cannot be written; what was folded before stays.
    """
    folded = 0
    while (most is None or folded < most) and not (stop is not None and stop.is_set()):
        if not store.stories.is_any_waiting():
            break
        folded += _fold_batch(store, window)
    return folded


def _fold_batch(store: Store, window: timedelta) -> int:
    with store.stories.folding():
        items = {item.item_id: item for item in store.stories.take(BATCH)}
        copies = {item_id: _copy(item) for item_id, item in items.items()}
        keys = {item_id: item.keys or keys_of(copies[item_id]) for item_id, item in items.items()}
        for item_id, item in items.items():
            store.stories.index(item, keys[item_id])
        groups, others = _Groups(), _Others(store)
        for item_id, item in items.items():
            near = store.stories.near(item, keys[item_id], window)[:_MOST_COMPARED]
            for found in [found for found in near if found in items]:
                groups.join_if(_Node(item=item_id), _Node(item=found), copies[item_id], copies[found])
            for story_id, copy in others.of([found for found in near if found not in items]):
                groups.join_if(_Node(item=item_id), _Node(story=story_id), copies[item_id], copy)
        store.stories.save(groups.of(items))
    return len(items)


def _copy(item: Unfolded) -> Copy:
    return Copy(item.feed_id, item.canonical_url, item.title, item.summary, item.content)


class _Others:
    """Items of earlier batches, read once a batch: many of a batch are often compared with the same few."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[int, tuple[int | None, Copy]] = {}

    def of(self, item_ids: Sequence[int]) -> Iterator[tuple[int, Copy]]:
        """The story of each item that has one, and what is compared of it."""
        if len(self._kept) > _MOST_KEPT:
            self._kept.clear()
        for item in self._store.stories.texts(found for found in item_ids if found not in self._kept):
            self._kept[item.item_id] = item.story_id, _copy(item)
        for story_id, copy in [self._kept[item_id] for item_id in item_ids if item_id in self._kept]:
            if story_id is not None:
                yield story_id, copy


class _Node(NamedTuple):
    """What is grouped: an item of the batch, or a story that stands."""

    item: int = 0
    story: int = 0


class _Groups:
    """Nodes that were joined, directly or by way of others."""

    def __init__(self) -> None:
        self._above: dict[_Node, _Node] = {}

    def join_if(self, one: _Node, other: _Node, text: Copy, its_text: Copy) -> None:
        """Join the two where one's text is a copy of the other's, which is not asked of nodes that are one already."""
        if self._top(one) != self._top(other) and is_copy(text, its_text):
            self._above[self._top(one)] = self._top(other)

    def _top(self, node: _Node) -> _Node:
        while (above := self._above.get(node, node)) != node:
            self._above[node] = self._above.get(above, above)
            node = above
        return node

    def of(self, items: Mapping[int, Unfolded]) -> Iterator[Group]:
        """The groups in which ``items`` are, each with the stories that it takes in."""
        members: defaultdict[_Node, list[Unfolded]] = defaultdict(list)
        stories: defaultdict[_Node, set[int]] = defaultdict(set)
        for item_id, item in items.items():
            members[self._top(_Node(item=item_id))].append(item)
        for node in [node for node in self._above if node.story]:
            stories[self._top(node)].add(node.story)
        for top, group in members.items():
            own = {top.story} if top.story else set()
            yield Group(tuple(group), frozenset(stories[top] | own))
