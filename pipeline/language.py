"""Which language a text is in: told from the text itself, and from what its feed declares only where that is unsure.

py3langid's classifier (naive Bayes over byte sequences: Lui and Baldwin, ACL 2012, https://aclanthology.org/P12-3005/)
does the work; it is loaded when first asked. Pure otherwise.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

_SURE = 0.95  # below it, what the feed declares decides
_MOST_CHARACTERS = 600  # more do not change the answer
_LEAST_LETTERS = 12  # fewer are a name or a number
_CODE = re.compile(r"[a-z]{2,3}\b")
_HANGUL, _KANA, _HAN = (re.compile(f"[{letters}]") for letters in ("\uac00-\ud7af", "\u3040-\u30ff", "\u4e00-\u9fff"))
_LETTER = re.compile(r"[^\W\d_]")
_ADDRESS = re.compile(r"https?://\S+")
#: The languages told apart: those in which news is written most. Others come out as what their feed declares.
_LANGUAGES = (
    "ar bg bn ca cs da de el en es et fa fi fr he hi hr hu id it ja ko lt lv ms nl no pl pt ro ru sk sl sq sr sv ta th"
    " tr uk ur vi zh"
).split()


def detect(fields: Mapping[str, str], declared: str | None) -> str | None:
    """The language of a document (ISO 639-1) whose ``fields`` are given in reading order.

    ``declared`` is what the feed says, such as ``en-US``; it decides only where the text alone is too short or too
    mixed, and None comes out where it says nothing either. Nothing in a text raises.
    """
    text = _ADDRESS.sub(" ", " \n".join(fields.values())[: 2 * _MOST_CHARACTERS])[:_MOST_CHARACTERS]
    said = _CODE.match(declared.lower()) if declared else None
    fallback = said.group() if said else None
    letters = len(_LETTER.findall(text))
    unspaced = [len(script.findall(text)) for script in (_HANGUL, _KANA, _HAN)]
    if letters and sum(unspaced) * 3 >= letters:  # a third: names and addresses in Latin letters stand between
        hangul, kana, _ = unspaced
        return "ko" if hangul >= sum(unspaced) / 2 else "ja" if kana else "zh"
    if letters < _LEAST_LETTERS:
        return fallback
    language, sure = _identifier().classify(text)
    return str(language) if sure >= _SURE or fallback is None else fallback


@functools.cache
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415 - half a second, only where items are new

    identifier = LanguageIdentifier.from_pickled_model(MODEL_FILE, norm_probs=True)
    identifier.set_languages(_LANGUAGES)
    return identifier
