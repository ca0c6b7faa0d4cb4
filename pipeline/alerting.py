"""Looks for what is to be told at once, and puts it on its way: what alerts find, how it is grouped, when it is held.

    items with new mentions → their stories → one row for each alert and story → messages → outbox

Each step is a transaction of its own: a process that is killed in between goes on where it was, and tells nothing
twice. Sends nothing itself: ``delivering`` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.alerts.forms import message_of
from pipeline.alerts.grouping import Told, grouped
from pipeline.alerts.settings import AlertSettings
from pipeline.clean import display_title
from pipeline.config import Config
from pipeline.digest import excerpt, proof_of, wording
from pipeline.models import ItemRow
from pipeline.store import Store
from pipeline.store.alerts import Candidate
from pipeline.tally import daily, watched, window
from pipeline.times import from_iso
from pipeline.unusual import MOST_DAYS, Counts, judge

#: News that is older alerts nobody: a feed's stock on its first day, what waited while nothing ran.
_NEWS = timedelta(days=2)
#: Items of one transaction, and how many of these a look makes at most: after a retag a million may wait.
_A_LOOK, _ROUNDS = 500, 20
_COUNTS_EVERY = timedelta(minutes=5)
_HOUR = timedelta(hours=1)
_FIRST = 1e9  # the rank of a count: no story's is as high


def look(config: Config, store: Store, now: datetime) -> int:
    """See what is new since the last look, and put it on its way; return how many messages were made."""
    store.alerts.follow([alert.name for alert in config.alerts], now)
    if not config.alerts:
        return 0
    for _ in range(_ROUNDS):
        if _look_at_items(config, store, now) < _A_LOOK:
            break
    made = 0
    for alert in config.alerts:
        if alert.unusual:
            _look_at_counts(config, store, alert, now)
        made += _tell(config, store, alert, now)
    return made


def _look_at_items(config: Config, store: Store, now: datetime) -> int:
    """Note what is to be told of the items that wait; return how many were looked at."""
    found: list[tuple[str, int, str]] = []
    told: set[tuple[str, int]] = set()
    candidates = store.alerts.candidates(_A_LOOK)
    for candidate in candidates:
        if now - candidate.at > _NEWS or candidate.is_irrelevant:
            continue
        for alert in config.alerts:
            entity = _of_alert(alert, candidate)
            key = (alert.name, candidate.story_id)
            if entity is not None and key not in told and alert.name not in candidate.told_by:
                told.add(key)
                found.append((alert.name, candidate.item_id, entity))
    if candidates:
        store.alerts.note(found, [candidate.item_id for candidate in candidates], now)
    return len(candidates)


def _of_alert(alert: AlertSettings, candidate: Candidate) -> str | None:
    """The first entity of the item that the alert is about; None when there is none."""
    if not alert.tells_stories:
        return None
    return next((entity for entity in candidate.entities if not alert.entities or entity in alert.entities), None)


def _look_at_counts(config: Config, store: Store, alert: AlertSettings, now: datetime) -> None:
    """Note the entities of which today has unusually much so far."""
    last = store.alerts.counted_at(alert.name)
    if last is not None and last <= now < last + _COUNTS_EVERY:
        return
    zone = config.timezone
    shown = window(now, zone, MOST_DAYS + 1)
    mentions = daily(shown, store.overview.mentions(shown.spans))
    answered = watched(mentions, zone, store.overview.answered(shown.days[0] - timedelta(days=1)))
    entities = [entity.id for entity in config.watchlist.entities]
    judgement = judge(Counts(shown.days, mentions.so_far_by_feed, answered, entities))
    found = [
        {"entity_id": one.entity_id, "day": shown.days[-1].isoformat(), "mentions": one.mentions, "usual": one.high}
        for one in judgement.remarks or ()
        if one.is_more and (not alert.entities or one.entity_id in alert.entities)
    ]
    store.alerts.note_counts(alert.name, found if mentions.until else (), now)


def _tell(config: Config, store: Store, alert: AlertSettings, now: datetime) -> int:
    if alert.is_quiet(now.astimezone(config.timezone)):
        return 0
    rows = store.alerts.waiting(alert.name)
    if not rows:
        return 0
    told = list(_told(config, store, alert, rows))
    store.alerts.forget({row["id"] for row in rows} - {one.id for one in told})
    room = alert.per_hour - store.alerts.told_since(alert.name, now - _HOUR)
    made = grouped(told, room)
    for group in made:
        targets = [target.label for target in alert.deliver]
        store.alerts.tell(message_of(alert.name, group, now), targets, [one.id for one in group])
    return len(made)


def _told(config: Config, store: Store, alert: AlertSettings, rows: Sequence[Mapping[str, Any]]) -> Iterator[Told]:
    """What waits, as it stands now; without stories in which nothing is tagged any more."""
    names = dict(store.queue.entities())
    items = {row.item["id"]: row for row in store.digests.tagged([row["shown_id"] for row in rows if row["item_id"]])}
    titles = store.digests.feed_titles()
    for row in rows:
        in_quiet = alert.is_quiet(from_iso(row["found_at"]).astimezone(config.timezone))
        if row["item_id"] is None:
            yield _count(row, names, in_quiet)
        elif row["shown_id"] in items:
            yield _story(row, items[row["shown_id"]], names, titles, config.timezone, in_quiet)


def _count(row: Mapping[str, Any], names: Mapping[str, str], in_quiet: bool) -> Told:
    return Told(
        id=row["id"],
        entities=(names.get(row["entity_id"], row["entity_id"]),),
        title=f"{row['mentions']} mentions today, where up to {row['usual']} are usual by this time of the day",
        detail=f"unusually many on {row['day']}",
        found_at=from_iso(row["found_at"]),
        rank=_FIRST,
        in_quiet=in_quiet,
    )


def _story(
    row: Mapping[str, Any],
    item: ItemRow,
    names: Mapping[str, str],
    titles: Mapping[str, str],
    zone: ZoneInfo,
    in_quiet: bool,
) -> Told:
    own = [mention for mention in item.mentions if mention["entity_id"] == row["entity_id"]] or list(item.mentions)
    others = dict.fromkeys(mention["entity_id"] for mention in (*own, *item.mentions))
    feed = titles.get(item.item["feed_id"], item.item["feed_id"])
    when = from_iso(item.item["published_at"] or item.item["first_seen_at"]).astimezone(zone)
    outlets = f" and {row['outlets'] - 1} more" if row["outlets"] > 1 else ""
    return Told(
        id=row["id"],
        entities=tuple(names.get(entity, entity) for entity in others),
        title=display_title(item.item),
        detail=f"{feed}{outlets}, {when:%Y-%m-%d %H:%M}",
        found_at=from_iso(row["found_at"]),
        rank=row["rank"],
        in_quiet=in_quiet,
        item_id=item.item["id"],
        story_id=row["story_id"],
        url=item.item["url"],
        feed=feed,
        excerpt=excerpt(item.item, own),
        proof=wording.proof(proof_of(own)),
    )
