"""Precision, recall and F1 on labelled documents, by entity and by rule, with the document behind each error."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.evaluation import Fault, Score, evaluate, read_gold
from pipeline.models import Mention
from tests.conftest import call

GOLD = [
    {"id": "1", "title": "Coin theft", "text": "They stole coins.", "labels": {"theft": ["stole coins"]}},
    {"id": "2", "title": "Rain", "text": "It fell.", "labels": {}},
    {"id": "3", "title": "Kim spoke", "text": "", "labels": {"kim": ["Kim"], "theft": ["spoke"]}},
]


def lines(documents: Sequence[Mapping[str, object]]) -> list[str]:
    return [json.dumps(document) for document in documents]


def mention(entity: str, field: str, start: int, end: int, rule: str) -> Mention:
    return Mention(entity, field, start, end, "…", rule, 0.9)


def test_counts() -> None:
    """An entity counts once a document: right, spare or missed; a rule's mentions are right where the entity is."""
    found = [
        [mention("theft", "text", 5, 10, "t.1"), mention("theft", "title", 0, 4, "t.2")],
        [mention("theft", "title", 0, 4, "t.1"), mention("unlabelled", "title", 0, 4, "u.1")],
        [mention("kim", "title", 0, 3, "k.1")],
    ]
    result = evaluate(read_gold(lines(GOLD), "g"), found)
    assert result.entities == {"kim": Score(1, 0, 0), "theft": Score(1, 1, 1)}
    assert result.rules == {"k.1": Score(1, 0), "t.1": Score(1, 1), "t.2": Score(1, 0)}
    assert (result.spans_right, result.spans) == (2, 3)
    assert result.faults == (
        Fault("3", "theft", False, (), "spoke", "Kim spoke"),
        Fault("2", "theft", True, ("t.1",), "…", "Rain"),
    )
    assert result.micro() == Score(2, 1, 1)
    assert result.micro(["kim"]) == Score(1, 0, 0)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_f1_is_the_harmonic_mean(right: int, spare: int, missed: int) -> None:
    """F1 is 2PR/(P+R), between 0 and 1."""
    score = Score(right, spare, missed)
    assert 0 <= score.f1 <= 1
    if right:
        assert score.f1 == pytest.approx(2 * score.precision * score.recall / (score.precision + score.recall))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "g:1: is not JSON"),
        ("[]", "g:1: is not an object"),
        ('{"id": 1, "title": 2}', "g:1: title: is not a text"),
        ('{"id": 1, "title": "a"}', "g:1: labels: is not an object"),
        ('{"id": 1, "title": "a", "labels": {"x": []}}', "g:1: labels.x: is not a list of strings"),
        ('{"id": 1, "title": "a", "labels": {"x": ["b"]}}', "g:1: labels.x: 'b' stands neither in title nor in text"),
        ('{"id": 1, "title": "a", "labels": {}, "judged": "x"}', "g:1: judged: is not a list of entities"),
        ("", "g: holds no document"),
    ],
)
def test_mistakes_name_file_and_line(line: str, message: str) -> None:
    """What is no gold document is one clear line."""
    with pytest.raises(UsageError) as caught:
        read_gold([line], "g")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_the_command(tmp_path: Path) -> None:
    """``evaluate`` prints scores and errors, tells of unknown entities, and gives the same as JSON."""
    gold = [
        {"id": "a", "title": "Unit 180 of Pyongyang", "text": "", "labels": {"unit-180": ["Unit 180"]}},
        {"id": "b", "title": "The Unit 121 of Pyongyang", "text": "", "labels": {"gone": ["Unit"]}},
    ]
    (tmp_path / "gold.jsonl").write_text("\n".join(lines(gold)), encoding="utf-8")
    shown = call("evaluate", "gold.jsonl", cwd=tmp_path)
    assert shown.returncode == 0
    assert "unit-180\t1.000\t1.000\t1.000\t1\t0\t0" in shown.stdout
    assert "missed\tgone\tb" in shown.stdout
    assert "2 documents, F1 0.667" in shown.stdout
    assert "no entity gone" in shown.stderr
    as_json = json.loads(call("evaluate", "gold.jsonl", "--json", cwd=tmp_path).stdout)
    assert as_json["entities"]["unit-180"]["f1"] == 1
    assert [(fault["document_id"], fault["entity_id"]) for fault in as_json["faults"]] == [("b", "gone")]
    assert call("evaluate", "absent.jsonl", cwd=tmp_path).returncode == 2
