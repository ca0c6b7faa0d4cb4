"""How the digest looks: HTML (one file, no outside requests), Markdown, plain text, JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import pydantic_core
from jinja2 import Template

from pipeline.digest import charts, wording
from pipeline.digest.values import Digest, Entry, Section
from pipeline.markup import markdown_link, markdown_text
from pipeline.models import Excerpt
from pipeline.templating import environment

_MOST_EDITS = 20


def render(digest: Digest, form: str) -> str:
    """The digest as text in ``form``, one of ``FORMATS``."""
    return FORMATS[form](digest)


def to_html(digest: Digest) -> str:
    """One HTML file with everything in it; text from feeds is escaped."""
    return _template().render(digest=digest, edits=digest.edits[:_MOST_EDITS], more_edits=_more_edits(digest))


@lru_cache(maxsize=1)
def _template() -> Template:
    templates = environment("pipeline.digest")
    templates.globals |= {"say": wording, "chart": charts}
    return templates.get_template("digest.html")


def to_json(digest: Digest) -> str:
    """The digest's values as JSON."""
    return pydantic_core.to_json(digest, indent=2).decode() + "\n"


def to_markdown(digest: Digest) -> str:
    """CommonMark; text from feeds is escaped."""
    return "\n".join(_lines(digest, _Look("#", "**", markdown_text, markdown_link))) + "\n"


def to_text(digest: Digest) -> str:
    """Plain text for a terminal or a mail."""
    return "\n".join(_lines(digest, _Look("=", "*", str, _text_link))) + "\n"


FORMATS: dict[str, Callable[[Digest], str]] = {
    "html": to_html,
    "markdown": to_markdown,
    "text": to_text,
    "json": to_json,
}


@dataclass(frozen=True, slots=True)
class _Look:
    """What sets Markdown and plain text apart."""

    heading: str
    strong: str
    escape: Callable[[str], str]
    link: Callable[[str, str | None], str]

    def title(self, level: int, text: str) -> list[str]:
        return ["", f"{self.heading * level} {self.escape(text)}", ""]

    def bold(self, text: str) -> str:
        return f"{self.strong}{self.escape(text)}{self.strong}"


def _lines(digest: Digest, look: _Look) -> Iterator[str]:
    yield f"{look.heading} Digest of {digest.day:%A}, {digest.day} ({digest.timezone})"
    yield ""
    yield look.escape(digest.headline)
    yield from look.title(2, "What is unusual")
    for one in digest.unusual:
        yield f"- {look.bold(one.name)}: {wording.unusual(one)}"
    if not digest.unusual:
        yield look.escape(digest.unusual_reason or "Nothing: every count is within what is usual.")
    for section in digest.sections:
        yield from _section_lines(section, look)
    if digest.edits:
        yield from look.title(2, "Edits that matter")
        for edit in digest.edits[:_MOST_EDITS]:
            yield f"- {look.link(edit.title, edit.url)} · {look.escape(edit.feed)}, {edit.time}"
            yield from (f"  - {look.escape(change)}" for change in edit.changes)
        if more := _more_edits(digest):
            yield f"- and {more} more"
    yield from look.title(2, "The review")
    for sentence in wording.review(digest.review):
        yield look.escape(sentence)
    for weak in digest.review.weak_rules:
        yield f"- {look.bold(weak.rule)} ({look.escape(weak.entity)}): {wording.weak_rule(weak)}"
    yield from _coverage_lines(digest, look)
    yield ""
    yield look.escape(wording.origin(digest))


def _section_lines(section: Section, look: _Look) -> Iterator[str]:
    yield from look.title(2, f"{section.name} ({len(section.entries)})")
    if section.days:
        yield f"{charts.blocks(section.days)} {len(section.days)} days, {section.days[-1]} mentions in this one"
        yield ""
    full, titles, more = wording.shown(section)
    for entry in full:
        yield from _entry_lines(entry, look)
    for entry in titles:
        yield f"- {look.link(entry.title, entry.url)} ({look.escape(wording.short(entry))})"
    if more:
        yield f"- and {more} more"


def _entry_lines(entry: Entry, look: _Look) -> Iterator[str]:
    verdict = f" · {look.escape(wording.verdict(entry))}" if entry.verdict else ""
    yield f"- {look.link(entry.title, entry.url)} · {look.escape(' · '.join(wording.facts(entry)))}{verdict}"
    yield f"  {_marked(entry.excerpt, look)}"
    yield f"  Tagged by {look.escape(wording.proof(entry.proof))}"
    if entry.also:
        yield f"  Also: {look.escape(', '.join(entry.also))}"


def _coverage_lines(digest: Digest, look: _Look) -> Iterator[str]:
    yield from look.title(2, "What could not be seen")
    yield look.escape(wording.coverage(digest.coverage))
    for trouble in digest.coverage.troubles:
        polls = f"{trouble.failures} of {trouble.polls} polls failed, last success {trouble.last_success}"
        yield f"- {look.bold(trouble.feed_id)} ({polls}): {look.escape(trouble.error)}"
    for unseen in digest.coverage.unseen:
        yield f"- {look.bold(unseen.feed_id)}: {look.escape(unseen.text)}"
    for sentence in wording.quiet(digest.coverage):
        yield ""
        yield look.escape(sentence)


def _more_edits(digest: Digest) -> int:
    return max(len(digest.edits) - _MOST_EDITS, 0)


def _marked(pieces: Excerpt, look: _Look) -> str:
    return "".join(look.bold(piece) if marked else look.escape(piece) for piece, marked in pieces)


def _text_link(text: str, url: str | None) -> str:
    return f"{text} <{url}>" if url else text
