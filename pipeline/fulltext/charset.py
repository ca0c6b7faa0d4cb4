"""The bytes of a web page as text. Never raises.

Source: https://html.spec.whatwg.org/multipage/parsing.html#determining-the-character-encoding, but for UTF-8: what
reads as UTF-8 without a fault is UTF-8, whatever the server and the page say by habit.
"""

from __future__ import annotations

import codecs
import re

import webencodings

_CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:+-]{1,40})""", re.IGNORECASE)
_DECLARED = re.compile(
    rb"""<meta\b[^>]{0,300}?charset\s*=\s*["']?([\w.:+-]{1,40})|<\?xml[^>]{1,300}?encoding\s*=\s*["']([\w.:+-]{1,40})""",
    re.IGNORECASE,
)
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
#: Python's codec that holds all of the standard's; None for what no page is text in.
_WIDER = {"gbk": "gb18030", "replacement": None, "x-user-defined": None}
_LEGACY = ("cp949", "gb18030", "cp932", "cp1251", "cp1252")  # what old pages without any declaration are written in
_BEGINNING = 4096  # bytes in which a declaration is looked for; browsers read 1024
_SAMPLE = 40_000  # bytes that are guessed from


def text_of(page: bytes, content_type: str) -> str:
    """``page``, which came under the HTTP header ``content_type``, as text.

    By its byte order mark, as UTF-8 where that fits, the HTTP charset, its own declaration, else by a guess. Bad bytes
    become U+FFFD.
    """
    for mark, name in _MARKS:
        if page.startswith(mark):
            return page[len(mark) :].decode(name, "replace")
    try:
        return page.decode()
    except UnicodeDecodeError:
        pass
    http = _CHARSET.search(content_type)
    declared = _DECLARED.search(page[:_BEGINNING])
    labels = [http[1] if http else "", (declared[1] or declared[2]).decode("ascii", "replace") if declared else ""]
    names = [codec for label in labels if (codec := _codec(label))]
    # A server's Latin-1 is a habit, not a statement: what the page says of itself comes first then.
    names.sort(key=lambda name: name == "cp1252")
    fitting = min(names, key=lambda name: _faults(page, name), default=None)
    return page.decode(fitting or _guessed(page), "replace")


def _faults(page: bytes, name: str) -> float:
    """Bytes of the beginning that are no characters of the codec ``name``, in hundredths of it: an odd one is none."""
    sample = page[:_SAMPLE]
    return sample.decode(name, "replace").count("\ufffd") * 100 // max(len(sample), 1)


def _guessed(page: bytes) -> str:
    from charset_normalizer import from_bytes  # noqa: PLC0415 - only where no page says what it is, which is rare

    if _faults(page, "utf-8") < 1:  # a byte cut in two, no other encoding
        return "utf-8"
    # Without markup, which is the same in all of them and drowns the rest.
    words = re.sub(rb"<[^<>]*+>", b" ", page[:_SAMPLE])
    best = from_bytes(words, cp_isolation=list(_LEGACY), threshold=0.5).best()
    return best.encoding if best else "cp1252"


def _codec(label: str) -> str | None:
    """Python's name for the encoding that browsers mean by ``label``; None for anything else, such as ``punycode``."""
    encoding = webencodings.lookup(label) or webencodings.lookup(label.lower().removeprefix("x-"))
    if encoding is None:
        return None
    return _WIDER[encoding.name] if encoding.name in _WIDER else codecs.lookup(encoding.codec_info.name).name
