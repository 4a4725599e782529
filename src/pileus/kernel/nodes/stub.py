"""A driver on another host, as if it were here."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from pileus.kernel.nodes.channel import Channel
from pileus.kernel.nodes.families import Family, Method, family

T = TypeVar("T")


class Stub:
    """Base of all stubs. `start` and `close` are the agent's own business and do nothing here."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def start(self) -> None: ...

    async def close(self) -> None: ...


def stub(protocol: type[T], channel: Channel) -> T:
    """An implementation of `protocol` that calls the one on the channel's host. Raises `TypeError` for a Protocol that
    cannot be spoken over a wire."""
    kind: Any = protocol
    made: T = _stub_class(kind)(channel)
    return made


@cache
def _stub_class(protocol: Any) -> Any:
    of = family(protocol)
    methods = {name: _calling(of, method) for name, method in of.methods.items()}
    return type(f"{of.name}Stub", (Stub,), methods)


def _calling(of: Family, method: Method) -> Callable[..., Any]:
    def iterate(self: Stub, *args: Any, **kw: Any) -> Any:
        return self._channel.stream(of, method, method.bind(args, kw)[0])

    async def call(self: Stub, *args: Any, **kw: Any) -> Any:
        first, stream = method.bind(args, kw)
        return await self._channel.call(of, method, first, stream)

    made: Callable[..., Any] = iterate if method.answers_stream else call
    made.__name__ = method.name
    return made
