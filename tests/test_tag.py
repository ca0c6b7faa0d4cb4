"""The engine: what each kind of rule and condition finds, true offsets, and the same answer every time."""

from __future__ import annotations

import functools
import json
import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.models import Document, Mention
from pipeline.tag import Tagger
from pipeline.text import normalise
from pipeline.watchlist import Entity, Rule, Watchlist, load_pack

CONTEXTS = {
    "dprk": ("north-korea*", "pyongyang", "북한", "unit 9"),
    "storage": ("storage", "self-storage"),
    "either": ("{dprk}", "hacker*"),
}


def tag(rule: dict[str, Any], *fields: str, more: tuple[dict[str, Any], ...] = ()) -> list[Mention]:
    """The mentions of entity x (with ``rule`` and ``more`` of its rules) in title and text."""
    rules = tuple(Rule.model_validate({"id": f"x.{number}", **one}) for number, one in enumerate((rule, *more)))
    entities = (Entity(id="x", name="X", kind="organisation", rules=rules),)
    tagger = Tagger(Watchlist(words={}, contexts=CONTEXTS, entities=entities))
    names = ("title", "text") if len(fields) == 2 else ("text",)
    return list(next(iter(tagger.tag([Document(dict(zip(names, fields, strict=True)))]))))


def texts(rule: dict[str, Any], *fields: str, more: tuple[dict[str, Any], ...] = ()) -> list[str]:
    return [mention.text for mention in tag(rule, *fields, more=more)]


@pytest.mark.parametrize(
    "text", ["Unit 180", "UNIT-180", "unit\u00a0180", "Unit–180's", "“Unit 180”", "Ｕｎｉｔ １８０"]
)
def test_phrase_forms(text: str) -> None:
    """A phrase is found in any case, with a hyphen, curly quotes, a possessive, odd spaces or full-width letters."""
    assert [normalise(found).lower() for found in texts({"phrases": ["Unit 180"]}, f"x {text} y")] == ["unit 180"]


@pytest.mark.parametrize("text", ["Unit 1800", "Units 180", "Unit 1 180", "Unit. 180", "Unit\n180", "Unit 180,000"])
def test_phrase_is_whole_words(text: str) -> None:
    """A phrase is not found in longer words, with other words between, nor across a line's end."""
    assert texts({"phrases": ["Unit 180"]}, text) == []


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("정찰총국", "북한 정찰총국이 했다"),
        ("김정은", "김정은의 명령"),
        ("侦察总局", "隶属侦察总局，人员"),
        ("偵察総局", "は偵察総局に"),
    ],
)
def test_unspaced_scripts(phrase: str, text: str) -> None:
    """In Hangul, kana and Han a name is found with its particle and without spaces."""
    (mention,) = tag({"phrases": [phrase]}, text)
    assert (mention.start, mention.text) == (text.index(phrase), phrase)


def test_case_sensitive_phrase() -> None:
    """A case-sensitive phrase leaves other cases alone."""
    assert texts({"phrases": ["RGB"], "case_sensitive": True}, "RGB rgb Rgb") == ["RGB"]


def test_pattern() -> None:
    """A pattern finds the longest span that it can."""
    assert texts({"patterns": ["stole ...4 {amount}"]}, "They stole about $5m today") == ["stole about $5m"]


def test_regex_searches_normalised_text() -> None:
    """A regular expression sees normalised text, in any case, and the mention holds the text as written."""
    assert texts({"regex": [r"unit \d+"]}, "the UNIT–77 men") == ["UNIT–77"]
    assert texts({"regex": ["RGB"], "case_sensitive": True}, "rgb RGB") == ["RGB"]


def test_requires_in_item() -> None:
    """``requires`` is satisfied by a word anywhere in the item, and the proof names it."""
    rule = {"phrases": ["Unit 180"], "requires": "dprk"}
    (mention,) = tag(rule, "North Korean hackers", "It was Unit 180. So they say.")
    assert mention.evidence == {
        "sentence": "It was Unit 180.",
        "sentence_start": 0,
        "context": {"dprk": "North Korean"},
    }
    assert texts(rule, "Hackers", "It was Unit 180.") == []


def test_requires_in_sentence() -> None:
    """``within: sentence`` asks for the word in the mention's own sentence."""
    rule = {"phrases": ["Unit 180"], "requires": {"context": "dprk", "within": "sentence"}}
    assert texts(rule, "Unit 180 serves Pyongyang.") == ["Unit 180"]
    assert texts(rule, "Unit 180 moved. Pyongyang is silent.") == []
    assert texts(rule, "Pyongyang", "Unit 180 moved.") == []


def test_all_that_is_required_must_hold() -> None:
    """Of several required contexts all must hold; a joint context needs one of its parts."""
    rule = {"phrases": ["Unit 180"], "requires": ["dprk", "storage"]}
    assert texts(rule, "Unit 180, Pyongyang") == []
    assert texts(rule, "Unit 180, Pyongyang storage") == ["Unit 180"]
    assert texts({"phrases": ["Unit 180"], "requires": "either"}, "hackers of Unit 180") == ["Unit 180"]


def test_mention_is_no_context_of_itself() -> None:
    """A name that is also a context term does not satisfy its own condition; a second one does."""
    rule = {"phrases": ["Unit 9"], "requires": "dprk"}
    assert texts(rule, "Unit 9 moved") == []
    assert texts({"patterns": ["pyongyang office"], "requires": "dprk"}, "Pyongyang office") == ["Pyongyang office"]
    assert texts(rule, "Unit 9 of Pyongyang") == ["Unit 9"]


def test_unless() -> None:
    """``unless`` looks in the sentence, or in the item when the rule says so."""
    rule: dict[str, Any] = {"phrases": ["Unit 180"], "unless": "storage"}
    assert texts(rule, "Storage Unit 180 is for rent. Unit 180 hacks.") == ["Unit 180"]
    rule["unless"] = {"context": "storage", "within": "item"}
    assert texts(rule, "Storage news", "Unit 180 hacks.") == []


def test_lookalikes() -> None:
    """A mention that shares a word with a look-alike is none; others in the same sentence are."""
    rule = {"phrases": ["Lazarus"], "lookalikes": ["emma lazarus", "lazarus of"]}
    assert [m.start for m in tag(rule, "Emma Lazarus and Lazarus, Lazarus of X")] == [17]
    assert texts({"regex": ["lazarus"], "lookalikes": ["emma lazarus"]}, "Emma Lazarus") == []


def test_after_full() -> None:
    """A rule with ``after_full`` counts only where another rule of the entity found something."""
    short = {"phrases": ["Kim"], "after_full": True}
    full = {"phrases": ["Kim Jong Un"]}
    assert texts(short, "Kim spoke", "Kim left", more=(full,)) == []
    assert texts(short, "Kim Jong Un spoke", "Kim left", more=(full,)) == ["Kim Jong Un", "Kim"]


def test_overlaps() -> None:
    """Of overlapping spans of one entity the longest stays; of equal ones that with the better score."""
    rules = {"phrases": ["Lazarus"]}, {"phrases": ["Lazarus Group"], "score": 0.5}, {"phrases": ["Lazarus Group"]}
    assert [(m.text, m.rule) for m in tag(rules[0], "the Lazarus Group", more=rules[1:])] == [("Lazarus Group", "x.2")]


def test_entities_may_overlap() -> None:
    """Two entities may share a span."""
    entities = [Entity(id=i, name=i, kind="topic", rules=(Rule(id=f"{i}.1", phrases=("coin",)),)) for i in ("a", "b")]
    tagger = Tagger(Watchlist(words={}, contexts={}, entities=tuple(entities)))
    assert [m.entity_id for m in next(iter(tagger.tag([Document({"text": "coin"})])))] == ["a", "b"]


def test_order_of_mentions() -> None:
    """Mentions come in the order of the fields as given, then of their places."""
    found = tag({"phrases": ["coin", "key"]}, "key", "coin key coin")
    assert [(m.field, m.start) for m in found] == [("title", 0), ("text", 0), ("text", 5), ("text", 9)]


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\x00", "\ud800", "😀", "."])
def test_odd_texts(text: str) -> None:
    """Empty, blank, NUL, lone surrogate and emoji texts have no mention and raise nothing; nor do they hide one."""
    assert texts({"phrases": ["coin"]}, text) == []
    (mention,) = tag({"phrases": ["coin"]}, f"{text} coin")
    assert mention.start == len(text) + 1


def test_no_match_runs_over_a_sentence_end() -> None:
    """Gaps and phrases stay in one sentence, and an abbreviation ends none."""
    rule = {"patterns": ["stole ...9 coins"]}
    assert texts(rule, "He stole it. Coins fell.") == []
    assert texts(rule, "He stole U.S. Treasury coins.") == ["stole U.S. Treasury coins"]


@functools.cache
def pack_tagger() -> Tagger:
    return Tagger(load_pack("dprk-cyber"))


PIECES = [
    "Unit-180 ",
    "North Korea’s ",
    "stole ",
    "$41m ",
    "in ",
    "bitcoin",
    "정찰총국이 ",
    "😀",
    "\n",
    ". ",
    "Kim Jong Un",
    "制裁",
    "санкции",
]
NEWS = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=20).map("".join)


@settings(deadline=None)  # the first call builds the tagger
@given(NEWS, NEWS)
def test_offsets_are_true(title: str, text: str) -> None:
    """Every span is the text at its offsets, inside its sentence, and no two of one entity overlap."""
    fields = {"title": title, "text": text}
    last: dict[tuple[str, str], int] = {}
    for mention in next(iter(pack_tagger().tag([Document(fields)]))):
        source = fields[mention.field]
        assert source[mention.start : mention.end] == mention.text != ""
        begin, sentence = mention.evidence["sentence_start"], mention.evidence["sentence"]
        assert source[begin : begin + len(sentence)] == sentence
        assert begin <= mention.start < mention.end <= begin + len(sentence)
        assert last.get((mention.entity_id, mention.field), 0) <= mention.start
        last[mention.entity_id, mention.field] = mention.end
        assert all(word in title + "\0" + text for word in mention.evidence.get("context", {}).values())


@settings(deadline=None)
@given(st.lists(NEWS, max_size=4))
def test_documents_do_not_touch_one_another(documents: list[str]) -> None:
    """A document's mentions are the same alone, among others and the second time."""
    fields = [Document({"text": text}) for text in documents]
    together = list(pack_tagger().tag(fields))
    assert together == [next(iter(pack_tagger().tag([one]))) for one in fields]


@functools.cache
def sieve_tagger() -> Tagger:
    rule = Rule(id="x.1", patterns=("stole the? coin*", "hot wallet"))
    entity = Entity(id="x", name="X", kind="topic", rules=(rule,))
    return Tagger(Watchlist(words={}, contexts={}, entities=(entity,)))


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["stole", "coins", "the", "coin", "$5m", "in", "hot", "wallet", ".", ","]), max_size=25)
)
def test_sieve_loses_nothing(words: list[str]) -> None:
    """Showing spaCy only the sentences that can match finds what a plain search of the text finds."""
    text = " ".join(words)
    plain = re.compile(r"\bstole (?:the )?coins?\b|\bhot wallet\b")
    (mentions,) = sieve_tagger().tag([Document({"text": text})])
    assert [mention.text for mention in mentions] == plain.findall(text)


def test_evidence_can_be_stored() -> None:
    """Evidence is plain JSON."""
    (mention,) = tag({"phrases": ["Unit 180"], "requires": "dprk"}, "Unit 180 of Pyongyang")
    assert json.loads(json.dumps(mention.evidence)) == mention.evidence


@pytest.mark.parametrize("text", ["Unit 180 of Pyongyang stole $5m in bitcoin. ", "U.S. sanctions, stole ", "대북제재"])
def test_long_text(text: str) -> None:
    """A long text full of matches is tagged to its end in seconds, and no evidence is longer than a paragraph."""
    begin = time.perf_counter()
    long = text * (40_000 // len(text))
    (mentions,) = pack_tagger().tag([Document({"text": long})])
    assert mentions[-1].end > len(long) - 50
    assert max(len(mention.evidence["sentence"]) for mention in mentions) <= 1000
    assert time.perf_counter() - begin < 10


def test_version_is_the_watchlists() -> None:
    """A tagger carries the version of its watch-list."""
    watchlist = load_pack("dprk-cyber")
    assert Tagger(watchlist).version == watchlist.version


def explained(*rules: dict[str, Any], text: str, language: str | None = None, feed_id: str | None = None) -> list[str]:
    """What becomes of each span: the rule that found it, or the rule, what held it back and the detail."""
    made = tuple(Rule.model_validate({"id": f"x.{number}", **one}) for number, one in enumerate(rules))
    entity = Entity(id="x", name="X", kind="organisation", rules=made)
    subjects = {"nk-news": ("dprk",)}
    tagger = Tagger(Watchlist(words={}, contexts=CONTEXTS, entities=(entity,), subjects=subjects))
    document = Document({"text": text}, feed_id, language)
    mentions, misses = tagger.explain(document)
    assert list(mentions) == list(next(iter(tagger.tag([document]))))
    return [mention.rule for mention in mentions] + [f"{m.rule} {m.held_by} {m.detail}" for m in misses]


NAME: dict[str, Any] = {"phrases": ["Unit 180"]}


@pytest.mark.parametrize(
    ("rule", "text", "outcome"),
    [
        (NAME, "Unit 180", "x.0"),
        ({**NAME, "requires": "dprk"}, "Unit 180", "x.0 requires dprk (in the item)"),
        ({**NAME, "unless": "storage"}, "Storage Unit 180", "x.0 unless storage: Storage"),
        ({**NAME, "lookalikes": ["storage unit"]}, "Storage Unit 180", "x.0 lookalike Storage Unit"),
        ({**NAME, "after_full": True}, "Unit 180", "x.0 after_full the full name stands nowhere in the item"),
        ({**NAME, "languages": ["ko"]}, "Unit 180", "x.0 language the item is in en"),
    ],
)
def test_near_misses_name_the_condition(rule: dict[str, Any], text: str, outcome: str) -> None:
    """A span that a condition held back is told with the condition and the words that decided."""
    assert explained(rule, text=text, language="en") == [outcome]


def test_near_misses_beside_a_stronger_rule() -> None:
    """A span inside a longer one, and a last resort beside a rule that found the entity, are told as such."""
    outcomes = explained(NAME, {"phrases": ["180"]}, {"phrases": ["men"], "last_resort": True}, text="Unit 180 men")
    assert outcomes == ["x.0", "x.1 overlap x.0", "x.2 last_resort x.0 found the entity already"]


def test_last_resort() -> None:
    """A rule of last resort counts where no other rule of the entity found it."""
    weak = {"phrases": ["men"], "last_resort": True}
    assert explained(NAME, weak, text="the men") == ["x.1"]


@pytest.mark.parametrize(
    ("language", "outcome"), [("de", "x.0"), ("de-AT", "x.0"), (None, "x.0"), ("en", "x.0 language the item is in en")]
)
def test_languages(language: str | None, outcome: str) -> None:
    """A rule for some languages counts in items of those, and where the language is not known."""
    assert explained({**NAME, "languages": ["de", "fr"]}, text="Unit 180", language=language) == [outcome]


@pytest.mark.parametrize(
    ("within", "feed_id", "outcome"),
    [
        ("feed", "nk-news", "x.0"),
        ("feed", "other", "x.0 requires dprk (in the feed)"),
        ("feed", None, "x.0 requires dprk (in the feed)"),
        ("item", "nk-news", "x.0 requires dprk (in the item)"),
    ],
)
def test_the_feeds_subject(within: str, feed_id: str | None, outcome: str) -> None:
    """``within: feed`` is satisfied by the feed's subject too."""
    rule = {**NAME, "requires": {"context": "dprk", "within": within}}
    assert explained(rule, text="Unit 180", feed_id=feed_id) == [outcome]


def test_the_feeds_subject_is_proof() -> None:
    """A mention that counts for its feed's subject says so."""
    rule = Rule.model_validate({"id": "x.0", **NAME, "requires": {"context": "dprk", "within": "feed"}})
    entity = Entity(id="x", name="X", kind="topic", rules=(rule,))
    watchlist = Watchlist(words={}, contexts=CONTEXTS, entities=(entity,), subjects={"nk-news": ("dprk",)})
    ((mention,),) = Tagger(watchlist).tag([Document({"text": "Unit 180"}, "nk-news")])
    assert mention.evidence == {"sentence": "Unit 180", "sentence_start": 0, "feed_subject": ["dprk"]}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("US sanctions", ["US sanctions"]),
        ("U.S. sanctions", ["U.S. sanctions"]),
        ("let us sanctions", []),
        ("u.s. sanctions", ["u.s. sanctions"]),
    ],
)
def test_names_in_capitals(text: str, found: list[str]) -> None:
    """US in capitals is U.S.; the pronoun is not."""
    assert texts({"patterns": ["U.S. sanctions"]}, text) == found
    assert texts({"patterns": ["US sanctions"]}, text) == found
    assert texts({"phrases": ["US sanctions"]}, text) == found


def test_a_match_far_into_a_text_without_sentences_is_found() -> None:
    """However long a "sentence" is and wherever the match stands in it, it is found once."""
    rule = Rule(id="x.1", patterns=("stole ...9 coins",))
    tagger = Tagger(Watchlist(words={}, contexts={}, entities=(Entity(id="x", name="X", kind="topic", rules=(rule,)),)))
    for before in range(0, 400, 7):
        text = "word " * before + "stole a b c d e f g h coins" + " word" * 300
        ((mention,),) = tagger.tag([Document({"text": text})])
        assert mention.start == 5 * before


def test_word_lists_in_regular_expressions() -> None:
    """A regular expression names a word list of plain words in braces."""
    rule = Rule(id="x.1", regex=("{coin}[^。]{0,6}탈취",))
    entity = Entity(id="x", name="X", kind="topic", rules=(rule,))
    tagger = Tagger(Watchlist(words={"coin": ("비트코인", "이더리움")}, contexts={}, entities=(entity,)))
    ((mention,),) = tagger.tag([Document({"text": "해커가 이더리움을 모두 탈취했다"})])
    assert mention.text == "이더리움을 모두 탈취"
