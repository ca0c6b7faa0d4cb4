"""Subscriptions at WebSub hubs: what feeds offer, what was asked of hubs, and what they answered. Holds no secret."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from pipeline.models import Offer, Subscription
from pipeline.store.writing import writing
from pipeline.times import from_iso, to_iso

#: A subscription whose lease has run out is no longer active, whatever it was.
_STILL_ACTIVE = "state = 'active' AND lease_ends_at > :now"


class Subscriptions:
    """Subscriptions at hubs. Made by ``Store``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def offers(self) -> list[Offer]:
        """What feeds that are polled offer, by id: one hub of each, the first with https if there is one.

        A feed that names no topic is known by its address.
        """
        rows = self._db.query(
            "SELECT id, url, hubs, topic FROM feeds WHERE hubs != '[]' AND state NOT IN ('disabled', 'gone')"
            " ORDER BY id"
        )
        return [Offer(row["id"], _best(json.loads(row["hubs"])), row["topic"] or row["url"]) for row in rows]

    def all(self) -> list[Subscription]:
        """Every subscription, those that wait longest for another try first."""
        return [_subscription(row) for row in self._db.table("subscriptions").rows_where(order_by="next_try_at, id")]

    def by_token(self, token_hash: str) -> Subscription | None:
        """The subscription whose callback address has the token with this hash."""
        rows = self._db.table("subscriptions").rows_where("token_hash = ?", [token_hash])
        return next(map(_subscription, rows), None)

    def by_feed(self) -> dict[str, dict[str, Any]]:
        """How each feed's subscription stands, for those who look after them; one that ended is not shown."""
        rows = self._db.query(
            """
            SELECT feed_id, hub, topic, state, requested_at, lease_ends_at, last_push_at, pushes, rejected, failures,
              last_error, next_try_at
            FROM subscriptions WHERE state != 'ended' ORDER BY id
            """
        )
        return {row["feed_id"]: row for row in rows}

    def begin(
        self, offer: Offer, public_url: str, salt: str, token_hash: str, now: datetime, next_try_at: datetime
    ) -> Subscription:
        """Note that the hub is about to be asked for ``offer``, with a new salt. What it pushed before is kept."""
        row = {
            "feed_id": offer.feed_id,
            "hub": offer.hub,
            "topic": offer.topic,
            "public_url": public_url,
            "salt": salt,
            "token_hash": token_hash,
            "state": "requested",
            "requested_at": to_iso(now),
            "verified_at": None,
            "lease_ends_at": None,
            "failures": 1,
            "last_error": None,
            "next_try_at": to_iso(next_try_at),
        }
        with writing(self._db):
            self._db.table("subscriptions").upsert(row, pk=("feed_id", "hub", "topic"))
        return self._stored(token_hash)

    def asked(self, subscription: Subscription, now: datetime, next_try_at: datetime) -> Subscription:
        """Note that the hub is about to be asked again; whatever it answers, it is not asked before ``next_try_at``."""
        self._change(
            f"""
            UPDATE subscriptions SET requested_at = :now, next_try_at = :next, failures = failures + 1,
              state = CASE WHEN state = 'ended' OR ({_STILL_ACTIVE}) THEN state ELSE 'requested' END WHERE id = :id
            """,
            {"id": subscription.id, "now": to_iso(now), "next": to_iso(next_try_at)},
        )
        return self._stored(subscription.token_hash)

    def failed(self, subscription: Subscription, error: str, now: datetime, next_try_at: datetime) -> None:
        """The hub did not take the request; unless it has asked back in the meantime, which counts more."""
        self._change(
            f"""
            UPDATE subscriptions SET last_error = :error, next_try_at = :next,
              state = CASE WHEN state = 'ended' OR ({_STILL_ACTIVE}) THEN state ELSE 'failed' END
            WHERE id = :id AND next_try_at IS NOT NULL
            """,
            {"id": subscription.id, "error": error, "now": to_iso(now), "next": to_iso(next_try_at)},
        )

    def verified(self, subscription: Subscription, now: datetime, lease_ends_at: datetime) -> None:
        """The hub asked back and was told yes: the lease begins."""
        self._change(
            """
            UPDATE subscriptions SET state = 'active', verified_at = :now, lease_ends_at = :ends, failures = 0,
              last_error = NULL, next_try_at = NULL WHERE id = :id
            """,
            {"id": subscription.id, "now": to_iso(now), "ends": to_iso(lease_ends_at)},
        )

    def denied(self, subscription: Subscription, reason: str, next_try_at: datetime) -> None:
        """The hub said no."""
        self._change(
            "UPDATE subscriptions SET state = 'denied', last_error = :why, next_try_at = :next WHERE id = :id",
            {"id": subscription.id, "why": reason, "next": to_iso(next_try_at)},
        )

    def end(self, subscription: Subscription, now: datetime, next_try_at: datetime) -> Subscription:
        """It is wanted no more; the hub is told so, and told again at ``next_try_at``."""
        self._change(
            """
            UPDATE subscriptions SET state = 'ended', requested_at = :now, failures = 1, next_try_at = :next
            WHERE id = :id
            """,
            {"id": subscription.id, "now": to_iso(now), "next": to_iso(next_try_at)},
        )
        return self._stored(subscription.token_hash)

    def over(self, subscription: Subscription) -> None:
        """The hub knows, or need not be told any more, that it ended."""
        self._change(
            "UPDATE subscriptions SET failures = 0, next_try_at = NULL WHERE id = :id AND state = 'ended'",
            {"id": subscription.id},
        )

    def forget(self, before: datetime) -> None:
        """Drop those that ended and were asked for last before that moment; a feed may name other hubs for ever."""
        self._change(
            "DELETE FROM subscriptions WHERE state = 'ended' AND next_try_at IS NULL AND requested_at < :before",
            {"before": to_iso(before)},
        )

    def pushed(self, subscription: Subscription, now: datetime) -> None:
        """Count one delivery that was stored."""
        self._change(
            "UPDATE subscriptions SET pushes = pushes + 1, last_push_at = :now WHERE id = :id",
            {"id": subscription.id, "now": to_iso(now)},
        )

    def rejected(self, subscription: Subscription) -> None:
        """Count one delivery that was ignored."""
        self._change("UPDATE subscriptions SET rejected = rejected + 1 WHERE id = :id", {"id": subscription.id})

    def _stored(self, token_hash: str) -> Subscription:
        found = self.by_token(token_hash)
        if found is None:
            raise LookupError("the subscription that was just written is not there")
        return found

    def _change(self, statement: str, values: Mapping[str, Any]) -> None:
        with writing(self._db):
            self._db.execute(statement, dict(values))


def _best(hubs: Sequence[str]) -> str:
    return next((hub for hub in hubs if hub.lower().startswith("https:")), hubs[0])


def _subscription(row: Mapping[str, Any]) -> Subscription:
    def moment(key: str) -> datetime | None:
        return from_iso(row[key]) if row[key] else None

    return Subscription(
        id=row["id"],
        feed_id=row["feed_id"],
        hub=row["hub"],
        topic=row["topic"],
        public_url=row["public_url"],
        salt=row["salt"],
        token_hash=row["token_hash"],
        state=row["state"],
        requested_at=from_iso(row["requested_at"]),
        verified_at=moment("verified_at"),
        lease_ends_at=moment("lease_ends_at"),
        failures=row["failures"],
        last_error=row["last_error"],
        next_try_at=moment("next_try_at"),
    )
