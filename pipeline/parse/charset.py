"""A body's bytes as text, whatever they are written in and whatever is said of them. Never raises.

Sources: RFC 7303 section 3; XML 1.0 appendix F; https://encoding.spec.whatwg.org for labels and what they stand for.
"""

from __future__ import annotations

import codecs
import re

import webencodings

_CHARSET = r"""charset\s*=\s*["']?([\w.:+-]{1,40})"""
_XML_ENCODING = re.compile(rb"""<\?xml[^>]{1,300}?encoding\s*=\s*["']([\w.:+-]{1,40})""")
_LANGUAGE = re.compile(
    rb"""(?:<(?:dc:)?language>\s*|xml:lang\s*=\s*["'])(?:(be|bg|mk|ru|uk)|(ko)|(ja)|(zh-(?:tw|hk))|(zh))\b""",
    re.IGNORECASE,
)
#: Bytes as only text in that writing holds them in a row: four letters, two syllables.
_CYRILLIC = re.compile(rb"[\xa8\xb8\xc0-\xff]{4,}")
_HANGUL = re.compile(rb"(?:[\xb0-\xc8][\xa1-\xfe]){2,}")
_IN_LANGUAGE = (("cp1251",), ("cp949",), ("euc_jp", "cp932"), ("big5hkscs",), ("gb18030",))
_WIDE = (  # the byte order mark, or where the zeros of "<?xm" stand
    (b"\xff\xfe\0\0|\0\0\xfe\xff", "utf-32"), (b"\xff\xfe|\xfe\xff", "utf-16"), (b"[^\0]\0\0\0", "utf-32-le"),
    (b"\0\0\0[^\0]", "utf-32-be"), (b"[^\0]\0[^\0]\0", "utf-16-le"), (b"\0[^\0]\0[^\0]", "utf-16-be"),
)  # fmt: skip
#: Python's names for what feeds are written in beyond the standard's labels. Nothing such as punycode or utf-7.
_NO_LABEL = re.compile(r"(cp\d+|iso8859-\d+|iso2022_jp\w*|euc_\w+|gb\w+|big5\w*|mac-\w+)\Z")
#: Where Python's codec of that name holds less than the standard's.
_WIDER = {"gbk": "gb18030", "gb2312": "gb18030", "iso2022_jp": "iso2022_jp_ext"}
_DEFAULTS = ("utf-8", "cp1252")  # what servers and generators say, whatever they send
_SURE = 4  # as many characters beyond ASCII that are right in UTF-8 are no chance


def decoded(body: bytes, content_type: str) -> str:
    """``body``, which came under the HTTP header ``content_type``, as text.

    By its byte order mark, the HTTP charset, the XML declaration, else as UTF-8, in this order. What is UTF-8 beyond
    doubt is read so whatever is said. Servers say Latin-1 and UTF-8 by default: there too the bytes themselves decide,
    and at last the language that the feed names. Bad bytes become U+FFFD.
    """
    wide = next((name for beginning, name in _WIDE if re.match(beginning, body, re.DOTALL)), None)
    if wide:
        return body.decode(wide, "replace")
    as_utf8 = body.decode("utf-8", "replace")
    bad = as_utf8.count("\ufffd")
    good = len(as_utf8) - len(as_utf8.encode("ascii", "ignore")) - bad
    is_utf8 = bad * 10 <= good
    if body.startswith(codecs.BOM_UTF8) or (is_utf8 and good >= _SURE):
        return as_utf8
    in_http, in_xml = re.search(_CHARSET, content_type, re.IGNORECASE), _XML_ENCODING.search(body[:2000])
    labels = (in_http[1] if in_http else "", in_xml[1].decode() if in_xml else "")
    codecs_said = [codec for label in labels if (codec := _codec(label))]
    for codec in codecs_said:
        if codec.name not in _DEFAULTS:
            try:
                return codec.decode(body, "watchfloor.nec")[0]
            except UnicodeDecodeError:
                continue
        if is_utf8:
            return as_utf8
    if is_utf8:
        return as_utf8
    other = next((codec for codec in codecs_said if codec.name not in _DEFAULTS), None)
    if other:
        return other.decode(body, "replace")[0]
    said_western = any(codec.name == "cp1252" for codec in codecs_said)
    return as_utf8 if good >= bad and not said_western else _by_language(body)


def _codec(label: str) -> codecs.CodecInfo | None:
    """What reads text of ``label``; None for a name that feeds are not written in.

    UTF-16 is none here: bytes that are, were recognised. "replacement" stands for encodings that hide markup.
    """
    plainly = re.sub(r"^x-", "", label.lower()).replace("_", "-")
    encoding = webencodings.lookup(label) or webencodings.lookup(plainly)
    if encoding is not None:
        if encoding.name == "replacement" or encoding.name.startswith("utf-16"):
            return None
        codec: codecs.CodecInfo = encoding.codec_info
    else:
        try:
            codec = codecs.lookup(plainly)
        except LookupError:
            return None
        if not _NO_LABEL.match(codec.name):
            return None
    return codecs.lookup(_WIDER[codec.name]) if codec.name in _WIDER else codec


def _by_language(body: bytes) -> str:
    """``body``, which is not UTF-8, in what is usual for the language that it names or shows: Western if for none.

    Source: https://html.spec.whatwg.org/multipage/parsing.html#determining-the-character-encoding, last step.
    """
    named = _LANGUAGE.search(body[:5000])
    names: tuple[str, ...] = _IN_LANGUAGE[(named.lastindex or 1) - 1] if named else ()
    most = len(re.findall(b"[\x80-\xff]", body)) * 0.7
    if not names and sum(map(len, _CYRILLIC.findall(body))) > most:
        names = ("cp1251",)
    elif not names and sum(map(len, _HANGUL.findall(body))) > most:
        names = ("cp949",)
    if "cp1251" in names and len(re.findall(b"[\xc0-\xdf]", body)) > len(re.findall(b"[\xe0-\xff]", body)):
        names = ("koi8-r",)  # its small letters are the capitals of the other
    for name in names:
        try:
            return body.decode(name, "watchfloor.nec")
        except UnicodeDecodeError:
            continue
    return body.decode("cp1252", "replace")


def _nec(error: UnicodeError) -> tuple[str, int]:
    """A character of EUC-JP or ISO-2022-JP that Python does not know: those that NEC and IBM added are in cp932.

    Source: https://encoding.spec.whatwg.org/#euc-jp-decoder and the index jis0208.
    """
    if not isinstance(error, UnicodeDecodeError) or error.encoding not in ("euc_jp", "iso2022_jp_ext"):
        raise error
    row, cell = ((byte | 0x80) - 0xA1 for byte in (error.object + b"\0\0")[error.start : error.start + 2])
    if not (0 <= row < 94 and 0 <= cell < 94):
        raise error
    first = row // 2 + (0x81 if row < 62 else 0xC1)
    second = cell + 0x9F if row % 2 else cell + 0x40 + (cell >= 63)
    return bytes([first, second]).decode("cp932"), error.start + 2


codecs.register_error("watchfloor.nec", _nec)
