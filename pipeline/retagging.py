"""The present watch-list applied to stored items, a batch at a time: what is gained, what is lost."""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime

from pipeline.language import detect
from pipeline.models import Document
from pipeline.store import RetagChange, Store
from pipeline.tag import Tagger
from pipeline.upkeep import keep_ready
from pipeline.watchlist import Watchlist


def retag(
    watchlist: Watchlist, store: Store, *, since: datetime | None, dry_run: bool
) -> Generator[tuple[int, list[RetagChange]], None, None]:
    """Tag anew every item, first seen since ``since``, that another watch-list tagged last.

    Yields, batch by batch, how many items it held and each mention gained or lost. A batch is stored whole before it is
    yielded, with the version of the watch-list in each item: an interrupted run keeps what it did, and the next one
    goes on with the rest. ``dry_run`` stores nothing.
    """
    tagger = Tagger(watchlist)
    for rows in store.watch.outdated_in_batches(watchlist.version, since):
        fields = [{"title": row["title"], "summary": row["summary"], "content": row["content"]} for row in rows]
        documents = (
            Document(texts, row["feed_id"], detect(texts, row["language"]))
            for texts, row in zip(fields, rows, strict=True)
        )
        batch = list(zip(rows, tagger.tag(documents), strict=True))
        changes = [change for row, mentions in batch for change in store.watch.compare(row, mentions)]
        if not dry_run:
            store.watch.save_batch(batch, watchlist.version)
            keep_ready(store, most=len(rows))
        yield len(rows), changes
