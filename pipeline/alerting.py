"""Looks for what is to be told at once, and puts it on its way: what alerts find, how it is grouped, when it is held.

    items with new mentions → their stories → one row for each alert and story → messages → outbox

Each step is a transaction of its own, with all that it reads: a process that is killed in between goes on where it
was, and nothing is told twice. What waits is judged again when it is told: stories become one, and people decide.
Sends nothing itself: ``delivering`` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.alerts.forms import message_of
from pipeline.alerts.grouping import Told, grouped
from pipeline.alerts.settings import AlertSettings
from pipeline.clean import display_title
from pipeline.config import Config
from pipeline.digest import excerpt, proof_of, wording
from pipeline.models import ItemRow
from pipeline.store import Store
from pipeline.store.alerts import Candidate
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
    if not store.alerts.candidates(1):  # most looks find nothing, and take no lock
        return 0
    with store.alerts.looking():
        candidates = store.alerts.candidates(_A_LOOK)
        found = list(_found(config, candidates, now))
        store.alerts.note(found, [candidate.item_id for candidate in candidates], now)
    return len(candidates)


def _found(config: Config, candidates: Sequence[Candidate], now: datetime) -> Iterator[tuple[str, int, str]]:
    """What is to be told: the alert, the item, the foremost entity. A story stands there once for each alert."""
    told: set[tuple[str, int]] = set()
    for candidate in candidates:
        if now - candidate.at > _NEWS or candidate.is_irrelevant:
            continue
        for alert in config.alerts:
            entity = _of_alert(alert, candidate)
            key = (alert.name, candidate.story_id)
            if entity is not None and key not in told and alert.name not in candidate.told_by:
                told.add(key)
                yield alert.name, candidate.item_id, entity


def _of_alert(alert: AlertSettings, candidate: Candidate) -> str | None:
    """The first entity of the item that the alert is about; None when there is none."""
    if not alert.tells_stories:
        return None
    return next(filter(alert.is_about, candidate.entities), None)


def _look_at_counts(config: Config, store: Store, alert: AlertSettings, now: datetime) -> None:
    """Note the entities of which today has unusually much so far."""
    last = store.alerts.counted_at(alert.name)
    if last is not None and last <= now < last + _COUNTS_EVERY:
        return
    mentions, answered = store.overview.history(now, config.timezone, MOST_DAYS + 1)
    entities = [entity.id for entity in config.watchlist.entities]
    judgement = judge(Counts(mentions.days, mentions.so_far_by_feed, answered, entities))
    found = [
        {"entity_id": one.entity_id, "day": mentions.days[-1].isoformat(), "mentions": one.mentions, "usual": one.high}
        for one in judgement.remarks or ()
        if one.is_more and alert.is_about(one.entity_id)
    ]
    store.alerts.note_counts(alert.name, found if mentions.until else (), now)


def _tell(config: Config, store: Store, alert: AlertSettings, now: datetime) -> int:
    """Put what waits on its way, as far as quiet hours and the cap let it; return how many messages that are."""
    if alert.is_quiet(now.astimezone(config.timezone)) or not store.alerts.is_any_waiting(alert.name):
        return 0
    with store.alerts.looking():
        room = alert.per_hour - store.alerts.told_since(alert.name, now - _HOUR)
        if room < 1:
            return 0
        rows = store.alerts.waiting(alert.name)
        told = list(_told(config, store, alert, rows))
        store.alerts.forget({row["id"] for row in rows} - {one.id for one in told})
        made = grouped(told, room)
        targets = [target.label for target in alert.deliver]
        for group in made:
            store.alerts.tell(message_of(alert.name, group, now), targets, [one.id for one in group])
    return len(made)


def _told(config: Config, store: Store, alert: AlertSettings, rows: Sequence[Mapping[str, Any]]) -> Iterator[Told]:
    """What waits, as it stands now: each story once, without those that were told as part of another, that somebody
    found irrelevant, or in which nothing is tagged any more that the alert is about."""
    names = dict(store.queue.entities())
    wanted = {row[key] for row in rows if row["item_id"] for key in ("shown_id", "item_id")}
    items = {row.item["id"]: row for row in store.digests.tagged(sorted(wanted))}
    titles = store.digests.feed_titles()
    stories: set[int] = set()
    for row in rows:
        local = from_iso(row["found_at"]).astimezone(config.timezone)
        if row["item_id"] is None:
            yield _count(row, names, local, alert.is_quiet(local))
        elif not row["is_told"] and row["verdict"] != "irrelevant" and row["story_id"] not in stories:
            shown = _shown(alert, row, items)
            if shown is not None:
                stories.add(row["story_id"])
                yield _story(row, *shown, names, titles, local, alert.is_quiet(local))


def _shown(
    alert: AlertSettings, row: Mapping[str, Any], items: Mapping[int, ItemRow]
) -> tuple[ItemRow, list[Mapping[str, Any]]] | None:
    """The item that stands for the story, and its mentions that are the reason: the item that the queue shows, else
    the one that was found, since a lead need not mention all that its copies do."""
    for item in (items.get(row["shown_id"]), items.get(row["item_id"])):
        wanted = [mention for mention in item.mentions if alert.is_about(mention["entity_id"])] if item else []
        if item and wanted:
            entities = [mention["entity_id"] for mention in wanted]
            foremost = row["entity_id"] if row["entity_id"] in entities else entities[0]
            return item, [mention for mention in wanted if mention["entity_id"] == foremost]
    return None


def _count(row: Mapping[str, Any], names: Mapping[str, str], local: datetime, in_quiet: bool) -> Told:
    """``local``: when it was found; hours that have ended were counted. It may be told on another day."""
    until = local.astimezone(UTC).replace(minute=0, second=0).astimezone(local.tzinfo)
    return Told(
        id=row["id"],
        entities=(names.get(row["entity_id"], row["entity_id"]),),
        title=f"{row['mentions']} mentions on {row['day']} until {until:%H:%M}, where up to {row['usual']} are usual",
        detail="unusually many for this time of the day",
        found_at=from_iso(row["found_at"]),
        rank=_FIRST,
        in_quiet=in_quiet,
    )


def _story(
    row: Mapping[str, Any],
    item: ItemRow,
    own: Sequence[Mapping[str, Any]],
    names: Mapping[str, str],
    titles: Mapping[str, str],
    local: datetime,
    in_quiet: bool,
) -> Told:
    entities = dict.fromkeys(mention["entity_id"] for mention in (*own, *item.mentions))
    feed = titles.get(item.item["feed_id"], item.item["feed_id"])
    when = from_iso(item.item["published_at"] or item.item["first_seen_at"]).astimezone(local.tzinfo)
    outlets = f" and {row['outlets'] - 1} more" if row["outlets"] > 1 else ""
    return Told(
        id=row["id"],
        entities=tuple(names.get(entity, entity) for entity in entities),
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
