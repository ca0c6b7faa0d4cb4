"""Mail: text and HTML with its pictures inside, one mail for each address, through the server of the configuration.

A title of a feed stands in the subject and the body and can stand nowhere else: it is stripped of line breaks and
control characters, and the ``email`` package encodes the rest (RFC 5322, RFC 2047). The Message-ID is that of the
message, so that one that is sent again after a crash is known as the same.
"""

from __future__ import annotations

import base64
import re
import smtplib
import socket
import ssl
import unicodedata
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Any

import css_inline

from pipeline.errors import DeliveryError
from pipeline.models import Message
from pipeline.targets import MailSettings

_TIMEOUT_S = 30
_PICTURE = re.compile(r'src="data:image/png;base64,([A-Za-z0-9+/=]+)"')
_LONGEST_SUBJECT = 200


def send(message: Message, address: str, settings: MailSettings) -> None:
    """Hand ``message`` to the mail server for ``address``.

    Raises:
        DeliveryError: when the server cannot be reached or did not take it; final where it never will.
    """
    mail = composed(message, address, settings.sender)
    try:
        with _connected(settings) as server:
            if settings.user is not None:
                server.login(settings.user, settings.password or "")
            server.send_message(mail)
    except (OSError, smtplib.SMTPException) as error:
        raise _explained(error, address, settings) from None


def described(message: Message, address: str, settings: MailSettings) -> str:
    """Through which server ``send`` would hand what."""
    mail = composed(message, address, settings.sender)
    pictures = sum(part.get_content_maintype() == "image" for part in mail.walk())
    user = f" as {settings.user}" if settings.user else ""
    size = len(mail.as_bytes()) / 1000
    return (
        f"through {settings.host}:{settings.port} ({settings.security}){user}, from {settings.sender}, "
        f"text and HTML with {pictures} pictures, {size:.0f} kB, subject: {mail['Subject']}"
    )


def composed(message: Message, address: str, sender: str) -> EmailMessage:
    """The mail, complete."""
    name, sender_address = parseaddr(sender)
    sent_by = Address(name, addr_spec=sender_address)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sent_by
    mail["To"] = Address(addr_spec=address)
    # the email package would decode what looks like an encoded word of RFC 2047, line breaks in it included
    mail["Subject"] = one_line(message.subject).replace("=?", "= ?")
    mail["Date"] = format_datetime(message.created_at)
    mail["Message-ID"] = f"<{message.kind}.{message.id or 0}.{message.created_at:%Y%m%d%H%M%S}@{sent_by.domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday notice answers this
    mail.set_content(_whole(message.text))
    html, pictures = _with_pictures(message.html)
    mail.add_alternative(_inlined(_whole(html)), subtype="html")
    parts = mail.get_payload()
    page = parts[1] if isinstance(parts, list) else None
    if isinstance(page, EmailMessage):
        for cid, picture in pictures.items():
            page.add_related(picture, "image", "png", cid=f"<{cid}>", disposition="inline")
    return mail


def one_line(text: str) -> str:
    """``text`` as a header may hold it: no line break, no control character, not too long."""
    kept = "".join(" " if unicodedata.category(sign) in ("Cc", "Zl", "Zp") else sign for sign in _whole(text))
    line = " ".join(kept.split())
    return line if len(line) <= _LONGEST_SUBJECT else line[: _LONGEST_SUBJECT - 1] + "…"


def _whole(text: str) -> str:
    """Without halves of characters, which no encoding can send."""
    return text.encode("utf-8", "replace").decode()


def _inlined(html: str) -> str:
    """With the style of each element at the element, for mail programs that drop style sheets."""
    return css_inline.CSSInliner(keep_style_tags=True, load_remote_stylesheets=False).inline(html)


def _with_pictures(html: str) -> tuple[str, dict[str, bytes]]:
    """``html`` with its pictures by name, as mail programs show them, and the pictures."""
    names: dict[str, str] = {}

    def named(found: re.Match[str]) -> str:
        return f'src="cid:{names.setdefault(found[1], f"chart{len(names) + 1}@watchfloor")}"'

    html = _PICTURE.sub(named, html)
    return html, {name: base64.b64decode(picture) for picture, name in names.items()}


def _connected(settings: MailSettings) -> smtplib.SMTP:
    if settings.security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(settings.host, settings.port, timeout=_TIMEOUT_S, context=context)
    server = smtplib.SMTP(settings.host, settings.port, timeout=_TIMEOUT_S)
    try:
        if settings.security == "starttls":
            server.starttls(context=ssl.create_default_context())
    except BaseException:
        server.close()
        raise
    return server


def _explained(error: Exception, address: str, settings: MailSettings) -> DeliveryError:
    """One sentence that says what is wrong and what to do."""
    place = f"{settings.host}:{settings.port}"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, reply = error.recipients.get(address, (550, b""))
        told = f"{place} does not take mail for {address} ({_said(code, reply)}); check the address"
        return DeliveryError(told, is_final=code >= 500)
    if isinstance(error, smtplib.SMTPDataError):
        told = f"{place} did not take the mail ({_said(error.smtp_code, error.smtp_error)})"
        return DeliveryError(told, is_final=error.smtp_code >= 500)
    if isinstance(error, smtplib.SMTPException):
        return DeliveryError(_of_server(error, place, settings))
    return DeliveryError(_of_connection(error, place, settings))


def _of_server(error: smtplib.SMTPException, place: str, settings: MailSettings) -> str:
    match error:
        case smtplib.SMTPAuthenticationError():
            return (
                f"{place} refused user or password; check mail: user and password (many servers want a password made "
                "for programs)"
            )
        case smtplib.SMTPSenderRefused():
            said = _said(error.smtp_code, error.smtp_error)
            return f"{place} does not take mail from {settings.sender} ({said}); check mail: sender, user and password"
        case smtplib.SMTPNotSupportedError():
            wanted = f"mail: security: {settings.security}"
            return f"{place} cannot do what {wanted} asks ({_said(0, str(error))}); try security: tls with port 465"
        case smtplib.SMTPServerDisconnected():
            return f"{place} closed the connection; check mail: port and security"
        case smtplib.SMTPResponseException():
            return f"{place} did not take the mail ({_said(error.smtp_code, error.smtp_error)})"
        case _:
            return f"{place} did not take the mail ({_said(0, str(error))})"


def _of_connection(error: Exception, place: str, settings: MailSettings) -> str:
    match error:
        case socket.gaierror():
            return f"the host {settings.host} is not known; check mail: host, and that this machine is online"
        case ssl.SSLCertVerificationError():
            told = f"the certificate of {place} is not trusted ({error.verify_message})"
            return f"{told}; check mail: host, or name your authority's file in SSL_CERT_FILE"
        case ssl.SSLError():
            return f"{place} does not speak TLS in this way; try security: starttls with port 587, or tls with 465"
        case ConnectionRefusedError():
            return f"nothing answers at {place}; check mail: host and port"
        case TimeoutError():
            return f"{place} did not answer in {_TIMEOUT_S} s; check mail: host and port, or a firewall in between"
        case _:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            return f"{place} cannot be reached: {reason}; check mail: host and port"


def _said(code: int, reply: Any) -> str:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
    return one_line(f"{code or ''} {text}")[:160]
