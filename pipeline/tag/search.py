"""Everything that is looked for, compiled: phrases, patterns, contexts and look-alikes for spaCy, expressions for RE2.

Every key needs some words: ``scan`` and ``possible`` tell which keys a text can hold at all. ``regex`` rules search
with RE2, whose time grows with the text alone, whatever the expression
(https://swtch.com/~rsc/regexp/regexp1.html). Knows no document and no condition.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import spacy
from spacy.language import Language
from spacy.matcher import Matcher, PhraseMatcher
from spacy.tokens import Doc
from spacy.vocab import Vocab

from pipeline.patterns import SENTENCE_END, WordLists, compile_pattern, expand_regex, phrase_words
from pipeline.tag.prefilter import Needs, Prefilter
from pipeline.text import AMOUNT, CAPITALS, NUMBER, Tokens, normalise, tokenise
from pipeline.watchlist.models import compile_regex

Span = tuple[int, int]
Key = tuple[str, str]  # ("rule" | "lookalike", rule id) or ("context", name)

# Stands for every word that no rule asks for, so that spaCy's vocabulary stays as small as the watch-list.
_UNKNOWN = "·"
_MOST_REGEX_MATCHES = 1000  # of one expression in one text


@Language.factory("watchlist")
def _make_finder(nlp: Language, name: str) -> Finder:  # noqa: ARG001 - spaCy gives both
    return Finder(nlp.vocab)


class Finder:
    """The spaCy component: finds in a sentence each key that its ``user_data`` asks for."""

    def __init__(self, vocab: Vocab) -> None:
        self._vocab = vocab
        self._matchers: dict[Key, Matcher | PhraseMatcher] = {}

    def __call__(self, doc: Doc) -> Doc:
        for key in doc.user_data["wanted"]:
            self.matches(key, doc)
        return doc

    def add_phrases(self, key: Key, phrases: Iterable[list[str]], case_sensitive: bool) -> None:
        """Look for exact ``phrases``, each a row of words as written, under ``key``."""
        matcher = PhraseMatcher(self._vocab, attr="ORTH" if case_sensitive else "LOWER")
        matcher.add("", [Doc(self._vocab, words=words) for words in phrases])
        self._matchers[key] = matcher

    def add_patterns(self, key: Key, patterns: Mapping[int, list[list[dict[str, Any]]]]) -> None:
        """Look for token ``patterns`` under ``key``; each number is the most words that those patterns may take."""
        matcher = Matcher(self._vocab, validate=False)  # our own compiler wrote the patterns
        for longest, variants in patterns.items():
            matcher.add(str(longest), variants)
        self._matchers[key] = matcher

    def matches(self, key: Key, doc: Doc) -> set[Span]:
        """Every place where the thing under ``key`` stands, in words of ``doc``."""
        found: dict[Key, set[Span]] = doc.user_data["found"]
        if key not in found:
            strings = self._vocab.strings
            found[key] = {
                (first, last)
                for name, first, last in self._matchers[key](doc)
                if not strings[name] or last - first <= int(strings[name])
            }
        return found[key]


class Search:
    """Everything that is looked for, by key; and which of it a sentence can hold at all."""

    def __init__(self, *, prefilter: bool) -> None:
        """Without ``prefilter`` no text is scanned before it is cut into words: slower, and the same is found."""
        self.prefilters = prefilter
        self._nlp = spacy.blank("xx")
        self._finder: Any = self._nlp.add_pipe("watchlist")
        self._regexes: dict[str, list[Any]] = {}
        self._any_regex: list[str] = []
        self._needs: Needs[Key] = Needs()
        self._forms = functools.lru_cache(maxsize=1 << 16)(self._needs.forms)

    def add_phrases(self, key: Key, phrases: Iterable[str], case_sensitive: bool) -> None:
        """Look for exact ``phrases`` under ``key``."""
        rows = []
        for phrase in phrases:
            words = phrase_words(phrase)
            tokens = tokenise(normalise(" ".join(phrase.split())))
            rows.append([CAPITALS.get(word, word) for word in tokens.written])
            self._needs.add(key, tuple(frozenset({word}) for word in words), frozenset(words))
        self._finder.add_phrases(key, rows, case_sensitive)

    def add_patterns(self, key: Key, patterns: Iterable[str], lists: WordLists) -> None:
        """Look for token ``patterns`` under ``key``. Raises ``PatternError``."""
        by_length: dict[int, list[list[dict[str, Any]]]] = {}
        of_a_rule = key[0] != "context"
        variants = [one for pattern in patterns for one in compile_pattern(pattern, lists, of_a_rule=of_a_rule)]
        for variant in variants:
            by_length.setdefault(variant.longest, []).append(list(variant.tokens))
            self._needs.add(key, variant.needs, variant.forms)
        self._finder.add_patterns(key, by_length)

    def add_regex(
        self, rule_id: str, sources: Iterable[str], case_sensitive: bool, words: Mapping[str, Sequence[str]]
    ) -> None:
        """Look for regular expressions in RE2's syntax. Raises ``PatternError`` or ``ValueError``."""
        whole = [expand_regex(source, words) for source in sources]
        self._regexes[rule_id] = [compile_regex(source, case_sensitive) for source in whole]
        self._any_regex += [source if case_sensitive else f"(?i:{source})" for source in whole]

    def regex_spans(self, normal: str) -> Iterator[tuple[str, Span]]:
        """Where the expressions of each rule stand in a normalised text, in characters."""
        if self.prefilters and not self.has_regex(normal):
            return
        for rule_id, regexes in self._regexes.items():
            for regex in regexes:
                for match in itertools.islice(regex.finditer(normal), _MOST_REGEX_MATCHES):
                    if match.end() > match.start():
                        yield rule_id, match.span()

    def has_regex(self, normal: str) -> bool:
        """Whether any expression stands in a normalised text: one look for all of them together."""
        return self._all_regexes is not None and self._all_regexes.search(normal) is not None

    @functools.cached_property
    def _all_regexes(self) -> Any:
        sources = [f"(?:{source})" for source in self._any_regex]
        return compile_regex("|".join(sources), case_sensitive=True) if sources else None

    @functools.cached_property
    def prefilter(self) -> Prefilter:
        """The scan for every word that a need asks for."""
        return Prefilter(self._needs.needed())

    def scan(self, normal: str) -> set[Key]:
        """The keys that a normalised text may hold, told without cutting it into words."""
        return self._needs.met(self.prefilter.forms(normal))

    def possible(self, words: Iterable[str]) -> set[Key]:
        """The keys that a text with these small-letter words may hold."""
        forms: set[str] = set()
        for word in set(words):
            forms.update(self._forms(word))
        return self._needs.met(forms)

    def find(self, docs: Iterable[Doc]) -> None:
        """Find in each of ``docs`` what its ``user_data`` wants, in one batch; each keeps what was found."""
        for _ in self._nlp.pipe(docs, batch_size=256):
            pass

    def matches(self, key: Key, doc: Doc) -> set[Span]:
        """Every place where the thing under ``key`` stands, in words of ``doc``."""
        spans: set[Span] = self._finder.matches(key, doc)
        return spans

    def document(self, tokens: Tokens) -> Doc:
        """The words as spaCy shall see them: those that no rule knows are all alike."""
        words = [
            AMOUNT
            if lower == AMOUNT
            else CAPITALS.get(written, written)
            if self._known(lower)
            else NUMBER
            if lower[0].isdigit()
            else _UNKNOWN
            for lower, written in zip(tokens.lower, tokens.written, strict=True)
        ]
        return Doc(self._nlp.vocab, words=words, user_data={"wanted": (), "found": {}})

    def _known(self, lower: str) -> bool:
        return lower in SENTENCE_END or any(form != NUMBER for form in self._forms(lower))
