"""Guards every connection that the fetcher makes: which addresses may be reached, and for how long in all.

Sits below httpx, on the address really connected to, so that neither a name that resolves to a private network nor a
redirect gets past it; and bounds the whole of a fetch, which timeouts of single reads do not.

Sources: RFC 6890 (special addresses), RFC 6052 (NAT64).
"""

from __future__ import annotations

import contextlib
import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import httpcore
import httpx

_IPV6_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that is assigned for the public internet
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
#: Where clouds keep the secrets of their machines. Not link-local, so listed.
_METADATA = frozenset(ipaddress.ip_address(text) for text in ("100.100.100.200", "168.63.129.16", "fd00:ec2::254"))
_ALPN = ["h2", "http/1.1"]
_preparing = threading.Lock()


class Refused(httpcore.ConnectError):
    """A host that is not connected to, now or later, until somebody changes something."""


class Guard:
    """What one fetcher allows: ``allow_private`` addresses, and ``seconds`` for one fetch in all.

    Even where private addresses are allowed, link-local ones never are (a cloud's metadata service answers there), and
    once a fetch has reached the public internet, no redirect leads it back into a private network.
    """

    def __init__(self, *, allow_private: bool, seconds: float) -> None:
        self._allow_private = allow_private
        self._seconds = seconds
        self._ends_at: float | None = None
        self._went_public = False

    @contextlib.contextmanager
    def deadline(self) -> Iterator[None]:
        """One fetch: everything done inside must end within ``seconds`` from here."""
        self._ends_at = time.monotonic() + self._seconds
        self._went_public = False
        try:
            yield
        finally:
            self._ends_at = None

    def remaining(self) -> float:
        """Seconds left. Raises ``httpcore.ReadTimeout`` when none are."""
        if self._ends_at is None:
            return self._seconds
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time for this fetch is over")
        return left

    def check(self, addresses: Sequence[str]) -> None:
        """Raise ``Refused`` unless a host with these IP ``addresses`` may be reached.

        One address that is not allowed is reason enough to refuse the host.
        """
        ips = [_innermost(ipaddress.ip_address(address.partition("%")[0])) for address in addresses]
        for ip in ips:
            if ip.is_link_local or ip in _METADATA:
                raise Refused(f"{ip} is a link-local or metadata address; such are never asked")
        private = [ip for ip in ips if not _is_public(ip)]
        if private and not self._allow_private:
            raise Refused(
                f"{private[0]} is not a public address; set fetch.allow_private_addresses: true if that is meant"
            )
        if private and self._went_public:
            raise Refused(f"a public server redirected to {private[0]}, a private address; refused")
        self._went_public = self._went_public or not private


def _innermost(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that an IPv6 address carries (mapped, 6to4, Teredo, NAT64), else ``ip`` itself."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None) or ip


def _is_public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return ip.is_global and not ip.is_multicast and (ip.version == 4 or ip in _IPV6_UNICAST)


class _GuardedStream(httpcore.NetworkStream):
    """A connection whose every step fits into what is left of the fetch's time."""

    def __init__(self, stream: httpcore.NetworkStream, guard: Guard) -> None:
        self._stream = stream
        self._guard = guard

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._guard.remaining())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._guard.remaining())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            secured = self._stream.start_tls(ssl_context, server_hostname, self._guard.remaining())
        except BaseException:
            self._stream.close()  # httpcore forgets it
            raise
        return _GuardedStream(secured, self._guard)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _GuardedBackend(httpcore.NetworkBackend):
    """Resolves a name itself, so that the address checked is the address connected to."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        if not 0 < port < 65536:  # the system would quietly use the lowest 16 bits
            raise Refused(f"there is no port {port}")
        addresses = self._resolve(host, port)
        self._guard.check(addresses)
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            # an address that never answers must leave time for the others (IPv6 that leads nowhere is common)
            share = self._guard.remaining() / left
            try:
                stream = self._plain.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _GuardedStream(stream, self._guard)
        raise failure or httpcore.ConnectError(f"the name {host} has no address")

    def _resolve(self, host: str, port: int) -> list[str]:
        """The addresses of ``host``, asked for in a thread: the system's resolver knows no deadline."""
        answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except (OSError, ValueError) as error:  # ValueError: a name that cannot be one
                answers.put(error)
            else:
                answers.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))

        threading.Thread(target=ask, name=f"resolve-{host[:40]}", daemon=True).start()
        try:
            answer = answers.get(timeout=self._guard.remaining())
        except queue.Empty:
            raise httpcore.ConnectTimeout(f"the name {host} was not resolved in time") from None
        if isinstance(answer, Exception):
            reason = getattr(answer, "strerror", None) or str(answer)
            # "try again" is what a resolver says that cannot be reached; anything else is an answer
            kind = httpcore.ConnectError if getattr(answer, "errno", None) == socket.EAI_AGAIN else Refused
            raise kind(f"the name {host} cannot be resolved ({reason})")
        return answer


class GuardedTransport(httpx.HTTPTransport):
    """httpx's own transport over guarded connections. HTTP/2 where the server speaks it.

    ``ssl_context`` may be shared by the transports of several threads. ``close`` closes all connections; the transport
    can be used again after it.
    """

    def __init__(self, guard: Guard, ssl_context: ssl.SSLContext) -> None:
        super().__init__(verify=ssl_context)
        _set_alpn_once(ssl_context)
        # httpx offers no way to pass a network backend, so its pool is replaced by one that has ours.
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl_context, http1=True, http2=True, network_backend=_GuardedBackend(guard)
        )


def _set_alpn_once(context: ssl.SSLContext) -> None:
    """Offer HTTP/2 and HTTP/1.1 on ``context``, and let later calls of ``set_alpn_protocols`` do nothing.

    httpcore calls it for every connection; on a context that threads share, OpenSSL would free the list while another
    thread's handshake copies it.
    """
    with _preparing:
        if "set_alpn_protocols" not in vars(context):
            context.set_alpn_protocols(_ALPN)
            vars(context)["set_alpn_protocols"] = lambda _protocols: None
