"""A small newsroom for tests of the review: a watch-list of two entities, items with mentions, reviewers, the pages."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from pipeline import config as configuration
from pipeline.config import Config
from pipeline.reviewers import User
from pipeline.run import Silent, run
from pipeline.store import Store
from pipeline.web import make_datasette
from pipeline.web.access import COOKIE, Sessions
from tests.conftest import NOW, Site, rss, tools_at

WATCHLIST = """
contexts:
  north: [pyongyang, "north korea*", 북한]
  sport: [hockey]
words:
  contest: [tournament, "final* round*"]
entities:
  - id: lab-110
    name: Lab 110
    kind: organisation
    aliases: {en: [Centre of the Hundred and Ten]}
    rules:
      - {id: lab-110.name, phrases: [Lab 110, 110호연구소], requires: north, score: 0.9}
      - {id: lab-110.lab, phrases: [the famous lab], last_resort: true, score: 0.6}
  - id: unit-180
    name: Unit 180
    kind: organisation
    rules: [Unit 180]
"""
CONFIG = """
database: w.db
fetch: {allow_private_addresses: true, timeout: 10}
watchlist:
  - file: watch.yaml
"""
USERS = tuple(
    User.model_construct(name=name, role=role, password_hash=f"of {name}")
    for name, role in (("ann", "reviewer"), ("rob", "reader"))
)


@dataclass
class Desk:
    """A folder with configuration and database."""

    folder: Path
    now: datetime = NOW

    @property
    def config(self) -> Config:
        loaded = configuration.load(self.folder / "config.yaml")
        return replace(loaded, review=loaded.review.model_copy(update={"users": USERS}))

    @property
    def store(self) -> Store:
        return Store(self.folder / "w.db", create=False)

    def judge(self, title: str, verdict: str, *, text: str | None = None, **about: Any) -> int:
        """A verdict on the item with this title, or on its mention of ``text``."""
        with self.store as store:
            item = next(store.db.query("SELECT id FROM items WHERE title = ?", [title]))["id"]
            if text is not None:
                row = next(store.db.query("SELECT id FROM mentions WHERE item_id = ? AND text = ?", [item, text]))
                about["mention_id"] = row["id"]
            return store.review.mark(item, verdict, reviewer="ann", now=NOW, **about)

    def get(self, path: str, who: str = "ann") -> Any:
        return self._asked("GET", path, who)

    def post(self, path: str, fields: dict[str, str], who: str = "ann") -> Any:
        """Send a form as a browser does that got the page at ``path`` before."""
        return self._asked("POST", path, who, fields)

    def _asked(self, method: str, path: str, who: str, fields: dict[str, str] | None = None) -> Any:
        config = self.config
        datasette = make_datasette(config, lambda: NOW)
        users = {user.name: user for user in USERS}
        cookies = {}
        if who in users:
            cookies[COOKIE] = Sessions(USERS, lambda: NOW).begin(datasette, users[who])

        async def ask() -> Any:
            page = await datasette.client.get(path, headers={"Cookie": _cookies(cookies)})
            if method == "GET":
                return page
            token = re.search(r'name="csrftoken" content="([^"]+)"', page.text)
            assert token is not None
            headers = {
                "Cookie": _cookies({**cookies, **dict(page.cookies)}),
                "Content-Type": "application/x-www-form-urlencoded",
            }
            body = urlencode({"csrftoken": token[1], **(fields or {})})
            return await datasette.client.post(path, content=body, headers=headers)

        try:
            return asyncio.run(ask())
        finally:
            for database in datasette.databases.values():
                database.close()


def _cookies(values: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in values.items())


def make_desk(folder: Path, site: Site, items: Sequence[tuple[str, str]], config: str = CONFIG) -> Desk:
    """A desk whose database holds ``items`` (title, text), tagged, the first one stored first."""
    rows = [(str(number), title, text) for number, (title, text) in enumerate(items)]
    site.bodies["f"] = rss(rows)
    (folder / "watch.yaml").write_text(WATCHLIST, encoding="utf-8")
    feed = json.dumps({"id": "f", "url": site.url("f")})
    (folder / "config.yaml").write_text(f"{config}feeds:\n  - {feed}\n", encoding="utf-8")
    desk = Desk(folder)
    with Store(folder / "w.db") as store:
        report = run(desk.config, store, tools_at(desk.config, NOW), Silent(), threading.Event())
    assert report.items_new == len(items)
    return desk
