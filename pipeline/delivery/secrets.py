"""Keeps secrets out of what people and logs read. Pure."""

from __future__ import annotations

from urllib.parse import unquote, unquote_plus, urlsplit

from pipeline.targets import MailSettings, Target

_HIDDEN = "***"
_SHORTEST = 4  # shorter parts of an address are words such as "v1", which give nothing away


class Secrets:
    """What of a target must never be shown: the password of the mail server, an Apprise address and all its parts."""

    def __init__(self, target: Target, settings: MailSettings) -> None:
        found = {settings.password or ""}
        if target.apprise:
            found |= _parts(target.apprise)
        self._secrets = sorted((secret for secret in found if secret), key=len, reverse=True)

    def out_of(self, text: str) -> str:
        """``text`` with stars in the place of each secret."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return text


def _parts(address: str) -> set[str]:
    """An address, and what in it may be a token: all but its scheme."""
    rest = urlsplit(address).geturl().partition("://")[2] or address
    parts = {address, rest}
    for mark in "/?&=@:,#":
        parts |= {piece for part in parts for piece in part.split(mark)}
    parts |= {unquote(part) for part in parts} | {unquote_plus(part) for part in parts}
    return {part for part in parts if len(part) >= _SHORTEST}
