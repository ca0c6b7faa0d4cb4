"""The guard: which addresses may be reached, and that everything ends in time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import httpcore
import httpx
import pytest

from pipeline.guard import Guard, GuardedTransport
from tests.feedserver import FOREVER, FeedServer, client_context, dripping, ok

PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"]
PRIVATE = [
    *("127.0.0.1", "127.8.9.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "0.0.0.0", "192.0.2.1"),
    *("198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
    *(
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::1",
        "2002:a00:1::",
        "fc00::1",
    ),
    *("fd12::1", "fec0::1", "ff02::1", "2001:db8::1", "100::1", "2001:0:7f00:1::"),
]
NEVER = [
    *("169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"),
    *("100.100.100.200", "fd00:ec2::254", "168.63.129.16"),
]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names to addresses, in place of the system's resolver; other names are resolved as ever."""
    table: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *args: Any, **options: Any) -> list[Any]:
        name = host.decode() if isinstance(host, bytes) else host
        return [entry for address in table.get(name, [host]) for entry in real(address, port, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return table


def get(url: str, *, allow_private: bool = True, seconds: float = 5.0) -> bytes:
    """The body at ``url`` through a guarded transport, within one deadline."""
    guard = Guard(allow_private=allow_private, seconds=seconds)
    transport = GuardedTransport(guard, client_context())
    try:
        with guard.deadline():
            response = transport.handle_request(httpx.Request("GET", url))
            try:
                return response.read()
            finally:
                response.close()
    finally:
        transport.close()


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_reached(address: str) -> None:
    """An address of the public internet is allowed."""
    Guard(allow_private=False, seconds=1).check([address])


@pytest.mark.parametrize("address", PRIVATE + NEVER)
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    """Private, loopback, reserved and multicast addresses are refused, also inside IPv6 forms that carry IPv4."""
    with pytest.raises(httpcore.ConnectError, match=r"not a public address|never asked"):
        Guard(allow_private=False, seconds=1).check([address])


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_reached_when_allowed(address: str) -> None:
    """``allow_private`` opens private networks."""
    Guard(allow_private=True, seconds=1).check([address])


@pytest.mark.parametrize("address", NEVER)
def test_metadata_addresses_are_never_reached(address: str) -> None:
    """Link-local and metadata addresses are refused even where private ones are allowed."""
    with pytest.raises(httpcore.ConnectError, match="never asked"):
        Guard(allow_private=True, seconds=1).check([address])


def test_one_private_address_among_public_ones_refuses_the_host() -> None:
    """A name with a public and a private address is refused, whichever comes first."""
    for addresses in (["8.8.8.8", "10.0.0.1"], ["10.0.0.1", "8.8.8.8"]):
        with pytest.raises(httpcore.ConnectError, match=r"10\.0\.0\.1"):
            Guard(allow_private=False, seconds=1).check(addresses)


def test_public_server_cannot_lead_into_a_private_network() -> None:
    """Within one fetch, a private address after a public one is refused even where private ones are allowed."""
    guard = Guard(allow_private=True, seconds=1)
    with guard.deadline():
        guard.check(["10.0.0.1", "2001:4860::1"])  # an intranet host with both
        guard.check(["10.0.0.2"])
        guard.check(["8.8.8.8"])
        with pytest.raises(httpcore.ConnectError, match="a public server redirected"):
            guard.check(["10.0.0.1"])
    with guard.deadline():
        guard.check(["10.0.0.1"])


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "localhost", "[::ffff:127.0.0.1]"],
)
def test_forms_of_loopback_are_refused_before_connecting(host: str) -> None:
    """No way to write 127.0.0.1 gets past: what the system makes of the name is what is judged."""
    with FeedServer() as server:
        server.on("/", ok(b"secret"))
        with pytest.raises((httpx.ConnectError, httpx.InvalidURL), match=r"not a public address|Invalid IPv4"):
            get(server.url("/", host), allow_private=False)
        assert server.connections == 0


def test_name_that_resolves_to_a_private_address_is_refused(resolver: dict[str, list[str]]) -> None:
    """A public name for a private address is refused without a connection."""
    with FeedServer() as server:
        resolver["feeds.example"] = ["127.0.0.1"]
        with pytest.raises(httpx.ConnectError, match=r"127\.0\.0\.1 is not a public address"):
            get(server.url("/", "feeds.example"), allow_private=False)
        assert server.connections == 0


def test_the_address_checked_is_the_address_connected_to(
    resolver: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name is resolved once: a second, different answer (DNS rebinding) is never asked for."""
    with FeedServer() as server:
        server.on("/", ok(b"feed"))
        resolver["feeds.example"] = ["127.0.0.1"]
        asked: list[object] = []
        table = socket.getaddrinfo

        def counted(host: Any, *args: Any, **options: Any) -> list[Any]:
            asked.append(host)
            return table(host, *args, **options)

        monkeypatch.setattr(socket, "getaddrinfo", counted)
        assert get(server.url("/", "feeds.example")) == b"feed"
        assert asked.count("feeds.example") == 1


def test_the_next_address_is_tried_when_one_refuses(resolver: dict[str, list[str]]) -> None:
    """A host with a dead address is reached at its other one."""
    with FeedServer() as server:
        server.on("/", ok(b"feed"))
        resolver["feeds.example"] = ["127.0.0.2", "127.0.0.1"]  # the server listens on 127.0.0.1 only
        assert get(server.url("/", "feeds.example")) == b"feed"


@pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".example", "no-such-name.invalid"])
def test_name_that_cannot_be_resolved_is_a_connect_error(host: str) -> None:
    """A name that is no name, or that nobody knows, is an ordinary error."""
    with pytest.raises(httpx.ConnectError, match="cannot be resolved"):
        get(f"http://{host}/")


def test_port_out_of_range_is_a_connect_error() -> None:
    """A port above 65535 is refused, not cut to its lowest 16 bits."""
    with FeedServer() as server, pytest.raises(httpx.ConnectError, match="no port"):
        get(f"http://127.0.0.1:{server.port + 65536}/")
    assert server.connections == 0


def in_time(action: Callable[[], object], match: str = ".") -> None:
    """``action`` ends by a timeout, soon after its half second."""
    start = time.monotonic()
    with pytest.raises(httpx.TimeoutException, match=match):
        action()
    assert time.monotonic() - start < 3


def test_slow_name_server_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that never answers keeps nobody waiting beyond the deadline."""
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: over.wait(10) and [])
    in_time(lambda: get("http://slow.example/", seconds=0.5), "not resolved in time")
    over.set()


def test_silent_handshake_ends_at_the_deadline() -> None:
    """A server that never begins TLS is left at the deadline."""
    stop = threading.Event()
    with FeedServer(talk=lambda _: stop.wait(5)) as server:
        in_time(lambda: get(f"https://127.0.0.1:{server.port}/", seconds=0.5))
        stop.set()


def test_dripping_handshake_ends_at_the_deadline() -> None:
    """TLS bytes one by one, each within the timeout of a read, end at the deadline."""
    stop = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"\x16\x03\x03\x10\x00")  # a handshake record of 4096 bytes begins
        while not stop.wait(0.05):
            connection.sendall(b"\x02")

    with FeedServer(talk=drip) as server:
        in_time(lambda: get(f"https://127.0.0.1:{server.port}/", seconds=0.5))
        stop.set()


def test_dripping_answer_ends_at_the_deadline() -> None:
    """Bytes that each come in time do not stretch the whole beyond the deadline."""
    with FeedServer() as server:
        server.on("/", dripping(ok(b"x" * 1000), 0.05))
        in_time(lambda: get(server.url("/"), seconds=0.5))


def test_deadline_that_is_over_before_tls_closes_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time that runs out between connecting and TLS leaves no socket open (pytest turns a leak into an error)."""
    guard = Guard(allow_private=True, seconds=5)
    transport = GuardedTransport(guard, client_context())
    seen: list[httpcore.NetworkStream] = []
    real = httpcore.SyncBackend.connect_tcp

    def connect(*args: Any, **options: Any) -> httpcore.NetworkStream:
        seen.append(real(*args, **options))
        guard._ends_at = 0.0
        return seen[0]

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    with FeedServer(tls=True) as server, guard.deadline(), pytest.raises(httpx.ReadTimeout):
        transport.handle_request(httpx.Request("GET", server.url("/")))
    assert seen[0].get_extra_info("socket").fileno() == -1
    transport.close()


def test_https_is_spoken_with_certificates_checked(resolver: dict[str, list[str]]) -> None:
    """A certificate for another name is refused; the right one is accepted."""
    with FeedServer(tls=True) as server:
        server.on("/", ok(b"feed"))
        assert get(server.url("/")) == b"feed"
        resolver["other.example"] = ["127.0.0.1"]
        with pytest.raises(httpx.ConnectError, match="certificate"):
            get(server.url("/", "other.example"))


def test_contexts_are_shared_without_being_changed() -> None:
    """Connections of many threads share one TLS context: ALPN is set once, never again under a running handshake."""
    context = client_context()
    for _ in range(3):
        GuardedTransport(Guard(allow_private=True, seconds=1), context).close()
    changed = context.set_alpn_protocols
    assert changed is vars(context)["set_alpn_protocols"]


def test_wait_of_the_test_server_ends_with_it() -> None:
    """The test server closes at once, whatever it is told to wait for."""
    start = time.monotonic()
    with FeedServer() as server:
        server.on("/", lambda: [FOREVER])
        in_time(lambda: get(server.url("/"), seconds=0.3))
    assert time.monotonic() - start < 3
