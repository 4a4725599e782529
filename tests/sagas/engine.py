"""The crash suite: every step of a saga with everything that can happen to it; the end is all or nothing.

A scenario's author writes where the world lives and what to look at; see `test_toys.py`:

    SCENARIO = Scenario(create_thing, world=open_world, before=reserve, after_done=..., after_undone=...)

    @pytest.mark.parametrize("fault", SCENARIO.faults, ids=str)
    def test_create_thing(fault: Fault, arena: Arena) -> None:
        arena.play(SCENARIO, fault)

Processes are killed for real, and another fresh one goes on. All of them import the scenario's module.
"""

import asyncio
import inspect
import shutil
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from pileus.kernel import saga as sagas
from pileus.kernel.db import Database
from pileus.kernel.saga import Params, Runner, Saga, SagaSettings
from pileus.kernel.types import SECOND, clock, cloud
from sagas.faults import Fault, faults_of, killer, with_fault
from sagas.zygote import Zygote

W = TypeVar("W")
P = TypeVar("P", bound=Params)
SETTINGS = SagaSettings(concurrency=8, lease=0.5, backoff=0.002, backoff_max=0.02, undo_attempts=4)
PATIENCE = 60
KEY = "crash-suite"


@dataclass(frozen=True)
class Scenario(Generic[W, P]):
    """A saga to be tried, in the module where it is a global.

    `world(db, state)`          opens the dependencies of the steps; whatever must outlive a process is in the directory
                                `state`. Called once in each process; the directory is the same for all of one test.
    `before(db, world)`         puts what the decision would have left. It returns the params, or None when it called a decision
                                that has started the saga itself.
    `after_done(db, world)`     asserts that everything is there, once.
    `after_undone(db, world)`   asserts that nothing is left; so does `after_done` where undone means something else.
    `close(world)`              if the world needs it.
    `beside`                    other sagas that this one starts.
    `without`                   faults that cannot be meant for it, by their text, with a reason in a comment.
    """

    saga: Saga[W, P]
    world: Callable[[Database, Path], Awaitable[W]]
    before: Callable[[Database, W], Coroutine[Any, Any, P | None]]
    after_done: Callable[[Database, W], Awaitable[None]]
    after_undone: Callable[[Database, W], Awaitable[None]]
    close: Callable[[W], Awaitable[None]] | None = None
    beside: Sequence[Saga[W, Any]] = ()
    without: Sequence[str] = ()
    name: str = ""
    """Told apart from other scenarios of the same saga; else the saga's."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or self.saga.name)
        _scenarios[self.name] = self

    @property
    def file(self) -> str:
        """Where child processes find it."""
        return inspect.getfile(self.before)

    @property
    def faults(self) -> list[Fault]:
        return [fault for fault in faults_of(self.saga) if str(fault) not in self.without]

    @property
    def some_faults(self) -> list[Fault]:
        """One of each sort, for slower databases: at the first step that has it."""
        found: dict[tuple[str, str], Fault] = {}
        for fault in self.faults:
            found.setdefault((fault.kind, fault.point), fault)
        return list(found.values())


_scenarios: dict[str, Scenario[Any, Any]] = {}


class Arena:
    """Plays scenarios in one directory. `url` leads to a new database that has the tables; without, SQLite."""

    def __init__(self, place: Path, zygote: Zygote, url: str = "") -> None:
        self._place = place
        self._zygote = zygote
        self._live = place / "live"
        self.url = url or f"sqlite:///{self._live}/pileus.db"

    def play(self, scenario: Scenario[Any, Any], fault: Fault) -> None:
        """Run it to its end, whatever happens, and assert."""
        self._prepare(scenario)
        if not fault.kills:
            asyncio.run(_finish(scenario, fault, self.url, self._live / "state"))
            return
        arguments = {
            "name": scenario.name,
            "fault": msgspec.to_builtins(fault),
            "url": self.url,
            "state": str(self._live / "state"),
        }
        report = self._place / "report"
        status = self._zygote.run(scenario.file, "first_process", arguments, report)
        midway = fault.point.startswith("await")
        assert status == -9 or (midway and status == 0), f"{fault} did not strike: exit status {status}"
        assert self._zygote.run(scenario.file, "second_process", arguments, report) == 0

    def _prepare(self, scenario: Scenario[Any, Any]) -> None:
        """The state after `before`, made once per scenario and then copied, always to the same place."""
        shutil.rmtree(self._live, ignore_errors=True)
        kept = self._place / scenario.name
        if kept.exists() and self.url.startswith("sqlite"):
            shutil.copytree(kept, self._live)
            return
        (self._live / "state").mkdir(parents=True)
        asyncio.run(_begin(scenario, self.url, self._live / "state"))
        if self.url.startswith("sqlite"):
            shutil.copytree(self._live, kept)


def first_process(name: str, fault: dict[str, str], url: str, state: str) -> None:
    """In a child: run until killed (or, where the fault may not strike, to the end)."""
    asyncio.run(_run(*_found(name, fault), url, Path(state), deadly=True))


def second_process(name: str, fault: dict[str, str], url: str, state: str) -> None:
    """In another child: go on to the end, and assert."""
    asyncio.run(_finish(*_found(name, fault), url, Path(state)))


def _found(name: str, fault: dict[str, str]) -> tuple[Scenario[Any, Any], Fault]:
    return _scenarios[name], msgspec.convert(fault, Fault)


async def _begin(scenario: Scenario[Any, Any], url: str, state: Path) -> None:
    async with _Opened(scenario, url, state) as (db, world):
        params = await scenario.before(db, world)
        if params is not None:
            await db.write(sagas.start, params, KEY, cloud())


async def _finish(scenario: Scenario[Any, Any], fault: Fault, url: str, state: Path) -> None:
    await _run(scenario, fault, url, state, deadly=False)
    async with _Opened(scenario, url, state) as (db, world):
        await (scenario.after_undone if fault.undoes else scenario.after_done)(db, world)


async def _run(scenario: Scenario[Any, Any], fault: Fault, url: str, state: Path, *, deadly: bool) -> None:
    async with _Opened(scenario, url, state) as (db, world):
        probe = killer(fault) if deadly else None
        # The process that goes on meets no further fault, but must turn back where the first one did.
        harmless = fault if deadly or not fault.kills else msgspec.structs.replace(fault, point="never")
        runner = Runner(db, SETTINGS, probe)
        runner.add(with_fault(scenario.saga, harmless, db), world)
        for saga in scenario.beside:
            runner.add(saga, world)
        await runner.start()
        try:
            await ended(db)
        finally:
            await runner.close()
        rows = await db.read(sagas.listed, name=scenario.saga.name)
        wanted = "failed" if fault.undoes else "done"
        assert [row.state for row in rows] == [wanted], f"{fault}: {rows}"


async def ended(db: Database) -> None:
    """Wait until no saga waits or runs."""
    end = clock() + PATIENCE * SECOND
    while True:
        counts = await db.read(sagas.census)
        assert not counts["stuck"], f"stuck: {await db.read(sagas.alarms)}"
        if not counts["waiting"] and not counts["running"]:
            return
        assert clock() < end, f"no end within {PATIENCE} s: {counts}"
        await asyncio.sleep(0.002)


class _Opened:
    """Database and world of one process, around a block."""

    def __init__(self, scenario: Scenario[Any, Any], url: str, state: Path) -> None:
        self._scenario = scenario
        self._db = Database(url, synchronous="OFF")
        self._state = state
        self._world: Any = None

    async def __aenter__(self) -> tuple[Database, Any]:
        await self._db.start()
        self._world = await self._scenario.world(self._db, self._state)
        return self._db, self._world

    async def __aexit__(self, *_: object) -> None:
        if self._scenario.close is not None:
            await self._scenario.close(self._world)
        await self._db.close()
