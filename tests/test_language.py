"""Which language a text is in: told from the text, and from the feed only where the text says too little."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.language import detect
from tests.conftest import SHARED

DEVELOPMENT_SET = SHARED / "gold" / "dev.jsonl"

TEXTS = {
    "en": "Officials in the capital said on Monday that the talks would go on",
    "ko": "정부는 27일 새로운 대책을 발표했다",
    "zh": "外交部周一表示会谈将继续进行",
    "ja": "外務省は月曜日に協議を続けると発表した",
    "ru": "Министерство сообщило в понедельник, что переговоры продолжатся",
    "uk": "Міністерство повідомило в понеділок, що переговори триватимуть",
    "es": "El ministerio anunció el lunes que las conversaciones continuarán",
    "de": "Das Ministerium teilte am Montag mit, dass die Gespräche weitergehen",
    "fr": "Le ministère a annoncé lundi que les discussions se poursuivraient",
    "pt": "O ministério anunciou na segunda-feira que as negociações continuarão",
}


@pytest.mark.parametrize("language", TEXTS)
def test_a_sentence_is_enough(language: str) -> None:
    """One sentence tells its language, whatever the feed declares."""
    assert detect({"title": TEXTS[language]}, "xx") == language


@pytest.mark.parametrize(
    ("title", "declared", "language"),
    [
        ("TA444", "en-US", "en"),
        ("TA444", None, None),
        ("180", "DE", "de"),
        ("", "ko", "ko"),
        ("", "nonsense declared", None),
        ("Bybit 15억 달러 상당 가상자산 탈취, FBI TraderTraitor", "en", "ko"),
        ("https://example.test/a/long/address/in/english/words/only", "fr", "fr"),
    ],
)
def test_what_the_feed_declares_decides_only_where_the_text_says_too_little(
    title: str, declared: str | None, language: str | None
) -> None:
    """Short and mixed texts take the feed's word, cut to its language; without it, none."""
    assert detect({"title": title}, declared) == language


@given(st.text(st.characters(codec=None), max_size=50), st.none() | st.text(max_size=8))
def test_nothing_raises(text: str, declared: str | None) -> None:
    """Any text and any declaration give a code of two or three letters, or none."""
    language = detect({"title": text}, declared)
    assert language is None or (language.isalpha() and len(language) in (2, 3))


@pytest.mark.skipif(not DEVELOPMENT_SET.exists(), reason=f"the development set {DEVELOPMENT_SET} is not here")
def test_development_set() -> None:
    """The language of every labelled document is told from its text."""
    documents = [json.loads(line) for line in DEVELOPMENT_SET.read_text(encoding="utf-8").splitlines()]
    wrong = [d["id"] for d in documents if detect({"title": d["title"], "text": d["text"]}, None) != d["lang"]]
    assert not wrong
