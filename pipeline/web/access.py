"""Who looks and what they may do: roles, signing in and out, and sessions that end with the account they belong to.

A session is a signed cookie. It holds no role: that is taken from the configuration at each request.
"""

from __future__ import annotations

import hashlib
import math
import re
import secrets
from datetime import timedelta
from typing import Any

from datasette.app import Datasette
from datasette.utils.asgi import Forbidden, Request, Response
from itsdangerous import BadSignature

from pipeline.reviewers import User
from pipeline.times import Clock
from pipeline.web.accounts import Accounts
from pipeline.web.site import Routes, Site

#: Each may do what those before it may.
ROLES = ("reader", "reviewer", "admin")
COOKIE = "ds_actor"
SIGN_IN = "/-/sign-in"
_START = "/-/queue"
_LASTS = timedelta(hours=12)
_PURPOSE = "watchfloor-session"
_HERE = re.compile(r"/(?![/\\])[!-\[\]-~]*")  # a path of these pages; two slashes at its start would be another host
_MAY = {"reviewer": "give verdicts", "admin": "change what is watched"}


def _role_of(request: Request) -> str | None:
    """The role of who asks; None for somebody who is not signed in."""
    role = (request.actor or {}).get("role")
    return role if role in ROLES else None


def may_review(request: Request) -> bool:
    """Whether who asks may give verdicts."""
    return _may(request, "reviewer")


def may_administer(request: Request) -> bool:
    """Whether who asks may change what is watched."""
    return _may(request, "admin")


def require(request: Request, role: str) -> str:
    """The name of who asks. Raises ``Forbidden`` with a sentence for somebody of less than ``role``."""
    if request.actor is None:
        raise Forbidden("You are not signed in; sign in first.")
    if not _may(request, role):
        raise Forbidden(
            f"{request.actor['id']} may read, but not {_MAY[role]}; the role {role} is given under review: users:"
        )
    return str(request.actor["id"])


def _may(request: Request, role: str) -> bool:
    has = _role_of(request)
    return has is not None and ROLES.index(has) >= ROLES.index(role)


class Sessions:
    """Cookies of those who signed in, good for 12 hours, as long as the account and its password stay the same."""

    def __init__(self, users: tuple[User, ...], clock: Clock) -> None:
        self._users = {user.name: user for user in users}
        self._clock = clock
        self._ended: dict[str, float] = {}  # sessions that somebody signed out of → when they would have ended

    def begin(self, datasette: Datasette, user: User) -> str:
        """The cookie of a new session of ``user``."""
        ends = (self._clock() + _LASTS).timestamp()
        session = {"name": user.name, "of": _digest(user), "ends": ends, "id": secrets.token_hex(8)}
        return str(datasette.sign(session, _PURPOSE))

    def actor(self, datasette: Datasette, cookie: str | None) -> dict[str, str] | None:
        """Who the bearer of ``cookie`` is, as ``{"id": name, "role": role}``; None when it is no cookie of ours, ended,
        or of an account that is gone or has another password now."""
        session = self._read(datasette, cookie)
        user = self._users.get(session.get("name", ""))
        if user is None or session["of"] != _digest(user):
            return None
        if session["ends"] <= self._clock().timestamp() or session["id"] in self._ended:
            return None
        return {"id": user.name, "role": user.role}

    def end(self, datasette: Datasette, cookie: str | None) -> None:
        """End the session of ``cookie``, so that a copy of it is worth nothing. Kept in memory."""
        now = self._clock().timestamp()
        self._ended = {session: ends for session, ends in self._ended.items() if ends > now}
        session = self._read(datasette, cookie)
        if session:
            self._ended[session["id"]] = session["ends"]

    def _read(self, datasette: Datasette, cookie: str | None) -> dict[str, Any]:
        try:
            session: dict[str, Any] = datasette.unsign(cookie or "", _PURPOSE)
        except BadSignature:
            return {}
        return session


def _digest(user: User) -> str:
    return hashlib.sha256(user.password_hash.encode()).hexdigest()[:16]


class AccessPages:
    """Signing in and out."""

    def __init__(self, site: Site, sessions: Sessions, accounts: Accounts) -> None:
        self._site = site
        self._sessions = sessions
        self._accounts = accounts

    def routes(self) -> Routes:
        """Which addresses are answered by what; Datasette's own ``/-/logout`` is among them."""
        return [
            (rf"^{SIGN_IN}$", self.sign_in),
            (r"^/-/sign-out$", self.sign_out),
            (r"^/-/login$", self.sign_in_is_elsewhere),
            (r"^/-/logout$", self.sign_out),
            (r"^/-/auth-token$", self.sign_in_is_elsewhere),
        ]

    async def sign_in_is_elsewhere(self) -> Response:
        """Where other programs have their page for signing in."""
        return Response.redirect(SIGN_IN)

    async def sign_in(self, datasette: Datasette, request: Request) -> Response:
        """The form, and what becomes of it: back to the page before with a session, or the form with a remark."""
        if request.method != "POST":
            target = _target(request.args.get("next"))
            return Response.redirect(target) if request.actor else self._form(request, target)
        fields = await request.post_vars()
        target, name = _target(fields.get("next")), fields.get("name", "").strip()
        checked = await self._accounts.check(name, fields.get("password", ""), address_of(request))
        if checked.wait > timedelta():
            remark = f"Too many attempts failed. Try again in {_in_words(checked.wait)}."
            response = self._form(request, target, name, remark, status=429)
            response.headers["Retry-After"] = str(math.ceil(checked.wait.total_seconds()))
            return response
        if checked.user is None:
            return self._form(request, target, name, "This name and password do not belong together.", status=403)
        response = Response.redirect(target, status=303)
        response.set_cookie(
            COOKIE,
            self._sessions.begin(datasette, checked.user),
            max_age=int(_LASTS.total_seconds()),
            secure=request.scheme == "https",
            httponly=True,
        )
        return response

    async def sign_out(self, datasette: Datasette, request: Request) -> Response:
        """End the session. Only a form does that: a mere link to here, which any page may hold, leads to the queue."""
        response = Response.redirect(_START, status=303)
        if request.method == "POST":
            self._sessions.end(datasette, request.cookies.get(COOKIE))
            response.set_cookie(COOKIE, "", max_age=0, expires=0, httponly=True)
        return response

    def _form(self, request: Request, target: str, name: str = "", remark: str = "", status: int = 200) -> Response:
        response = self._site.page(
            request, "sign_in.html", next=target, name=name, remark=remark, has_accounts=bool(self._accounts)
        )
        response.status = status
        response.headers = response.headers | {"Cache-Control": "no-store"}
        return response


def _target(wanted: str | None) -> str:
    """Where to go after signing in: ``wanted`` when that is a page of ours, else the queue."""
    return wanted if wanted and _HERE.fullmatch(wanted) else _START


def address_of(request: Request) -> str:
    """Where a request comes from."""
    client = request.scope.get("client")
    return str(client[0]) if client else ""


def _in_words(wait: timedelta) -> str:
    seconds = math.ceil(wait.total_seconds())
    return f"{seconds} seconds" if seconds < 90 else f"{math.ceil(seconds / 60)} minutes"
