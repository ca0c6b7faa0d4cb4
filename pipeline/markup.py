"""Text from feeds in what people read: Markdown that shows it as it is, links that lead to the web alone. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~])")
_WEB = re.compile(r"https?://", re.IGNORECASE)
_NO_BRACKETS = {ord("<"): "%3C", ord(">"): "%3E", ord("\n"): "", ord("\\"): "%5C"}


def web_address(url: str | None) -> str:
    """The address where it leads to the web; empty for any other scheme, which must never become a link."""
    return url if url and _WEB.match(url) else ""


def markdown_text(text: str) -> str:
    """``text`` so that CommonMark shows it as it is."""
    return _MARKDOWN.sub(r"\\\1", text)


def markdown_link(text: str, url: str | None) -> str:
    """A link of CommonMark, or the text alone where ``url`` does not lead to the web."""
    if not web_address(url):
        return markdown_text(text)
    return f"[{markdown_text(text)}](<{str(url).translate(_NO_BRACKETS)}>)"


def listed(names: Sequence[str], most: int = 6) -> str:
    """``a, b and 3 more``: names in one line, each once."""
    once = list(dict.fromkeys(names))
    rest = len(once) - most
    return ", ".join(once[:most]) + (f" and {rest} more" if rest > 0 else "")
