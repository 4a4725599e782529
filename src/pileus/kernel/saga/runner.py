"""Claims sagas, many at once, and runs each in a task of its own. Asleep when there is nothing to do."""

import asyncio
import logging
from dataclasses import asdict
from typing import Any, TypeVar

from pileus.kernel.db import Database, signals
from pileus.kernel.saga import journal
from pileus.kernel.saga.course import Course
from pileus.kernel.saga.decisions import CANCELLED, STARTED
from pileus.kernel.saga.ground import Ground, Probe
from pileus.kernel.saga.places import Places
from pileus.kernel.saga.settings import SagaSettings, micros
from pileus.kernel.saga.steps import Params, Saga
from pileus.kernel.types import HOUR, clock, new_hex

log = logging.getLogger(__name__)
P = TypeVar("P", bound=Params)
W = TypeVar("W")


class Runner:
    """Runs the sagas of one database in this process; other processes may run theirs beside it (PostgreSQL).

    `probe` is for tests: see `ground.Probe`.
    """

    def __init__(self, db: Database, settings: SagaSettings | None = None, probe: Probe | None = None) -> None:
        self.settings = settings or SagaSettings()
        self.id = new_hex()
        self.sagas: dict[str, Saga[Any, Any]] = {}
        self._db = db
        self._worlds: dict[str, object] = {}
        self._places = Places(self.settings.concurrency)
        self._ground = Ground(db, self.settings, self._places, probe)
        self._courses: dict[int, Course] = {}
        self._loops: list[asyncio.Task[None]] = []

    def add(self, saga: Saga[W, P], world: W) -> None:
        """Run sagas of this kind, before `start`. Raises `ValueError` for a name taken."""
        if saga.name in self.sagas:
            raise ValueError(f"two sagas are called {saga.name}")
        self.sagas[saga.name] = saga
        self._worlds[saga.name] = world

    async def start(self) -> None:
        """Take up what waits, and at once what a dead process left if no other can be alive."""
        await self._db.write(journal.adopt, list(self.sagas), not self._db.multi_process)
        self._loops = [
            asyncio.create_task(loop(), name=f"sagas:{loop.__name__}")
            for loop in (self._claiming, self._cancelling, self._keeping)
        ]

    async def close(self) -> None:
        """Interrupt steps in flight and let go of everything; the next process goes on with it."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        self._loops = []
        tasks = [course.task for course in self._courses.values() if course.task is not None]
        for course in list(self._courses.values()):
            course.close()
        await asyncio.gather(*tasks, return_exceptions=True)

    def counters(self) -> dict[str, int]:
        """For /metrics: totals since the start of this process, and what it holds now."""
        totals = {f"saga_{name}_total": value for name, value in asdict(self._ground.counters).items()}
        late = sum(course.late for course in self._courses.values())
        at_work = self._places.size - self._places.free
        return {**totals, "saga_held": len(self._courses), "saga_at_work": at_work, "saga_late": late}

    # --- loops ---

    async def _claiming(self) -> None:
        signal = signals.subscribe(STARTED)
        while True:
            await self._places.room()
            try:
                claim = await self._claim()
            except Exception:
                log.exception("sagas cannot be claimed")
                await asyncio.sleep(1)
                continue
            if not claim.full:
                await signal.wait(self._nap(claim.next_due))

    async def _claim(self) -> journal.Claim:
        room = self._places.free
        write = asyncio.ensure_future(self._db.write(journal.claim, self.id, self._ground.lease, room, self.sagas))
        try:
            claim = await asyncio.shield(write)
        except asyncio.CancelledError:
            # Closing: what this claim takes must be let go of.
            claim = await write
            held = [(taken.row.seq, taken.row.generation) for taken in claim.taken]
            await self._db.write(journal.release, held)
            raise
        for taken in claim.taken:
            self._launch(taken)
        return claim

    def _nap(self, next_due: int) -> int | None:
        """How long to sleep when nobody wakes us. Between processes a wake may be lost, so never for ever."""
        spans = [max(next_due - clock(), 1000)] if next_due else []
        if self._db.multi_process:
            spans.append(self._ground.lease)
        return min(spans, default=None)

    def _launch(self, taken: journal.Taken) -> None:
        course = Course(self._ground, taken, self._worlds[taken.saga.name])
        self._places.take_now()
        self._ground.counters.claimed += 1
        self._courses[taken.row.seq] = course
        course.task = asyncio.create_task(course.run(), name=f"saga:{taken.row.id}")
        course.task.add_done_callback(lambda task: self._landed(course))

    def _landed(self, course: Course) -> None:
        if self._courses.get(course.row.seq) is course:
            del self._courses[course.row.seq]

    async def _cancelling(self) -> None:
        signal = signals.subscribe(CANCELLED)
        while True:
            await signal.wait()
            try:
                for seq in await self._db.read(journal.asked, self.id):
                    if seq in self._courses:
                        self._courses[seq].ask()
            except Exception:
                # Nothing is lost: the saga's next write is refused.
                log.exception("cancelled sagas cannot be read")

    async def _keeping(self) -> None:
        """Heartbeats, alarms of late sagas, and forgetting old ones."""
        pruned = 0
        while True:
            try:
                await self._beat()
                if clock() - pruned > HOUR:
                    while await self._db.write(journal.prune, micros(self.settings.retention)):
                        pass
                    pruned = clock()
            except Exception:
                log.exception("sagas cannot be kept")
            await asyncio.sleep(self.settings.lease / 3)

    async def _beat(self) -> None:
        now = clock()
        ending = []
        for course in self._courses.values():
            if course.lease_until - now < self._ground.lease * 2 // 3:
                ending.append(course)
            if course.deadline_at < now and not course.late:
                course.late = True
                log.error("saga %s %s is past its deadline, at %s", course.saga.name, course.row.id, course.row.step)
        if ending:
            held = [(course.row.seq, course.row.generation) for course in ending]
            await self._db.write(journal.prolong, held, self._ground.lease)
            for course in ending:
                course.lease_until = now + self._ground.lease
