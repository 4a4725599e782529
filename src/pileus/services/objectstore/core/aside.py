"""Work on bodies that a client sends whole: short ones at once, long ones beside the event loop."""

import asyncio
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
LONG = 64 << 10
"""Bytes; fewer are done sooner than handed to a thread."""


async def aside(work: Callable[Concatenate[bytes, P], R], data: bytes, *more: P.args, **named: P.kwargs) -> R:
    """What `work(data, …)` returns or raises; nobody else waits for it."""
    if len(data) <= LONG:
        return work(data, *more, **named)
    return await asyncio.to_thread(work, data, *more, **named)
