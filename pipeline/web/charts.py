"""Charts as SVG that stands in our pages: pygal's drawing without its scripts and styles, which our policy forbids.

What is left has classes only, and takes its colours from overview.css. Pure.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any

import pygal
from lxml import etree
from markupsafe import Markup

# pygal leaves a hook for plug-ins of its own, in a form that makes Python 3.11 warn at each import from then on
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]

_WIDTH, _HEIGHT = 320, 96
#: What pygal adds for its own script and style sheet: notes that only the script reads, and empty groups for its tips.
_NOT_DRAWN = ("defs", "desc", "title")


@lru_cache(maxsize=512)  # a chart changes when its counts do; drawing one takes some 15 ms
def columns(label: str, days: tuple[date, ...], counts: tuple[int, ...]) -> Markup:
    """A column for each day, the last of which is today's; ``label`` says in words what is seen."""
    top = max(counts, default=0) or 1
    chart = pygal.Bar(
        width=_WIDTH,
        height=_HEIGHT,
        margin=2,
        margin_top=8,
        show_legend=False,
        show_x_labels=False,
        y_labels=[0, top],
        range=(0, top),
        js=(),
        css=(),
        disable_xml_declaration=True,
        classes=("chart",),
        formatter=str,
    )
    last = len(days) - 1
    chart.add(
        "",
        [
            {"value": count, "node": {"class": "today" if place == last else "day"}}
            for place, count in enumerate(counts)
        ],
    )
    chart.add_xml_filter(lambda root: _ours(root, label, days, counts))
    return Markup(chart.render(is_unicode=True))  # noqa: S704 - numbers and escaped text, drawn by pygal


def _ours(root: Any, label: str, days: Sequence[date], counts: Sequence[int]) -> Any:
    """pygal's drawing with nothing in it but shapes, and the number of each day for the mouse."""
    for element in [*root.iter(etree.Comment, *_NOT_DRAWN)]:
        element.getparent().remove(element)
    for overlay in root.xpath("//*[contains(@class, 'overlay') or @class = 'titles']"):
        overlay.getparent().remove(overlay)
    for column, day, count in zip(root.xpath("//*[@class = 'bar']"), days, counts, strict=True):
        etree.SubElement(column, "title").text = f"{day:%a %d %b}: {count}"
    root.attrib.pop("id", None)
    root.set("role", "img")
    root.set("aria-label", label)
    return root
