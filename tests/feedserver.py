"""A raw-socket HTTP server on loopback, for tests: it sends exactly the bytes that it is told, valid HTTP or not.

    with FeedServer() as server:
        server.on("/feed.xml", ok(b"<rss/>"), not_modified())
        ...  # fetch server.url("/feed.xml") twice
        assert server.requests[1].header("If-None-Match") == [b'"v1"']

A path has a script of answers: each request takes the next, the last stands for all that follow; an unknown path
answers 404. An answer is bytes, or a function that gives pieces: bytes to send, a number of seconds to wait, or RESET;
or ``Asked``, which looks at the request first.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType


class Cut(Enum):
    """A way to end a connection."""

    RESET = "with a TCP reset"


RESET = Cut.RESET
#: Seconds that no test outlasts; a wait ends when the server is closed.
FOREVER = 3600.0

Piece = bytes | float | Cut
Header = tuple[str, str | bytes]


def response(body: bytes = b"", *headers: Header, status: str = "200 OK", length: bool = True) -> bytes:
    """An HTTP/1.1 response, with a Content-Length unless ``length`` is False."""
    lines = [f"HTTP/1.1 {status}".encode()]
    lines += [name.encode() + b": " + (v if isinstance(v, bytes) else v.encode()) for name, v in headers]
    lines += [f"Content-Length: {len(body)}".encode()] if length else []
    return b"\r\n".join([*lines, b"", body])


def ok(body: bytes, *headers: Header) -> bytes:
    """200 with ``body``."""
    return response(body, *headers)


def redirect(status: int, location: str | bytes) -> bytes:
    """A redirect to ``location``."""
    return response(b"moved", ("Location", location), status=f"{status} Moved")


def not_modified() -> bytes:
    """304, which has no body."""
    return response(status="304 Not Modified", length=False)


def chunk(data: bytes) -> bytes:
    """``data`` as one chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def dripping(data: bytes, seconds: float) -> Callable[[], Iterable[Piece]]:
    """``data`` byte by byte, with a wait after each."""
    return lambda: (piece for byte in data for piece in (bytes([byte]), seconds))


def silence() -> Iterable[Piece]:
    """Never an answer."""
    return [FOREVER]


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as it came."""

    method: str
    path: str
    headers: tuple[tuple[bytes, bytes], ...]
    connection: int  # the number of the connection that it came over, from 1
    at: float  # time.monotonic()

    def header(self, name: str) -> list[bytes]:
        """All values of the header ``name``, byte for byte."""
        return [value for key, value in self.headers if key.lower() == name.lower().encode()]


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer that depends on what is asked."""

    answer: Callable[[Request], bytes]


Answer = bytes | Callable[[], Iterable[Piece]] | Asked


def conditional(body: bytes, *headers: Header) -> Asked:
    """200 with ``body``, or 304 to a request that returns the ETag or else the Last-Modified of ``headers`` exactly."""
    validators = {name: v if isinstance(v, bytes) else v.encode() for name, v in headers}
    etag, date = validators.get("ETag"), validators.get("Last-Modified")

    def answer(request: Request) -> bytes:
        tags, dates = request.header("If-None-Match"), request.header("If-Modified-Since")
        is_known = tags == [etag] if tags else date is not None and dates == [date]
        return not_modified() if is_known else ok(body, *headers)

    return Asked(answer)


class FeedServer:
    """The server. ``tls`` makes it speak https, ``keep_alive`` answer several requests on one connection.

    ``talk`` replaces HTTP/1.1: it is given each connection (after TLS) and returns when that is to be closed.
    """

    def __init__(
        self,
        *,
        tls: bool = False,
        keep_alive: bool = False,
        alpn: Sequence[str] = ("http/1.1",),
        talk: Callable[[socket.socket], object] | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.sent = 0  # bytes
        self._scripts: dict[str, list[Answer]] = {}
        self._keep_alive = keep_alive
        self._talk = talk or self._talk_http
        self._context = _server_context(alpn) if tls else None
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, name="feedserver", daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> FeedServer:
        return self

    def __exit__(self, _t: type[BaseException] | None, _e: BaseException | None, _tb: TracebackType | None) -> None:
        self.close()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """The address of ``path`` here."""
        return f"{'https' if self._context else 'http'}://{host}:{self.port}{path}"

    def on(self, path: str, *answers: Answer) -> str:
        """Answer requests for ``path`` (with its query) by ``answers``, one after the other; returns its address."""
        with self._lock:
            self._scripts[path] = list(answers)
        return self.url(path)

    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [request.path for request in self.requests]

    def open_connections(self) -> int:
        """How many connections the client has not closed yet."""
        with self._lock:
            return len(self._open)

    def close(self) -> None:
        """Cut all connections and end all threads."""
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join(timeout=10)  # no connection comes in after this
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=10)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), name="feedserver-talk", daemon=True)
            with self._lock:
                self.connections += 1
                self._open.add(connection)
                self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        raw = connection
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
                with self._lock:
                    self._open.discard(raw)
                    self._open.add(connection)
                    if self._closing.is_set():
                        return
            self._talk(connection)
        except OSError:
            pass  # the client went away
        finally:
            with self._lock:
                self._open -= {raw, connection}
            connection.close()

    def _talk_http(self, connection: socket.socket) -> None:
        with self._lock:
            number = self.connections
        reader = connection.makefile("rb")
        with reader:
            while (line := reader.readline()) and not self._closing.is_set():
                if line.count(b" ") != 2:
                    return  # no HTTP, such as a TLS handshake
                method, path, _ = line.decode("latin-1").split(" ")
                headers = []
                while field := reader.readline().rstrip(b"\r\n"):
                    name, _, value = field.partition(b":")
                    headers.append((name, value.strip(b" ")))
                request = Request(method, path, tuple(headers), number, time.monotonic())
                with self._lock:
                    self.requests.append(request)
                answer = self._next_answer(path)
                answer = answer.answer(request) if isinstance(answer, Asked) else answer
                if not self._send(connection, answer) or not self._keep_alive:
                    return

    def _next_answer(self, path: str) -> Answer:
        with self._lock:
            script = self._scripts.get(path)
            if not script:
                return response(b"no such page", status="404 Not Found")
            return script.pop(0) if len(script) > 1 else script[0]

    def _send(self, connection: socket.socket, answer: bytes | Callable[[], Iterable[Piece]]) -> bool:
        """False when the connection was cut."""
        for piece in [answer] if isinstance(answer, bytes) else answer():
            if isinstance(piece, bytes):
                connection.sendall(piece)
                self.sent += len(piece)
            elif piece is RESET:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            elif isinstance(piece, float | int) and self._closing.wait(piece):
                return False
        return True


def client_context() -> ssl.SSLContext:
    """A context that trusts the certificate of this server, which is for 127.0.0.1 and localhost."""
    return ssl.create_default_context(cadata=_CERTIFICATE)


def _server_context(alpn: Sequence[str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        pem = Path(folder) / "server.pem"
        pem.write_text(_KEY + _CERTIFICATE)
        context.load_cert_chain(pem)
    context.set_alpn_protocols(list(alpn))
    return context


# Made for these tests, until 2120; it protects nothing.
_KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgh/Hsacy26S9ItDtc
zp9AUmwe3/03kiyeeFa/511Pn0mhRANCAASCj6l0IBjQB3BlTet3L5VKA5zjfMD3
wqJME+ijqOxKk/YQcM4wU5mkdqr1ySE8lIoNJCWsqf+xi025eqygIJ44
-----END PRIVATE KEY-----
"""
_CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBdTCCARqgAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv
c3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABIKPqXQgGNAHcGVN
63cvlUoDnON8wPfCokwT6KOo7EqT9hBwzjBTmaR2qvXJITyUig0kJayp/7GLTbl6
rKAgnjijWzBZMBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAAATALBgNVHQ8EBAMC
AoQwDwYDVR0TAQH/BAUwAwEB/zAdBgNVHQ4EFgQUeWFgPy/42CvMwq3RmnbeJaEl
EnwwCgYIKoZIzj0EAwIDSQAwRgIhAJoaLpqyWUbSqn0I/QORHuqYiTZK7eigsh7v
bgveX5uKAiEA/iNURz5gNMpAW/d5n76KBs+JousEWiVek8+sA4f1SS4=
-----END CERTIFICATE-----
"""
