"""Where digests and alerts go, as config.yaml says it: files, mail, and chat or push services. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from email.headerregistry import Address
from email.utils import parseaddr
from ipaddress import ip_address
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from pipeline.errors import Mistake
from pipeline.values import FilePath, Section, Whole
from pipeline.yamlfile import Where, YamlFile

_NO_PLACE = "names no place; write one of {file: PATH}, {mail: ADDRESS}, {apprise: URL, name: NAME}"


class MailSettings(Section):
    """The server that takes our mail."""

    host: str = ""
    port: Whole = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: Annotated[str | None, Field(repr=False)] = None
    sender: str = ""  # an address, or Name <address>

    @field_validator("host")
    @classmethod
    def _check_host(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9._:-]{1,253}", value):
            raise ValueError(f"{value!r} is not the name of a host; write one, such as smtp.example.org")
        return value

    @field_validator("sender")
    @classmethod
    def _check_sender(cls, value: str) -> str:
        name, address = parseaddr(value)
        if not _is_address(address) or not value.isprintable() or "@" in name:
            raise ValueError(f"{value!r} is not a sender; write watchfloor@example.org, or Name <address>")
        return value

    @model_validator(mode="after")
    def _check_security(self) -> MailSettings:
        if self.password is not None and self.user is None:
            raise ValueError("has a password and no user; add the user")
        if self.security == "none" and self.password is not None and not _is_here(self.host):
            raise ValueError(
                "would send the password readable to all in between; write security: starttls or tls (none is for a "
                "server on this machine)"
            )
        return self


class Target(Section):
    """One place where messages are put: a ``file`` (``{date}`` in it is the digest's day), a ``mail`` address, or an
    ``apprise`` address, which is a secret and therefore goes by a ``name``."""

    file: FilePath | None = None
    mail: str | None = None
    apprise: Annotated[str | None, Field(repr=False)] = None
    name: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _check_kind(cls, value: Any) -> Any:
        if isinstance(value, dict):
            kinds = [kind for kind in ("file", "mail", "apprise") if value.get(kind) is not None]
            if not kinds and not value.keys() - {"name"}:
                raise ValueError(_NO_PLACE)
            if len(kinds) > 1:
                raise ValueError(f"names {' and '.join(kinds)}; write each as a target of its own")
            if kinds == ["apprise"] and not value.get("name"):
                raise ValueError("has no name; add one, such as name: desk-chat (its address is a secret, never shown)")
            if kinds != ["apprise"] and value.get("name") is not None:
                raise ValueError("has a name, which only an apprise target needs; leave it out")
        return value

    @field_validator("mail")
    @classmethod
    def _check_mail(cls, value: str) -> str:
        if not _is_address(value):
            raise ValueError(f"{value!r} is not a mail address; write one, such as ana@example.org")
        return value

    @field_validator("apprise")
    @classmethod
    def _check_apprise(cls, value: str) -> str:
        if not re.match(r"[a-z][a-z0-9+.-]*://\S", value, re.IGNORECASE):
            raise ValueError('is not an address of Apprise; write one, such as "${DESK_CHAT}" with slack://… in it')
        return value

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value):
            raise ValueError(f"the name {value!r} may hold only letters, digits, dot, hyphen and underscore; change it")
        return value

    @property
    def label(self) -> str:
        """The target's name in the log and the database; holds no secret, and stays while the configuration does."""
        if self.file is not None:
            return f"file {self.file}"
        return f"mail {self.mail}" if self.mail is not None else f"apprise {self.name}"


def wrong_targets(
    file: YamlFile, lists: Sequence[tuple[Where, Sequence[Target]]], mail: MailSettings
) -> Iterator[Mistake]:
    """What is wrong among the targets of a configuration: ``lists`` are where each list stands, and its targets."""
    addresses: dict[str, str] = {}
    for where, targets in lists:
        for index, target in enumerate(targets):
            place = (*where, index)
            if target.mail is not None and not (mail.host and mail.sender):
                missing = "host" if not mail.host else "sender"
                yield file.mistake((*place, "mail"), f"needs mail: {missing}; name the server that takes your mail")
            if target.apprise is not None and addresses.setdefault(str(target.name), target.apprise) != target.apprise:
                yield file.mistake((*place, "name"), f"the name {target.name!r} stands for two addresses; rename one")
    if mail.password is not None and mail.password not in file.filled_in.values():
        yield file.mistake(
            ("mail", "password"),
            'stands in the file; secrets come from the environment: write "${WATCHFLOOR_MAIL_PASSWORD}", and set that',
        )


def _is_address(text: str) -> bool:
    """A bare address, ``local@domain``, that a server can be asked to take mail for."""
    try:
        address = Address(addr_spec=text)
    except (ValueError, IndexError):  # IndexError: email's parser on an empty text
        return False
    domain_is_known = "." in address.domain or address.domain == "localhost"
    return bool(address.username) and domain_is_known and text.isprintable() and " " not in text


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
