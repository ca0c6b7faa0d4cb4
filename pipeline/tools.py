"""What a run works with, as arguments: the clock, fetchers, and the executor that reads and tags."""

from __future__ import annotations

import functools
import multiprocessing
import os
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass

import httpx

from pipeline.config import Config
from pipeline.fetch import MOST_LARGE, Fetcher
from pipeline.times import Clock, utc_now

_MOST_PROCESSES = 4


@dataclass(frozen=True, slots=True)
class Tools:
    """What a run works with. ``executor`` is called when something is to be read, and again after a pool died."""

    clock: Clock
    fetcher: Callable[[], Fetcher]
    executor: Callable[[], Executor]


def tools_for(config: Config) -> Tools:
    """The tools of everyday: the system's clock, real connections, a pool with a process for each core."""
    certificates = functools.cache(httpx.create_ssl_context)  # tens of milliseconds: made once, and only when needed
    making, large = threading.Lock(), threading.Semaphore(MOST_LARGE)

    def fetcher() -> Fetcher:
        with making:
            context: ssl.SSLContext = certificates()
        return Fetcher(config.fetch, utc_now, context, large)

    def executor() -> Executor:
        # spawn: a fork of a process with threads may inherit a held lock
        processes = min(os.cpu_count() or 1, _MOST_PROCESSES)
        return ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"))

    return Tools(clock=utc_now, fetcher=fetcher, executor=executor)
