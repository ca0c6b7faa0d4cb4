"""Files that others read: written whole or not at all, in the form that their name asks for."""

from __future__ import annotations

from pathlib import Path

_BY_SUFFIX = {".html": "html", ".htm": "html", ".md": "markdown", ".txt": "text", ".json": "json"}


def form_of(path: Path) -> str:
    """The form of a digest that a file's name asks for; plain text when it asks for none."""
    return _BY_SUFFIX.get(path.suffix.lower(), "text")


def write_whole(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` by way of a file beside it, so that nobody ever reads a part of it.

    Raises:
        OSError: when that is impossible; what stood there before stays, and nothing is left beside it.
    """
    partial = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
