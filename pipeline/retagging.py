"""The present watch-list applied to stored items, a batch at a time: what is gained, what is lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pipeline.store import RetagChange, Store
from pipeline.tag import Tagger
from pipeline.watchlist import Watchlist


def retag(watchlist: Watchlist, store: Store, *, since: datetime | None, dry_run: bool) -> Iterator[RetagChange]:
    """Tag every item first seen since ``since`` anew and yield each mention gained or lost.

    Each batch is stored whole before its changes are yielded, so that an interrupted run keeps what it did and can be
    started again. ``dry_run`` stores nothing.
    """
    tagger = Tagger(watchlist)
    for rows in store.watch.items_in_batches(since):
        fields = ({"title": row["title"], "summary": row["summary"], "content": row["content"]} for row in rows)
        batch = list(zip(rows, tagger.tag(fields), strict=True))
        changes = [change for row, mentions in batch for change in store.watch.compare(row, mentions)]
        if not dry_run:
            store.watch.save_batch(batch, watchlist.version)
        yield from changes
