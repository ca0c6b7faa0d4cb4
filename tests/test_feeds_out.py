"""Our Atom feeds under serve: read by a real feed reader, not fetched twice, and closed to strangers."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from lxml import etree
from reader import make_reader

from pipeline.config import Config
from pipeline.filters import SavedFilter
from pipeline.web.accounts import Accounts
from pipeline.web.gate import Reach
from tests.accounts import PASSWORD, USERS, with_accounts
from tests.browser import serving
from tests.conftest import NOW, Site
from tests.desk import Desk, make_desk
from tests.test_exports import ITEMS, SCHEMA

LABS = "/-/feeds/entity/lab-110.atom"
SAVED = (SavedFilter(id="minsk", name="Seen in Minsk", words="minsk"), SavedFilter(id="f", feed="f", verdict="none"))


@pytest.fixture
def desk(tmp_path: Path, site: Site) -> Desk:
    return make_desk(tmp_path, site, ITEMS)


@pytest.fixture
def config(desk: Desk) -> Config:
    return replace(desk.config, filters=SAVED)


@pytest.fixture
def address(config: Config) -> Iterator[str]:
    with serving(config) as served:
        yield served


def test_a_feed_reader_subscribes_to_an_entity_and_a_filter(address: str, desk: Desk) -> None:
    """It finds titles, links, outlets and what was said; a second update brings nothing new, a new item does."""
    reader = make_reader(":memory:")
    for path in (LABS, "/-/feeds/filter/minsk.atom"):
        reader.add_feed(address + path)
        reader.update_feed(address + path)
    titles = {feed.title: feed.resolved_title for feed in reader.get_feeds()}
    assert set(titles) == {"Lab 110 · watchfloor", "Seen in Minsk · watchfloor"}
    entries = {entry.title: entry for entry in reader.get_entries(feed=address + LABS)}
    assert set(entries) == {ITEMS[0][0], ITEMS[1][0]}
    entry = entries[ITEMS[0][0]]
    assert (entry.link, entry.authors_str) == ("http://news.test/0", "A feed")
    assert "Lab 110 wrote the tool" in entry.content[0].value
    reader.update_feed(address + LABS)
    assert reader.get_entry_counts(feed=address + LABS).total == 2
    with desk.store as store:
        row = dict(next(iter(store.db.table("items").rows_where("title = ?", [ITEMS[0][0]]))))
        row |= {"id": 99, "guid": "new", "title": "Lab 110 again", "updated_at": "2026-11-23T13:00:00Z"}
        mention = dict(next(iter(store.db.table("mentions").rows_where("entity_id = 'lab-110'"))))
        store.db.table("items").insert(row)
        store.db.table("mentions").insert(mention | {"id": 999, "item_id": 99})
    reader.update_feed(address + LABS)
    assert reader.get_entry_counts(feed=address + LABS).total == 3
    reader.close()


def test_a_feed_is_valid_and_names_itself(address: str) -> None:
    """By the rules of RFC 4287."""
    answer = httpx.get(address + LABS)
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    tree = etree.fromstring(answer.content)
    SCHEMA.assertValid(tree)
    links = tree.xpath("/a:feed/a:link[@rel = 'self']/@href", namespaces={"a": "http://www.w3.org/2005/Atom"})
    assert links == [address + LABS]


def test_what_did_not_change_is_not_sent_again(address: str) -> None:
    """A reader that sends the tag back gets 304 and no body."""
    tag = httpx.get(address + LABS).headers["etag"]
    for known in (tag, f"W/{tag}", f'"another", {tag}', "*"):  # proxies make tags weak, readers keep several
        again = httpx.get(address + LABS, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
    assert httpx.get(address + LABS, headers={"If-None-Match": '"another"'}).status_code == 200


@pytest.mark.parametrize("path", ["/-/feeds/entity/nobody.atom", "/-/feeds/filter/none.atom", "/-/feeds/x/y.atom"])
def test_what_is_not_there_is_not_found(address: str, path: str) -> None:
    """An entity or a filter that nobody made."""
    assert httpx.get(address + path).status_code == 404


def test_the_queue_leads_to_saved_filters_and_their_feeds(address: str) -> None:
    """A link to each, and to the feed of the entity that is shown."""
    page = httpx.get(f"{address}/-/queue?entity=lab-110").text
    assert '<a href="/-/queue?state=awaiting&amp;q=minsk">Seen in Minsk</a>' in page
    assert '<a class="feed" href="/-/feeds/filter/minsk.atom"' in page
    assert 'type="application/atom+xml" title="Seen in Minsk" href="/-/feeds/filter/minsk.atom">' in page
    assert '<link rel="alternate" type="application/atom+xml" href="/-/feeds/entity/lab-110.atom">' in page
    assert 'aria-current="true">f</a>' in httpx.get(f"{address}/-/queue?state=awaiting&feed=f").text


def test_where_signing_in_is_needed_a_reader_signs_in_with_each_request(config: Config) -> None:
    """Name and password by HTTP Basic, for feeds alone; guesses are counted."""
    with (
        serving(with_accounts(config), Reach("192.0.2.1", ("desk.example",))) as address,
        httpx.Client(base_url=address, headers={"Host": "desk.example"}) as stranger,
    ):
        refused = stranger.get(LABS)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Basic realm=")
        assert "Lab 110" not in refused.text
        assert stranger.get(LABS, auth=("rex", PASSWORD)).status_code == 200
        assert stranger.get("/-/queue", auth=("rex", PASSWORD)).status_code == 302
        assert stranger.get(LABS, headers={"Authorization": "Basic ====", "Host": "desk.example"}).status_code == 401
        statuses = [stranger.get(LABS, auth=("rex", "wrong")).status_code for _ in range(6)]
        assert statuses == [401] * 5 + [429]
        assert stranger.get(LABS, auth=("rex", PASSWORD)).status_code == 429


def test_a_reader_may_ask_for_all_its_feeds_at_once() -> None:
    """The same name and password, while they are being checked, are one guess, right or wrong."""
    accounts = Accounts(USERS, lambda: NOW)

    async def ask(password: str) -> list[tuple[bool, bool]]:
        header = "Basic " + base64.b64encode(f"rex:{password}".encode()).decode()
        answers = await asyncio.gather(*(accounts.check_basic(header, "192.0.2.7") for _ in range(30)))
        return [(answer.user is not None, answer.wait > timedelta()) for answer in answers]

    async def asked() -> None:
        assert set(await ask(PASSWORD)) == {(True, False)}
        for number in range(5):
            assert set(await ask(f"wrong {number}")) == {(False, False)}
        assert set(await ask(PASSWORD)) == {(False, True)}

    asyncio.run(asked())
