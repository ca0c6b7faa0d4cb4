"""Makes the digest of a day from the store, keeps it there, and puts it on its way, for daemon and command line.

A digest is issued once: when its local day has ended, in one transaction with the message that carries it. From then on
it is a record, and stays. What ``digest`` prints is made anew from the data as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from pipeline.config import Config
from pipeline.digest import CHART_DAYS, FORMATS, Background, Change, Digest, build, render
from pipeline.edits import edits_of
from pipeline.models import Covered, Message
from pipeline.precision import with_expected
from pipeline.store import Store
from pipeline.times import day_bounds, from_iso, to_iso
from pipeline.unusual import MOST_DAYS, Counts, Judgement, judge

#: A digest that was made so much later than now was made by a clock that was wrong: it is made again in its time. A
#: clock that is a day off, either way, doubles none.
_WRONG_CLOCK = timedelta(hours=48)
#: Digests of days longer ago go to files alone: nobody wants thirty mails after a month off.
_STILL_NEWS = timedelta(days=7)
_USUAL = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Made:
    """A digest in all its forms; ``created_at`` is no part of them."""

    digest: Digest
    forms: dict[str, str]
    created_at: datetime

    @property
    def row(self) -> dict[str, Any]:
        """The row of ``digests``."""
        made = self.digest
        return {
            "date": made.day.isoformat(),
            "created_at": to_iso(self.created_at),
            "timezone": made.timezone,
            "covers_from": made.covers_from,
            "covers_until": made.covers_until,
            "first_item_id": made.first_item_id,
            "last_item_id": made.last_item_id,
            "watchlist_version": made.watchlist_version,
            "program": made.program,
            **self.forms,
        }

    @property
    def message(self) -> Message:
        """What is sent."""
        return _message(self.digest.day, self.digest.headline, self.forms, self.created_at)


def make_digest(config: Config, store: Store, day: date, now: datetime) -> Made:
    """The digest of the local ``day`` from what is stored. Of a day that has ended, ``now`` is kept beside it and
    changes nothing in it; of one that goes on, what is unusual is told by the hours that have ended."""
    zone = config.timezone
    covered = _covered(store, day, config)
    rows = store.digests.day(covered)
    made = build(day, zone, covered, rows, _changes(store, covered), _background(config, store, day, now))
    return Made(made, {form: render(made, form) for form in FORMATS}, now)


def _message(day: date, headline: str, forms: Mapping[str, str], created_at: datetime) -> Message:
    return Message(
        kind="digest",
        about=day.isoformat(),
        subject=f"watchfloor digest of {day}: {headline}",
        text=forms["text"],
        markdown=forms["markdown"],
        html=forms["html"],
        json=forms["json"],
        created_at=created_at,
    )


def has_ended(config: Config, day: date, now: datetime) -> bool:
    """Whether the local ``day`` is over."""
    return now >= day_bounds(day, config.timezone)[1]


def issue(config: Config, store: Store, day: date, now: datetime) -> Made | None:
    """Make the digest of a ``day`` that has ended, and put it on its way; None when that was done before."""
    made = make_digest(config, store, day, now)
    is_news = now.astimezone(config.timezone).date() - day <= _STILL_NEWS
    targets = [target.label for target in config.digest.deliver if is_news or target.file is not None]
    is_issued = store.digests.issue(made.row, made.message, targets, unless_after=now + _WRONG_CLOCK)
    return made if is_issued else None


def by_hand(config: Config, store: Store, day: date, now: datetime) -> int:
    """Put the digest of ``day`` on its way to each target that has not got it, and return its message's id.

    That of a day that has ended is issued, unless it was; that of a day that goes on is sent as it is now.
    """
    targets = [target.label for target in config.digest.deliver]
    if not has_ended(config, day, now):
        made = make_digest(config, store, day, now)
        store.digests.keep(made.row)
        return store.outbox.put(made.message, targets)
    issue(config, store, day, now)
    message_id = store.outbox.again(day.isoformat(), targets)
    if message_id is None:  # it was issued by a release that kept no messages
        message_id = store.outbox.put(message_of(config, store, day, now), targets)
    return message_id


def message_of(config: Config, store: Store, day: date, now: datetime) -> Message:
    """What ``by_hand`` would send, without keeping anything."""
    row = store.digests.kept(day)
    if row is None or not row["is_complete"]:
        return make_digest(config, store, day, now).message
    return _message(day, json.loads(row["json"])["headline"], row, from_iso(row["created_at"]))


def due_days(config: Config, store: Store, now: datetime) -> Iterator[date]:
    """The local days whose digest is due and was not issued, the earliest first.

    These are all days since that of the last one, or since anything was watched: then those of the last week.
    """
    local = now.astimezone(config.timezone)
    last = local.date() - timedelta(days=1 if local.time() >= config.schedule.digest_at else 2)
    issued = _last_issued(config, store, last, now)
    if issued is None:
        began = store.overview.began_at()
        if began is None:
            return
        issued = max(began.astimezone(config.timezone).date(), last - _STILL_NEWS) - timedelta(days=1)
    while (issued := issued + timedelta(days=1)) <= last:
        yield issued


def _last_issued(config: Config, store: Store, last: date, now: datetime) -> date | None:
    """The latest day, ``last`` or earlier, whose digest was issued by a clock that was not far off."""
    for row in store.digests.newest_first():
        day, made_at = date.fromisoformat(row["date"]), from_iso(row["created_at"])
        # rows of older releases do not say whether their day had ended
        is_complete = row["is_complete"] or (row["timezone"] is None and has_ended(config, day, made_at))
        if day <= last and is_complete and made_at <= now + _WRONG_CLOCK:
            return day
    return None


def _covered(store: Store, day: date, config: Config) -> Covered:
    """The time that the digest of ``day`` covers: the day, but nothing that the digest of the day before has, and what
    was stored too late for that one (by a slow poll, a clock that was wrong, or in another time zone's day)."""
    since, until = day_bounds(day, config.timezone)
    covered_until, last_item = store.digests.before(day)
    if covered_until is None:
        return Covered(since, until)
    return Covered(min(max(since, covered_until), until), until, last_item)


def _changes(store: Store, covered: Covered) -> list[Change]:
    changes = []
    for item_id in store.digests.edited(covered):
        history = store.items.history(item_id)
        if history is not None:
            edits = edits_of(history.item, history.said, history.said_before)
            changes.append(Change(history.item, history.feed_title, history.said.mentions or (), edits))
    return changes


def _background(config: Config, store: Store, day: date, now: datetime) -> Background:
    """The days before ``day``: its history, for what is unusual and for the charts."""
    zone = config.timezone
    begin, end = day_bounds(day, zone)
    is_over = has_ended(config, day, now)
    until = end - timedelta(seconds=1) if is_over else max(now, begin)
    mentions, answered = store.overview.history(until, zone, MOST_DAYS + 1)
    entities = [entity.id for entity in config.watchlist.entities]
    counted = mentions.by_feed if is_over else mentions.so_far_by_feed
    judgement = judge(Counts(mentions.days, counted, answered, entities))
    if not is_over and mentions.until is None:
        judgement = Judgement(None, "Not yet: an hour of the day has to pass.")
    return Background(
        days=mentions.days[-CHART_DAYS:],
        counts={entity: counts[-CHART_DAYS:] for entity, counts in mentions.counts.items()},
        remarks=judgement.remarks,
        reason=judgement.reason,
        usual_feeds=store.overview.usual_feeds(end - _USUAL, end),
        rules=[rule for rule in with_expected(store.judgements.rules(), config.watchlist) if rule.expected is not None],
        floor=config.review.floor,
        watchlist_version=config.watchlist.version,
    )
