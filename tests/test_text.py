"""Words, sentences and like characters: offsets stay true and no text is too odd."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.text import AMOUNT, normalise, sentences, tokenise

ANY_TEXT = st.text(st.characters(codec=None), max_size=200)  # lone surrogates too


@given(ANY_TEXT)
def test_normalise_keeps_length(text: str) -> None:
    """Normalised text has as many characters as the text."""
    assert len(normalise(text)) == len(text)


@given(ANY_TEXT)
def test_normalise_twice(text: str) -> None:
    """Normalising again changes nothing."""
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Unit-180", "Unit 180"),
        ("Group’s", "Group's"),
        ("１８０部隊", "180部隊"),
        ("a\u00a0b–c", "a b c"),
        ("«x»", '"x"'),
    ],
)
def test_like_characters(one: str, other: str) -> None:
    """Hyphens, curly quotes, full-width digits and odd spaces are their plain kin."""
    assert normalise(one) == other


@given(ANY_TEXT)
def test_token_offsets(text: str) -> None:
    """Each word stands where its offsets say, in order, and only white space lies between words."""
    normal = normalise(text)
    tokens = tokenise(normal)
    end_before = 0
    for written, start, end in zip(tokens.written, tokens.starts, tokens.ends, strict=True):
        assert normal[start:end] == written != ""
        assert normal[end_before:start].strip() == ""
        end_before = end
    assert normal[end_before:].strip() == ""


@given(ANY_TEXT)
def test_sentences_cover_text(text: str) -> None:
    """Sentences follow one another from the first character to the last."""
    normal = normalise(text)
    bounds = sentences(normal)
    assert "".join(normal[start:end] for start, end in bounds) == normal
    assert all(start < end for start, end in bounds)


@pytest.mark.parametrize(
    "amount",
    [
        *("$41m", "US$81 million", "S$372 million", "¥48.2bn", "$1.5 billion", "$281 mln", "€2.7 billion", "N11bn"),
        *("hundreds of millions of dollars", "a million dollars", "15억 달러", "1.1万", "1070 万美元", "580億円"),
        *("40 млн долларов", "81 Millionen", "$620"),
    ],
)
def test_amount_is_one_word(amount: str) -> None:
    """An amount with its sign, scale and currency is one word."""
    tokens = tokenise(f"x {amount}, y")
    assert tokens.lower[1] == AMOUNT
    assert tokens.written[1] == amount


@pytest.mark.parametrize("text", ["Unit 121 won", "Lab 110 met", "180 people", "2017年", "Bureau 121 moved"])
def test_plain_number_is_no_amount(text: str) -> None:
    """A number without sign, scale or currency keeps its own digits."""
    assert AMOUNT not in tokenise(text).lower


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Lab110's", ["lab", "110", "'", "s"]),
        ("110th", ["110", "th"]),
        ("정찰총국이", list("정찰총국이")),
        ("4,502.9 BTC.", ["4,502.9", "btc", "."]),
        ("the U.S. Treasury", ["the", "u.s.", "treasury"]),
        ("😀a", ["😀", "a"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    """Letters part from digits, and characters of unspaced scripts from one another."""
    assert tokenise(text).lower == words


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("The U.S. Treasury said so. It did.", ["The U.S. Treasury said so. ", "It did."]),
        ("On Sept. 13 he left. She stayed.", ["On Sept. 13 he left. ", "She stayed."]),
        ("Mt. Gox hired No. 91 Office. Both fell.", ["Mt. Gox hired No. 91 Office. ", "Both fell."]),
        ("제재했다. 끝.", ["제재했다. ", "끝."]),
        ("制裁した。次の文！", ["制裁した。", "次の文！"]),
        ("He asked why? “Because.” Then he left.", ["He asked why? ", "“Because.” ", "Then he left."]),
        ("One line\n\nAnother", ["One line\n\n", "Another"]),
        ("It cost 4.5 m. so what", ["It cost 4.5 m. so what"]),
    ],
)
def test_sentence_ends(text: str, parts: list[str]) -> None:
    """A full stop ends a sentence, but not in an abbreviation; a line feed and a full-width stop always do."""
    assert [text[start:end] for start, end in sentences(normalise(text))] == parts


@pytest.mark.parametrize(
    "unit", ["a", "1", ".", "1.1", " ", "'", "u.s.", "。", "\n", "$", "half a ", "정", "😀", "Mr. "]
)
def test_long_runs_are_linear(unit: str) -> None:
    """A hundred thousand characters of anything take far less than a second, not minutes."""
    text = normalise(unit * (100_000 // len(unit)))
    begin = time.perf_counter()
    tokenise(text)
    sentences(text)
    assert time.perf_counter() - begin < 3
