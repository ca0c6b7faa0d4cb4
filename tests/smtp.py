"""A mail server on loopback for tests: with accounts and TLS where wanted, and able to refuse."""

from __future__ import annotations

import base64
import email
import email.policy
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


@dataclass
class Post:
    """What a server takes, and what it took. ``refuse``: command (RCPT or DATA) → the answer it gives instead."""

    password: str | None = None
    refuse: dict[str, str] = field(default_factory=dict)
    mails: list[EmailMessage] = field(default_factory=list)
    port: int = 0

    async def handle_RCPT(self, _server: Any, session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        if self.password is not None and not session.authenticated:
            return "530 5.7.0 Authentication required"
        if "RCPT" not in self.refuse:
            envelope.rcpt_tos.append(address)
        return self.refuse.get("RCPT", "250 OK")

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if "DATA" not in self.refuse:
            self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return self.refuse.get("DATA", "250 OK")

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        is_right = isinstance(given, LoginPassword) and given.password.decode() == self.password
        return AuthResult(success=is_right, handled=False)


class _Controller(Controller):
    def __init__(self, post: Post, tls: ssl.SSLContext | None, *, starttls: bool) -> None:
        super().__init__(post, hostname="127.0.0.1", port=0, ssl_context=None if starttls else tls, ready_timeout=10)
        self._post = post
        self._starttls = tls if starttls else None

    def factory(self) -> SMTP:
        return SMTP(
            self.handler,
            hostname="mail.test",
            tls_context=self._starttls,
            require_starttls=self._starttls is not None,
            authenticator=self._post.authenticate,
            auth_require_tls=False,
            enable_SMTPUTF8=True,
        )

    def _trigger_server(self) -> None:
        """The port is known only now; the base class asks for it before."""
        server: Any = self.server
        self.port = server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def posting(
    password: str | None = None, tls: ssl.SSLContext | None = None, *, starttls: bool = False
) -> Iterator[Post]:
    """A running server; with ``tls`` from the start, or after STARTTLS."""
    post = Post(password)
    controller = _Controller(post, tls, starttls=starttls)
    controller.start()
    post.port = controller.port
    try:
        yield post
    finally:
        controller.stop()


def as_shown(mail: EmailMessage) -> str:
    """The HTML part as a mail program shows it: with the pictures that come with it in their places."""
    html = next(part for part in mail.walk() if part.get_content_type() == "text/html")
    text = html.get_content()
    for part in mail.walk():
        if part.get_content_maintype() == "image":
            picture = base64.b64encode(part.get_content()).decode()
            text = text.replace(f"cid:{part['Content-ID'].strip('<>')}", f"data:image/png;base64,{picture}")
    return str(text)
