"""Keeps the subscriptions at hubs: asks for what feeds offer, renews leases, ends what is not wanted any more.

What to do is decided by ``websub.plan``; here it is sent, and what came of it is noted. Before anything is sent it is
noted as asked for: a hub may ask back before its answer is here, and a daemon that is stopped in between goes on later.
"""

from __future__ import annotations

import logging
import queue
import secrets as randomness
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pipeline import websub
from pipeline.config import Config
from pipeline.fetch import Fetcher
from pipeline.keyfile import load_key
from pipeline.models import Posted, Subscription
from pipeline.store import Store
from pipeline.tools import Tools
from pipeline.websub import Secrets, Step

log = logging.getLogger(__name__)

#: So many requests to hubs in one go, one after the other.
FEW = 5


def load_secrets(database: Path) -> Secrets:
    """The key of the subscriptions of ``database``, from the file beside it, made at the first call.

    Only its owner can read it. Where it was lost, hubs are asked anew, and what they push until then waits for a poll.

    Raises:
        StoreError: when the file cannot be made or read, or is no key.
    """
    return Secrets(load_key(database, "websub-key", "subscriptions", "hubs are asked anew"))


def keep_up(config: Config, tools: Tools, secrets: Secrets, stop: threading.Event) -> None:
    """Do a few of the things that are due at hubs. Raises ``StoreError`` when the database cannot be used."""
    if config.websub.public_url is None:
        return
    fetcher: Fetcher | None = None
    with Store(config.database) as store:
        steps = websub.plan(
            store.subscriptions.offers(),
            store.subscriptions.all(),
            tools.clock(),
            config.websub.public_url,
            secrets,
        )
        for step in steps[:FEW]:
            if stop.is_set():
                break
            subscription = _note(step, config.websub.public_url, store, tools, secrets)
            if subscription is None:
                continue
            mode: Literal["subscribe", "unsubscribe"] = (
                "subscribe" if step.action in ("subscribe", "renew") else "unsubscribe"
            )
            fetcher = fetcher or tools.fetcher()
            fields = websub.form(subscription, secrets, config.websub.lease, mode)
            posted = _sent(fetcher, subscription.hub, fields, stop)
            if posted is not None:
                _note_answer(subscription, mode, posted, store, tools)


def _note(step: Step, public_url: str, store: Store, tools: Tools, secrets: Secrets) -> Subscription | None:
    """Note what is about to be asked; None when nothing is to be asked any more.

    The subscription returned counts this request among its failures, until the hub asks back.
    """
    now, subscriptions, subscription = tools.clock(), store.subscriptions, step.subscription
    if step.action == "subscribe" or subscription is None:
        salt = randomness.token_hex(websub.SALT_BYTES)
        hashed = websub.token_hash(secrets.token(salt))
        return subscriptions.begin(step.offer, public_url, salt, hashed, now, websub.next_try(1, now))
    if step.action == "end":
        subscriptions.forget(now - websub.REMEMBERED)
        return subscriptions.end(subscription, now, websub.next_try(1, now))
    if step.action == "goodbye" and not websub.goes_on_saying_goodbye(subscription.failures):
        subscriptions.over(subscription)
        return None
    return subscriptions.asked(subscription, now, websub.next_try(subscription.failures + 1, now))


def _note_answer(subscription: Subscription, mode: str, posted: Posted, store: Store, tools: Tools) -> None:
    feed_id, hub = subscription.feed_id, subscription.hub
    if posted.error is None:
        log.info("feed %s: the hub %s took the request to %s", feed_id, hub, mode)
        return
    now = tools.clock()
    next_try = websub.next_try(subscription.failures, now, posted.retry_after)
    store.subscriptions.failed(subscription, posted.error, now, next_try)
    log.warning("feed %s: the hub %s did not take the request to %s: %s", feed_id, hub, mode, posted.error)


def _sent(fetcher: Fetcher, hub: str, fields: Mapping[str, str], stop: threading.Event) -> Posted | None:
    """What the hub answered; None when ``stop`` was set before: a hub that never answers does not hold up the end."""
    answers: queue.SimpleQueue[Posted] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(fetcher.post_form(hub, fields))
        except Exception as error:  # a bug met by one hub must not cost the others their turn
            log.exception("the hub %s: this is a bug of watchfloor, please report it", hub)
            answers.put(Posted(f"unexpected {type(error).__name__}; this is a bug of watchfloor, please report it"))

    threading.Thread(target=ask, name="hub", daemon=True).start()
    while not stop.is_set():
        try:
            return answers.get(timeout=0.2)
        except queue.Empty:
            continue
    return None
