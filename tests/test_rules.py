"""How right each rule and entity is: counted, shown on the page of rules, flagged there and in the digest."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.precision import Judged
from pipeline.store import Store
from tests.conftest import NOW, Site, call
from tests.desk import Desk, make_desk

ITEMS = [(f"Case {number}", "Lab 110 in Pyongyang; Unit 180 too.") for number in range(6)]


@pytest.fixture
def desk(tmp_path: Path, site: Site) -> Desk:
    return make_desk(tmp_path, site, ITEMS)


@pytest.fixture
def failing(desk: Desk) -> Desk:
    """All six mentions by one rule were called wrong, in items that are relevant."""
    for title, _ in ITEMS:
        desk.judge(title, "wrong_tag", text="Lab 110")
        desk.judge(title, "relevant")
    return desk


def figures(desk: Desk, rule: str) -> Judged:
    with desk.store as store:
        return next(one for one in store.judgements.rules() if one.rule == rule)


def test_right_is_what_stands_in_a_relevant_item(desk: Desk) -> None:
    """Relevant and escalated items count, irrelevant ones do not; of several verdicts the newest stands."""
    for title, verdict in [("Case 0", "relevant"), ("Case 1", "escalated"), ("Case 2", "irrelevant")]:
        desk.judge(title, verdict)
    desk.judge("Case 3", "relevant")
    desk.judge("Case 3", "irrelevant")
    assert figures(desk, "lab-110.name") == Judged("lab-110.name", "lab-110", mentions=6, right=2, wrong=0)


def test_a_wrong_tag_is_not_right_in_a_relevant_item(desk: Desk) -> None:
    """The other tags of the item are."""
    desk.judge("Case 0", "relevant")
    desk.judge("Case 0", "wrong_tag", text="Lab 110")
    assert (figures(desk, "lab-110.name").right, figures(desk, "lab-110.name").wrong) == (0, 1)
    assert (figures(desk, "unit-180.1").right, figures(desk, "unit-180.1").wrong) == (1, 0)


def test_a_tag_that_two_people_call_wrong_is_wrong_once(desk: Desk) -> None:
    """Mentions are counted, not verdicts."""
    desk.judge("Case 0", "wrong_tag", text="Lab 110")
    desk.judge("Case 0", "wrong_tag", text="Lab 110")
    assert figures(desk, "lab-110.name").wrong == 1


def test_a_wrong_tag_counts_when_its_mention_is_gone(desk: Desk) -> None:
    """As after retagging with a better rule."""
    desk.judge("Case 0", "wrong_tag", text="Lab 110")
    with desk.store as store:
        store.db.execute("DELETE FROM mentions WHERE rule = 'lab-110.name'")
        store.db.conn.commit()
    assert figures(desk, "lab-110.name") == Judged("lab-110.name", "lab-110", mentions=0, right=0, wrong=1)


def test_what_was_taken_back_does_not_count(desk: Desk) -> None:
    """Neither a wrong tag nor a relevant item."""
    verdicts = [desk.judge("Case 0", "wrong_tag", text="Lab 110"), desk.judge("Case 1", "relevant")]
    with desk.store as store:
        store.review.undo(verdicts, reviewer="ann", now=NOW)
    assert figures(desk, "lab-110.name") == Judged("lab-110.name", "lab-110", mentions=6, right=0, wrong=0)


def test_counts_follow_every_change_of_mentions(desk: Desk) -> None:
    """What the triggers count is what a scan counts, after mentions came, went and changed their rule."""
    changes = [
        "UPDATE mentions SET rule = 'lab-110.lab' WHERE item_id = 1 AND rule = 'lab-110.name'",
        "UPDATE mentions SET score = 0.5",
        "DELETE FROM mentions WHERE item_id = 2",
        "UPDATE stories SET lead_item_id = NULL",
        "DELETE FROM items WHERE id = 3",
    ]
    scan = "SELECT rule, entity_id, count(*) FROM mentions GROUP BY 1, 2 ORDER BY 1, 2"
    with desk.store as store:
        for change in changes:
            store.db.execute(change)
            stored = store.db.execute("SELECT * FROM rule_counts WHERE mentions > 0 ORDER BY 1, 2").fetchall()
            assert stored == store.db.execute(scan).fetchall()
        store.db.conn.rollback()


def test_counting_scans_no_large_table(desk: Desk) -> None:
    """The plan of every query reads mentions and items through an index."""
    plans: list[str] = []
    with desk.store as store:
        explain(store, plans)
        store.judgements.rules()
        store.judgements.missed()
        store.lessons.evidence("lab-110.name")
        store.lessons.items_of("lab-110.name", 5)
        store.lessons.judged_places([1])
    assert len(plans) > 8
    assert not [plan for plan in plans if re.match(r"SCAN (m|i|mentions|items)\b", plan)]


def explain(store: Store, plans: list[str]) -> None:
    """Note the plan of each query that ``store`` runs from now on."""
    execute: Callable[..., object] = store.db.execute

    def noting(sql: str, parameters: Any = None) -> object:
        values = [parameters] if parameters is not None else []
        plans.extend(row[3] for row in store.db.conn.execute(f"EXPLAIN QUERY PLAN {sql}", *values))
        return execute(sql, *values)

    store.db.execute = noting  # type: ignore[method-assign,assignment]


def test_the_page_flags_what_is_below_the_floor(failing: Desk) -> None:
    """The rule and its entity stand first and say so; the other rule has no flag."""
    page = failing.get("/-/rules", who="").text
    rows = re.findall(r'<tr( class="flagged")?>\s*<th scope="row"><a href="[^"]+">([^<]+)</a>', page)
    assert rows == [
        (' class="flagged"', "lab-110.name"),
        ("", "unit-180.1"),
        (' class="flagged"', "Lab 110"),
        ("", "Unit 180"),
    ]
    assert 'aria-label="0 %, between 0 % and 39 %"' in page
    assert 'aria-label="100 %, between 61 % and 100 %"' in page


def test_the_page_leads_on(failing: Desk) -> None:
    """To the queue of the entity, and to the verdicts that called the rule wrong."""
    page = failing.get("/-/rules").text
    assert '<a href="/-/queue?entity=lab-110">' in page
    address = re.search(r'href="(/watchfloor/verdicts\?[^"]+rule=lab-110.name)"', page)
    assert address is not None
    listed = failing.get(address[1].replace("&amp;", "&").replace("verdicts?", "verdicts.json?_shape=array&"))
    assert [row["verdict"] for row in json.loads(listed.text)] == ["wrong_tag"] * 6


def test_the_page_shows_what_was_missed(desk: Desk) -> None:
    """By entity; it is no part of the precision."""
    desk.judge("Case 0", "missed_tag", entity_id="unit-180")
    page = desk.get("/-/rules").text
    assert re.search(r'verdict=missed_tag&(amp;)?entity_id=unit-180">1</a>', page)
    assert "<svg" not in page


def test_the_page_shows_the_expected_score(desk: Desk) -> None:
    """Beside the rule; a rule that left the watch-list has none."""
    text = (desk.folder / "watch.yaml").read_text(encoding="utf-8").replace("rules: [Unit 180]", "rules: [Unit 181]")
    (desk.folder / "watch.yaml").write_text(text.replace("id: unit-180", "id: unit-181"), encoding="utf-8")
    page = desk.get("/-/rules").text
    assert re.search(r'rule=lab-110.name">.*?<td class="number">90 %</td>', page, re.DOTALL)
    assert re.search(r'rule=unit-180.1">.*?no longer in the watch-list', page, re.DOTALL)
    assert "<code>unit-181.1</code>" in page


def test_a_name_with_markup_is_only_text(desk: Desk) -> None:
    """Whatever an entity is called, nothing of it runs."""
    text = (desk.folder / "watch.yaml").read_text(encoding="utf-8")
    text = text.replace("name: Lab 110", "name: <script>alert(1)</script>")
    (desk.folder / "watch.yaml").write_text(text, encoding="utf-8")
    assert "<script>alert" not in desk.get("/-/rules").text


def test_the_digest_names_rules_below_the_floor(failing: Desk) -> None:
    """In every form; the JSON has the numbers."""
    line = "0 of 6 judged mentions are right; surely no more than 39% of all are"
    for form in ("text", "markdown", "html"):
        shown = call("digest", "--date", "2026-11-23", "--format", form, cwd=failing.folder).stdout
        assert "1 below the floor:" in shown
        assert line in shown
    data = json.loads(call("digest", "--date", "2026-11-23", "--format", "json", cwd=failing.folder).stdout)
    assert [(rule["rule"], rule["right"], rule["judged"]) for rule in data["review"]["weak_rules"]] == [
        ("lab-110.name", 0, 6)
    ]


def test_a_digest_without_such_rules_has_no_such_section(desk: Desk) -> None:
    """Nor for a rule that left the watch-list."""
    for title, _ in ITEMS:
        desk.judge(title, "wrong_tag", text="Lab 110")
    text = (desk.folder / "watch.yaml").read_text(encoding="utf-8").replace("id: lab-110.name", "id: lab-110.other")
    (desk.folder / "watch.yaml").write_text(text, encoding="utf-8")
    assert "; none below the floor." in call("digest", "--date", "2026-11-23", cwd=desk.folder).stdout


def test_the_floor_is_configured(failing: Desk) -> None:
    """A lower floor flags nothing."""
    path = failing.folder / "config.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "review: {floor: 0.3}\n", encoding="utf-8")
    assert "flagged" not in failing.get("/-/rules").text
