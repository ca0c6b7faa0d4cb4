"""Delivery over real servers on loopback: what arrives, what is tried again, and that no secret is ever shown."""

from __future__ import annotations

import json
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import trustme
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline import checks, delivering
from pipeline.config import Config, DigestSettings
from pipeline.delivery.mail import composed, one_line
from pipeline.delivery.secrets import Secrets
from pipeline.digest import charts
from pipeline.models import Message
from pipeline.store import Store
from pipeline.targets import MailSettings, Target
from tests.conftest import NOW, call, free_port, write_config
from tests.smtp import Post, posting

MakeConfig = Callable[..., Config]
PASSWORD = "correct horse battery"
PICTURE = charts.data_url((1, 2, 3))
HTML = (
    f"<html><head><style>.a {{ color: red }}</style></head><body><p class='a'>Tagged</p><img src=\"{PICTURE}\"></body>"
)
MESSAGE = Message("alert", "labs", "Lab 110: a title", "Plain.", "# Marked", HTML, '{"alert": "labs"}', NOW)


@pytest.fixture
def post() -> Iterator[Post]:
    with posting(PASSWORD) as running:
        yield running


def mail_to(post: Post, **changes: Any) -> MailSettings:
    return MailSettings(
        **{
            "host": "localhost", "port": post.port, "security": "none", "user": "wf", "password": PASSWORD,
            "sender": "watchfloor <wf@example.org>", **changes,
        }
    )  # fmt: skip


def sending(make_config: MakeConfig, mail: MailSettings | None = None, *targets: Target) -> Config:
    deliver = targets or (Target(mail="ana@example.org"),)
    return replace(make_config({}), mail=mail or MailSettings(), digest=DigestSettings(deliver=deliver))


def tried(config: Config, store: Store, now: datetime = NOW) -> list[str | None]:
    return [attempt.error for attempt in delivering.send_due(config, store, lambda: now)]


def put(config: Config, store: Store, message: Message = MESSAGE) -> int:
    return store.outbox.put(message, [target.label for target in config.digest.deliver])


def part(mail: EmailMessage, kind: str) -> Any:
    found = next(one for one in mail.walk() if one.get_content_type() == kind)
    assert isinstance(found, EmailMessage)
    return found.get_content()


def test_a_mail_holds_text_html_and_its_pictures(make_config: MakeConfig, store: Store, post: Post) -> None:
    """Text and HTML as alternatives, the picture inside and named by the HTML, styles at their elements."""
    config = sending(make_config, mail_to(post))
    message_id = put(config, store)
    assert tried(config, store) == [None]
    [mail] = post.mails
    assert [str(mail[name]) for name in ("From", "To", "Subject", "Auto-Submitted")] == [
        "watchfloor <wf@example.org>", "ana@example.org", "Lab 110: a title", "auto-generated",
    ]  # fmt: skip
    assert mail["Message-ID"] == f"<alert.{message_id}.20261123120000@example.org>"
    assert mail["Date"].datetime == NOW
    assert part(mail, "text/plain").strip() == "Plain."
    html = part(mail, "text/html")
    assert 'src="cid:chart1@watchfloor"' in html
    assert 'class="a" style="color: red' in html
    assert part(mail, "image/png") == charts.png((1, 2, 3))
    assert tried(config, store, NOW + timedelta(days=1)) == []


@given(st.text(max_size=300), st.text(max_size=50))
@example("Lab 110\r\nBcc: everybody@example.org\r\n\r\nbody", "a\nb")
@example("x" * 5000, "\udcff")
@example("=?utf-8?q?=0d=0aBcc:_x@y.z?=", "")
def test_no_title_becomes_a_header(title: str, text: str) -> None:
    """Whatever stands in a title, the mail has the headers that we set and no other, each on a line of its own."""
    mail = composed(replace(MESSAGE, subject=title, text=text), "ana@example.org", "wf@example.org")
    names = "From To Subject Date Message-ID Auto-Submitted MIME-Version Content-Type".split()
    assert mail.keys() == names
    head = mail.as_bytes().partition(b"\r\n\r\n")[0].decode("ascii")
    starts = [line.partition(":")[0] for line in head.split("\r\n") if line[:1] not in (" ", "\t")]
    assert starts == names


def test_a_subject_is_one_line_of_bounded_length() -> None:
    """Breaks of any kind become spaces, what is too long is cut."""
    assert one_line("a\r\nb\tc\u2028d\x00e") == "a b c d e"
    assert len(one_line("x" * 1000)) == 200


def test_a_wrong_password_is_said_and_tried_again(make_config: MakeConfig, store: Store, post: Post) -> None:
    """One line without the password; with the right one the message arrives, once."""
    config = sending(make_config, mail_to(post, password="wrong horse"))
    put(config, store)
    [error] = tried(config, store)
    assert error is not None
    assert "refused user or password; check mail: user and password" in error
    assert "wrong horse" not in error
    assert tried(config, store, NOW + timedelta(seconds=30)) == []
    mended = sending(make_config, mail_to(post))
    assert tried(mended, store, NOW + timedelta(minutes=2)) == [None]
    assert tried(mended, store, NOW + timedelta(days=1)) == []
    assert len(post.mails) == 1


def test_doctor_names_what_did_not_arrive(make_config: MakeConfig, store: Store) -> None:
    """Until it did."""
    config = sending(make_config, MailSettings(host="localhost", port=free_port(), sender="wf@example.org"))
    put(config, store)
    tried(config, store)
    [finding] = [one for one in checks.of_store(config, store, NOW) if one.check == "deliveries"]
    assert finding.text.startswith("mail ana@example.org: 1 delivery did not arrive, the last: nothing answers at")
    with posting() as post:
        mended = sending(make_config, mail_to(post, user=None, password=None))
        assert tried(mended, store, NOW + timedelta(minutes=2)) == [None]
    assert [one for one in checks.of_store(config, store, NOW) if one.check == "deliveries"] == []


def test_an_unreachable_server_is_said(make_config: MakeConfig, store: Store) -> None:
    """Nothing listens there; the host is not known."""
    config = sending(make_config, MailSettings(host="localhost", port=free_port(), sender="wf@example.org"))
    put(config, store)
    [error] = tried(config, store)
    assert error is not None
    assert "nothing answers at localhost:" in error
    lost = mock.patch("socket.getaddrinfo", side_effect=socket.gaierror(-2, "Name or service not known"))
    with lost:
        [error] = tried(config, store, NOW + timedelta(hours=1))
    assert error is not None
    assert "the host localhost is not known; check mail: host" in error


def test_an_address_that_the_server_refuses_is_given_up(make_config: MakeConfig, store: Store, post: Post) -> None:
    """550: it is said, and not tried again; a greylisting 450 is."""
    config = sending(make_config, mail_to(post))
    put(config, store)
    post.refuse["RCPT"] = "550 5.1.1 no such user"
    [error] = tried(config, store)
    assert error is not None
    assert "does not take mail for ana@example.org (550 5.1.1 no such user); check the address" in error
    assert tried(config, store, NOW + timedelta(days=1)) == []
    put(config, store)
    post.refuse["RCPT"] = "450 4.7.1 come back"
    assert len(tried(config, store)) == 1
    post.refuse.clear()
    assert tried(config, store, NOW + timedelta(minutes=2)) == [None]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_goes_encrypted_to_a_server_that_is_trusted(
    make_config: MakeConfig, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    """With either way of TLS; a certificate that nobody vouches for is refused, and said."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with posting(PASSWORD, context, starttls=security == "starttls") as post:
        config = sending(make_config, mail_to(post, security=security))
        put(config, store)
        [error] = tried(config, store)
        assert error is not None
        assert "is not trusted" in error
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert tried(config, store, NOW + timedelta(minutes=2)) == [None]
        assert len(post.mails) == 1


def test_a_server_without_tls_gets_no_password(make_config: MakeConfig, store: Store, post: Post) -> None:
    """STARTTLS that is not offered ends the try."""
    config = sending(make_config, mail_to(post, security="starttls"))
    put(config, store)
    [error] = tried(config, store)
    assert error is not None
    assert "cannot do what mail: security: starttls asks" in error
    assert post.mails == []


def test_tries_come_later_each_time_and_end(make_config: MakeConfig, store: Store) -> None:
    """After 1, 5, 15, 60 and 240 minutes, then every 240, for three days."""
    config = sending(make_config, MailSettings(host="localhost", port=free_port(), sender="wf@example.org"))
    put(config, store)
    now, waits = NOW, []
    while tried(config, store, now):
        row = next(iter(store.db.table("deliveries").rows))
        if row["next_try_at"] is None:
            break
        next_try = datetime.fromisoformat(row["next_try_at"])
        waits.append((next_try - now) // timedelta(minutes=1))
        now = next_try
    assert waits[:6] == [1, 5, 15, 60, 240, 240]
    assert timedelta(days=3) < now - NOW < timedelta(days=3, hours=5)
    assert row["state"] == "failed"


def test_a_target_that_left_the_configuration_is_given_up(make_config: MakeConfig, store: Store) -> None:
    """It is said, and does not wait for ever."""
    put(sending(make_config, None, Target(file="old.jsonl")), store)
    assert tried(sending(make_config, None, Target(file="new.jsonl")), store) == ["is no longer in the configuration"]


def test_two_that_send_at_once_send_once(make_config: MakeConfig, store: Store, tmp_path: Path) -> None:
    """A delivery that one has taken is left alone by the other, until that must have died."""
    config = sending(make_config, None, Target(file="a.jsonl"))
    put(config, store)
    assert store.outbox.take(NOW, None, ()) is not None
    assert store.outbox.take(NOW + timedelta(minutes=1), None, ()) is None
    assert tried(config, store, NOW + timedelta(minutes=11)) == [None]


def test_a_crash_between_sending_and_noting_it_repeats_the_same_message(
    make_config: MakeConfig, store: Store, tmp_path: Path, post: Post
) -> None:
    """The mail comes again under the same Message-ID; the file's line stands once."""
    config = sending(make_config, mail_to(post), Target(mail="ana@example.org"), Target(file="alerts.jsonl"))
    put(config, store)
    with mock.patch("pipeline.store.outbox.Outbox.sent", side_effect=KeyboardInterrupt):
        for minutes in (0, 5):  # after the mail, after the file
            with pytest.raises(KeyboardInterrupt):
                tried(config, store, NOW + timedelta(minutes=minutes))
    assert tried(config, store, NOW + timedelta(hours=1)) == [None, None]
    assert len(post.mails) == 2
    assert len({mail["Message-ID"] for mail in post.mails}) == 1
    assert len((tmp_path / "alerts.jsonl").read_text(encoding="utf-8").splitlines()) == 1


def test_alerts_are_added_to_their_file(make_config: MakeConfig, store: Store, tmp_path: Path) -> None:
    """A line of JSON each; what a crash left of a line goes."""
    config = sending(make_config, None, Target(file="out/alerts.jsonl"))
    put(config, store)
    assert tried(config, store) == [None]
    path = tmp_path / "out" / "alerts.jsonl"
    path.write_bytes(path.read_bytes() + b'{"message": 2, "al')
    put(config, store)
    assert tried(config, store) == [None]
    assert [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] == [
        {"message": 1, "alert": "labs"},
        {"message": 2, "alert": "labs"},
    ]


def test_a_full_disk_is_said_and_nothing_is_half_written(make_config: MakeConfig, store: Store, tmp_path: Path) -> None:
    """What stood there before stays; when there is space again, the digest is written."""
    config = sending(make_config, None, Target(file="{date}.html"))
    digest = replace(MESSAGE, kind="digest", about="2026-11-23")
    row = {"date": "2026-11-23", "created_at": "", "html": HTML, "markdown": "", "json": "", "text": ""}
    store.db.table("digests").insert(row)
    put(config, store, digest)
    path = tmp_path / "2026-11-23.html"
    path.write_text("before", encoding="utf-8")
    part = tmp_path / "2026-11-23.html.part"
    part.symlink_to("/dev/full")  # the kernel's own disk that is always full
    [error] = tried(config, store)
    assert not part.is_symlink()
    assert (
        error
        == f"{path}: cannot be written: no space left on device; mend that, or name another folder in the configuration"
    )
    assert path.read_text(encoding="utf-8") == "before"
    assert tried(config, store, NOW + timedelta(minutes=2)) == [None]
    assert path.read_text(encoding="utf-8") == HTML
    assert sorted(file.name for file in tmp_path.glob("2026*")) == ["2026-11-23.html"]


#: Of modules that Apprise imports.
_UNCARED = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


class Hook:
    """A webhook on loopback: what it was sent, and what it answers."""

    def __init__(self) -> None:
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer  # noqa: PLC0415
        from threading import Thread  # noqa: PLC0415

        self.bodies: list[dict[str, Any]] = []
        self.status = 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(hook.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    running = Hook()
    yield running
    running.close()


@_UNCARED
def test_apprise_brings_a_message_to_a_webhook(make_config: MakeConfig, store: Store, hook: Hook) -> None:
    """Title and text arrive; a long one is cut at the end of a line, and says so."""
    config = sending(make_config, None, Target(apprise=f"json://127.0.0.1:{hook.port}/in", name="desk"))
    put(config, store)
    put(config, store, replace(MESSAGE, markdown="A line of words.\n" * 1000))
    assert tried(config, store) == [None, None]
    assert [body["title"] for body in hook.bodies] == ["Lab 110: a title"] * 2
    assert "Marked" in hook.bodies[0]["message"]
    assert len(hook.bodies[1]["message"]) <= 4000
    assert hook.bodies[1]["message"].rstrip().endswith("the rest is in the digest.")


@_UNCARED
def test_a_service_that_refuses_is_tried_again_and_its_address_never_shown(
    make_config: MakeConfig, store: Store, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither errors, log, database nor preview hold a part of the address."""
    caplog.set_level(logging.DEBUG)
    address = f"json://wfuser:s3cr3t-token@127.0.0.1:{hook.port}/hooks/T0PS3CRET?x=also-hidden"
    config = sending(make_config, None, Target(apprise=address, name="desk"))
    put(config, store)
    hook.status = 403
    [error] = tried(config, store)
    assert error is not None
    assert error.startswith("the service did not take it (")
    preview = delivering.preview(config, MESSAGE, config.digest.deliver)
    assert preview == ["apprise desk: JSON, Markdown, 8 characters"]
    ours = "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith(("pipeline", "apprise"))
    )
    for secret in ("s3cr3t-token", "T0PS3CRET", "also-hidden", "wfuser"):
        assert secret not in error + ours + "\n".join(store.db.conn.iterdump())
    hook.status = 200
    assert tried(config, store, NOW + timedelta(minutes=2)) == [None]


@given(st.from_regex(r"[A-Za-z0-9%_-]{4,20}", fullmatch=True), st.text(max_size=20))
def test_no_part_of_an_address_is_shown(token: str, around: str) -> None:
    """A token is hidden wherever it stands in a text."""
    target = Target(apprise=f"slack://bot@{token}/room/", name="desk")
    assert token not in Secrets(target, MailSettings()).out_of(f"{around}{token}{around} {target.apprise}")


def test_without_apprise_it_is_said_what_to_install(make_config: MakeConfig, store: Store) -> None:
    """One line; nothing else stops."""
    config = sending(make_config, None, Target(apprise="json://127.0.0.1:9/", name="desk"), Target(file="a.jsonl"))
    put(config, store)
    with mock.patch.dict("sys.modules", {"apprise": None}):
        errors = tried(config, store)
    assert errors == ["chat services need Apprise; install it with: pip install 'watchfloor[chat]'", None]


def test_dry_run_says_what_would_go_where_and_contacts_nobody(site: Any, tmp_path: Path) -> None:
    """A line for each target; the outbox stays empty."""
    deliver = (
        'mail: {host: localhost, port: 9, sender: wf@example.org, user: wf, password: "${TEST_MAIL_PASSWORD}"}\n'
        "digest:\n  deliver:\n    - {file: 'out/{date}.html'}\n    - {mail: ana@example.org}\n"
    )
    write_config(tmp_path, {}, deliver)
    Store(tmp_path / "w.db").close()
    with mock.patch.dict("os.environ", {"TEST_MAIL_PASSWORD": PASSWORD}):
        done = call("digest", "--date", "2026-11-23", "--send", "--dry-run", cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert (done.returncode, len(lines)) == (0, 2)
    assert lines[0].startswith(f"file out/{{date}}.html: {tmp_path}/out/2026-11-23.html, html, ")
    assert "mail ana@example.org: through localhost:9 (starttls) as wf, from wf@example.org, text and HTML" in lines[1]
    assert "subject: watchfloor digest of 2026-11-23: None of 0 new items" in lines[1]
    assert PASSWORD not in done.stdout
    with Store(tmp_path / "w.db") as stored:
        assert stored.db.table("messages").count == 0


def test_a_day_that_has_not_begun_is_refused(tmp_path: Path) -> None:
    """Neither shown nor sent nor kept: there is nothing of it."""
    write_config(tmp_path, {}, "digest: {deliver: [{file: d.html}]}\n")
    Store(tmp_path / "w.db").close()
    for arguments in ((), ("--send",)):
        done = call("digest", "--date", "2999-01-01", *arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr.startswith("error: 2999-01-01 has not begun in UTC; write a day up to ")
    with Store(tmp_path / "w.db") as stored:
        assert stored.db.table("digests").count == stored.db.table("messages").count == 0


def test_a_first_try_under_way_is_not_begun_again_by_hand(make_config: MakeConfig, store: Store) -> None:
    """``digest --send`` while the daemon sends: what failed goes at once, what is in hand is left alone."""
    row = {"date": "2026-11-23", "created_at": "", "html": HTML, "markdown": "", "json": "{}", "text": ""}
    store.db.table("digests").insert(row)
    digest = replace(MESSAGE, kind="digest", about="2026-11-23")
    store.outbox.put(digest, ["mail a@example.org", "mail b@example.org"])
    in_hand, failing = store.outbox.take(NOW, None, ()), store.outbox.take(NOW, None, ())
    assert in_hand is not None
    assert failing is not None
    store.outbox.failed(failing.id, NOW, "no", NOW + timedelta(hours=4))
    store.outbox.again("2026-11-23", ["mail a@example.org", "mail b@example.org", "mail c@example.org"])
    due = [store.outbox.take(NOW, None, ()) for _ in range(3)]
    assert [one and one.target for one in due] == ["mail b@example.org", "mail c@example.org", None]


def test_send_says_how_each_target_fared_and_repeats_only_what_failed(tmp_path: Path, post: Post) -> None:
    """A wrong password exits with 1 and keeps the digest; the same command with the right one sends the rest."""
    deliver = (
        f"mail: {{host: localhost, port: {post.port}, security: none, sender: wf@example.org, user: wf, "
        'password: "${TEST_MAIL_PASSWORD}"}\n'
        "digest:\n  deliver:\n    - {file: 'out/{date}.html'}\n    - {mail: ana@example.org}\n"
    )
    write_config(tmp_path, {}, deliver)
    Store(tmp_path / "w.db").close()
    arguments = ("digest", "--date", "2026-11-23", "--send")
    with mock.patch.dict("os.environ", {"TEST_MAIL_PASSWORD": "wrong horse"}):
        done = call(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert "sent to file out/{date}.html" in done.stderr
    assert "mail ana@example.org: localhost:" in done.stderr
    assert "wrong horse" not in done.stderr
    with mock.patch.dict("os.environ", {"TEST_MAIL_PASSWORD": PASSWORD}):
        assert call(*arguments, cwd=tmp_path).stderr.splitlines() == ["sent to mail ana@example.org"]
        again = call(*arguments, cwd=tmp_path)
        log = call("deliveries", cwd=tmp_path).stdout.splitlines()
    assert (again.returncode, len(post.mails)) == (0, 1)
    assert "every target has the digest of 2026-11-23, or is getting it right now" in again.stderr
    assert [line.split("\t")[1:3] for line in log[1:]] == [
        ["digest 2026-11-23", "mail ana@example.org"],
        ["digest 2026-11-23", "file out/{date}.html"],
    ]
