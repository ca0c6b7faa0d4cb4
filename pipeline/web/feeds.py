"""Atom feeds of what is watched: one for each entity, and for each saved filter. Newest first; reads only."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from datasette.app import Datasette
from datasette.utils.asgi import NotFound, Request, Response

from pipeline import __version__
from pipeline.exports import About, atom
from pipeline.models import Wanted
from pipeline.store import Reading
from pipeline.times import from_iso
from pipeline.web.site import FEEDS, Routes, Site

_ENTRIES = 50
_LONG_AGO = datetime.fromtimestamp(0, UTC)


class FeedPages:
    """The feeds."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> Routes:
        """Which addresses are answered by what."""
        return [
            (rf"^{FEEDS}entity/(?P<name>[^/]{{1,200}})\.atom$", self.of_entity),
            (rf"^{FEEDS}filter/(?P<name>[^/]{{1,200}})\.atom$", self.of_filter),
        ]

    async def of_entity(self, datasette: Datasette, request: Request) -> Response:
        """What mentions one entity."""
        name = unquote(request.url_vars["name"])
        known = await self._site.read(datasette, lambda stored: stored.exporting.entities())
        if name not in known:
            raise NotFound(f"There is no entity {name}.")
        return await self._feed(datasette, request, known[name]["name"], Wanted(entities=(name,)), {"entity": name})

    async def of_filter(self, datasette: Datasette, request: Request) -> Response:
        """What meets a saved filter."""
        name = unquote(request.url_vars["name"])
        saved = {one.id: one for one in self._site.config.filters}.get(name)
        if saved is None:
            raise NotFound(f"There is no saved filter {name}.")
        return await self._feed(datasette, request, saved.title, saved.wanted, {"filter": name})

    async def _feed(
        self, datasette: Datasette, request: Request, title: str, wanted: Wanted, names: Mapping[str, Any]
    ) -> Response:
        address = f"{request.scheme}://{request.host}{request.path}"

        def look(stored: Reading) -> bytes:
            rows = stored.exporting.newest(wanted, _ENTRIES)
            changes = [from_iso(row.item["updated_at"]) for row in rows]
            about = About(
                title=f"{title} · watchfloor",
                address=address,
                entities=stored.exporting.entities(),
                since=_LONG_AGO,
                listed=_LONG_AGO,
                updated=max(changes, default=_LONG_AGO),
                program=f"watchfloor {__version__}",
                wanted=names,
            )
            file = io.BytesIO()
            atom.write(rows, file, about)
            return file.getvalue()

        body = await self._site.read(datasette, look)
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache", "Content-Type": f"{atom.MEDIA_TYPE}; charset=utf-8"}
        if _knows(request.headers.get("if-none-match", ""), tag):
            return Response("", status=304, headers=headers)
        return Response(body, status=200, headers=headers, content_type=headers.pop("Content-Type"))


def _knows(known: str, tag: str) -> bool:
    """Whether a reader has what ``tag`` names, by its If-None-Match (RFC 9110): several, weak ones from proxies."""
    return known.strip() == "*" or tag in [one.strip().removeprefix("W/") for one in known.split(",")]
