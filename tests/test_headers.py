"""What servers say about when to ask again: understood, or nothing, never an error."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.headers import fresh_until, links

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"cache-control": "max-age=3600"}, 3600),
        ({"cache-control": 'public, MAX-AGE="60", must-revalidate'}, 60),
        ({"cache-control": "max-age=3600", "age": "600"}, 3000),
        ({"cache-control": "max-age=600", "age": "3600"}, None),
        ({"cache-control": "max-age=3600, no-cache"}, None),
        ({"cache-control": "no-store,max-age=3600"}, None),
        ({"cache-control": "s-maxage=3600"}, None),
        ({"cache-control": "max-age=0", "expires": "Mon, 23 Nov 2026 13:00:00 GMT"}, None),
        ({"cache-control": "max-age=1e30", "expires": "Mon, 23 Nov 2026 13:00:00 GMT"}, None),
        ({"cache-control": "max-age=-5"}, None),
        ({"cache-control": "max-age=" + "9" * 15}, 10**9),
        ({"cache-control": "max-age=" + "9" * 400}, None),
        ({"expires": "Mon, 23 Nov 2026 13:00:00 GMT"}, 3600),
        ({"expires": "Mon, 23 Nov 2026 13:00:00 GMT", "date": "Mon, 23 Nov 2026 12:30:00 GMT"}, 1800),
        ({"expires": "0"}, None),
        ({"expires": "-1"}, None),
        ({"expires": "Mon, 23 Nov 2020 13:00:00 GMT"}, None),
        ({}, None),
    ],
)
def test_freshness_is_understood(fields: dict[str, str], seconds: int | None) -> None:
    """max-age less Age goes before Expires less Date; what forbids keeping, is over or is nonsense gives nothing."""
    assert fresh_until(fields, NOW) == (None if seconds is None else NOW + timedelta(seconds=seconds))


@given(st.fixed_dictionaries({}, optional={name: st.text(max_size=80) for name in ("cache-control", "expires", "age")}))
def test_freshness_survives_anything(fields: dict[str, str]) -> None:
    """No header raises; what is understood is ahead."""
    moment = fresh_until(fields, NOW)
    assert moment is None or moment > NOW


@pytest.mark.parametrize(
    ("value", "hubs", "topic"),
    [
        (None, [], None),
        ("", [], None),
        ('<https://h.test/>; rel="hub", <https://a.test/f>; rel="self"', ["https://h.test/"], "https://a.test/f"),
        ("</hub>;rel=hub,</f>;REL=Self", ["https://a.test/hub"], "https://a.test/f"),
        ('<https://h.test/>; title="a, b; c"; rel="alternate hub"', ["https://h.test/"], None),
        ('<https://h.test/?a,b;c>; rel=hub; title="<http://x.test/>; rel=self"', ["https://h.test/?a,b;c"], None),
        ("<https://1.test/>; rel=hub, <https://2.test/>; rel=hub, <https://1.test/>; rel=hub",
         ["https://1.test/", "https://2.test/"], None),
        ("<https://a.test/1>; rel=self, <https://a.test/2>; rel=self", [], "https://a.test/1"),
        ("<https://h.test/>; rel=next; rel=hub", [], None),
        ('<https://h.test/>; rel=hub; anchor="/other"', [], None),
        ("<javascript:alert(1)>; rel=hub, <ftp://a.test/>; rel=self, <http://[::1>; rel=hub", [], None),
        ("https://h.test/; rel=hub, <https://h.test/; rel=hub", [], None),
    ],
)  # fmt: skip
def test_hub_and_topic_are_found(value: str | None, hubs: list[str], topic: str | None) -> None:
    """In one header or several joined, quoted or not, relative or not; other schemes, contexts and nonsense are not."""
    found = links(value, "https://a.test/feed")
    assert (list(found.hubs), found.topic) == (hubs, topic)


@given(st.text(alphabet='<>;,="\\ \trelhubs:/a.é\x00', max_size=200))
def test_links_survive_anything(value: str) -> None:
    """No header raises; what is found is an address."""
    found = links(value, "https://a.test/feed")
    assert all(address.startswith("http") for address in (*found.hubs, found.topic or "http"))
