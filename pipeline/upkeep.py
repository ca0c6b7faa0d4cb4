"""What is kept ready beside the items: stories, the review queue, and the search in Korean, Chinese and Japanese.

Whatever changes leaves a note of what is to be worked out anew (triggers do); this works it off, a batch at a time. An
interruption costs nothing: what is left waits for the next pass.
"""

from __future__ import annotations

import threading
from datetime import datetime

from pipeline.config import Config
from pipeline.folding import fold
from pipeline.store import Store

#: Stories, and items, of one transaction, which then takes some tens of milliseconds.
_A_TRANSACTION = 500


def follow(config: Config, store: Store, now: datetime) -> None:
    """Let the database know what the configuration says of entities, of their priority in the queue, and of the time
    zone whose days it is filtered by. Writes nothing when nothing changed."""
    store.watch.sync(config.watchlist, now, config.review.priority)
    store.queue.follow(config.timezone)


def catch_up(config: Config, store: Store, *, most: int, stop: threading.Event | None = None) -> None:
    """Fold the items that wait, then bring queue and search up to date: of each about ``most``.

    Raises:
        sqlite3.Error: when the database cannot be written; what was worked out before stays.
    """
    fold(store, config.stories.window, most=most, stop=stop)
    keep_ready(store, most=most, stop=stop)


def keep_ready(store: Store, *, most: int | None = None, stop: threading.Event | None = None) -> None:
    """Bring the queue, then the search up to date, of each about ``most`` (all when None).

    Ends between two batches when ``stop`` is set.

    Raises:
        sqlite3.Error: when the database cannot be written; what was worked out before stays.
    """
    for part in (store.queue, store.search):
        worked = 0
        while (most is None or worked < most) and not (stop is not None and stop.is_set()):
            number = part.refresh(_A_TRANSACTION)
            if not number:
                break
            worked += number
