"""Metadata for guests: a listening socket at 169.254.169.254:80 in each `qdhcp-…` and `qrouter-…`, answered by this process.

A request's sender is known by the namespace it came through and its address there; the filter keeps guests from lending
themselves another one. The metadata service behind `metadata_url` believes our headers because of the shared secret."""

import asyncio
import contextlib
import errno
import hashlib
import hmac
import logging
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import httptools

from pileus.drivers.network.linux.dhcp import METADATA
from pileus.drivers.network.linux.namespaces import Namespace
from pileus.drivers.network.protocol import Lease

log = logging.getLogger(__name__)

FindLease = Callable[[str], Lease | None]
"""Whose address this is, behind one listener."""

_HEAD_LIMIT, _BODY_LIMIT, _ANSWER_LIMIT = 16 << 10, 64 << 10, 16 << 20
_READ_SECONDS, _ANSWER_SECONDS = 10, 60
_PER_LISTENER = 64
_OURS = frozenset({b"x-instance-id", b"x-tenant-id", b"x-instance-id-signature", b"x-forwarded-for", b"x-metadata-provider",
                   b"x-metadata-provider-signature", b"x-neutron-network-id", b"x-neutron-router-id"})  # fmt: skip
"""Headers by which the service knows the guest; never taken from the guest."""
_HOP = frozenset({b"connection", b"keep-alive", b"proxy-authorization", b"te", b"trailer", b"transfer-encoding", b"upgrade",
                  b"content-length", b"host", b"expect"})  # fmt: skip


class _Refused(Exception):
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class _Asked:
    """A request as httptools reads it: the first of a connection, what follows is not heard."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.url += b"" if self.complete else url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.complete:
            self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.body += b"" if self.complete else body
        if len(self.body) > _BODY_LIMIT:
            raise _Refused(413, "Request Entity Too Large")

    def on_message_complete(self) -> None:
        self.complete = True


class Metadata:
    """All listeners of this host. Belongs to the event loop's thread, but for `open_socket`."""

    def __init__(self, url: str, secret: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or 80
        self._prefix = parts.path.rstrip("/").encode()
        self._secret = secret.encode()
        self._listeners: dict[str, tuple[asyncio.Server, int]] = {}
        self._finders: dict[str, FindLease] = {}
        self._busy: dict[str, int] = {}

    def listens(self, key: str, inode: int) -> bool:
        """In this very namespace (one made anew under the old name is another)."""
        return key in self._listeners and self._listeners[key][1] == inode

    async def listen(self, key: str, ready: socket.socket, inode: int, find: FindLease) -> None:
        await self.silence(key)
        self._finders[key] = find
        server = await asyncio.start_server(lambda r, w: self._serve(key, r, w), sock=ready, limit=_HEAD_LIMIT)
        self._listeners[key] = server, inode

    async def silence(self, key: str) -> None:
        held = self._listeners.pop(key, None)
        self._finders.pop(key, None)
        if held:
            held[0].close()

    async def close(self) -> None:
        for key in list(self._listeners):
            await self.silence(key)

    async def _serve(self, key: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._busy.get(key, 0) >= _PER_LISTENER:
                raise _Refused(503, "Service Unavailable")
            self._busy[key] = self._busy.get(key, 0) + 1
            try:
                await self._answer(key, reader, writer)
            finally:
                self._busy[key] -= 1
                if not self._busy[key]:
                    del self._busy[key]
        except _Refused as refusal:
            writer.write(_refusal(refusal))
        except (OSError, EOFError):
            pass
        finally:
            with contextlib.suppress(OSError, asyncio.TimeoutError):
                await asyncio.wait_for(writer.drain(), _READ_SECONDS)
            writer.close()

    async def _answer(self, key: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer: str = writer.get_extra_info("peername")[0]
        try:
            method, asked = await asyncio.wait_for(_read(reader), _READ_SECONDS)
        except TimeoutError:
            raise _Refused(408, "Request Timeout") from None
        find = self._finders.get(key)
        lease = find(peer) if find else None
        if lease is None or not lease.device_id:
            raise _Refused(404, "Not Found")
        head = self._head(method, asked, lease, peer)
        started = False
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                there, back = await asyncio.open_connection(self._host, self._port)
                try:
                    back.write(head + asked.body)
                    sent = 0
                    while data := await there.read(1 << 16):
                        sent += len(data)
                        if sent > _ANSWER_LIMIT:
                            break
                        started = True
                        writer.write(data)
                        await writer.drain()
                finally:
                    back.close()
        except (OSError, TimeoutError) as error:
            if started:
                return
            log.warning("Metadata for %s: %s", lease.device_id, error)
            late = isinstance(error, TimeoutError)
            raise _Refused(504 if late else 503, "Gateway Timeout" if late else "Service Unavailable") from error
        if not started:
            raise _Refused(502, "Bad Gateway")

    def _head(self, method: bytes, asked: _Asked, lease: Lease, peer: str) -> bytes:
        signature = hmac.new(self._secret, lease.device_id.encode(), hashlib.sha256).hexdigest()
        headers = [(name, value) for name, value in asked.headers if name not in _OURS and name not in _HOP]
        headers += [
            (b"Host", f"{self._host}:{self._port}".encode()),
            (b"X-Instance-ID", lease.device_id.encode()),
            (b"X-Tenant-ID", lease.project_id.encode()),
            (b"X-Instance-ID-Signature", signature.encode()),
            (b"X-Forwarded-For", peer.encode()),
            (b"Connection", b"close"),
        ]
        if asked.body or method not in (b"GET", b"HEAD", b"DELETE"):
            headers.append((b"Content-Length", str(len(asked.body)).encode()))
        lines = [method + b" " + self._prefix + _path(asked.url) + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in headers]
        return b"\r\n".join(lines) + b"\r\n\r\n"


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, _Asked]:
    asked = _Asked()
    parser = httptools.HttpRequestParser(asked)
    size = 0
    while not asked.complete:
        data = await reader.read(1 << 14)
        if not data:
            raise EOFError
        size += len(data)
        if size > _HEAD_LIMIT + _BODY_LIMIT or (size > _HEAD_LIMIT and not asked.body):
            raise _Refused(431, "Request Header Fields Too Large")
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            break
        except httptools.HttpParserError as error:
            cause = error.__context__
            raise (cause if isinstance(cause, _Refused) else _Refused(400, "Bad Request")) from None
    return parser.get_method(), asked


def _path(url: bytes) -> bytes:
    """Path and query of what was asked; a guest may send the whole URL."""
    try:
        parsed = httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError:
        raise _Refused(400, "Bad Request") from None
    path = parsed.path or b"/"
    return path + b"?" + parsed.query if parsed.query else path


def _refusal(refusal: _Refused) -> bytes:
    text = f"<html><head><title>{refusal.status} {refusal.reason}</title></head></html>".encode()
    head = f"HTTP/1.1 {refusal.status} {refusal.reason}\r\nContent-Type: text/html\r\nContent-Length: {len(text)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + text


def open_socket(namespace: Namespace) -> tuple[socket.socket, int] | None:
    """A listening socket inside, and which namespace that is; None where the address is not (IPv6 alone). In a thread."""
    with namespace.entered():
        ready = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        ready.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ready.setblocking(False)
        ready.bind((METADATA, 80))
        ready.listen(128)
    except OSError as error:
        ready.close()
        if error.errno == errno.EADDRNOTAVAIL:
            return None
        raise
    return ready, namespace.path.stat().st_ino
