"""Container sync with other clusters: sends what is owed to containers that follow from there, signed, each change for itself.

Only clusters that the operator has named are ever spoken to, and no redirect is followed. A cluster that is slow or
down holds up nobody but the containers that it follows: these rest, longer each time.
"""

import asyncio
import logging
import ssl
import time
from collections import defaultdict
from http import HTTPStatus

import httpx
from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.types import Fault
from pileus.services.objectstore.core import listings, syncing
from pileus.services.objectstore.core.listings import Subdir, Wanted
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.syncing import Follower
from pileus.services.objectstore.db import containers as container_rows
from pileus.services.objectstore.db import syncs
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.syncs import SyncRow
from pileus.services.objectstore.reconcilers.parcels import Failed, Parcels

log = logging.getLogger("pileus.objectstore.sync")
BATCH = 100
"""Debts read together, and names of one step of a walk."""
AT_ONCE = 4
"""Containers that are sent to one cluster at the same time."""
LOOK = 5.0
"""Seconds between two looks for more while something is under way."""
PASS = 60.0
"""Seconds after which a container with more to send makes room for others."""
FIRST_REST, LONGEST_REST = 30.0, 3600.0
"""Seconds that a container rests after a failure, doubled each time."""


class Job(Struct, frozen=True):
    container: ContainerRow
    follower: Follower


class _Rest(Struct, frozen=True):
    until: float
    seconds: float


class Sender:
    def __init__(self, near: Neighbours) -> None:
        self._near = near
        self._rests: dict[int, _Rest] = {}
        # The system's certificate authorities: clusters of one company are often signed by its own.
        self._trusted = ssl.create_default_context()

    async def send(self) -> None:
        """What is owed to other clusters, until nothing is that can be sent now; what they do not take stays for later.

        Looks again all the while: what is under way to one cluster, however long it takes, keeps nothing else waiting.
        """
        if not (jobs := await self._jobs()):
            return
        rooms: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))
        running: dict[int, asyncio.Task[None]] = {}
        timeout = httpx.Timeout(30.0, connect=10.0)
        async with (
            httpx.AsyncClient(timeout=timeout, follow_redirects=False, verify=self._trusted, trust_env=False) as http,
            asyncio.TaskGroup() as group,
        ):
            parcels = Parcels(self._near, http)
            while jobs or running:
                for job in jobs:
                    work = self._serve(rooms[job.follower.url], parcels, job)
                    running[job.container.id] = group.create_task(work)
                await asyncio.wait(running.values(), timeout=LOOK, return_when=asyncio.FIRST_COMPLETED)
                running = {one: task for one, task in running.items() if not task.done()}
                jobs = [job for job in await self._jobs() if job.container.id not in running]

    async def _jobs(self) -> list[Job]:
        found: list[Job] = []
        owing: set[int] = set()
        after = 0
        while ids := await self._near.db.read(syncs.owing, after, BATCH):
            after = ids[-1]
            owing |= set(ids)
            found += await self._near.db.read(self._awake, ids)
        self._rests = {one: rest for one, rest in self._rests.items() if one in owing}
        return found

    def _awake(self, tx: Tx, ids: list[int]) -> list[Job]:
        now = time.monotonic()
        found = []
        for one in ids:
            if one in self._rests and self._rests[one].until > now:
                continue
            row = container_rows.get(tx, one)
            follower = syncing.abroad(self._near, row) if row is not None else None
            if row is not None and follower is not None and row.kept.system.get(syncing.KEY):
                found.append(Job(row, follower))
        return found

    async def _serve(self, room: asyncio.Semaphore, parcels: Parcels, job: Job) -> None:
        async with room:
            failure = ""
            try:
                failure = await self._pay_all(parcels, job, time.monotonic() + PASS)
            except (Failed, Fault) as fault:
                failure = str(fault)
            except Exception:
                # A surprise with one container is no reason to stop the others.
                log.exception("container %d is not synced", job.container.id)
                failure = "a fault of ours"
        if not failure:
            self._rests.pop(job.container.id, None)
            return
        before = self._rests.get(job.container.id)
        seconds = min(before.seconds * 2, LONGEST_REST) if before else FIRST_REST
        self._rests[job.container.id] = _Rest(time.monotonic() + seconds, seconds)
        log.warning("container %d is not synced, again in %.0f s: %s", job.container.id, seconds, failure)

    async def _pay_all(self, parcels: Parcels, job: Job, until: float) -> str:
        """What was refused, empty: nothing. Raises `Failed` when there is no sense in going on."""
        after, refused = 0, ""
        while rows := await self._near.db.read(syncs.of, job.container.id, after, BATCH):
            for row in rows:
                after = row.id
                if time.monotonic() > until:
                    return refused
                if row.walks:
                    refused = await self._walk(parcels, job, row, until) or refused
                    continue
                trouble = await self._give(parcels, job, row.name, row.gone_at)
                refused = trouble or refused
                if not trouble:
                    await self._near.db.write(syncs.drop, row.id)
        return refused

    async def _walk(self, parcels: Parcels, job: Job, row: SyncRow, until: float) -> str:
        """All behind `row.name`, as far as the time goes. What is refused becomes a debt of its own."""
        name, refused = row.name, ""
        while time.monotonic() < until:
            names, more = await self._near.db.read_aside(_page, job.container, name)
            owed = []
            for one in names:
                if trouble := await self._give(parcels, job, one, 0):
                    owed.append(one)
                    refused = trouble
            await self._near.db.write(_stepped, row, names[-1] if more else None, owed)
            if not more:
                break
            name = names[-1]
        return refused

    async def _give(self, parcels: Parcels, job: Job, name: str, gone_at: int) -> str:
        """Why one object was refused, empty: it was not. Raises `Failed` for what concerns all of them."""
        try:
            await parcels.bring(job.container, job.follower, name, gone_at)
        except Failed as failed:
            if (
                failed.status in _OF_ALL
                or not HTTPStatus.BAD_REQUEST <= failed.status < HTTPStatus.INTERNAL_SERVER_ERROR
            ):
                raise
            return str(failed)
        except Fault as fault:
            return f"{name}: {fault.message}"
        return ""


_OF_ALL = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS, 497, 498)
"""Refusals of the container rather than of one object; the last two are Swift's own, of who is too fast."""


def _page(tx: Tx, container: ContainerRow, after: str) -> tuple[list[str], bool]:
    page = listings.of_container(tx, container, Wanted(marker=after, limit=BATCH))
    return [item.name for item in page.items if not isinstance(item, Subdir)], page.more


def _stepped(tx: Tx, row: SyncRow, name: str | None, owed: list[str]) -> None:
    """A walk has come to `name`; None: to its end. Nothing, if it was called off or begun anew meanwhile."""
    if syncs.get(tx, row.id) is None:
        return
    for one in owed:
        syncs.add(tx, row.container_id, one)
    if name is None:
        syncs.drop(tx, row.id)
    else:
        syncs.move(tx, row, name)
