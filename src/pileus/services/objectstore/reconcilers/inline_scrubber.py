"""Bodies in the database are read again too, and compared with what their rows say of them.

There are many and they are short: nothing is written for those that are sound but how far the round has come.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable

from pileus.kernel.db import Tx
from pileus.kernel.types import DAY, clock
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db import bodies, findings, scrubs
from pileus.services.objectstore.db.scrubs import InlineRow, Round
from pileus.services.objectstore.reconcilers.scrubber import MIB, objects_of, tell

log = logging.getLogger("pileus.objectstore")
SLICE = 50
"""Bodies read together."""
TURN = 60
"""A turn reads what `scrub_mib` allows in so many seconds; the next one goes on there."""
ENDED = -1


class InlineScrubber:
    def __init__(self, near: Neighbours, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._near = near
        self._sleep = sleep

    async def scrub(self) -> None:
        near = self._near
        rate = near.settings.scrub_mib * MIB
        if not rate:
            return
        await near.db.write(scrubs.forget_gone)
        now = await near.db.read(scrubs.standing)
        if now.after == ENDED:
            if now.begun_at > clock() - near.settings.scrub_days * DAY:
                return
            now = Round()
        after, read, begun = now.after, 0, time.monotonic()
        while after != ENDED and read < rate * TURN:
            rows = await near.db.read_aside(scrubs.some, after, SLICE)
            bad = await asyncio.to_thread(_bad, rows)
            for row, problem in bad:
                await self._put_aside(row, problem)
            read += sum(len(row.data or b"") + 100 for row in rows)  # a row without bytes is work as well
            after = rows[-1].id if len(rows) == SLICE else ENDED
            ahead = read / rate - (time.monotonic() - begun)
            if ahead > 0.01:
                await self._sleep(ahead)
        await near.db.write(scrubs.note, Round(after, now.begun_at or clock()))

    async def _put_aside(self, row: InlineRow, problem: str) -> None:
        log.error("body %d in the database is bad: %s", row.id, problem)
        hit = await self._near.db.read_aside(objects_of, row.id)
        await self._near.db.write(_put_aside, row, problem, hit)


def _bad(rows: list[InlineRow]) -> list[tuple[InlineRow, str]]:
    found = []
    for row in rows:
        if row.data is None:
            continue
        if len(row.data) != row.size:
            found.append((row, f"it has {len(row.data)} bytes instead of {row.size}"))
            continue
        digest = hashlib.md5(row.data, usedforsecurity=False).hexdigest()
        if digest != row.md5:
            found.append((row, f"its MD5 is {digest} instead of {row.md5}"))
    return found


def _put_aside(tx: Tx, row: InlineRow, problem: str, hit: list[str]) -> None:
    """Unless it went meanwhile, or somebody has brought other bytes."""
    body = bodies.get(tx, row.id)
    if body is None or body.data != row.data:
        findings.forget(tx, row.id)
        return
    scrubs.put_aside(tx, row)
    tell(tx, body, problem, hit)
