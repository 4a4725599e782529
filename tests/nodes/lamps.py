"""A family for the tests, with everything that a protocol may have, and its driver."""

import asyncio
import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import Literal, Protocol

from msgspec import Struct


class LampError(Exception):
    """The lamp could not do it."""


class Broken(LampError):
    """For good."""


class Burnt(Broken):
    """An implementation's own; callers elsewhere see `Broken`."""


Burnt.__module__ = "elsewhere"


class Spec(Struct, frozen=True, kw_only=True):
    id: str
    colour: Literal["red", "green"] = "red"
    data: dict[str, bytes] = {}
    nested: tuple["Spec", ...] = ()


class Seen(Struct, frozen=True, kw_only=True):
    id: str
    calls: int
    tags: frozenset[str] = frozenset()


class Lamp(Protocol):
    async def ensure(self, spec: Spec) -> Seen: ...

    async def remove(self, lamp_id: str) -> None: ...

    async def observe(self, ids: Sequence[str] = (), *, limit: int | None = None) -> list[Seen]: ...

    async def picture(self, size: int) -> bytes: ...

    async def fail(self, how: str) -> None: ...

    async def slow(self, seconds: float) -> str: ...

    async def flash(self) -> int:
        """Not idempotent."""
        ...

    def changes(self, count: int, fail: bool = False) -> AsyncIterator[Seen]: ...

    def download(self, size: int) -> AsyncIterator[bytes]: ...

    async def upload(self, name: str, chunks: AsyncIterable[bytes], stop_after: int = 0) -> tuple[int, str]: ...

    async def start(self) -> None: ...

    async def close(self) -> None: ...


class Bulb:
    """The driver. `log` tells what was cancelled or closed."""

    def __init__(self) -> None:
        self.calls = 0
        self.log: list[str] = []

    async def ensure(self, spec: Spec) -> Seen:
        self.calls += 1
        return Seen(id=spec.id, calls=self.calls, tags=frozenset(spec.data) | {spec.colour})

    async def remove(self, lamp_id: str) -> None:
        self.log.append(f"removed {lamp_id}")

    async def observe(self, ids: Sequence[str] = (), *, limit: int | None = None) -> list[Seen]:
        return [Seen(id=line, calls=limit or -1) for line in ids or self.log]

    async def picture(self, size: int) -> bytes:
        return bytes(size)

    async def fail(self, how: str) -> None:
        errors = {"lamp": LampError("dark"), "burnt": Burnt("burnt out"), "value": ValueError("bad id"),
                  "timeout": TimeoutError("too slow"), "key": KeyError("secret")}  # fmt: skip
        raise errors[how]

    async def slow(self, seconds: float) -> str:
        self.log.append(f"slow {seconds:g}")
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.log.append("slow cancelled")
            raise
        return "done"

    async def flash(self) -> int:
        self.calls += 1
        return self.calls

    async def changes(self, count: int, fail: bool = False) -> AsyncIterator[Seen]:
        try:
            for number in range(count):
                yield Seen(id=str(number), calls=number)
                await asyncio.sleep(0)
            if fail:
                raise LampError("in the middle")
            if count > 1000:
                await asyncio.sleep(3600)
        finally:
            self.log.append(f"changes {count} closed")

    async def download(self, size: int) -> AsyncIterator[bytes]:
        while size > 0:
            yield b"x" * min(size, 65536)
            size -= 65536

    async def upload(self, name: str, chunks: AsyncIterable[bytes], stop_after: int = 0) -> tuple[int, str]:
        size, hashed = 0, hashlib.sha256()
        async for chunk in chunks:
            size += len(chunk)
            hashed.update(chunk)
            if stop_after and size >= stop_after:
                raise LampError(f"{name}: full")
        return size, hashed.hexdigest()

    async def start(self) -> None: ...

    async def close(self) -> None: ...
