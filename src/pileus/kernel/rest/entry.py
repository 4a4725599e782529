"""The front door: from ASGI to a `Face` and back. Request ids, CORS, health, metrics and the access log live here."""

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pileus.kernel.rest.face import Face
from pileus.kernel.rest.openapi import document
from pileus.kernel.rest.request import Answer, Query, Receive, Request, encode
from pileus.kernel.rest.streamed import BrokenOff, send_stream
from pileus.kernel.rest.whole import Send, plain, send_whole
from pileus.kernel.types import Ctx, Fault, Invalid, new_id

Scope = MutableMapping[str, Any]
access = logging.getLogger("pileus.access")
log = logging.getLogger("pileus.rest")
_SMALL = 1 << 16
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+;=\x80-\xff-]*)(:\d*){0,2}\Z")
"""Bare UTF-8 too, as old clients of Swift have it; boto 2 signs and says the port twice."""
LINGER = 10.0
"""Seconds for which the rest of a refused body is read."""


@dataclass(frozen=True)
class Door:
    """What stands behind one port: a face at the root, or faces by the first segment of the path (or both)."""

    root: Face | None = None
    mounts: Mapping[str, Face] = field(default_factory=dict)

    def find(self, path: str) -> tuple[Face | None, str, str]:
        """(face, prefix, path below the prefix)."""
        if self.mounts:
            first = path.split("/", 2)[1] if path.count("/") else ""
            face = self.mounts.get(first)
            if face is not None:
                return face, "/" + first, path[len(first) + 1 :] or "/"
        return self.root, "", path


@dataclass
class EntrySettings:
    origins: tuple[str, ...] = ()
    """Web origins that may call the APIs from a browser; `*` for all."""
    trust_forwarded: bool = False
    """Believe X-Forwarded-Proto, -Host and -Prefix: only behind a proxy that sets them."""
    certificate_header: str = ""
    """Header, in lower case, in which a proxy hands on the client's certificate; empty: none is believed."""
    certificate_peers: tuple[str, ...] = ("127.0.0.1", "::1")
    """Addresses of proxies that are believed in this."""


_ANY_LINE = vars(logging.makeLogRecord({"name": access.name, "levelno": logging.INFO, "levelname": "INFO"}))


class _Line(logging.LogRecord):
    """A line of the access log. It has what handlers and formatters ask for, and is made in a third of `Logger.info`'s time."""

    def __init__(self, message: str, **fields: str) -> None:
        now = time.time()
        self.__dict__.update(_ANY_LINE, msg=message, created=now, msecs=now % 1 * 1000, **fields)


class Entry:
    """The ASGI application of all listeners."""

    def __init__(
        self,
        doors: Mapping[int, Door],
        settings: EntrySettings | None = None,
        healthy: Callable[[], Sequence[str]] = lambda: (),
        gauges: Callable[[], Mapping[str, float]] = lambda: {},
    ) -> None:
        self.doors = doors
        self.settings = settings or EntrySettings()
        self.healthy, self.gauges = healthy, gauges
        self.counts: dict[tuple[str, str, int], list[float]] = {}
        """(service, method, status) -> [requests, seconds]."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        headers = _read(scope["headers"])
        method = scope["method"]
        path = scope["raw_path"].decode("latin-1") if scope.get("raw_path") else scope["path"]
        face, prefix, below = self._door(scope).find(path)
        if face is not None and face.beside and path.startswith("/"):
            face = face.pick(method, below, scope["query_string"].decode("latin-1"), headers)
        request_id = "req-" + new_id()
        own = self._own(face, path, method, headers, scope)
        name = face.name if face is not None else "-"
        request = None
        if own is not None:
            answer = own
        elif face is None:
            answer = Answer(
                404, {"error": {"code": 404, "title": "Not Found", "message": f"Nothing is served at {path[:200]}."}}
            )
        else:
            request, answer = await self._ask(face, scope, receive, headers, prefix, below, method, request_id)
        for header, value in face.dialect.identified(request_id).items() if face is not None else ():
            answer.headers.setdefault(header, value)
        if "X-Openstack-Request-Id" not in answer.headers:  # so written by faces that have names in capitals
            answer.headers["x-openstack-request-id"] = request_id
        if face is None or not face.dialect.own_origins:
            self._allow_origin(headers, answer)
        unread = request if request is not None and not request.consumed and _body_left(headers) else None
        if unread is not None:
            answer.headers["connection"] = "close"
        json_media = face.dialect.json_media if face else "application/json"
        cased = face is not None and face.dialect.cased_headers
        try:
            sent = await _respond(answer, send, method == "HEAD", json_media, unread, cased)
        except BrokenOff as broken:
            sent = broken.sent
            _tell_broken(broken, f"{name} {method} {face.dialect.logged(path) if face else path}", request_id)
        self._count(name, method, answer.status, time.perf_counter() - began)
        if access.isEnabledFor(logging.INFO):
            shown = face.dialect.logged(path) if face else path
            took = (time.perf_counter() - began) * 1000
            self._tell(f'{name} "{method} {shown}" {answer.status} {sent} {took:.1f}ms', request, request_id, self._client(scope, headers))  # fmt: skip

    def _tell(self, message: str, request: Request | None, request_id: str, address: str) -> None:
        ctx = request.ctx if request is not None else Ctx()
        access.handle(
            _Line(message, request_id=request_id, user_id=ctx.user_id, project_id=ctx.project_id, address=address)
        )

    async def _ask(
        self,
        face: Face,
        scope: Scope,
        receive: Receive,
        headers: dict[str, str],
        prefix: str,
        below: str,
        method: str,
        request_id: str,
    ) -> tuple[Request | None, Answer]:
        base = self._base(scope, headers, prefix)
        try:
            query = Query(scope["query_string"])
        except Fault as fault:
            blank = Request(method=method, path=below, headers=headers, query=Query(), base=base)
            return None, face.dialect.fault(blank, fault)
        request = Request(
            method=method, path=below, headers=headers, query=query, base=base, receive=receive, scope=scope
        )
        given = headers.get("x-openstack-request-id", "")
        request.ctx = Ctx(
            request_id=request_id,
            address=self._client(scope, headers),
            agent=headers.get("user-agent", "")[:255],
            global_request_id=given if given.startswith("req-") else "",
        )
        request.certificate_text = self._certificate(scope, headers)
        token = headers.get("x-auth-token") or headers.get("x-storage-token") or _bearer(headers)
        return request, await face.answer(request, token, headers.get("x-service-token", ""))

    def _certificate(self, scope: Scope, headers: Mapping[str, str]) -> str:
        """What the client showed us, or a proxy that is believed."""
        for shown in (scope.get("extensions") or {}).get("tls", {}).get("client_cert_chain", ()):
            return str(shown)
        peer = (scope.get("client") or ("",))[0]
        if self.settings.certificate_header and peer in self.settings.certificate_peers:
            return headers.get(self.settings.certificate_header, "")
        return ""

    def _door(self, scope: Scope) -> Door:
        server = scope.get("server") or ("", 0)
        return self.doors.get(server[1]) or self.doors.get(0) or Door()

    def _client(self, scope: Scope, headers: Mapping[str, str]) -> str:
        """The client's address: behind a proxy what the proxy itself put last, not what came from further away."""
        address: str = (scope.get("client") or ("",))[0]
        if self.settings.trust_forwarded:
            address = headers.get("x-forwarded-for", address).rpartition(",")[2].strip()
        return address

    def _base(self, scope: Scope, headers: Mapping[str, str], prefix: str) -> str:
        scheme, host = scope.get("scheme", "http"), headers.get("host", "")
        if self.settings.trust_forwarded:
            scheme = headers.get("x-forwarded-proto", scheme).split(",")[0].strip()
            host = headers.get("x-forwarded-host", host).split(",")[0].strip()
            prefix = headers.get("x-forwarded-prefix", "").rstrip("/") + prefix
        return f"{scheme}://{host}{prefix}"

    # --- what is the same for all services -------------------------------------------------------------------------

    def _own(
        self, face: Face | None, path: str, method: str, headers: Mapping[str, str], scope: Scope
    ) -> Answer | None:
        wrong_head = _wrong_head(path, headers, str(scope.get("http_version")))
        if wrong_head is not None:
            return wrong_head
        own = face is not None and face.dialect.own_origins
        if method == "OPTIONS" and not own and "access-control-request-method" in headers:
            return Answer(200, headers={"Allow": headers["access-control-request-method"]})
        if path == "/healthcheck" and method in ("GET", "HEAD"):
            wrong = self.healthy()
            return Answer(
                503 if wrong else 200, raw=("\n".join(wrong) or "OK").encode(), media="text/plain; charset=UTF-8"
            )
        if path == "/metrics" and method == "GET":
            return Answer(200, raw=self.metrics().encode(), media="text/plain; version=0.0.4")
        if path.startswith("/openapi/") and path.endswith(".json") and method == "GET":
            wanted = path.removeprefix("/openapi/").removesuffix(".json")
            for found in self.faces():
                if found.name == wanted:
                    return Answer(200, document(found))
        return None

    def faces(self) -> list[Face]:
        roots = [f for door in self.doors.values() for f in (door.root, *door.mounts.values()) if f is not None]
        found = [f for root in roots for f in (root, *(other for _, other in root.beside))]
        return list(dict.fromkeys(found))

    def _allow_origin(self, headers: Mapping[str, str], answer: Answer) -> None:
        origin = headers.get("origin")
        if origin is None or not self.settings.origins:
            return
        if origin not in self.settings.origins and "*" not in self.settings.origins:
            return
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Vary"] = f"{answer.headers['Vary']}, Origin" if "Vary" in answer.headers else "Origin"
        answer.headers["Access-Control-Expose-Headers"] = (
            "X-Auth-Token, X-Subject-Token, X-Openstack-Request-Id, OpenStack-API-Version, Location"
        )
        if "access-control-request-method" in headers:
            answer.headers["Access-Control-Allow-Methods"] = "GET, PUT, POST, DELETE, PATCH, HEAD"
            answer.headers["Access-Control-Allow-Headers"] = headers.get("access-control-request-headers", "")
            answer.headers["Access-Control-Max-Age"] = "3600"

    def _count(self, service: str, method: str, status: int, seconds: float) -> None:
        key = (service, method if method in _METHODS else "other", status)
        cell = self.counts.get(key)
        if cell is None:
            cell = self.counts[key] = [0.0, 0.0]
        cell[0] += 1
        cell[1] += seconds

    def metrics(self) -> str:
        """Prometheus text: requests and seconds by service, method and status, and what `gauges` adds."""
        lines = ["# TYPE pileus_requests_total counter", "# TYPE pileus_request_seconds_total counter"]
        for (service, method, status), (count, seconds) in sorted(self.counts.items()):
            labels = f'{{service="{service}",method="{method}",status="{status}"}}'
            lines += [f"pileus_requests_total{labels} {count:g}", f"pileus_request_seconds_total{labels} {seconds:.6f}"]
        lines += [f"{name} {value:g}" for name, value in self.gauges().items()]
        return "\n".join(lines) + "\n"

    # --- websockets ------------------------------------------------------------------------------------------------

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _read(scope["headers"])
        path = scope["raw_path"].decode("latin-1") if scope.get("raw_path") else scope["path"]
        face, prefix, below = self._door(scope).find(path)
        socket = Socket(receive, send)
        try:
            query = Query(scope["query_string"])
        except Invalid:
            return await socket.close(1008)
        base = self._base(scope, headers, prefix)
        request = Request(method="WEBSOCKET", path=below, headers=headers, query=query, base=base, scope=scope)
        request.ctx = Ctx(request_id="req-" + new_id(), address=self._client(scope, headers))
        request.gathered = socket
        request.certificate_text = self._certificate(scope, headers)
        answer = Answer(404) if face is None else await face.answer(request, headers.get("x-auth-token", ""))
        await socket.close(1000 if answer.status < 400 else 1008)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "COPY"})


class Socket:
    """One websocket, handed to an operation of method `WEBSOCKET` in `request.gathered`."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send, self._open, self._closed = receive, send, False, False

    async def accept(self, protocol: str | None = None) -> None:
        await self._receive()
        await self._send({"type": "websocket.accept", "subprotocol": protocol})
        self._open = True

    async def receive(self) -> bytes | None:
        """The next message as bytes; None when the client has closed."""
        message = await self._receive()
        if message["type"] != "websocket.receive":
            self._closed = True
            return None
        data = message.get("bytes")
        return data if data is not None else str(message.get("text") or "").encode()

    async def send(self, data: bytes | str) -> None:
        key = "text" if isinstance(data, str) else "bytes"
        await self._send({"type": "websocket.send", key: data})

    async def close(self, code: int = 1000) -> None:
        if not self._closed:
            self._closed = True
            await self._send({"type": "websocket.close", "code": code})


def _wrong_head(path: str, headers: Mapping[str, str], http_version: str) -> Answer | None:
    """What speaks against a request whatever it is for."""
    host, coding = headers.get("host"), headers.get("transfer-encoding", "chunked")
    if coding.lower() != "chunked":
        said, status, title = "No transfer coding but chunked is known.", 501, "Not Implemented"
    elif host is None and http_version == "1.1":
        said, status, title = "The Host header is missing.", 400, "Bad Request"
    elif host is not None and not _HOST.match(host):
        said, status, title = "The Host header names no host, or more than one.", 400, "Bad Request"
    elif not path.startswith("/"):
        said, status, title = "The path must begin with a slash.", 400, "Bad Request"
    else:
        return None
    return Answer(status, {"error": {"code": status, "title": title, "message": said}})


def _read(pairs: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by name in lower case, without the blanks behind them. One that came twice is one with a comma, as HTTP has it."""
    headers = {k.decode("latin-1"): v.rstrip(b" \t").decode("latin-1") for k, v in pairs}
    if len(headers) != len(pairs):
        found: dict[str, list[str]] = {}
        for k, v in pairs:
            found.setdefault(k.decode("latin-1"), []).append(v.rstrip(b" \t").decode("latin-1"))
        headers = {name: ",".join(values) for name, values in found.items()}
    return headers


def _bearer(headers: Mapping[str, str]) -> str:
    """A token as RFC 6750 sends it."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _body_left(headers: Mapping[str, str]) -> bool:
    """Whether an unread body is too much to read and forget: the connection closes instead."""
    length = headers.get("content-length", "0")
    return "transfer-encoding" in headers or "expect" in headers or not length.isdigit() or int(length) > _SMALL


def _tell_broken(broken: BrokenOff, what: str, request_id: str) -> None:
    """A fault is what a reader may meet, as a segment that was deleted; anything else is a mistake of ours."""
    cause, extra = broken.__cause__, {"request_id": request_id}
    if isinstance(cause, Fault):
        log.warning("%s %s: %s", what, broken, cause.message, extra=extra)
    else:
        log.error("%s %s", what, broken, exc_info=cause, extra=extra)


async def _linger(request: Request) -> None:
    """Read and forget what a client is still sending: closing on it would reset the connection, and lose the answer.

    One that waits for `100 Continue` sends nothing any more.
    """
    if "expect" not in request.headers:
        with contextlib.suppress(Fault, TimeoutError):
            async with asyncio.timeout(LINGER):
                async for _ in request.stream():
                    pass


async def _respond(
    answer: Answer, send: Send, head: bool, json_media: str, unread: Request | None = None, cased: bool = False
) -> int:
    """Send an answer; returns the body's bytes. `unread`: a request whose body nobody has read."""
    media, raw, headers = answer.media, answer.raw, answer.headers
    if raw is None and answer.stream is None:
        media, raw = json_media, b"" if answer.body is None else encode(answer.body)
    names = {name.lower() for name in headers}
    if "content-type" not in names and (raw or raw is None or answer.status not in (204, 304)):
        headers["Content-Type" if cased else "content-type"] = media
    if raw is None:
        assert answer.stream is not None
        return await send_stream(send, answer.status, plain(headers, cased), answer.stream, head=head)
    if "content-length" not in names and answer.status not in (204, 304):
        headers["Content-Length" if cased else "content-length"] = str(len(raw))
    if unread is None:
        await send_whole(send, answer.status, headers, raw, cased=cased, head=head)
        return len(raw)
    await send({"type": "http.response.start", "status": answer.status, "headers": plain(headers, cased)})
    await send({"type": "http.response.body", "body": b"" if head else raw, "more_body": True})
    await _linger(unread)
    await send({"type": "http.response.body", "body": b""})
    return len(raw)
