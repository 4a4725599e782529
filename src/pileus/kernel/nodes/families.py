"""What a Protocol class says about the wire: its methods, their structs, and the exceptions that may cross."""

import inspect
import sys
import typing
from collections.abc import AsyncIterable, AsyncIterator, Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import msgspec
import msgspec.inspect

from pileus.kernel.types import Fault, Invalid, NotBuilt, Unavailable

OWN = {"start", "close"}
"""Every driver has these for itself: its agent calls them, nobody else."""
IDEMPOTENT = ("info", "observe", "ensure", "remove", "fetch")
"""First words of methods that may be sent again when it is unknown whether they arrived (rules of every protocol)."""
_PLAIN = (ValueError, TimeoutError, NotImplementedError, Invalid, NotBuilt, Unavailable)


class RemoteError(Exception):
    """A driver on another host raised what its protocol does not name."""


class Refusal(msgspec.Struct, frozen=True):
    """An exception on its way."""

    type: str
    message: str


@dataclass(frozen=True)
class Method:
    """One method. `stream` is the parameter that is an asynchronous iterable of bytes, if there is one."""

    name: str
    signature: inspect.Signature
    arguments: type[msgspec.Struct]
    answers_stream: bool
    raw: bool
    """The items of the answer's stream are bytes, sent as they are."""
    stream: str
    encode: Callable[[Any], bytes]
    decode_arguments: Callable[[bytes], Any]
    decode: Callable[[bytes], Any]
    idempotent: bool

    def bind(self, args: tuple[Any, ...], kw: dict[str, Any]) -> tuple[bytes, AsyncIterable[bytes] | None]:
        """The encoded arguments, and the stream that goes with them. Raises `TypeError` like the call would."""
        given = self.signature.bind(None, *args, **kw).arguments
        given.pop("self", None)
        stream = given.pop(self.stream, None) if self.stream else None
        return self.encode(self.arguments(**given)), stream


class Family:
    """A Protocol whose methods are `async def`, or `def` that return an `AsyncIterator`.

    Raises `TypeError` for one that cannot be spoken over a wire.
    """

    def __init__(self, protocol: type[Any]) -> None:
        self.protocol = protocol
        self.name = protocol.__name__
        functions = {
            name: member
            for name, member in inspect.getmembers(protocol, inspect.isfunction)
            if not name.startswith("_") and name not in OWN
        }
        self.methods = {name: _method(protocol, name, function) for name, function in functions.items()}
        # What a driver says of itself: exceptions that its protocol's module defines or imports by name.
        self._errors: dict[str, type[Exception]] = {kind.__name__: kind for kind in _PLAIN}
        for thing in vars(sys.modules[protocol.__module__]).values():
            if isinstance(thing, type) and issubclass(thing, Exception):
                self._errors[thing.__name__] = thing

    def refuse(self, error: BaseException) -> Refusal:
        """The exception as the nearest class that the protocol knows; else as `RemoteError`."""
        for kind in type(error).__mro__:
            if self._errors.get(kind.__name__) is kind:
                message = error.message if isinstance(error, Fault) else str(error)
                return Refusal(kind.__name__, message)
        return Refusal("RemoteError", f"{type(error).__name__}: {error}")

    def raised(self, refusal: Refusal, host: str) -> Exception:
        """The exception again, to be raised here."""
        kind = self._errors.get(refusal.type)
        if kind is None:
            return RemoteError(f"{host}: {refusal.message}")
        try:
            return kind(refusal.message)
        except TypeError:
            # Its constructor wants more than a message.
            made = kind.__new__(kind)
            made.args = (refusal.message,)
            return made


@cache
def family(protocol: Any) -> Family:
    """The family of a Protocol; made once."""
    return Family(protocol)


def _method(protocol: type[Any], name: str, function: Callable[..., Any]) -> Method:
    place = f"{protocol.__name__}.{name}"
    signature = inspect.signature(function)
    hints = typing.get_type_hints(function, include_extras=True)
    result = hints.get("return", type(None))
    answers_stream = typing.get_origin(result) is AsyncIterator
    if not answers_stream and not inspect.iscoroutinefunction(function):
        raise TypeError(f"{place} is neither async nor an AsyncIterator: it cannot be spoken over a wire")
    if answers_stream:
        (result,) = typing.get_args(result)
    fields, stream = _parameters(place, signature, hints)
    raw = answers_stream and result is bytes
    try:
        arguments = _arguments(place, fields)
        decode = bytes if raw else msgspec.msgpack.Decoder(result).decode
        decode_arguments = msgspec.msgpack.Decoder(arguments).decode
    except TypeError as error:
        raise TypeError(f"{place}: {error}") from error
    return Method(
        name=name,
        signature=signature,
        arguments=arguments,
        answers_stream=answers_stream,
        raw=raw,
        stream=stream,
        encode=msgspec.msgpack.Encoder().encode,
        decode_arguments=decode_arguments,
        decode=decode,
        idempotent=name.split("_", maxsplit=1)[0] in IDEMPOTENT and not stream,
    )


def _parameters(
    place: str, signature: inspect.Signature, hints: dict[str, Any]
) -> tuple[list[tuple[str, Any, Any]], str]:
    """Name, type and default (`UNSET`: none) of each, and the name of the one that is a stream."""
    fields: list[tuple[str, Any, Any]] = []
    stream = ""
    for parameter in list(signature.parameters.values())[1:]:
        if parameter.kind in {parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL} or parameter.name not in hints:
            raise TypeError(f"{place}: parameter {parameter.name} needs a type of its own")
        hint = hints[parameter.name]
        if typing.get_origin(hint) in {AsyncIterable, AsyncIterator}:
            if typing.get_args(hint) != (bytes,) or stream:
                raise TypeError(f"{place}: one stream of bytes can be sent, not {parameter.name}")
            stream = parameter.name
            continue
        if isinstance(msgspec.inspect.type_info(hint), msgspec.inspect.CustomType):
            raise TypeError(f"{place}: parameter {parameter.name} cannot be written down: {hint}")
        default = msgspec.UNSET if parameter.default is parameter.empty else parameter.default
        fields.append((parameter.name, hint, default))
    return fields, stream


def _arguments(place: str, fields: list[tuple[str, Any, Any]]) -> type[msgspec.Struct]:
    """A struct of the parameters, by name: a parameter added with a default is no break."""
    spec: list[Any] = [
        (name, hint)
        if default is msgspec.UNSET
        else (name, hint, msgspec.field(default_factory=partial(_same, default)))
        for name, hint, default in fields
    ]
    return msgspec.defstruct(place.replace(".", "_"), spec, kw_only=True)


def _same(default: object) -> object:
    return default
