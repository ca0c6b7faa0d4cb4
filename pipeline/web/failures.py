"""What stands in place of a page: not found, not allowed, broken. As JSON for a script.

Datasette's own handler prints each of these with its variables to the terminal, passwords and cookies among them.
"""

from __future__ import annotations

import logging

from datasette.utils.asgi import Base400, Request, Response
from datasette.views.base import DatasetteError

from pipeline.web.gate import wants_json
from pipeline.web.site import Site

log = logging.getLogger(__name__)


def forbidden(site: Site, request: Request, sentence: str) -> Response:
    """The answer to somebody who may not do that, or has not signed in."""
    return _answer(site, request, 401 if request.actor is None else 403, "You may not do that", sentence)


def failed(site: Site, request: Request, error: Exception) -> Response:
    """The answer that says what ``error`` was. One that nobody foresaw goes to the log."""
    if isinstance(error, DatasetteError):
        title = error.title or "That did not work"
        status = 400 if error.status == 500 else error.status  # which it says of a wrong address, too
        if error.message_is_html:  # the one such message: it holds a script of Datasette's, which would not run
            return _answer(site, request, status, title, "It took too long. Narrow it down and try again.")
        return _answer(site, request, status, title, str(error.message), error.error_dict)
    if isinstance(error, Base400):
        title = "There is no such page" if error.status == 404 else "That did not work"
        return _answer(site, request, error.status, title, "" if str(error) == "404" else str(error))
    log.error("%s %s: this is a bug of watchfloor, please report it", request.method, request.path, exc_info=error)
    return _answer(site, request, 500, "That is a bug of watchfloor", "The log of serve says more; please report it.")


def _answer(
    site: Site, request: Request, status: int, title: str, sentence: str, more: dict[str, object] | None = None
) -> Response:
    if wants_json(request):
        return site.json(
            {**(more or {}), "ok": False, "error": sentence or title, "status": status, "title": title}, status
        )
    response = site.page(request, "failure.html", title=title, sentence=sentence)
    response.status = status
    return response
