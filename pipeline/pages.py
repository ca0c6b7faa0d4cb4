"""Full text: the story of one pass over the item pages that are due, from fetch to store.

    due pages → robots.txt → fetch (threads, a client each) → extract, choose and tag (executor) → store (here)

The same fetcher, hosts and bounds as for feeds. The feed's text stays wherever the page gives less.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import defaultdict
from concurrent.futures import BrokenExecutor, Executor
from datetime import datetime

from pipeline import robots
from pipeline.config import Config
from pipeline.errors import FetchError, ParseError
from pipeline.fetch import PAGES, Fetcher
from pipeline.folding import A_PASS
from pipeline.fulltext import PageOutcome, next_try, outcome_of_status
from pipeline.hosts import HostQueue, host_of
from pipeline.models import Feed, Fetched
from pipeline.robots import Robots
from pipeline.store import DuePage, PageTried, Store
from pipeline.tools import Tools
from pipeline.upkeep import catch_up
from pipeline.worker import PageJob, PageReading, read_page

log = logging.getLogger(__name__)

#: Pages of one pass: what is left is due at the next, so that new items of other feeds do not wait behind it.
MOST = 500
_WORKERS = 16


def fetch_pages(config: Config, store: Store, tools: Tools, stop: threading.Event) -> int:
    """Read the pages that are due and return how many gave their text; ends early when ``stop`` is set.

    Raises:
        sqlite3.Error: when the database cannot be written; what was stored before stays.
    """
    feeds = [feed.id for feed in config.feeds if feed.full_text]
    due = {str(page.item_id): page for page in store.pages.due(feeds, tools.clock(), MOST)}
    if not due:
        return 0
    taken = 0
    reading = _Reading(config, tools, due)
    try:
        for _ in range(len(due)):
            tried = reading.next(stop)
            if tried is None:
                break
            store.pages.save(tried, tools.clock(), config.watchlist.version)
            taken += tried.outcome == "taken"
    finally:
        reading.close()
    catch_up(config, store, most=A_PASS, stop=stop)
    return taken


class _Rules:
    """What the robots.txt of each site says, asked for once a pass."""

    def __init__(self, user_agent: str) -> None:
        self._user_agent = user_agent
        self._by_site: dict[str, Robots] = {}
        self._asking: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def of(self, url: str, fetcher: Fetcher, now: datetime) -> Robots:
        """The rules for ``url``. Raises ``FetchError`` when it is no web address."""
        address = robots.address_of(url)
        if address is None:
            raise FetchError(f"{url[:200]} is no web address")
        with self._asking[address]:
            if address not in self._by_site:
                answer = fetcher.fetch(Feed("robots.txt", address, address), accept="text/plain, */*;q=0.5")
                self._by_site[address] = robots.robots_of(answer.status, answer.body, self._user_agent, now)
            return self._by_site[address]


class _Reading:
    """The pages of one pass between due and stored."""

    def __init__(self, config: Config, tools: Tools, due: dict[str, DuePage]) -> None:
        self._config = config
        self._tools = tools
        self._due = due
        self._hosts = HostQueue(
            (Feed(key, page.url, page.url) for key, page in due.items()), config.fetch.per_host, config.fetch.spacing
        )
        self._rules = _Rules(config.fetch.user_agent)
        self._watchlist = config.watchlist.model_dump_json()
        self._executor: Executor | None = None
        self._making = threading.Lock()
        self._ready: queue.SimpleQueue[PageTried] = queue.SimpleQueue()
        for number in range(min(_WORKERS, config.fetch.concurrency, len(due))):
            threading.Thread(target=self._work, name=f"page-{number}", daemon=True).start()

    def next(self, stop: threading.Event) -> PageTried | None:
        """The next page that is ready to be stored; None when ``stop`` is set first."""
        while not stop.is_set():
            try:
                return self._ready.get(timeout=0.2)
            except queue.Empty:
                continue
        return None

    def close(self) -> None:
        """Take nothing more in hand."""
        self._hosts.close()
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)

    def _work(self) -> None:
        fetcher, asker = self._tools.fetcher(), self._tools.fetcher()
        while (feed := self._hosts.take()) is not None:
            page = self._due[feed.id]
            try:
                tried = self._try(page, feed, fetcher, asker)
            except Exception as error:
                log.exception("page %s of feed %s", page.url, page.feed_id)
                tried = self._tried(page, "temporary", f"unexpected {type(error).__name__}: {error}; please report it")
            self._hosts.done(feed)
            self._ready.put(tried)
        fetcher.close()
        asker.close()

    def _try(self, page: DuePage, feed: Feed, fetcher: Fetcher, asker: Fetcher) -> PageTried:
        refusal: list[tuple[PageOutcome, str]] = []
        agent = self._config.fetch.user_agent

        def permit(url: str) -> None:
            rules = self._rules.of(url, asker, self._tools.clock())
            if not rules.allowed(url, agent):
                forbidden, absent = "robots.txt forbids this page", "robots.txt cannot be had; asked again later"
                refusal.append(("robots", forbidden) if rules.rules is not None else ("temporary", absent))
                raise FetchError(refusal[0][1])
            if delay := rules.crawl_delay(agent):
                self._hosts.rest(host_of(feed.url), delay)

        fetched = fetcher.fetch(feed, accept=PAGES, permit=permit)
        if refusal:
            return self._tried(page, *refusal[0])
        outcome = _without_a_look(fetched)
        if outcome is not None:
            return self._tried(page, outcome, fetched.error or outcome, fetched.retry_after)
        job = PageJob(page.item, page.feed_id, fetched.body, fetched.url, fetched.content_type)
        try:
            reading = self._read(job)
        except ParseError as error:
            return self._tried(page, "unsuitable", str(error))
        except BrokenExecutor:
            return self._tried(page, "temporary", "a process that read pages died (out of memory?)")
        tried = self._tried(page, reading.outcome, reading.reason)
        return PageTried(page, tried.outcome, tried.reason, tried.next_try_at, reading.tagged)

    def _read(self, job: PageJob) -> PageReading:
        with self._making:
            executor = self._executor = self._executor or self._tools.executor()
        try:
            return executor.submit(read_page, self._watchlist, job).result()
        except BrokenExecutor:
            with self._making:
                if self._executor is executor:
                    self._executor = None  # the next page gets a new pool
            raise

    def _tried(
        self, page: DuePage, outcome: PageOutcome, reason: str, retry_after: datetime | None = None
    ) -> PageTried:
        moment = next_try(outcome, page.tries + 1, self._tools.clock(), retry_after)
        return PageTried(page, outcome, reason, moment)


def _without_a_look(fetched: Fetched) -> PageOutcome | None:
    """What the answer means where its body need not be looked at; None where it must."""
    if fetched.outcome == "error" and fetched.status is None:
        return "unsuitable" if fetched.weight == "hard" else "temporary"
    return outcome_of_status(fetched.status)
