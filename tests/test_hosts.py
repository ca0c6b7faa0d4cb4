"""The host queue: every feed once, hosts in turns, never more of one host than allowed, nobody left waiting."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable

import pytest

from pipeline.hosts import HostQueue, HostTally
from pipeline.models import Feed


def feed(number: int, url: str) -> Feed:
    return Feed(id=f"feed-{number}", url=url, configured_url=url)


def feeds(*hosts: str) -> list[Feed]:
    return [feed(number, f"https://{host}/{number}") for number, host in enumerate(hosts)]


def drained(queue: HostQueue) -> list[Feed]:
    """All feeds, each given back before the next is taken."""
    taken = []
    while (got := queue.take()) is not None:
        taken.append(got)
        queue.done(got)
    return taken


def started(threads: Iterable[threading.Thread]) -> list[threading.Thread]:
    running = list(threads)
    for thread in running:
        thread.start()
    return running


def ended(threads: Iterable[threading.Thread], within: float = 10) -> bool:
    end = time.monotonic() + within
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)


def test_every_feed_is_handed_out_once() -> None:
    """All feeds come out, none twice, and then None."""
    waiting = feeds("a", "b", "a", "c", "a")
    queue = HostQueue(waiting, per_host=2)
    assert sorted(got.id for got in drained(queue)) == sorted(one.id for one in waiting)
    assert queue.take() is None


def test_empty_queue_gives_none() -> None:
    """Without feeds there is nothing to wait for."""
    assert HostQueue([], per_host=1).take() is None


def test_hosts_take_turns() -> None:
    """A host with many feeds does not hold back the others, and one host's feeds keep their order."""
    queue = HostQueue(feeds("big", "big", "big", "big", "small", "tiny"), per_host=4)
    assert [got.url.split("/")[2] for got in drained(queue)] == ["big", "small", "tiny", "big", "big", "big"]
    order = [got.id for got in drained(HostQueue(feeds("a", "a", "a"), per_host=1))]
    assert order == ["feed-0", "feed-1", "feed-2"]


def test_busy_host_waits_until_a_feed_of_it_is_done() -> None:
    """With one feed of a host out, the next comes only after ``done``."""
    queue = HostQueue(feeds("a", "a"), per_host=1)
    first = queue.take()
    assert first is not None
    got: list[Feed | None] = []
    [thread] = started([threading.Thread(target=lambda: got.append(queue.take()))])
    thread.join(0.1)
    assert thread.is_alive()
    queue.done(first)
    assert ended([thread])
    assert [one.id if one else None for one in got] == ["feed-1"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://Example.org/a", "https://example.ORG/b"),
        ("https://user:secret@example.org/a", "https://example.org/b"),
        ("http://example.org/a", "https://example.org/b"),
    ],
)
def test_addresses_of_one_host_count_together(one: str, other: str) -> None:
    """Capitals, credentials and the scheme do not make another host."""
    queue = HostQueue([feed(1, one), feed(2, other), feed(3, "https://else.org/")], per_host=1)
    taken = [queue.take(), queue.take()]
    assert [got.id for got in taken if got] == ["feed-1", "feed-3"]


def test_ports_are_hosts_of_their_own() -> None:
    """Two servers on one machine are asked at the same time."""
    queue = HostQueue([feed(1, "http://127.0.0.1:81/"), feed(2, "http://127.0.0.1:82/")], per_host=1)
    assert queue.take() is not None
    assert queue.take() is not None


def test_address_that_is_none_is_handed_out_too() -> None:
    """A broken address does not break the queue: its fetch will tell what is wrong."""
    assert len(drained(HostQueue([feed(1, "http://[broken"), feed(2, "file:///tmp/a")], per_host=1))) == 2


def test_close_frees_all_who_wait() -> None:
    """``close`` lets every waiting thread go, with None."""
    queue = HostQueue(feeds(*["a"] * 20), per_host=1)
    assert queue.take() is not None
    got: list[Feed | None] = []
    waiting = started(threading.Thread(target=lambda: got.append(queue.take()), daemon=True) for _ in range(10))
    queue.close()
    assert ended(waiting)
    assert got == [None] * 10
    assert queue.take() is None


def test_last_feed_taken_frees_all_who_wait() -> None:
    """Threads that wait for a host go home when another takes its last feed; none waits for that feed to be done."""
    queue = HostQueue(feeds("a", "a"), per_host=1)
    first = queue.take()
    assert first is not None
    got: list[Feed | None] = []
    waiting = started(threading.Thread(target=lambda: got.append(queue.take()), daemon=True) for _ in range(8))
    time.sleep(0.1)
    queue.done(first)
    assert ended(waiting)
    assert sum(one is not None for one in got) == 1


@pytest.mark.parametrize(("hosts", "per_host"), [(1, 1), (1, 3), (7, 2), (200, 1)])
def test_many_threads_lose_nothing_and_keep_the_limit(hosts: int, per_host: int) -> None:
    """32 threads drain 2,000 feeds: each feed once, the limit of a host never exceeded, every thread ends."""
    waiting = feeds(*(f"host{number % hosts}" for number in range(2000)))
    queue = HostQueue(waiting, per_host)
    out: Counter[str] = Counter()
    most: Counter[str] = Counter()
    done: list[str] = []
    counting = threading.Lock()

    def work() -> None:
        while (got := queue.take()) is not None:
            host = got.url.split("/")[2]
            with counting:
                out[host] += 1
                most[host] = max(most[host], out[host])
            time.sleep(0)
            with counting:
                out[host] -= 1
                done.append(got.id)
            queue.done(got)

    workers = started(threading.Thread(target=work, daemon=True) for _ in range(32))
    assert ended(workers, within=60)
    assert sorted(done) == sorted(one.id for one in waiting)
    assert max(most.values()) <= per_host


# --- spacing, and hosts that want to be left alone


class Seconds:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_requests_to_one_host_are_spaced() -> None:
    """The second feed of a host waits out the spacing while another host's goes first."""
    clock = Seconds()
    queue = HostQueue(feeds("a.example", "a.example", "b.example"), per_host=5, spacing=0.2, monotonic=clock)
    first, second = queue.take(), queue.take()
    assert [one and one.url for one in (first, second)] == ["https://a.example/0", "https://b.example/2"]
    taken: list[Feed | None] = []
    [waiting] = started([threading.Thread(target=lambda: taken.append(queue.take()))])
    time.sleep(0.3)
    assert not taken
    clock.now = 0.2
    assert ended([waiting])
    assert [one and one.url for one in taken] == ["https://a.example/1"]


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "10.1.2.3:80", "[::1]:8000"])
def test_ones_own_hosts_need_no_spacing(host: str) -> None:
    """A host named localhost, or by a private address, is asked as fast as it answers."""
    queue = HostQueue(feeds(host, host), per_host=2, spacing=100, monotonic=Seconds())
    assert queue.take() is not None
    assert queue.take() is not None


def test_a_dropped_host_is_not_handed_out() -> None:
    """The feeds of a host that are dropped come back to who drops them; the others go on."""
    queue = HostQueue(feeds("a", "b", "a"), per_host=1)
    assert [one.url for one in queue.drop("a")] == ["https://a/0", "https://a/2"]
    assert [one.url for one in drained(queue)] == ["https://b/1"]
    assert queue.drop("c") == []


def counted(tally: HostTally, *held: bool) -> list[bool]:
    return [tally.count("a", held=one) for one in held]


def test_a_host_is_left_alone_when_several_of_its_feeds_are_told_to_wait() -> None:
    """Two of two, or half of those that answered; one alone, or two of many, are the feeds' own affair."""
    assert counted(HostTally([]), True) == [False]
    assert counted(HostTally([]), True, True) == [False, True]
    assert counted(HostTally([]), False, False, False, True, True, True) == [False] * 5 + [True]
    assert counted(HostTally([feed(1, "https://a/1")]), False, True) == [False, True]
    assert counted(HostTally([feed(1, "https://b/1")]), True) == [False]
