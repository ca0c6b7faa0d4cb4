"""Sends what waits in the outbox, and tries again what failed: later each time, for three days.

At least once: a process that is killed between a server's yes and its note of it sends the same message again, which
has the same Message-ID. Makes no message itself.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline import delivery
from pipeline.config import Config
from pipeline.errors import DeliveryError
from pipeline.models import Message
from pipeline.store import Store
from pipeline.store.outbox import Due
from pipeline.targets import Target
from pipeline.times import Clock

#: How long after the first, the second… try the next one comes; the last holds for all that follow.
_WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240))
_GIVEN_UP = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one delivery; it was taken when ``error`` is None, else it is tried again at ``next_try_at``, or was
    given up."""

    target: str
    subject: str
    error: str | None = None
    next_try_at: datetime | None = None


def send_due(
    config: Config,
    store: Store,
    clock: Clock,
    stop: threading.Event | None = None,
    messages: Sequence[int] | None = None,
) -> list[Attempt]:
    """Try each delivery that is due (of these ``messages``; all when None). Ends between two when ``stop`` is set.

    Of a target that fails no more is tried this time: what is wrong with it rarely mends within seconds.
    """
    targets = {target.label: target for target in _all_targets(config)}
    attempts: list[Attempt] = []
    failing: set[str] = set()
    while not (stop is not None and stop.is_set()):
        due = store.outbox.take(clock(), messages, failing)
        if due is None:
            break
        attempt = _tried(config, store, clock, due, targets.get(due.target))
        attempts.append(attempt)
        if attempt.error is not None:
            failing.add(due.target)
    return attempts


def preview(config: Config, message: Message, targets: Sequence[Target]) -> list[str]:
    """What would go where, a line for each target. Contacts nobody."""
    lines = []
    for target in targets:
        try:
            lines.append(delivery.described(message, target, config.mail, config.path.parent))
        except DeliveryError as error:
            lines.append(f"{target.label}: {error}")
    return lines


def _all_targets(config: Config) -> list[Target]:
    return [*config.digest.deliver, *(target for alert in config.alerts for target in alert.deliver)]


def _tried(config: Config, store: Store, clock: Clock, due: Due, target: Target | None) -> Attempt:
    error = DeliveryError("is no longer in the configuration", is_final=True)
    if target is not None:
        try:
            delivery.send(due.message, target, config.mail, config.path.parent)
        except DeliveryError as failure:
            error = failure
        else:
            store.outbox.sent(due.id, clock())
            return Attempt(due.target, due.message.subject)
    next_try_at = None if error.is_final else _next_try(due, clock())
    store.outbox.failed(due.id, clock(), str(error), next_try_at)
    return Attempt(due.target, due.message.subject, str(error), next_try_at)


def _next_try(due: Due, now: datetime) -> datetime | None:
    """When to try again; None when it was tried long enough."""
    if now - due.message.created_at > _GIVEN_UP:
        return None
    return now + _WAITS[min(due.tries, len(_WAITS) - 1)]
