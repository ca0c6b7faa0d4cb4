"""The pictures of the README: ``make screenshots``. Four weeks of news written for this, then the demo's feeds."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page

from pipeline import delivering, reporting
from pipeline.config import Config, DigestSettings, FeedSource
from pipeline.demo import DemoServer, demo_config
from pipeline.heartbeat import Beat
from pipeline.run import Silent, run
from pipeline.store import Store
from pipeline.targets import MailSettings, Target
from pipeline.times import utc_now
from tests import accounts
from tests.browser import launched, serving, sign_in, started
from tests.conftest import Site, rss, thread_tools, tools_at
from tests.smtp import as_shown, posting

DOCS = Path(__file__).parent.parent / "docs"
DAYS = 28
OUTLETS = {
    "harbour-times": "Harbour Times",
    "chain-desk": "Chain Desk",
    "eastern-wire": "Eastern Wire",
    "ledger-post": "Ledger Post",
}
#: What is told, and how often in a week.
NEWS = (
    ("Hackers of Lazarus Group stole ${0} million in ether from the exchange Quaystone {1}", 4),
    ("Treasury imposes sanctions on {0} North Korean IT workers abroad, notice {1} says", 5),
    ("Kim Jong Un visits munitions plant number {0} for the {1}. time", 6),
    ("Satellite images show work at building {0} of Yongbyon, report {1}", 3),
    ("Panel says Pyongyang laundered {0} bitcoin through mixer {1}", 3),
    ("Officers of the Reconnaissance General Bureau named in indictment {0}-{1}", 2),
    ("North Korea's Unit 180 blamed for bank theft of {0} million dollars, case {1}", 2),
)


def history(site: Site, config: Config, now: datetime) -> None:
    """Four weeks of polls, one a day; a theft makes yesterday and today unlike the other days."""
    drawn = random.Random(7)
    before: dict[str, list[tuple[str, str, str]]] = {}
    with Store(config.database) as store:
        for day in reversed(range(DAYS)):
            moment = now - timedelta(days=day)
            for feed in config.feeds:
                news = list(told(drawn, feed.id, day))
                site.bodies[feed.id] = rss(news + before.get(feed.id, []), title=OUTLETS[feed.id])
                before[feed.id] = news or before.get(feed.id, [])
            run(config, store, tools_at(config, moment), Silent(), threading.Event(), force=True)


def told(drawn: random.Random, outlet: str, day: int) -> Iterator[tuple[str, str, str]]:
    for kind, (sentence, weekly) in enumerate(NEWS):
        most, often = (5, 1.0) if kind == 0 and day <= 1 else (4, weekly / 28)
        for number in range(sum(drawn.random() < often for _ in range(most))):
            title = sentence.format(drawn.randrange(11, 99), drawn.randrange(100, 999))
            yield f"{outlet}-{day}-{kind}-{number}", title, f"{title}. The office in Seoul gave no further detail."


def main() -> None:
    """Write docs/digest.png and the rest."""
    now, folder = utc_now(), Path(tempfile.mkdtemp())
    site = Site()
    try:
        with DemoServer(now) as server:
            demo = accounts.with_accounts(demo_config(server, folder / "w.db"))
            ours = tuple(FeedSource(id=name, url=site.url(name)) for name in OUTLETS)
            history(site, replace(demo, feeds=ours), now)
            both = replace(demo, feeds=demo.feeds + ours)
            with Store(both.database) as store:
                run(both, store, thread_tools(both), Silent(), threading.Event(), force=True)
                decide(store, now)
                store.heartbeat.write(Beat(os.getpid(), now, utc_now()))
        with started() as playwright, serving(both) as address, launched(playwright) as browser:
            picture_digest(both, browser, now)
            for scheme in ("light", "dark"):
                size = {"width": 1180, "height": 820}
                with browser.new_context(color_scheme=scheme, viewport=size) as context:  # type: ignore[arg-type]
                    shoot(context.new_page(), address, scheme)
    finally:
        site.close()
        shutil.rmtree(folder)


def picture_digest(config: Config, browser: Browser, now: datetime) -> None:
    """The day's digest as a mail: handed to a mail server, and opened as a mail program does."""
    with posting() as post:
        mail = MailSettings(host="localhost", port=post.port, security="none", sender="watchfloor <wf@example.org>")
        deliver = DigestSettings(deliver=(Target(mail="ana@example.org"),))
        sending = replace(config, mail=mail, digest=deliver)
        with Store(config.database) as store:
            message = reporting.by_hand(sending, store, now.date(), now)
            delivering.send_due(sending, store, utc_now, messages=[message])
        [received] = post.mails
    for name, width, height in (("digest", 900, 900), ("digest-phone", 390, 844)):
        with browser.new_context(viewport={"width": width, "height": height}) as context:
            page = context.new_page()
            page.set_content(as_shown(received))
            page.screenshot(path=DOCS / f"{name}.png")


def decide(store: Store, now: datetime) -> None:
    """Some verdicts, so that the counts say something."""
    for number, row in enumerate(store.review.queue(None, 60)[20:]):
        verdict = ("relevant", "irrelevant", "relevant", "escalated")[number % 4]
        store.review.mark(row["id"], verdict, reviewer="ana", now=now)


def shoot(page: Page, address: str, scheme: str) -> None:
    sign_in(page, address)
    page.goto(f"{address}/-/queue")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.screenshot(path=DOCS / f"queue-{scheme}.png")
    page.goto(f"{address}/-/queue?entity=rgb")
    page.locator(".story h2 a").first.click()
    page.locator("article mark").first.hover()
    page.screenshot(path=DOCS / f"item-{scheme}.png")
    page.set_viewport_size({"width": 1180, "height": 1180})
    page.goto(f"{address}/-/overview")
    page.screenshot(path=DOCS / f"overview-{scheme}.png")


if __name__ == "__main__":
    main()
