"""A text as the words that are compared: each with its kind, numbers by their value. Pure; nothing here raises.

A run of Hangul or katakana is one word; a character of Han or hiragana is one.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.text import AMOUNT, normalise, tokenise

#: What a word is: plain, a number, a name (a capital, katakana), a day or month, a character of Han, of hiragana, or a
#: run of Hangul.
PLAIN, NUMBER, NAME, DATE, HAN, KANA, HANGUL = range(7)

_RUN = re.compile(r"[\u30a0-\u30ff]|[\uac00-\ud7af\u1100-\u11ff\u3130-\u318f]")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_SCALES = {
    "thousand": 1e3, "тыс": 1e3, "million": 1e6, "mln": 1e6, "mio": 1e6, "mn": 1e6, "m": 1e6, "millones": 1e6,
    "млн": 1e6, "миллион": 1e6, "billion": 1e9, "bn": 1e9, "b": 1e9, "mrd": 1e9, "milliard": 1e9, "млрд": 1e9,
    "миллиард": 1e9, "trillion": 1e12, "tn": 1e12, "k": 1e3, "万": 1e4, "萬": 1e4, "만": 1e4, "亿": 1e8, "億": 1e8,
    "억": 1e8, "조": 1e12, "兆": 1e12,
}  # fmt: skip
_SCALED = re.compile(rf"(\d+(?:[.,]\d+)*)(?:\s?({'|'.join(sorted(map(re.escape, _SCALES), key=len, reverse=True))}))?")
_UNITS = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen"
    " nineteen twenty"
).split()
_TENS = "thirty forty fifty sixty seventy eighty ninety hundred".split()
_SPELLED = {word: str(value) for value, word in [*enumerate(_UNITS, 2), *zip(range(30, 110, 10), _TENS, strict=True)]}
#: Numbers that are often spelled out, and how.
NUMBERS = {value: word for word, value in _SPELLED.items()}
_HUNDREDS = {"百": 100, "千": 1000, "천": 1000}
#: British spellings, and what the American ones have in their place.
_BRITISH = [
    (re.compile(pattern), american)
    for pattern, american in (
        (r"(?<=..)is(e[drs]?|ing|ations?)\Z", r"iz\1"),
        (r"(?<=[a-z]{2}[bdlnvr])our(s|ed|ing|able|ite|ites|hood)?\Z", r"or\1"),
        (r"(?<=[a-z]{2}t)re(s|d)?\Z", r"er\1"),
        (r"(?<=[a-z]{2})ence\Z", "ense"),
        (r"(?<=[a-z]{2}log)ue(s)?\Z", r"\1"),
        (r"(?<=[a-z]{3})mme(s)?\Z", r"m\1"),
        (r"(?<=[a-z]{2}l)l(ed|ing|er|ers)\Z", r"\1"),
        (r"\Atonne(s)?\Z", r"ton\1"),
        (r"\Acheque(s)?\Z", r"check\1"),
    )
]
#: Characters of a word, at most: so much of a text holds as many words as are asked for.
_LONG_WORD = 12
_UNSEEN = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))  # soft hyphens, joiners
_VARIANTS = str.maketrans("臺爲衞裏峯綫衆", "台為衛裡峰線眾")
_DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_MONTHS = "january february march april may june july august september october november december".split()
_DATES = {short: name for name in (*_DAYS, *_MONTHS) for short in (name, name[:3])} | {"sept": "september"}
#: Short forms that are words, too.
_NO_DATES = frozenset("may mar sat sun".split())
STOP = frozenset(
    "a an the and or but of in on at to for from by with as is are was were be been has have had it its that this these"
    " those he she they his her their who which will would said says say also more than into over after before about up"
    " out not no i we you us our my your mr mrs ms new one first last there when where while if so such between under"
    " against since until during through amid per percent cent dollar dollars metric".split()
)
_PUNCTUATION = re.compile(r"[^\w\s]+\Z|_+\Z")
#: After a word: nothing ends; what follows is another line or no more of the text; a sentence ends.
RUNS_ON, BREAK, SENTENCE = range(3)
_DASH = re.compile(r"[—–:=/]|--|\s-\s")
_ENDS = dict.fromkeys(".!?。！？", SENTENCE) | dict.fromkeys("…\n[→»▶|", BREAK)


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a text: their forms, kinds (see above), weights (a Latin word 2, a character of Han 1), ends."""

    forms: list[str]
    kinds: list[int]
    weights: list[int]
    ends: list[int]

    def __len__(self) -> int:
        return len(self.forms)

    def word(self, at: int) -> tuple[str, int]:
        """The form and the kind of one word."""
        return self.forms[at], self.kinds[at]

    @property
    def weight(self) -> int:
        """Of all words together."""
        return sum(self.weights)


def words_of(text: str, most: int) -> Words:
    """At most ``most`` words of ``text``, from its start."""
    found = Words([], [], [], [])
    source = unicodedata.normalize("NFKC", text[: most * _LONG_WORD].translate(_UNSEEN))
    tokens = tokenise(normalise(source))
    last = 0  # where the word before ends
    run_end = -1  # where the run of Hangul or katakana ends that the last word is
    number_end = -1  # where the number ends that the last word is
    for lower, written, start, end in zip(tokens.lower, tokens.written, tokens.starts, tokens.ends, strict=True):
        if _PUNCTUATION.match(written) or written == "\n":
            if found.ends:
                found.ends[-1] = max(found.ends[-1], _ENDS.get(written, RUNS_ON))
            continue
        if found.ends and start > last and source[last:start] != " " and _DASH.search(source, last, start):
            found.ends[-1] = max(found.ends[-1], BREAK)
        last = end
        run = _RUN.match(written)
        if run and start == run_end and found.kinds[-1] == _run_kind(written):
            found.forms[-1] += written
            run_end = end
            continue
        if len(found) == most:
            break
        run_end = end if run else -1
        if start == number_end and (more := _continued(found.forms[-1], lower, written)):
            found.forms[-1], number_end = more, end  # 1万2000, 1万2千
            continue
        number_end = end if lower == AMOUNT or written[0].isdigit() else -1
        for form, kind in _word(lower, written, is_run=bool(run)):
            found.forms.append(form)
            found.kinds.append(kind)
            found.weights.append(1 if kind in (HAN, KANA) else 2)
            found.ends.append(RUNS_ON)
    return found


def _word(lower: str, written: str, *, is_run: bool) -> Iterator[tuple[str, int]]:
    if is_run:
        yield written, _run_kind(written)
    elif lower == AMOUNT or written[0].isdigit():
        yield _value(written.lower()), NUMBER
    elif lower in _SPELLED:
        yield _SPELLED[lower], NUMBER
    elif lower in _DATES and (written[0].isupper() or lower == _DATES[lower]) and lower not in _NO_DATES:
        yield _DATES[lower], DATE
    elif _HAN.match(written):
        yield written.translate(_VARIANTS), HAN
    elif "\u3040" <= written <= "\u309f":
        yield written, KANA
    elif written[0].isupper() and lower not in STOP:
        yield _american(lower.replace(".", "")), NAME
    else:
        yield _american(lower.replace(".", "")), PLAIN


def _continued(number: str, lower: str, written: str) -> str | None:
    """The value of ``number`` with what follows it without a space; None when that is no part of it."""
    try:
        value = float(number)
        if written in _HUNDREDS:
            units = value % 10_000 if value >= 10_000 else value
            return f"{value - units + units * _HUNDREDS[written]:.12g}"
        following = float(_value(written.lower())) if lower == AMOUNT or written[0].isdigit() else value
    except ValueError:
        return None
    return f"{value + following:.12g}" if following < value and value >= 10_000 and value % 10_000 == 0 else None


@functools.lru_cache(maxsize=4096)
def _american(word: str) -> str:
    for british, american in _BRITISH:
        word, number = british.subn(american, word)
        if number:
            break
    return word


def _run_kind(written: str) -> int:
    return NAME if written < "\u3130" else HANGUL


def _value(written: str) -> str:
    """A number or an amount as its value, so that ``$41m`` is ``41 million dollars`` and ``15억 3000만`` one number."""
    total, found = 0.0, False
    for match in _SCALED.finditer(written):
        number = _number(match[1])
        if number is None:
            return match[1]  # a version
        total += number * _SCALES.get(match[2] or "", 1)
        found = True
    return f"{total:.12g}" if found else written  # millions of dollars


def _number(digits: str) -> float | None:
    parts, marks = re.split(r"[.,]", digits[:30]), re.findall(r"[.,]", digits)
    if len(parts) == 1:
        return float(parts[0])
    if all(len(part) == 3 for part in parts[1:]) and len(set(marks)) == 1 and (marks[0] == "," or len(marks) > 1):
        return float("".join(parts))  # 41,000; 1.250.000
    if len(parts) == 2:
        return float(".".join(parts))  # 4.5; 4,5
    if len(set(marks)) == 2 and marks.count(marks[-1]) == 1:
        return float("".join(parts[:-1]) + "." + parts[-1])  # 4,502.9; 4.502,9
    return None
