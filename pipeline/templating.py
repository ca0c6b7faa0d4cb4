"""The templates of pages, digests and alerts: text is escaped, and a name that is not there is an error. Pure."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from pipeline.markup import web_address


def environment(package: str) -> Environment:
    """What renders the HTML templates in the folder ``templates`` of ``package``."""
    made = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["web_address"] = web_address
    return made
