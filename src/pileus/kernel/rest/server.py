"""Listeners: one uvicorn server over all sockets, with time-outs and bounds that uvicorn leaves to us."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class PortTaken(Exception):
    """An address cannot be listened on; the message names it and what to do."""


@dataclass(frozen=True)
class Tls:
    """Paths of PEM files. With an `authority`, clients may show a certificate that it signed; others are turned away."""

    certificate: str
    key: str
    authority: str = ""


_TLS = {"TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 with a bound on the head: its size, and the time that it may take to arrive. Bytes of a URL that should have been
    percent-encoded are: old clients send paths as plain UTF-8, and the parser takes ASCII alone."""

    head_timeout = 30.0
    head_limit = 64 * 1024

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._tls = _tls_of(transport)
        self._head_bytes = 0
        self._first_line = True
        self._head_timer: asyncio.TimerHandle | None = self.loop.call_later(self.head_timeout, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._first_line:
            super().data_received(data)
            return
        end = data.find(b"\n")
        line = data if end < 0 else data[:end]
        self._first_line = False
        super().data_received(data if line.isascii() else _ascii(line) + data[len(line) :])
        self._first_line = self._first_line or end < 0

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._first_line = True

    def on_message_begin(self) -> None:
        self._first_line = False  # of a request that came in one piece with the one before
        self._head_bytes = 0
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_timeout, self._too_slow)
        super().on_message_begin()
        if self._tls:
            extensions: dict[str, dict[object, object]] = {"tls": self._tls}
            self.scope["extensions"] = extensions

    def on_url(self, url: bytes) -> None:
        self._grow(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._grow(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._stop_timer()
        super().on_headers_complete()

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _grow(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self.head_limit and not self.transport.is_closing():
            self._end(b"431 Request Header Fields Too Large")

    def _too_slow(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self._end(b"408 Request Timeout")

    def _end(self, status: bytes) -> None:
        self.transport.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        self.transport.close()


def _ascii(line: bytes) -> bytes:
    return b"".join(b"%c" % byte if byte < 0x80 else b"%%%02X" % byte for byte in line)


def _tls_of(transport: Any) -> dict[object, object]:
    """As ASGI's TLS extension has it: the version (0x0304), the client's certificate (PEM); empty in the clear."""
    secured = transport.get_extra_info("ssl_object")
    if secured is None:
        return {}
    shown = secured.getpeercert(binary_form=True)
    return {
        "tls_version": _TLS.get(secured.version()),
        "client_cert_chain": (ssl.DER_cert_to_PEM_cert(shown),) if shown else (),
    }


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the process that put the cloud together, not to the server."""
        yield


class Listeners:
    """Ports of a control plane: all in the clear, or all with TLS."""

    def __init__(
        self, app: Any, addresses: Sequence[tuple[str, int]], backlog: int = 2048, tls: Tls | None = None
    ) -> None:
        self._app, self._addresses, self._backlog, self._tls = app, addresses, backlog, tls
        self._sockets: list[socket.socket] = []
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    def bind(self) -> None:
        """Take the ports. Raises `PortTaken`; then none is held."""
        try:
            for host, port in self._addresses:
                self._sockets.append(_bound(host, port, self._backlog))
        except PortTaken:
            self.release()
            raise

    async def start(self) -> None:
        """Answer requests from now on."""
        # X-Forwarded-* is believed by `Entry`, and only where the operator says so: uvicorn would believe all that is local.
        config = uvicorn.Config(
            self._app, http=Protocol, ws="websockets-sansio", loop="none", lifespan="off", log_config=None, access_log=False,
            server_header=False, date_header=True, timeout_keep_alive=75, backlog=self._backlog, timeout_graceful_shutdown=2,
            ws_max_size=1 << 20, proxy_headers=False, **self._secured(),
        )  # fmt: skip
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=self._sockets))
        while not self._server.started and not self._task.done():  # noqa: ASYNC110 - uvicorn has no event to wait for
            await asyncio.sleep(0.001)
        if self._task.done():
            self._task.result()

    def _secured(self) -> dict[str, Any]:
        if self._tls is None:
            return {}
        asked = ssl.CERT_OPTIONAL if self._tls.authority else ssl.CERT_NONE
        return {
            "ssl_certfile": self._tls.certificate,
            "ssl_keyfile": self._tls.key,
            "ssl_ca_certs": self._tls.authority or None,
            "ssl_cert_reqs": asked,
        }

    async def close(self) -> None:
        """Let running requests end (2 s at most), then close the ports."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task
        self.release()

    def release(self) -> None:
        """Let go of the ports."""
        for s in self._sockets:
            s.close()
        self._sockets.clear()


def _bound(host: str, port: int, backlog: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends at once (TCP_NODELAY) only where the protocol is named: else head and body of an answer wait 40 ms
    s = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        s.bind((host, port))
        s.listen(backlog)
    except OSError as e:
        s.close()
        raise PortTaken(
            f"Cannot listen on {host} port {port}: {e.strerror}. Stop what uses it, or set another port in pileus.toml."
        ) from None
    s.setblocking(False)
    return s
