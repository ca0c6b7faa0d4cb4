"""Full-text search: Korean, Chinese and Japanese inside words, anything typed without an error, an index in step."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.config import default as default_config
from pipeline.grams import fts_query, grams_of
from pipeline.store import Store
from pipeline.web import make_datasette
from tests.test_store import item, save

TEXTS = {
    "ko": "북한은 정찰총국의 제110연구소를 앞세워 가상자산을 탈취했다.",
    "zh": "朝鲜受到制裁，黑客组织窃取加密货币。",
    "ja": "北朝鮮の平壌にあるハッカー集団に対する制裁。",
    "en": "Hackers of Lab 110 stole coins, AT&T said; sanctions followed.",
    "mixed": "FBI는 Lazarus그룹과 Lab 110 조직을 지목했다.",
}


@pytest.fixture
def filled(store: Store) -> Store:
    """A store with the texts above, each under its name as guid, the search up to date."""
    store.polls.sync_feeds({"a": "http://a.test/"}, 1800)
    save(store, [item(name, content=text) for name, text in TEXTS.items()])
    store.search.refresh(500)
    return store


def found(store: Store, words: str) -> set[str]:
    """The guids of the items that have the words."""
    query = "SELECT guid FROM items WHERE id IN (SELECT rowid FROM items_fts WHERE items_fts MATCH ?)"
    return {row[0] for row in store.db.execute(query, [fts_query(words)]).fetchall()}


def in_step(store: Store) -> bool:
    store.db.execute("INSERT INTO items_fts(items_fts, rank) VALUES ('integrity-check', 1)")  # raises otherwise
    rows = store.db.query(
        "SELECT i.*, coalesce(g.grams, '') AS grams FROM items i LEFT JOIN grams g ON g.item_id = i.id"
    )
    return all(row["grams"] == grams_of("\n".join(row[key] for key in ("title", "summary", "content"))) for row in rows)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("북한", {"ko"}),  # of two characters, inside 북한은
        ("정찰총국", {"ko"}),  # inside 정찰총국의
        ("총국", {"ko"}),  # not where the word begins
        ("정찰 자산", {"ko"}),
        ("찰정", set()),
        ("110연구소", {"ko"}),
        ("110", {"ko", "en", "mixed"}),
        ("연", {"ko"}),  # one character
        ("朝鲜", {"zh"}),
        ("制裁", {"zh", "ja"}),
        ("制裁 黑客", {"zh"}),
        ("平壌", {"ja"}),
        ("ハッカー", {"ja"}),
        ("ﾊｯｶｰ", {"ja"}),  # halfwidth
        ("Lazarus그룹", {"mixed"}),
        ("lazarus", {"mixed"}),
        ("lab 110 조직", {"mixed"}),
        ('"lab 110" 조직', {"mixed"}),
        ('"Lab 110 조직을 지목"', {"mixed"}),
        ('"조직을 지목"', {"mixed"}),
        ('"지목 조직을"', set()),
        ("hackers sanctions", {"en"}),
        ('"hackers sanctions"', set()),
        ('"hackers of lab', {"en"}),
        ("sanct", set()),
        ("sanct*", {"en"}),
        ("AT&T", {"en"}),
        ("hackers AND sanctions", set()),  # a word like others, which is not there
        ("", set()),
        ("* :", set()),
    ],
)
def test_words_are_found(filled: Store, words: str, names: set[str]) -> None:
    """What is typed finds the texts that hold it."""
    assert found(filled, words) == names


PIECES = [*"\"*():^-+{}\0\n 'ABab1한국北平壌ハ,，", "AND", " OR ", "NEAR(", "NOT ", "grams:"]
HOSTILE = st.lists(st.sampled_from(PIECES), max_size=20).map("".join)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HOSTILE | st.text(max_size=30))
def test_whatever_is_typed_is_no_error(filled: Store, words: str) -> None:
    """Quotes, operators, brackets, NUL: a query is answered."""
    found(filled, words)


@pytest.mark.parametrize("words", ["\ud800 북한", "북한\0", '북한" AND (', "북한 " * 5000])
def test_hostile_words_still_find(filled: Store, words: str) -> None:
    """What cannot be looked for is left out; the rest is found."""
    assert found(filled, words.replace("AND", "")) == {"ko"}


@given(st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xAC10), min_size=1, max_size=8), st.data())
def test_every_piece_of_a_run_is_a_row_of_its_grams(run: str, data: st.DataObject) -> None:
    """A run holds a piece exactly where its pairs hold the piece's pairs, side by side."""
    start = data.draw(st.integers(0, len(run) - 1))
    piece = run[start : data.draw(st.integers(start + 1, len(run)))]
    pairs = [piece[at : at + 2] for at in range(max(len(piece) - 1, 1))]
    assert f" {' '.join(pairs)}" in f" {grams_of(run)} "


def test_texts_without_these_scripts_have_no_grams() -> None:
    """English, Russian and Arabic cost nothing here."""
    assert grams_of("Lab 110 · Лаборатория · مختبر") == ""


def delete(store: Store, guid: str) -> None:
    with store.db.atomic():
        store.db.execute("PRAGMA defer_foreign_keys = ON")
        store.db.execute("DELETE FROM stories WHERE id IN (SELECT story_id FROM items WHERE guid = ?)", [guid])
        store.db.execute("DELETE FROM items WHERE guid = ?", [guid])


WORDS = ["북한은", "정찰총국", "朝鲜制裁", "Lab", "제110연구소", "sanctions", "ハッカー"]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["save", "delete", "refresh"]), st.integers(0, 4), st.lists(st.sampled_from(WORDS), max_size=4)
    ),
    max_size=12,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_the_index_stays_in_step(store: Store, steps: Sequence[tuple[str, int, list[str]]]) -> None:
    """Whatever is stored, edited and deleted, and whenever pairs are worked out, SQLite finds the index sound."""
    store.polls.sync_feeds({"a": "http://a.test/"}, 1800)
    for number in range(5):
        delete(store, str(number))
    for kind, number, words in steps:
        if kind == "save":
            save(store, [item(str(number), title=" ".join(words[:1]), content=" ".join(words))])
        elif kind == "delete":
            delete(store, str(number))
        else:
            store.search.refresh(number)
    store.search.refresh(500)
    assert in_step(store)
    assert not store.search.is_any_waiting()


def test_a_bounded_refresh_takes_the_newest_first(store: Store) -> None:
    """So much is worked out and no more; what was stored last is found first."""
    store.polls.sync_feeds({"a": "http://a.test/"}, 1800)
    for number in range(3):
        save(store, [item(str(number), content=f"북한 {number}")])
    assert store.search.refresh(2) == 2
    assert found(store, "북한") == {"1", "2"}
    assert store.search.refresh(500) == 1
    assert store.search.refresh(500) == 0


def test_datasettes_own_search_finds_korean(filled: Store) -> None:
    """The search field of the items table and the canned query go through our queries, not Datasette's."""
    datasette = make_datasette(replace(default_config(filled.path.parent), database=filled.path))

    async def ask(address: str) -> list[Any]:
        response = await datasette.client.get(address)
        assert response.status_code == 200
        return list(response.json())

    async def ask_all() -> None:
        for address in ("items.json?_shape=array&_search=", "search.json?_shape=array&words="):
            assert len(await ask(f"/watchfloor/{address}총국")) == 1
            assert await ask(f"/watchfloor/{address}찰정") == []
            assert await ask(f"/watchfloor/{address}%22%28AND%00*") == []

    asyncio.run(ask_all())
