"""robots.txt: what RFC 9309 says of each answer, and that no file can hurt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.robots import LONGEST_DELAY, LONGEST_LIFE, MAX_BYTES, Robots, address_of, product, robots_of

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
AGENT = "watchfloor/0.1 (+https://desk.example)"
SITE = "https://news.example"


def read(text: str, agent: str = AGENT) -> Robots:
    return robots_of(200, text.encode(), agent, NOW)


def allowed(text: str, path: str = "/a", agent: str = AGENT) -> bool:
    return read(text, agent).allowed(SITE + path, agent)


def test_rules_for_all_are_ours() -> None:
    """Without a group of our own, the group of * holds."""
    text = "User-agent: *\nDisallow: /private\n"
    assert not allowed(text, "/private/a")
    assert allowed(text, "/news/a")


def test_our_own_group_comes_first() -> None:
    """A group that names us holds instead of that of *, in any case of letters and with a version."""
    for name in ("watchfloor", "WatchFloor", "watchfloor/1.0"):
        text = f"User-agent: *\nDisallow: /\n\nUser-agent: {name}\nDisallow: /drafts\n"
        assert allowed(text, "/news/a")
        assert not allowed(text, "/drafts/a")


@pytest.mark.parametrize("name", ["watch", "floor", "watchfloorbot", "otherbot", "my-watchfloor", "a*"])
def test_groups_of_others_are_not_ours(name: str) -> None:
    """A name is compared whole: beginnings, ends and longer names are other robots."""
    assert allowed(f"User-agent: {name}\nDisallow: /\n")


def test_groups_with_several_names() -> None:
    """One group may name several robots, and us among them; several groups that name us are one."""
    assert not allowed("User-agent: one\nUser-agent: watchfloor\nUser-agent: two\nDisallow: /\n")
    text = (
        "User-agent: watchfloor\nDisallow: /a\n\nUser-agent: one\nDisallow: /\n\nUser-agent: watchfloor\nDisallow: /b\n"
    )
    assert not allowed(text, "/a")
    assert not allowed(text, "/b")
    assert allowed(text, "/c")


def test_the_longest_rule_wins() -> None:
    """Allow and Disallow: the longer path decides, and Allow between equals."""
    text = "User-agent: *\nDisallow: /news\nAllow: /news/open\nDisallow: /same\nAllow: /same\n"
    assert allowed(text, "/news/open/a")
    assert not allowed(text, "/news/a")
    assert allowed(text, "/same")


def test_wildcards() -> None:
    """* stands for anything and $ for the end."""
    text = "User-agent: *\nDisallow: /*.pdf$\nDisallow: /*/print\n"
    assert not allowed(text, "/a/b.pdf")
    assert allowed(text, "/a/b.pdf?x=1")
    assert not allowed(text, "/story/print")


def test_addresses_are_compared_as_they_mean() -> None:
    """Percent-encoding makes no difference, in the rule or in the address; the query counts."""
    text = "User-agent: *\nDisallow: /기사\nDisallow: /s?q=\n"
    assert not allowed(text, "/%EA%B8%B0%EC%82%AC/1")
    assert not allowed(text, "/s?q=x")
    assert allowed(text, "/s")


@pytest.mark.parametrize(
    "body", ["", "# nothing\n", "<!doctype html><title>Not found</title>", "Disallow: /\n", "\x00\x01"]
)
def test_a_file_without_rules_allows_all(body: str) -> None:
    """Empty, comments only, a web page, rules of nobody: everything is allowed."""
    assert allowed(body)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 418, 301, 304])
def test_no_file_allows_all(status: int) -> None:
    """4xx, and redirects that led nowhere: the site has no rules (RFC 9309 section 2.3.1.3)."""
    robots = robots_of(status, b"User-agent: *\nDisallow: /", AGENT, NOW)
    assert robots.allowed(SITE + "/a", AGENT)
    assert robots.expires_at == NOW + LONGEST_LIFE


@pytest.mark.parametrize("status", [None, 429, 500, 503, 599])
def test_trouble_forbids_all_for_now(status: int | None) -> None:
    """5xx, no answer, and a server that asks for rest: nothing is allowed, and the file is asked for again soon."""
    robots = robots_of(status, b"", AGENT, NOW)
    assert not robots.allowed(SITE + "/a", AGENT)
    assert NOW < robots.expires_at <= NOW + timedelta(hours=1)


def test_known_rules_outlast_trouble() -> None:
    """Rules that were read before go on while the file cannot be had, for 30 days."""
    known = read("User-agent: *\nDisallow: /private\n")
    later = NOW + timedelta(days=2)
    still = robots_of(503, b"", AGENT, later, known)
    assert still.allowed(SITE + "/a", AGENT)
    assert not still.allowed(SITE + "/private", AGENT)
    assert still.expires_at <= later + timedelta(hours=1)
    assert robots_of(None, b"", AGENT, later, still).allowed(SITE + "/a", AGENT)
    assert not robots_of(503, b"", AGENT, NOW + timedelta(days=31), still).allowed(SITE + "/a", AGENT)


def test_trouble_is_not_remembered_as_rules() -> None:
    """A site that never answered does not stay forbidden by its own silence."""
    first = robots_of(503, b"", AGENT, NOW)
    second = robots_of(503, b"", AGENT, NOW + timedelta(hours=1), first)
    assert second.expires_at > first.expires_at
    assert robots_of(404, b"", AGENT, NOW + timedelta(hours=2), second).allowed(SITE + "/a", AGENT)


def test_rules_hold_for_a_day() -> None:
    """No answer is kept longer than 24 hours."""
    assert read("").expires_at == NOW + timedelta(hours=24)


def test_crawl_delay() -> None:
    """The delay of our group in seconds; nonsense is none, and a day is five minutes."""
    assert read("User-agent: *\nCrawl-delay: 10\n").crawl_delay(AGENT) == 10
    assert read("User-agent: *\nCrawl-delay: 0.5\n").crawl_delay(AGENT) == 0.5
    assert read("User-agent: other\nCrawl-delay: 10\n").crawl_delay(AGENT) is None
    assert read("User-agent: *\nCrawl-delay: soon\n").crawl_delay(AGENT) is None
    assert read("User-agent: *\nCrawl-delay: 86400\n").crawl_delay(AGENT) == LONGEST_DELAY
    assert robots_of(404, b"", AGENT, NOW).crawl_delay(AGENT) is None


def test_only_the_beginning_is_read() -> None:
    """Rules within 500 KiB hold, what comes after them is not read, and a line cut in two is no rule."""
    start = "User-agent: *\nDisallow: /early\n"
    filler = "# filler\n" * (MAX_BYTES // 9)
    assert not allowed(start + filler + "Disallow: /late\n", "/early")
    assert allowed(start + filler + "Disallow: /late\n", "/late")
    cut = start + "#" * (MAX_BYTES - len(start) - len("\nDisallow: /ne")) + "\nDisallow: /news/private\n"
    assert allowed(cut, "/ne")


def test_a_byte_order_mark_is_no_part_of_a_name() -> None:
    """A file that begins with one is read like any other."""
    assert not allowed("\ufeffUser-agent: *\nDisallow: /\n")


def test_a_file_of_names_and_rules_stays_small() -> None:
    """Thousands of robots with thousands of rules are not multiplied."""
    names = "".join(f"User-agent: bot{number}\n" for number in range(12_000))
    rules = "".join(f"Disallow: /{number}\n" for number in range(12_000))
    robots = read(names + "User-agent: *\n" + rules)
    assert not robots.allowed(SITE + "/777", AGENT)
    assert robots.allowed(SITE + "/a", AGENT)


@pytest.mark.parametrize(
    ("agent", "token"),
    [
        (AGENT, "watchfloor"),
        ("My-Newsroom/2.0 (+https://x.example)", "my-newsroom"),
        ("desk_reader", "desk_reader"),
        ("Desk (mail@desk.example)", "desk"),
        ("42", ""),
    ],
)
def test_the_product_names_us(agent: str, token: str) -> None:
    """The token is what stands before the version: letters, hyphens, low lines."""
    assert product(agent) == token


def test_an_agent_without_a_name_heeds_the_rules_for_all() -> None:
    """Where our user agent has no token, the group of * holds and no other."""
    assert not allowed("User-agent: *\nDisallow: /\n", agent="42")
    assert allowed("User-agent: other\nDisallow: /\n", agent="42")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://news.example/a/b?c#d", "https://news.example/robots.txt"),
        ("HTTP://News.Example:8080/a", "http://news.example:8080/robots.txt"),
        ("https://me:secret@news.example/a", "https://news.example/robots.txt"),
        ("file:///etc/passwd", None),
        ("news.example/a", None),
        ("http://[broken/a", None),
    ],
)
def test_where_the_file_lies(url: str, address: str | None) -> None:
    """At the root of scheme, host and port, without credentials; nowhere for what is no web address."""
    assert address_of(url) == address


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=600), st.text(max_size=60))
def test_no_file_raises(body: bytes, path: str) -> None:
    """Any bytes are read, and any path is judged."""
    robots = robots_of(200, b"User-agent: *\n" + body, AGENT, NOW)
    assert robots.allowed(f"{SITE}/{path}", AGENT) in (True, False)
    assert robots.crawl_delay(AGENT) is None or robots.crawl_delay(AGENT) >= 0  # type: ignore[operator]
