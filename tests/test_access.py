"""Who may do what on the pages, asked over HTTP: signing in, sessions, roles, refusals, the policy of answers."""

from __future__ import annotations

import http.client
import re
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from datasette.utils.asgi import Forbidden, Request

from pipeline import config as configuration
from pipeline import passwords
from pipeline.config import Config
from pipeline.errors import ConfigError
from pipeline.store import Store
from pipeline.web import make_datasette
from pipeline.web.access import COOKIE, Sessions, may_administer, may_review, require
from pipeline.web.decisions import Decisions
from pipeline.web.gate import Reach
from pipeline.web.guesses import MOST_KEPT, Guesses
from pipeline.web.site import Site
from tests.accounts import HASH, PASSWORD, USERS, sign_in, token, with_accounts
from tests.browser import serving
from tests.conftest import NOW, call, write_config

TLS = httpx.create_ssl_context()  # one for all clients: each takes a while to make
#: Where Datasette and we answer; of ours, those that change something are asked for with POST elsewhere.
PAGES = (
    "/", "/.json", "/watchfloor", "/watchfloor.json", "/watchfloor.csv?sql=select+1", "/watchfloor?sql=select+1",
    "/watchfloor.json?sql=select+title+from+items", "/watchfloor.db", "/watchfloor/items", "/watchfloor/items.json",
    "/watchfloor/items.csv", "/watchfloor/items/1", "/watchfloor/items/1.json",
    "/watchfloor/items/1.blob?_blob_column=title",
    "/watchfloor/today", "/_internal", "/_internal.json", "/_memory", "/:memory:", "/-/metadata", "/-/metadata.json",
    "/-/versions", "/-/versions.json", "/-/plugins.json", "/-/settings.json", "/-/config.json", "/-/threads.json",
    "/-/databases.json", "/-/actor.json", "/-/auth-token?token=x", "/-/logout", "/-/permissions", "/-/messages",
    "/-/allow-debug", "/-/patterns", "/-/stories", "/-/story/1", "/-/item/1", "/-/queue", "/-/sign-out",
    "/-/sign-in/x", "/-/nowhere", "/-/static", "/-/watchfloor-static", "/%2d/static/app.css",
)  # fmt: skip


@pytest.fixture
def config(make_config: Callable[..., Config]) -> Config:
    """A configuration with the three accounts and an empty database."""
    made = with_accounts(make_config({}))
    with Store(made.database):
        return made


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The pages as this machine sees them, and as served to other machines: their addresses."""
    folder = tmp_path_factory.mktemp("access")
    made = with_accounts(replace(configuration.default(folder), database=folder / "w.db"))
    with Store(made.database):
        pass
    with serving(made) as here, serving(made, Reach("0.0.0.0")) as elsewhere:
        yield here, elsewhere


@pytest.fixture
def client(served: tuple[str, str]) -> Iterator[httpx.Client]:
    """Somebody on this machine."""
    with httpx.Client(base_url=served[0], verify=TLS) as opened:
        yield opened


@pytest.fixture
def stranger(served: tuple[str, str]) -> Iterator[httpx.Client]:
    """Somebody on another machine."""
    with httpx.Client(base_url=served[1], verify=TLS) as opened:
        yield opened


@pytest.fixture
def fresh(config: Config) -> Iterator[httpx.Client]:
    """Somebody on this machine, where nobody has tried to sign in yet."""
    with serving(config) as address, httpx.Client(base_url=address, verify=TLS) as opened:
        yield opened


def who(client: httpx.Client) -> Any:
    """The actor as Datasette tells it."""
    return client.get("/-/actor.json").json()["actor"]


# --- signing in and out


def test_a_name_and_its_password_sign_in(client: httpx.Client) -> None:
    """The role is the configuration's, and the answer leads to the queue."""
    answer = sign_in(client, "ana")
    assert (answer.status_code, answer.headers["location"]) == (303, "/-/queue")
    assert who(client) == {"id": "ana", "role": "reviewer"}


@pytest.mark.parametrize(("name", "password"), [("ana", "correct horsf"), ("eve", PASSWORD), ("", ""), ("ana", "")])
def test_anything_else_does_not(client: httpx.Client, name: str, password: str) -> None:
    """The same sentence, whichever of the two is wrong; nobody is signed in."""
    answer = sign_in(client, name, password)
    assert answer.status_code == 403
    assert "This name and password do not belong together." in answer.text
    assert who(client) is None


def test_the_session_is_a_cookie_that_scripts_and_other_sites_do_not_get(client: httpx.Client) -> None:
    """HttpOnly, SameSite, half a day; Secure once the page came over https, as a proxy on this machine tells."""
    plain = sign_in(client).headers["set-cookie"]
    assert all(part in plain for part in ("HttpOnly", "SameSite=lax", "Max-Age=43200", "Path=/"))
    assert "Secure" not in plain
    client.headers["x-forwarded-proto"] = "https"
    client.cookies.delete(COOKIE)
    assert "; Secure" in sign_in(client).headers["set-cookie"]


def test_signing_out_ends_the_session_for_copies_of_its_cookie_too(client: httpx.Client) -> None:
    """Who kept the cookie is nobody afterwards."""
    sign_in(client)
    kept = client.cookies[COOKIE]
    client.post("/-/sign-out", data={"csrftoken": token(client)})
    assert COOKIE not in client.cookies
    client.cookies.set(COOKIE, kept)
    assert who(client) is None


def test_a_link_signs_nobody_out(client: httpx.Client) -> None:
    """GET changes nothing, under Datasette's own address neither."""
    sign_in(client)
    for path in ("/-/sign-out", "/-/logout"):
        client.get(path)
        assert who(client) == {"id": "ana", "role": "reviewer"}


def test_datasettes_own_logout_is_ours(client: httpx.Client) -> None:
    """The button in Datasette's menu ends the session."""
    sign_in(client)
    client.post("/-/logout", data={"csrftoken": token(client)})
    assert who(client) is None


@pytest.mark.parametrize(
    ("wanted", "target"),
    [
        ("/-/item/7?a=b", "/-/item/7?a=b"),
        ("//evil.test/", "/-/queue"),
        ("/\\evil.test", "/-/queue"),
        ("/\t/evil.test", "/-/queue"),
        ("https://evil.test/", "/-/queue"),
        ("javascript:alert(1)", "/-/queue"),
        ("/x\r\nSet-Cookie: a=b", "/-/queue"),
    ],
)
def test_signing_in_leads_to_no_other_site(client: httpx.Client, wanted: str, target: str) -> None:
    """Only a page of these pages is gone on to."""
    assert sign_in(client, next=wanted).headers["location"] == target


def test_pages_answer_while_a_password_is_checked(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check runs in a thread of its own."""
    begun, goes_on = threading.Event(), threading.Event()

    def slow(password: str, its_hash: str) -> bool:
        begun.set()
        return goes_on.wait(30)

    monkeypatch.setattr(passwords, "is_right", slow)
    signing_in = threading.Thread(target=sign_in, args=(client,))
    signing_in.start()
    assert begun.wait(30)
    assert httpx.get(f"{client.base_url}/-/stories").status_code == 200
    goes_on.set()
    signing_in.join(30)


def test_an_unknown_name_is_checked_like_a_known_one(fresh: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a hash of the same cost, so that the time does not tell which names there are."""
    checked: list[str] = []

    def is_right(_password: str, its_hash: str) -> bool:
        checked.append(its_hash)
        return False

    monkeypatch.setattr(passwords, "is_right", is_right)
    sign_in(fresh, "eve")
    assert [its.rsplit("$", 2)[0] for its in checked] == [HASH.rsplit("$", 2)[0]]


# --- guessing


def test_after_five_wrong_passwords_even_the_right_one_waits(fresh: httpx.Client) -> None:
    """A sentence and Retry-After say how long; another name is not kept waiting."""
    for _ in range(5):
        assert sign_in(fresh, "ana", "wrong").status_code == 403
    answer = sign_in(fresh, "Ana")
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 10
    assert re.search(r"Too many attempts failed\. Try again in \d+ seconds\.", answer.text)
    assert sign_in(fresh, "rex").status_code == 303


def test_the_wait_grows_up_to_a_quarter_of_an_hour() -> None:
    """It doubles with each failure."""
    guesses, now, waits = Guesses(), NOW, []
    for _ in range(16):
        guesses.failed("ana", "a", now)
        waits.append(guesses.wait("ana", "a", now))
        now += waits[-1]
    seconds = [int(wait.total_seconds()) for wait in waits]
    assert seconds == [0, 0, 0, 0, 10, 20, 40, 80, 160, 320, 640, *[900] * 5]
    assert guesses.wait("ana", "a", now + timedelta(hours=2)) == timedelta()


def test_one_address_cannot_go_through_the_names() -> None:
    """Twenty failures from it and it waits for any name; a success in between gives only itself back."""
    guesses = Guesses()
    for number in range(20):
        assert guesses.wait(f"n{number}", "a", NOW) <= timedelta()
        guesses.failed(f"n{number}", "a", NOW)
    guesses.failed("ana", "a", NOW)
    guesses.right("ana", "a")
    assert guesses.wait("another", "a", NOW) > timedelta()
    assert guesses.wait("another", "b", NOW) <= timedelta()


def test_a_right_password_clears_the_name() -> None:
    """Somebody who mistyped four times and then did not starts afresh."""
    guesses = Guesses()
    for _ in range(4):
        guesses.failed("ana", "a", NOW)
    guesses.right("ana", "a")
    for _ in range(4):
        guesses.failed("ana", "b", NOW)
    assert guesses.wait("ana", "a", NOW) == timedelta()


def test_guesses_take_bounded_memory() -> None:
    """The oldest are forgotten first."""
    guesses = Guesses()
    for number in range(MOST_KEPT):
        guesses.failed(str(number), str(number), NOW)
    assert len(guesses._failures) == MOST_KEPT


# --- sessions


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def test_a_session_ends_after_twelve_hours(config: Config) -> None:
    """Not a second later."""
    clock = Clock()
    datasette, sessions = make_datasette(config), Sessions(USERS, clock)
    cookie = sessions.begin(datasette, USERS[1])
    clock.now += timedelta(hours=12) - timedelta(seconds=1)
    assert sessions.actor(datasette, cookie) == {"id": "ana", "role": "reviewer"}
    clock.now += timedelta(seconds=1)
    assert sessions.actor(datasette, cookie) is None


def test_a_session_ends_with_its_account(config: Config) -> None:
    """Removed, or given another password: the cookie is worth nothing. Another role counts at once."""
    datasette = make_datasette(config)
    ana = USERS[1]
    cookie = Sessions(USERS, lambda: NOW).begin(datasette, ana)
    other = ana.model_copy(update={"password_hash": passwords.hashed("another horse")})
    assert Sessions((USERS[0],), lambda: NOW).actor(datasette, cookie) is None
    assert Sessions((other,), lambda: NOW).actor(datasette, cookie) is None
    now_admin = ana.model_copy(update={"role": "admin"})
    assert Sessions((now_admin,), lambda: NOW).actor(datasette, cookie) == {"id": "ana", "role": "admin"}


def test_a_restart_signs_nobody_out(config: Config) -> None:
    """The key is in a file beside the database that only its owner can read."""
    cookie = Sessions(USERS, lambda: NOW).begin(make_datasette(config), USERS[1])
    assert Sessions(USERS, lambda: NOW).actor(make_datasette(config), cookie) is not None
    key = config.database.with_name("w.db.session-key")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.unlink()
    assert Sessions(USERS, lambda: NOW).actor(make_datasette(config), cookie) is None


def test_only_our_own_cookies_count(client: httpx.Client, config: Config) -> None:
    """Neither one that is made up, nor one signed for another purpose, nor Datasette's own kind."""
    datasette = make_datasette(config)
    session = {"name": "ada", "of": "x", "ends": 9e9, "id": "1"}
    for cookie in (
        "made-up",
        datasette.sign(session, "messages"),
        datasette.sign(session, "watchfloor-session"),
        datasette.sign({"a": {"id": "ada", "role": "admin"}}, "messages"),
    ):
        client.cookies.set(COOKIE, cookie)
        assert who(client) is None


def test_cookies_of_other_programs_do_no_harm(client: httpx.Client) -> None:
    """On this machine they are sent to us too, whatever they are called."""
    sign_in(client)
    cookies = f"a,b=1; x@y=2; {'; '.join(f'{name}={value}' for name, value in client.cookies.items())}"
    answer = httpx.get(f"{client.base_url}/-/actor.json", headers={"Cookie": cookies})
    assert answer.json()["actor"]["id"] == "ana"


# --- roles


@pytest.mark.parametrize(
    ("role", "reviews", "administers"),
    [(None, False, False), ("reader", False, False), ("reviewer", True, False), ("admin", True, True)],
)
def test_each_role_may_what_those_below_it_may(role: str | None, reviews: bool, administers: bool) -> None:
    """A reader reads, a reviewer gives verdicts, an admin does both and more."""
    request = Request.fake("/")
    request.scope["actor"] = {"id": "x", "role": role} if role else None
    assert (may_review(request), may_administer(request)) == (reviews, administers)
    if reviews:
        assert require(request, "reviewer") == "x"
    else:
        with pytest.raises(Forbidden, match="sign in first" if role is None else "x may read, but not give verdicts"):
            require(request, "reviewer")


#: Every address that writes, whatever is added to them.
DECISIONS = [pattern.strip("^$") for pattern, _ in Decisions(cast(Site, None)).routes()]


@pytest.mark.parametrize("path", DECISIONS)
def test_a_reader_changes_nothing(client: httpx.Client, path: str) -> None:
    """Every decision is refused with a sentence: 401 to a stranger, 403 to a reader."""
    headers = {"x-csrftoken": token(client)}
    stranger = client.post(path, json={}, headers=headers)
    assert (stranger.status_code, stranger.json()["error"]) == (401, "You are not signed in; sign in first.")
    sign_in(client, "rex")
    reader = client.post(path, json={}, headers=headers)
    assert reader.status_code == 403
    assert "rex may read, but not give verdicts" in reader.json()["error"]


# --- requests that other sites make


@pytest.mark.parametrize("path", ["/-/sign-in", "/-/sign-out", "/-/logout", "/-/review/decide", "/-/messages", "/-/x"])
@pytest.mark.parametrize("kind", ["form", "json"])
def test_nothing_is_sent_without_the_token(client: httpx.Client, path: str, kind: str) -> None:
    """None, a wrong one, one of another browser: refused, whether signed in or not."""
    sign_in(client)
    with httpx.Client(base_url=client.base_url, verify=TLS) as other:
        others = token(other)
    for wrong in (None, "", "wrong", "wröng", others):
        if kind == "form":
            answer = client.post(path, data={"a": "b"} if wrong is None else {"csrftoken": wrong})
        else:
            headers = [] if wrong is None else [(b"x-csrftoken", wrong.encode())]
            answer = client.post(path, json={"csrftoken": wrong}, headers=headers)
        assert answer.status_code == 403
    assert who(client) is not None


def test_nothing_skips_the_token(client: httpx.Client) -> None:
    """Datasette lets requests without cookies, or with a bearer's token, through its check. These pages do not."""
    form = {"name": "ana", "password": PASSWORD}
    assert client.post("/-/sign-in", data=form).status_code == 403
    sign_in(client)
    for form in ({}, {"csrftoken": "wrong"}):
        assert client.post("/-/sign-out", data=form, headers={"Authorization": "Bearer x"}).status_code == 403
    assert who(client) is not None


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:1"},
    ],
)
def test_what_another_site_sends_is_refused_even_with_the_token(client: httpx.Client, headers: dict[str, str]) -> None:
    """The browser tells where a request comes from."""
    answer = client.post("/-/sign-out", data={"csrftoken": token(client)}, headers=headers)
    assert (answer.status_code, answer.text) == (403, "This was sent by a page of another site; nothing was changed.")


def test_what_our_own_pages_send_is_taken(client: httpx.Client) -> None:
    """With and without what newer browsers add."""
    ours = str(client.base_url).rstrip("/")
    for headers in ({"Origin": ours}, {"Origin": ours, "Sec-Fetch-Site": "same-origin"}, {}):
        answer = client.post("/-/sign-out", data={"csrftoken": token(client)}, headers=headers)
        assert answer.status_code == 303


@pytest.mark.parametrize(
    ("method", "content", "headers", "status"),
    [
        ("POST", b"csrftoken=" + b"x" * 1_000_001, {"Content-Type": "application/x-www-form-urlencoded"}, 413),
        ("POST", b"csrftoken=\xff", {"Content-Type": "application/x-www-form-urlencoded"}, 400),
        ("POST", b"<a/>", {"Content-Type": "application/xml", "x-csrftoken": "x"}, 415),
        ("POST", b"--x", {"Content-Type": "multipart/form-data"}, 403),
        ("DELETE", b"", {}, 405),
        ("PUT", b"", {}, 405),
    ],
)
def test_what_cannot_be_read_is_refused(
    client: httpx.Client, method: str, content: bytes, headers: dict[str, str], status: int
) -> None:
    """Too long, not UTF-8, no form, no known method: an answer of one line, not an error."""
    assert client.request(method, "/-/sign-in", content=content, headers=headers).status_code == status


@pytest.mark.parametrize("host", ["evil.test", "127.0.0.1.evil.test", "evil.test:8001", "", "[", "10.0.0.1"])
def test_another_name_for_this_machine_is_refused(client: httpx.Client, host: str) -> None:
    """A page that makes its own name mean 127.0.0.1 (DNS rebinding) reads nothing."""
    assert client.get("/watchfloor.json", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1", "[::1]:8001", "LOCALHOST", "localhost."])
def test_the_names_of_this_machine_are_known(client: httpx.Client, host: str) -> None:
    """With any port: it may be forwarded."""
    assert client.get("/-/versions.json", headers={"Host": host}).status_code == 200


# --- other machines


@pytest.mark.parametrize("path", PAGES)
def test_from_elsewhere_nothing_is_read_without_an_account(stranger: httpx.Client, path: str) -> None:
    """A page leads to the form for signing in, data is refused, Datasette's own addresses among them."""
    answer = stranger.get(path)
    if answer.status_code == 302:
        assert answer.headers["location"].startswith("/-/sign-in?next=%2F")
        assert not answer.text
    else:
        assert (answer.status_code, answer.json()["error"]) == (401, "You are not signed in; sign in first.")
    assert stranger.head(path).status_code == answer.status_code
    assert stranger.post(path).status_code == 401


def test_from_elsewhere_the_form_and_its_files_are_there(stranger: httpx.Client) -> None:
    """And after it everything that can be read."""
    for path in ("/-/sign-in", "/-/static/app.css", "/-/watchfloor-static/pages.css", "/favicon.ico"):
        assert stranger.get(path).status_code == 200
    assert sign_in(stranger, "rex").status_code == 303
    assert stranger.get("/watchfloor/items.json").status_code == 200
    assert stranger.get("/watchfloor.json?sql=select+1").status_code == 200


@pytest.mark.parametrize("path", ["static/../../../etc/passwd", "static/%2e%2e/app.py", "watchfloor-static/../site.py"])
def test_the_way_to_files_leads_nowhere_else(stranger: httpx.Client, path: str) -> None:
    """What is open to everybody are the files of pages only."""
    host, port = stranger.base_url.host, stranger.base_url.port
    connection = http.client.HTTPConnection(host, port)  # httpx would take the dots out of the path
    connection.request("GET", f"/-/{path}")
    assert connection.getresponse().status in (302, 401, 403, 404)
    connection.close()


def test_a_proxys_name_needs_accounts_and_is_known(config: Config) -> None:
    """On loopback behind a proxy, reading needs an account too; the proxy's name passes the check of names."""
    with serving(config, Reach("127.0.0.1", ("review.example",))) as address:
        assert httpx.get(f"{address}/watchfloor.json", headers={"Host": "review.example"}).status_code == 401
        assert httpx.get(f"{address}/watchfloor.json", headers={"Host": "evil.test"}).status_code == 421


@pytest.mark.parametrize("arguments", [("--host", "0.0.0.0"), ("--host", "::"), ("--name", "review.example")])
def test_serving_others_without_accounts_is_refused(tmp_path: Path, arguments: tuple[str, str]) -> None:
    """One line says why and what to write; exit status 2."""
    write_config(tmp_path, {})
    refused = call("serve", *arguments, cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "review: users: names nobody, so whoever reaches these pages" in refused.stderr
    assert "watchfloor review password" in refused.stderr


# --- the policy


@pytest.mark.parametrize(
    "path",
    ["/", "/watchfloor/items", "/watchfloor/items.json", "/watchfloor.json?sql=x", "/-/stories", "/-/nowhere",
     "/-/sign-in", "/-/static/app.css", "/-/static/nowhere", "/-/login", "/watchfloor/items/", "/favicon.ico"],
)  # fmt: skip
def test_every_answer_comes_with_the_policy(client: httpx.Client, path: str) -> None:
    """Pages, data, files, redirects and errors: no inline and no outside script, no frame, no guessing of types."""
    headers = client.get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]


def test_refusals_come_with_the_policy_too(client: httpx.Client) -> None:
    """What the gate says itself is an answer like others."""
    answer = client.get("/", headers={"Host": "evil.test"})
    assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_our_pages_allow_no_inline_style_either(client: httpx.Client) -> None:
    """Datasette's own pages need it, ours do not."""
    assert "unsafe-inline" not in client.get("/-/sign-in").headers["content-security-policy"]


def test_the_database_cannot_be_downloaded(client: httpx.Client) -> None:
    """Not from this machine and not by an admin."""
    sign_in(client, "ada")
    assert client.get("/watchfloor.db").status_code == 403


# --- passwords in the configuration


def users(*lines: str) -> str:
    """The section, as it stands in a file."""
    return "review:\n  users:\n" + "".join(f"    - {line}\n" for line in lines)


def mistakes(folder: Path, *lines: str) -> list[str]:
    """What the configuration with these accounts is told."""
    path = write_config(folder, {}, users(*lines))
    with pytest.raises(ConfigError) as caught:
        configuration.load(path)
    return [str(mistake).removeprefix(f"{path}:") for mistake in caught.value.mistakes]


def test_a_hash_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And stands in nothing that is printed."""
    monkeypatch.setenv("WATCHFLOOR_HASH_ANA", HASH)
    loaded = configuration.load(
        write_config(tmp_path, {}, users('{name: ana, role: admin, password_hash: "${WATCHFLOOR_HASH_ANA}"}'))
    )
    [ana] = loaded.review.users
    assert (ana.name, ana.role, ana.password_hash) == ("ana", "admin", HASH)
    assert HASH not in repr(loaded)
    assert "argon2" not in str(loaded)


def test_a_hash_in_the_file_is_refused(tmp_path: Path) -> None:
    """File, line, key and what to write; the hash itself is not repeated."""
    [found] = mistakes(tmp_path, f'{{name: ana, password_hash: "{HASH}"}}')
    assert found.startswith("5: review.users[0].password_hash: stands in the file; secrets come from the environment")
    assert "argon2" not in found


@pytest.mark.parametrize(
    "value",
    ["correct horse", "", pytest.param(HASH[:60], id="cut short"), "$2b$12$abcdefghijklmnopqrstuv", "=19=65536,t=3$x"],
)
def test_what_is_no_hash_is_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """It names the command that makes one, and does not repeat what may be a password."""
    monkeypatch.setenv("WATCHFLOOR_HASH_ANA", value)
    [found] = mistakes(tmp_path, '{name: ana, password_hash: "${WATCHFLOOR_HASH_ANA}"}')
    assert found.startswith("5: review.users[0].password_hash: is no hash of a password")
    assert "watchfloor review password" in found
    assert not value or value not in found


def test_a_variable_that_is_not_set_is_one_mistake(tmp_path: Path) -> None:
    """It is named, and nothing else is said of the key."""
    [found] = mistakes(tmp_path, '{name: ana, password_hash: "${WATCHFLOOR_HASH_NOBODY}"}')
    assert "the environment variable WATCHFLOOR_HASH_NOBODY is not set" in found


def test_names_that_stand_twice_are_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However they are written."""
    monkeypatch.setenv("H", HASH)
    [found] = mistakes(tmp_path, '{name: ana, password_hash: "${H}"}', '{name: Ana, password_hash: "${H}"}')
    assert found == "6: review.users[1].name: the name 'Ana' stands twice; rename one"


# --- the command that makes a hash


def test_the_command_makes_a_hash_from_a_pipe(tmp_path: Path) -> None:
    """The first line is the password; standard output holds the one line to keep, the rest says where it goes."""
    made = call("review", "password", cwd=tmp_path, stdin="correct horse\nnot this\n")
    assert made.returncode == 0
    line = re.fullmatch(r"export WATCHFLOOR_HASH_NAME='(\$argon2id\$[^']+)'\n", made.stdout)
    assert line is not None
    assert passwords.is_right(PASSWORD, line[1])
    assert '{name: NAME, role: reviewer, password_hash: "${WATCHFLOOR_HASH_NAME}"}' in made.stderr
    assert PASSWORD not in made.stdout + made.stderr


def test_a_short_password_is_refused(tmp_path: Path) -> None:
    """One line, exit status 2, and the password is not repeated."""
    refused = call("review", "password", cwd=tmp_path, stdin="1234567\n")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == "error: the password is too short; take 8 characters or more\n"


def test_a_password_counts_however_it_is_composed() -> None:
    """é as one character or as two: keyboards differ."""
    assert passwords.is_right("caf\u0065\u0301 noir", passwords.hashed("caf\u00e9 noir"))
