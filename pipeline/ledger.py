"""The ledger of what may have been missed: tells when items can have come and gone between two polls. Pure.

Two polls that share no item may have lost some between them. Items that are pinned to the top of a feed stay in it for
months and would hide every loss, so they do not count as shared.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from pipeline.models import Feed, Gap

_MOST_PINNED = 2
#: How many of the newest stored items a feed that goes on without a gap would show at least one of.
NEWEST_STORED = 20


def shares_nothing(seen: Collection[str], new: Collection[str], newest_stored: Collection[str]) -> bool:
    """True when a body with the items ``seen``, of which ``new`` were not stored, does not go on from what is stored.

    That is: nothing in it is known, or one or two old (pinned) items beside more than twice as many new ones.
    """
    known = set(seen).difference(new)
    if not new or not known:
        return bool(new)
    return len(known) <= _MOST_PINNED and len(new) > 2 * len(known) and known.isdisjoint(newest_stored)


def is_renamed(new_addresses: Collection[str], stored_addresses: Collection[str]) -> bool:
    """True when a body's items have new identities but the addresses of items that are stored: nothing was missed.

    Of at least two, and half of the distinct ``new_addresses``; one that all items of a feed share tells nothing.
    """
    shared = set(new_addresses) & set(stored_addresses)
    return len(shared) >= 2 and 2 * len(shared) >= len(set(new_addresses))


def gap(feed: Feed, now: datetime, newest_before: datetime | None, dates_after: Sequence[datetime]) -> Gap | None:
    """The gap before a poll at ``now`` that shares nothing; None when the feed was never polled with success.

    ``newest_before`` is the date of the newest stored item, ``dates_after`` are those of the new ones, as far as known.
    """
    if feed.last_success_at is None or feed.body_hash is None:
        return None
    later = [date for date in dates_after if newest_before is not None and date > newest_before]
    oldest = min(later, default=None)
    missing = None
    if oldest is not None and newest_before is not None and feed.rhythm_s:
        missing = max(0, round((oldest - newest_before).total_seconds() / feed.rhythm_s) - 1)
    return Gap(feed.last_success_at, now, newest_before, oldest, missing)
