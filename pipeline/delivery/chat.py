"""Messages to chat and push services, through Apprise (https://appriseit.com). Their addresses are secrets."""

from __future__ import annotations

import logging
from typing import Any

from pipeline.errors import DeliveryError
from pipeline.models import Message

#: Longer messages are cut at the end of a line: nobody reads forty thousand characters in a chat.
_LONGEST = 4000
_REST = "… the rest is in the digest."


def send(message: Message, address: str) -> None:
    """Bring ``message`` to the service of an Apprise address, as Markdown, or what the service makes of that.

    Raises:
        DeliveryError: when the service did not take it.
    """
    service = _service(address)
    apprise = _apprise()
    with apprise.LogCapture(level=logging.INFO) as told:
        is_sent = service.notify(
            body=_body(message, service), title=message.subject, body_format=apprise.NotifyFormat.MARKDOWN
        )
    if not is_sent:
        lines = [" ".join(line.split()) for line in told.getvalue().splitlines() if line.strip()]
        reason = lines[-1][:200] if lines else "it gave no reason"
        raise DeliveryError(f"the service did not take it ({reason}); check its address, and that it can be reached")


def described(message: Message, address: str) -> str:
    """To what service ``send`` would bring how much."""
    service = _service(address)
    return f"{service.service_name}, Markdown, {len(_body(message, service)):,} characters"


def _service(address: str) -> Any:
    service = _apprise().Apprise.instantiate(address, suppress_exceptions=True)
    if service is None:
        raise DeliveryError("Apprise does not know an address of this form; see https://appriseit.com for its own")
    return service


def _apprise() -> Any:
    try:
        import apprise  # noqa: PLC0415 - an extra, and half a second
    except ImportError:
        raise DeliveryError("chat services need Apprise; install it with: pip install 'watchfloor[chat]'") from None
    logging.getLogger("apprise").propagate = False  # it tells addresses, and these are secrets
    return apprise


def _body(message: Message, service: Any) -> str:
    most = min(service.body_maxlen or _LONGEST, _LONGEST)
    if len(message.markdown) <= most:
        return message.markdown
    cut = message.markdown[: most - len(_REST) - 2]
    return cut[: cut.rfind("\n")].rstrip() + f"\n\n{_REST}" if "\n" in cut else cut + _REST
