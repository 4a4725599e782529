"""Blobs are read again, slowly, and compared with what their rows say of them. What is wrong is put aside and told."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable

from pileus.drivers.blob.protocol import BlobError, BlobMissing
from pileus.kernel import events
from pileus.kernel.db import Tx
from pileus.kernel.types import DAY, HOUR, clock, cloud
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db import bodies, containers, findings, objects
from pileus.services.objectstore.db.bodies import BodyRow
from pileus.services.objectstore.db.findings import FindingRow

log = logging.getLogger("pileus.objectstore")
MIB = 1 << 20
AT_ONCE = 20
AGAIN = HOUR
"""After which what was bad is looked at again."""
GONE = "it is not there"
NAMED = 10
"""Objects that a finding names at most."""


class Scrubber:
    """One pass reads what is due, at `scrub_mib` a second; the next one goes on where it stopped, by `checked_at`."""

    def __init__(self, near: Neighbours, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._near = near
        self._sleep = sleep

    async def scrub(self) -> None:
        near = self._near
        if not near.settings.scrub_mib:
            return
        await near.db.write(findings.forget_gone)
        await self._look_again()
        due = clock() - near.settings.scrub_days * DAY
        for place in near.stores.keys() - near.away:
            while rows := await near.db.read(bodies.unchecked, place, due, AT_ONCE):
                for row in rows:
                    await self._check(row)

    async def _look_again(self) -> None:
        """What was bad: its disk may answer again, or somebody has brought its bytes back."""
        before = clock() - AGAIN
        for found in await self._near.db.read(findings.every):
            row = await self._near.db.read(bodies.get, found.body_id)
            if row is not None and row.checked_at < before and row.place in self._near.stores:
                await self._check(row, found.problem)

    async def _check(self, row: BodyRow, told: str = "") -> None:
        """`told`: what is known to be wrong with it."""
        try:
            problem = await self._problem(row)
        except BlobError as error:  # the disk, not the bytes
            log.warning("blob %s of %s cannot be read: %s", row.blob, row.place, error)
            problem = f"cannot be read: {error}"
            if problem == told:
                await self._near.db.write(bodies.checked, row.id)
            else:
                await self._tell(row, problem)
            return
        if not problem:
            await self._near.db.write(_sound, row.id)
            return
        if told and problem == GONE:  # as it was, or put aside when it was found to be bad
            await self._near.db.write(bodies.checked, row.id)
            return
        log.error("blob %s of %s is bad: %s", row.blob, row.place, problem)
        try:
            await self._near.stores[row.place].quarantine(row.blob)
        except BlobError as error:  # told all the same, and tried again later; others are not to wait for it
            problem += f"; it cannot be put aside: {error}"
        await self._tell(row, problem)

    async def _tell(self, row: BodyRow, problem: str) -> None:
        hit = await self._near.db.read_aside(objects_of, row.id)
        await self._near.db.write(tell, row, problem, hit)

    async def _problem(self, row: BodyRow) -> str:
        """What is wrong with it, or nothing. Raises `BlobError` when it could not be read to the end."""
        found, size = hashlib.md5(usedforsecurity=False), 0
        begun = time.monotonic()
        try:
            async for chunk in self._near.stores[row.place].open(row.blob):
                await asyncio.to_thread(found.update, chunk)
                size += len(chunk)
                ahead = size / (self._near.settings.scrub_mib * MIB) - (time.monotonic() - begun)
                if ahead > 0.01:
                    await self._sleep(ahead)
        except BlobMissing:
            return GONE
        if size != row.size:
            return f"it has {size} bytes instead of {row.size}"
        return "" if found.hexdigest() == row.md5 else f"its MD5 is {found.hexdigest()} instead of {row.md5}"


def _sound(tx: Tx, body_id: int) -> None:
    bodies.checked(tx, body_id)
    findings.forget(tx, body_id)


def objects_of(tx: Tx, body_id: int) -> list[str]:
    """Some of those whose bytes they are, as a report names them. Reads all objects."""
    hit = []
    for container_id, name in objects.with_body(tx, body_id, NAMED):
        container = containers.get(tx, container_id)
        if container is not None:
            hit.append(f"{container.account}/{container.name}/{name}")
    return hit


def tell(tx: Tx, row: BodyRow, problem: str, hit: list[str]) -> None:
    """Unless the body went meanwhile: then it is nobody's loss."""
    if bodies.get(tx, row.id) is None:
        findings.forget(tx, row.id)
        return
    bodies.checked(tx, row.id)
    findings.put(tx, FindingRow(row.id, row.place, row.blob, problem, "\n".join(hit), tx.now))
    data = {"place": row.place, "blob": row.blob, "problem": problem, "objects": hit}
    events.record(tx, cloud(), "objectstore.body.bad", "body", str(row.id), data=data)
