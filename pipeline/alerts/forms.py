"""How an alert looks: subject, plain text, Markdown, HTML, JSON. Text from feeds is escaped. Pure."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache

from jinja2 import Template

from pipeline.alerts.grouping import Told
from pipeline.markup import listed, markdown_link, markdown_text, web_address
from pipeline.models import Message
from pipeline.templating import environment

#: Of several, so many are shown; the others are counted, and stand in the JSON form.
SHOWN = 5


def message_of(alert: str, told: Sequence[Told], now: datetime) -> Message:
    """The message of the alert with this name that tells of one or several."""
    shown, more = told[:SHOWN], max(len(told) - SHOWN, 0)
    return Message(
        kind="alert",
        about=alert,
        subject=_subject(told),
        text="\n".join(_text(shown, more)) + "\n",
        markdown="\n".join(_markdown(shown, more)) + "\n",
        html=_template().render(alert=alert, told=shown, more=more, subject=_subject(told)),
        json=json.dumps(
            {"kind": "alert", "alert": alert, "told": [dataclasses.asdict(one) for one in told]},
            ensure_ascii=False,
            default=lambda moment: moment.isoformat(),
        ),
        created_at=now,
    )


def _subject(told: Sequence[Told]) -> str:
    first = told[0]
    if len(told) == 1:
        return f"{listed(first.entities, 2)}: {first.title}"
    names = [name for one in told for name in one.entities]
    return f"{len(told)} alerts on {listed(names, 3)}: {first.title}"


def _text(told: Sequence[Told], more: int) -> Iterator[str]:
    for one in told:
        yield f"{one.title}" + (f" <{one.url}>" if web_address(one.url) else "")
        yield f"  {', '.join(one.entities)} · {one.detail}"
        if one.excerpt:
            yield "  " + "".join(f"*{piece}*" if marked else piece for piece, marked in one.excerpt)
            yield f"  Tagged by {one.proof}"
        yield ""
    if more:
        yield f"and {more} more"


def _markdown(told: Sequence[Told], more: int) -> Iterator[str]:
    for one in told:
        yield f"**{markdown_link(one.title, one.url)}**"
        yield ""
        yield markdown_text(f"{', '.join(one.entities)} · {one.detail}")
        if one.excerpt:
            pieces = [(markdown_text(piece), marked) for piece, marked in one.excerpt]
            yield ""
            yield "> " + "".join(f"**{piece}**" if marked else piece for piece, marked in pieces)
            yield ""
            yield markdown_text(f"Tagged by {one.proof}")
        yield ""
    if more:
        yield f"and {more} more"


@lru_cache(maxsize=1)
def _template() -> Template:
    return environment("pipeline.alerts").get_template("alert.html")
