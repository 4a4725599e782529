"""Serves the methods of drivers to others: `POST /<Family>/<method>`; `GET /` tells which families there are."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, MutableMapping
from typing import Any

import msgspec
import uvicorn

from pileus.kernel.nodes.families import Family, Method, family
from pileus.kernel.nodes.frames import ALIVE, END, ERROR, ITEM, BadFrame, Frames, frame
from pileus.kernel.types import Invalid

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ALIVE_EVERY = 5.0
"""Seconds of silence after which a caller is told that the work goes on."""
log = logging.getLogger(__name__)
_ENCODE = msgspec.msgpack.Encoder().encode


class Agent:
    """An ASGI application over drivers, `{Protocol: driver}`. It neither starts nor closes them."""

    def __init__(self, offers: Mapping[Any, object]) -> None:
        self._families = {protocol.__name__: (family(protocol), driver) for protocol, driver in offers.items()}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        name, _, verb = scope["path"].strip("/").partition("/")
        if scope["method"] == "GET" and not name:
            await _answer(send, 200, _ENCODE(sorted(self._families)))
            return
        found = self._families.get(name)
        method = found[0].methods.get(verb) if found else None
        if found is None or method is None or scope["method"] != "POST":
            await _answer(send, 404, f"this agent has no {name}.{verb}".encode())
            return
        body = _Body(receive)
        try:
            arguments = method.decode_arguments(await body.frame())
        except (msgspec.MsgspecError, BadFrame, _Ended) as error:
            await _answer(send, 400, f"{name}.{verb}: {error}".encode())
            return
        await self._serve(found[0], method, getattr(found[1], verb), arguments, body, send)

    async def _serve(
        self, of: Family, method: Method, call: Callable[..., Any], arguments: Any, body: "_Body", send: Send
    ) -> None:
        """Answer while watching the caller: when he hangs up, the work is cancelled."""
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/x-pileus")]}
        )
        given = {field: getattr(arguments, field) for field in method.arguments.__struct_fields__}
        if method.stream:
            given[method.stream] = body.stream()
        work = asyncio.ensure_future(_work(of, method, call, given, send))
        gone = asyncio.ensure_future(body.gone())
        try:
            while not work.done() and not gone.done():
                await asyncio.wait({work, gone}, timeout=ALIVE_EVERY, return_when=asyncio.FIRST_COMPLETED)
                if not work.done() and not gone.done():
                    await send({"type": "http.response.body", "body": frame(ALIVE), "more_body": True})
        finally:
            for task in (work, gone):
                task.cancel()
            results = await asyncio.gather(work, gone, return_exceptions=True)
        if results[0] is None:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _work(of: Family, method: Method, call: Callable[..., Any], given: dict[str, Any], send: Send) -> None:
    async def put(kind: int, payload: bytes = b"") -> None:
        await send({"type": "http.response.body", "body": frame(kind, payload), "more_body": True})

    try:
        if method.answers_stream:
            items = call(**given)
            # A plain iterator has nothing to close.
            async with contextlib.aclosing(items) if hasattr(items, "aclose") else contextlib.nullcontext():
                async for item in items:
                    await put(ITEM, item if method.raw else method.encode(item))
            await put(END)
        else:
            await put(ITEM, method.encode(await call(**given)))
    except Exception as error:
        refusal = of.refuse(error)
        if refusal.type == "RemoteError":
            log.exception("%s.%s failed", of.name, method.name)
        await put(ERROR, _ENCODE(refusal))


class _Ended(Exception):
    """The stream is whole."""


class _Body:
    """A request's body in frames."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._frames = Frames()
        self._ready: list[tuple[int, bytes]] = []
        self._more = True
        self._left = asyncio.Event()

    async def frame(self) -> bytes:
        """The next ITEM. Raises `BadFrame` when there is none; `_Ended` at the END."""
        while not self._ready:
            if not self._more:
                raise BadFrame("the request is cut short")
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._left.set()
                raise BadFrame("the caller has hung up")
            self._ready += self._frames.feed(message.get("body", b""))
            self._more = message.get("more_body", False)
        kind, payload = self._ready.pop(0)
        if kind == END:
            raise _Ended
        if kind != ITEM:
            raise BadFrame(f"a frame of kind {kind} in a request")
        return payload

    async def stream(self) -> AsyncIterator[bytes]:
        while True:
            try:
                yield await self.frame()
            except _Ended:
                return
            except BadFrame as error:
                raise Invalid(f"The stream is cut short: {error}.") from error

    async def gone(self) -> None:
        """Return when the caller has hung up. While a stream is read, its reader notices."""
        while self._more:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._left.wait(), 1)
                return
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def _answer(send: Send, status: int, body: bytes) -> None:
    await send(
        {"type": "http.response.start", "status": status, "headers": [(b"content-length", str(len(body)).encode())]}
    )
    await send({"type": "http.response.body", "body": body})


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the process."""
        yield


class AgentListener:
    """Listens with TLS for callers whose certificate the context trusts (`ca.server_context`). Port 0: any free one."""

    def __init__(self, agent: Agent, host: str, port: int, tls: ssl.SSLContext) -> None:
        config = uvicorn.Config(
            agent, host=host, port=port, loop="none", http="httptools", ws="none", lifespan="off", log_config=None,
            access_log=False, server_header=False, timeout_keep_alive=75, timeout_graceful_shutdown=1,
            ssl_certfile="of the context", ssl_context_factory=lambda *_: tls,
        )  # fmt: skip
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None
        self.port = port

    async def start(self) -> None:
        """Raises `OSError` when the port cannot be had."""
        self._task = asyncio.create_task(self._server.serve())
        while not self._server.started and not self._task.done():  # noqa: ASYNC110 - uvicorn has no event to wait for
            await asyncio.sleep(0.001)
        if self._task.done():
            error = self._task.exception()
            raise OSError(f"the agent cannot listen on port {self.port}") from error
        self.port = self._server.servers[0].sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Calls under way have a second to end."""
        if self._task is not None:
            self._server.should_exit = True
            await self._task
            self._task = None
