"""What wrong tags teach: the material for a lesson, and the lessons themselves, which are only ever added."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from pipeline.lessons import Evidence
from pipeline.store.judgements import DECIDED, IS_RIGHT
from pipeline.store.mentions import Place, place_of
from pipeline.store.queueing import DECIDES, IS_WRONG, STANDS
from pipeline.store.writing import inserted_id, writing
from pipeline.times import to_iso

_MOST_SENTENCES = 2000  # of each kind, the newest
_SENTENCE = "coalesce(json_extract(m.evidence, '$.sentence'), m.text)"


@dataclass(frozen=True, slots=True)
class WrongTag:
    """A verdict that a tag is wrong, with its item. ``evidence`` is None where the mention is there no more."""

    verdict: dict[str, Any]
    item: dict[str, Any]
    evidence: dict[str, Any] | None
    stands: bool
    lessons: tuple[dict[str, Any], ...]  # that were learnt from it, the newest first


class Lessons:
    """Made by ``Store`` and ``Reading``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def wrong_tag(self, verdict_id: int) -> WrongTag | None:
        """The verdict with this id; None when there is none, it is another verdict, or it does not say which rule."""
        row = next(
            self._db.query(
                f"""
                SELECT v.*, m.evidence, {STANDS} AS stands FROM verdicts v LEFT JOIN mentions m ON m.id = v.mention_id
                WHERE v.id = ? AND v.verdict = 'wrong_tag' AND v.rule IS NOT NULL
                """,
                [verdict_id],
            ),
            None,
        )
        if row is None:
            return None
        evidence, stands = row.pop("evidence"), bool(row.pop("stands"))
        return WrongTag(
            verdict=row,
            item=next(self._db.table("items").rows_where("id = ?", [row["item_id"]])),
            evidence=json.loads(evidence) if evidence else None,
            stands=stands,
            lessons=tuple(self._db.table("lessons").rows_where("verdict_id = ?", [verdict_id], order_by="id DESC")),
        )

    def evidence(self, rule: str) -> Evidence:
        """The sentences of the rule's mentions, by what people said of them: the newest 2,000 of each kind."""
        return Evidence(
            wrong=self._sentences(
                f"""
                SELECT {_SENTENCE} FROM verdicts v JOIN mentions m ON m.id = v.mention_id
                WHERE v.rule = ? AND v.verdict = 'wrong_tag' AND {STANDS} ORDER BY v.id DESC LIMIT ?
                """,
                rule,
            ),
            right=self._sentences(
                f"""
                SELECT {_SENTENCE} FROM ({DECIDED}) d CROSS JOIN mentions m ON m.item_id = d.item_id
                WHERE m.rule = ? AND {IS_RIGHT} ORDER BY m.item_id DESC LIMIT ?
                """,
                rule,
            ),
            unjudged=self._sentences(
                f"""
                SELECT {_SENTENCE} FROM mentions m WHERE m.rule = ? AND NOT {IS_WRONG}
                  AND NOT EXISTS (SELECT 1 FROM verdicts v WHERE v.item_id = m.item_id AND {DECIDES})
                ORDER BY m.item_id DESC LIMIT ?
                """,
                rule,
            ),
        )

    def _sentences(self, query: str, rule: str) -> list[str]:
        return [row[0] for row in self._db.execute(query, [rule, _MOST_SENTENCES]).fetchall()]

    def items_of(self, rule: str, limit: int) -> list[dict[str, Any]]:
        """The newest items that hold a mention by ``rule``, at most ``limit``: id, feed, language and texts."""
        return list(
            self._db.query(
                """
                SELECT i.id, i.feed_id, i.language, i.title, i.summary, i.content
                FROM (SELECT DISTINCT item_id FROM mentions WHERE rule = ? ORDER BY item_id DESC LIMIT ?) m
                CROSS JOIN items i ON i.id = m.item_id ORDER BY i.id DESC
                """,
                [rule, limit],
            )
        )

    def judged_places(self, item_ids: Iterable[int]) -> dict[tuple[int, Place], str]:
        """Which stored mentions of these items people judged: item and place → ``right`` or ``wrong``."""
        rows = self._db.query(
            f"""
            SELECT m.item_id, m.entity_id, m.field, m.start, m."end", {IS_WRONG} AS is_wrong,
                   (SELECT v.verdict FROM verdicts v WHERE v.item_id = m.item_id AND {DECIDES}
                    ORDER BY v.id DESC LIMIT 1) AS decided
            FROM json_each(?) w CROSS JOIN mentions m ON m.item_id = w.value
            """,
            [json.dumps(sorted(set(item_ids)))],
        )
        judged = {}
        for row in rows:
            if row["is_wrong"] or row["decided"] in ("relevant", "escalated"):
                judged[row["item_id"], place_of(row)] = "wrong" if row["is_wrong"] else "right"
        return judged

    def standing(self, item_id: int) -> list[tuple[str, str]]:
        """Entity and words of each mention of the item that nobody called wrong, in reading order."""
        rows = self._db.execute(
            f"""
            SELECT m.entity_id, m.text FROM mentions m WHERE m.item_id = ? AND NOT {IS_WRONG}
            ORDER BY m.field DESC, m.start, m."end", m.entity_id
            """,
            [item_id],
        )
        return [(entity, text) for entity, text in rows.fetchall()]

    def add(self, lesson: dict[str, Any], reviewer: str, now: datetime) -> int:
        """Keep a ``lesson`` (verdict_id, entity_id, rule, pattern, within, sentence, lost, gained, gold): its id.

        One that is there already, of the same verdict with the same pattern, is not added again.
        """
        with writing(self._db):
            same = self._db.execute(
                "SELECT id FROM lessons WHERE verdict_id = ? AND pattern = ? AND within = ?",
                [lesson["verdict_id"], lesson["pattern"], lesson["within"]],
            ).fetchone()
            if same:
                return int(same[0])
            row = lesson | {"reviewer": reviewer, "created_at": to_iso(now)}
            return inserted_id(self._db.table("lessons").insert(row))
