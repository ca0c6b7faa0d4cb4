"""``review export``: what was judged as gold lines, and what ``evaluate`` says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.gold import gold_line, keep_case, text_of
from pipeline.store.review import Span
from tests.conftest import Site, call
from tests.desk import Desk, make_desk

ITEMS = [
    ("A theft", "Hackers of Lab 110 in Pyongyang stole coins."),
    ("한국", "북한 110호연구소 해커가 코인을 훔쳤다."),
    ("A match", "Wrestlers of Lab 110 beat Unit 180 in North Korea."),
    ("A quiet day", "Unit 180 was seen, and the hundred and tenth laboratory."),
]


@pytest.fixture
def desk(tmp_path: Path, site: Site) -> Desk:
    return make_desk(tmp_path, site, ITEMS)


def exported(desk: Desk) -> dict[str, dict[str, Any]]:
    """The lines by title."""
    result = call("review", "export", cwd=desk.folder)
    assert result.returncode == 0
    return {line["title"]: line for line in map(json.loads, result.stdout.splitlines())}


def evaluated(desk: Desk) -> dict[str, Any]:
    assert call("review", "export", "--output", "gold.jsonl", cwd=desk.folder).returncode == 0
    result = call("evaluate", "gold.jsonl", "--json", cwd=desk.folder)
    assert result.returncode == 0
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_confirmed_tags_are_all_found_again(desk: Desk) -> None:
    """run → verdicts → export → evaluate: where every tag was confirmed, precision and recall are 1."""
    for title, _ in ITEMS:
        desk.judge(title, "relevant")
    answer = evaluated(desk)
    assert answer["documents"] == 4
    assert answer["all"] == {"right": 5, "spare": 0, "missed": 0, "precision": 1, "recall": 1, "f1": 1}
    assert call("evaluate", "gold.jsonl", cwd=desk.folder).stdout.endswith(
        "4 documents, F1 1.000, spans right 1.000 (5)\n"
    )


def test_a_wrong_tag_is_spare(desk: Desk) -> None:
    """The entity that was called wrong is not labelled and shows as spare, though nothing labels it anywhere."""
    desk.judge("A match", "wrong_tag", text="Lab 110")
    answer = evaluated(desk)
    assert [(fault["document_id"], fault["entity_id"], fault["is_spare"]) for fault in answer["faults"]] == [
        (exported(desk)["A match"]["id"], "lab-110", True)
    ]


def test_what_nobody_judged_is_not_counted(desk: Desk) -> None:
    """A wrong tag alone says nothing of the item's other tags."""
    desk.judge("A match", "wrong_tag", text="Lab 110")
    desk.judge("A quiet day", "relevant")  # which labels the other entity
    assert exported(desk)["A match"]["judged"] == ["lab-110"]
    score = evaluated(desk)["entities"]["unit-180"]
    assert (score["right"], score["spare"]) == (1, 0)


def test_a_relevant_item_with_a_wrong_tag(desk: Desk) -> None:
    """Its other tags are right."""
    desk.judge("A match", "escalated")
    desk.judge("A match", "wrong_tag", text="Lab 110")
    line = exported(desk)["A match"]
    assert line["labels"] == {"unit-180": ["Unit 180"]}
    assert line["judged"] == ["lab-110", "unit-180"]


def test_what_is_irrelevant_says_nothing_of_its_tags(desk: Desk) -> None:
    """It is left out, and so is what nobody looked at."""
    desk.judge("A theft", "irrelevant")
    assert exported(desk) == {}


def test_a_missed_tag_is_labelled_by_its_words(desk: Desk) -> None:
    """evaluate counts it as missed."""
    words = "the hundred and tenth laboratory"
    start = ITEMS[3][1].index(words)
    with desk.store as store:
        field = next(store.db.query("SELECT content, summary FROM items WHERE title = 'A quiet day'"))
    where = "content" if field["content"] else "summary"
    desk.judge("A quiet day", "missed_tag", entity_id="lab-110", span=Span(where, start, start + len(words), words))
    assert exported(desk)["A quiet day"]["labels"] == {"lab-110": [words]}
    assert evaluated(desk)["entities"]["lab-110"]["missed"] == 1


def test_a_missed_tag_without_words_leaves_the_item_out(desk: Desk) -> None:
    """It is counted on stderr."""
    desk.judge("A quiet day", "missed_tag", entity_id="lab-110")
    result = call("review", "export", cwd=desk.folder)
    assert result.stdout == ""
    assert result.stderr == "left out 1 item with a missed tag whose words nobody marked\n"


def test_what_was_taken_back_does_not_count(desk: Desk) -> None:
    """An undone verdict is as if it had not been given."""
    number = desk.judge("A theft", "relevant")
    with desk.store as store:
        store.review.undo([number], reviewer="ann", now=desk.now)
    assert exported(desk) == {}


def test_since(desk: Desk) -> None:
    """Only items first seen on the day or later."""
    desk.judge("A theft", "relevant")
    assert call("review", "export", "--since", "2026-11-23", cwd=desk.folder).stdout
    assert not call("review", "export", "--since", "2026-11-24", cwd=desk.folder).stdout


def test_an_output_that_cannot_be_written(desk: Desk) -> None:
    """One line that names the file."""
    result = call("review", "export", "--output", "absent/gold.jsonl", cwd=desk.folder)
    assert result.returncode == 1
    assert result.stderr == "error: absent/gold.jsonl: cannot be written: No such file or directory\n"


def test_the_text_holds_the_summary_where_that_says_something_else() -> None:
    """So that each mention's words stand in it."""
    assert text_of({"summary": "A b.", "content": "A b. C d."}) == "A b. C d."
    assert text_of({"summary": "E.", "content": "A b."}) == "E.\n\nA b."
    assert text_of({"summary": "E.", "content": ""}) == "E."


def case(number: int, **labels: str) -> str:
    item = {"id": number, "title": "T \u2028 Lab", "summary": "", "content": "", "language": None, "feed_id": "f"}
    return gold_line(item, labels.items(), ())


def test_a_file_of_cases_holds_each_item_once(tmp_path: Path) -> None:
    """A later case takes the place of an earlier one; other lines stay, broken ones too."""
    path = tmp_path / "r.jsonl"
    path.write_text("broken\n" + case(7) + "\n", encoding="utf-8")
    for line in (case(8), case(8), case(8, lab="Lab")):
        keep_case(path, line)
    assert path.read_text(encoding="utf-8").split("\n") == ["broken", case(7), case(8, lab="Lab"), ""]
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.jsonl"]
