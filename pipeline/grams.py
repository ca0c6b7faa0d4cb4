"""Search in Korean, Chinese and Japanese: texts as pairs of characters, and what a person types as a query. Pure.

These scripts write no spaces between words, or join endings to them: 북한은 is 북한 with a particle. So each run of
their characters is indexed as all pairs that stand side by side, and a word is looked for as the row of its pairs, as
Lucene's CJKBigramFilter does
(https://lucene.apache.org/core/8_5_1/analyzers-common/org/apache/lucene/analysis/cjk/CJKBigramFilter.html). Of each run
the last character stands alone, too: then every character begins something, and one character is found as a beginning.
Latin letters and digits that touch a run (제110연구소) are kept as they are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

# Hangul (letters, syllables), kana, Han with its marks; each a letter or number for SQLite's unicode61, too
_CJK = (
    "\u1100-\u11ff\u3005-\u3007\u3041-\u3096\u30a1-\u30fa\u30fc-\u30ff\u3131-\u318e\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
_ANY = re.compile(f"[{_CJK}]")
_TOKEN = re.compile(r"[^\W_]+")
_PART = re.compile(f"[{_CJK}]+|[^{_CJK}]+")
_TYPED = re.compile(r'"([^"]*)(?:"|\Z)|[^\s"]+')
#: Of what a person types, so many words are looked for.
_MOST_TERMS = 24


def grams_of(text: str) -> str:
    """The pairs of ``text`` with spaces between, in the order of the text; empty where it holds no such script."""
    if not _ANY.search(text):
        return ""
    tokens = _TOKEN.findall(unicodedata.normalize("NFKC", text))
    return " ".join(gram for token in tokens if _ANY.search(token) for gram in _closed(token))


def fts_query(words: str) -> str:
    """What a person types as an expression of FTS5 over ``items_fts``, which never is a syntax error.

    All words must be there; those in quotes side by side; one that ends in * is a beginning. A word in Korean, Chinese
    or Japanese is found inside longer ones. AND, OR, NOT and signs are words and signs like others.
    """
    sound = words.encode("utf-8", "ignore").decode("utf-8").replace("\0", " ")
    terms: list[str] = []
    for match in _TYPED.finditer(unicodedata.normalize("NFKC", sound)):
        if match[1] is not None:
            terms += _phrase(match[1])
        elif _ANY.search(match[0]):
            terms += (term for token in _TOKEN.findall(match[0]) for term in _phrase(token))
        else:
            terms += _plain(match[0].rstrip("*"), is_beginning=match[0].endswith("*"))
    return " AND ".join(terms[:_MOST_TERMS]) or '""'


def _phrase(text: str) -> Iterator[str]:
    """The words of ``text`` side by side. Where scripts change between words, each stretch by itself: they are indexed
    in different columns."""
    stretch: list[str] = []
    if not _ANY.search(text):
        yield from _plain(text)
        return
    for token in _TOKEN.findall(text):
        if stretch and bool(_ANY.search(token)) != bool(_ANY.search(stretch[-1])):
            yield _stretch(stretch)
            stretch = []
        stretch.append(token)
    if stretch:
        yield _stretch(stretch)


def _stretch(tokens: list[str]) -> str:
    if not _ANY.search(tokens[0]):
        return f'"{" ".join(tokens)}"'
    before = [gram for token in tokens[:-1] for gram in _closed(token)]
    *inner, last = _PART.findall(tokens[-1])
    before += [gram for part in inner for gram in _grams(part)]
    # the last word may go on in the text, so its last character need not end a run there
    open_end = _pairs(last) if _ANY.search(last) and len(last) > 1 else [last]
    is_beginning = len(last) == 1 and _ANY.search(last)
    return f'{{grams}} : "{" ".join([*before, *open_end])}"{" *" if is_beginning else ""}'


def _plain(text: str, *, is_beginning: bool = False) -> Iterator[str]:
    if any(char.isalnum() for char in text):  # a phrase without a word in it would match nothing
        yield f'"{text}"{" *" if is_beginning else ""}'


def _closed(token: str) -> Iterable[str]:
    return (gram for part in _PART.findall(token) for gram in _grams(part))


def _grams(part: str) -> list[str]:
    return [*_pairs(part), part[-1]] if _ANY.match(part) else [part]


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)]
