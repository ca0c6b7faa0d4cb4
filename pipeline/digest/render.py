"""How the digest looks: HTML (one file, no outside requests), Markdown, plain text, JSON."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterator, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from pipeline.digest.build import Digest, Entry, Excerpt, WeakRule

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~])")


def render(digest: Digest, form: str) -> str:
    """The digest as text in ``form``, one of ``FORMATS``."""
    return FORMATS[form](digest)


def to_html(digest: Digest) -> str:
    """One HTML file with everything in it; text from feeds is escaped."""
    environment = Environment(
        loader=PackageLoader("pipeline.digest"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"outlets": outlets, "weak_rule": weak_rule}
    return environment.get_template("digest.html").render(digest=digest)


def to_json(digest: Digest) -> str:
    """The digest's values as JSON."""
    return json.dumps(dataclasses.asdict(digest), ensure_ascii=False, indent=2, default=str) + "\n"


def to_markdown(digest: Digest) -> str:
    """CommonMark; text from feeds is escaped."""
    return "\n".join(_lines(digest, escape=_escape, strong="**", link=_markdown_link, heading="#")) + "\n"


def to_text(digest: Digest) -> str:
    """Plain text for a terminal or a mail."""
    return "\n".join(_lines(digest, escape=str, strong="*", link=_text_link, heading="=")) + "\n"


FORMATS: dict[str, Callable[[Digest], str]] = {
    "html": to_html,
    "markdown": to_markdown,
    "text": to_text,
    "json": to_json,
}


def _lines(
    digest: Digest,
    *,
    escape: Callable[[str], str],
    strong: str,
    link: Callable[[str, str | None], str],
    heading: str,
) -> Iterator[str]:
    yield f"{heading} Digest of {digest.day} ({digest.timezone})"
    yield ""
    yield escape(digest.headline)
    for section in digest.sections:
        yield ""
        yield f"{heading * 2} {escape(section.name)} ({len(section.entries)})"
        yield ""
        for entry in section.entries:
            yield from _entry_lines(entry, escape=escape, strong=strong, link=link)
    yield ""
    yield f"{heading * 2} What could not be seen"
    yield ""
    yield f"{digest.feeds_polled} of {digest.feeds_configured} feeds were polled; {len(digest.troubles)} had trouble."
    for trouble in digest.troubles:
        yield (
            f"- {strong}{escape(trouble.feed_id)}{strong} ({trouble.state}, {trouble.failures} of {trouble.polls} "
            f"polls failed, last success {trouble.last_success}): {escape(trouble.error)}"
        )
    for unseen in digest.unseen:
        yield f"- {strong}{escape(unseen.feed_id)}{strong}: {escape(unseen.text)}"
    if digest.weak_rules:
        yield ""
        yield f"{heading * 2} Rules below the floor"
        yield ""
    for weak in digest.weak_rules:
        yield f"- {strong}{escape(weak.rule)}{strong} ({escape(weak.entity)}): {weak_rule(weak)}"
    if digest.quiet:
        yield ""
        yield f"Nothing today on: {escape(', '.join(digest.quiet))}."
    yield ""
    yield f"Watch-list {digest.watchlist_version}, {digest.program}."


def _entry_lines(
    entry: Entry, *, escape: Callable[[str], str], strong: str, link: Callable[[str, str | None], str]
) -> Iterator[str]:
    if entry.shown_under:
        yield f"- {link(entry.title, entry.url)} (see {escape(entry.shown_under)})"
        return
    verdict = f" · {entry.verdict}" if entry.verdict else ""
    yield f"- {link(entry.title, entry.url)} · {escape(entry.feed)}, {entry.time}{verdict}"
    if entry.excerpt:
        yield f"  {_marked(entry.excerpt, escape, strong)}"
    if entry.copies:
        yield f"  Same in {escape(outlets(entry.copies))}"
    if entry.also:
        yield f"  Also: {escape(', '.join(entry.also))}"


def outlets(copies: Sequence[str], most: int = 6) -> str:
    """The feeds of a story's copies in one line, each once."""
    names = list(dict.fromkeys(copies))
    shown = ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
    return shown + (f" ({len(copies)} copies)" if len(copies) > 1 else "")


def weak_rule(weak: WeakRule) -> str:
    """How right a rule was found to be, in words."""
    return f"{weak.right} of {weak.judged} judged mentions are right; surely no more than {weak.at_most:.0%} of all are"


def _marked(excerpt: Excerpt, escape: Callable[[str], str], strong: str) -> str:
    return "".join(f"{strong}{escape(piece)}{strong}" if marked else escape(piece) for piece, marked in excerpt).strip()


def _escape(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)


def _markdown_link(title: str, url: str | None) -> str:
    if url is None:
        return _escape(title)
    address = url.replace("<", "%3C").replace(">", "%3E").replace(" ", "%20").replace("\\", "%5C")
    return f"[{_escape(title)}](<{address}>)"


def _text_link(title: str, url: str | None) -> str:
    return f"{title} <{url}>" if url else title
