"""The one SQLite file, and the only place that writes SQL.

``Store`` opens it; its parts are split by noun: ``polls`` (feeds, fetches, items, mentions as they arrive), ``known``
(what of them is stored already), ``pages`` (full text), ``items`` (one item with its history), ``subscriptions`` (at
hubs), ``watch`` (entities, retagging), ``review`` (verdicts), ``queue`` (the stories to review, which ``queueing``
works out), ``search`` (in Korean, Chinese and Japanese), ``coverage`` (what was seen of the feeds, and what was not),
``judgements`` (what verdicts say of rules), ``lessons`` (what wrong tags teach), ``reports`` (what the digest, the
pages and exports read).

Every change goes through ``writing``: one transaction that waits for another writer and is stored whole or not at all.
"""

from pipeline.store.connection import Reading, Store, explain
from pipeline.store.items import ItemHistory
from pipeline.store.known import Known, ToldApart
from pipeline.store.lessons import WrongTag
from pipeline.store.pages import DuePage, PageTried
from pipeline.store.polls import Delivery, Poll
from pipeline.store.watch import RetagChange

__all__ = [
    "Delivery",
    "DuePage",
    "ItemHistory",
    "Known",
    "PageTried",
    "Poll",
    "Reading",
    "RetagChange",
    "Store",
    "ToldApart",
    "WrongTag",
    "explain",
]
