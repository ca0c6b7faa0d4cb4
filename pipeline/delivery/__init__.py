"""Sends one message to one target: the only place that opens a socket to send, and that sees the secrets of targets.

A failure is a ``DeliveryError``, whose text holds none of these secrets. Never tries twice and never keeps anything:
``delivering`` does.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.delivery import chat, files, mail
from pipeline.delivery.secrets import Secrets
from pipeline.errors import DeliveryError
from pipeline.models import Message
from pipeline.targets import MailSettings, Target

__all__ = ["described", "send"]


def send(message: Message, target: Target, settings: MailSettings, folder: Path) -> None:
    """Bring ``message`` to ``target``; a relative file counts from ``folder``.

    Raises:
        DeliveryError: when it was not taken; its text says why and what to do.
    """
    secrets = Secrets(target, settings)
    try:
        if target.file is not None:
            files.put(message, folder / target.file)
        elif target.mail is not None:
            mail.send(message, target.mail, settings)
        else:
            chat.send(message, target.apprise or "")
    except DeliveryError as error:
        raise DeliveryError(secrets.out_of(str(error)), is_final=error.is_final) from None


def described(message: Message, target: Target, settings: MailSettings, folder: Path) -> str:
    """Where ``send`` would bring what, in one line. Contacts nobody."""
    if target.file is not None:
        where = files.described(message, folder / target.file)
    elif target.mail is not None:
        where = mail.described(message, target.mail, settings)
    else:
        where = chat.described(message, target.apprise or "")
    return Secrets(target, settings).out_of(f"{target.label}: {where}")
