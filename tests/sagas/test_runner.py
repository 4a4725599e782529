"""The runner on toy sagas: order, undo, retries, waiting, cancellation, parking."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from pileus.kernel import db as kernel_db
from pileus.kernel import saga as sagas
from pileus.kernel.db import Database
from pileus.kernel.saga import Abort, Params, Run, Runner, Saga, SagaRow, SagaSettings, Tx, Wait, World, journal
from pileus.kernel.types import HOUR, SECOND, Conflict, Ctx, NotFound, clock, cloud

MS = 1000
QUICK = SagaSettings(concurrency=8, backoff=0.005, backoff_max=0.02, undo_attempts=3)


class Toy(Params, saga="toy.toy", frozen=True):
    name: str
    size: int = 1


class Other(Params, saga="toy.other", frozen=True):
    name: str


@dataclass
class Log:
    """The toys' world: what happened, and what shall happen."""

    said: list[str] = field(default_factory=list)
    fail: dict[str, list[Exception]] = field(default_factory=dict)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    ready: bool = False

    def say_in(self, tx: kernel_db.Tx, what: str, p: Any, *more: str) -> None:
        """As `say`, once what is said is committed: PostgreSQL may run a decision several times."""
        if self.fail.get(what):
            self.say(what, p)
        tx.after_commit(lambda: self.said.extend([f"{what} {p.name}", *more]))

    def say(self, what: str, p: Any) -> None:
        self.said.append(f"{what} {p.name}")
        errors = self.fail.get(what)
        if errors:
            raise errors.pop(0)


def world(name: str, output: object = None, gate: bool = False) -> World[Log, Any]:
    async def do(log: Log, run: Run, p: Any) -> object:
        log.say(name, p)
        if gate:
            await log.gate.wait()
        return output

    async def undo(log: Log, run: Run, p: Any) -> None:
        log.say(f"un{name}", p)

    return World(name, do, undo)


def within(name: str, output: object = None) -> Tx[Log, Any]:
    def do(tx: kernel_db.Tx, log: Log, run: Run, p: Any) -> object:
        log.say_in(tx, name, p)
        return output

    def undo(tx: kernel_db.Tx, log: Log, run: Run, p: Any) -> None:
        log.say_in(tx, f"un{name}", p)

    return Tx(name, do, undo)


def failed(tx: kernel_db.Tx, log: Log, run: Run, p: Any, reason: str) -> None:
    log.say_in(tx, "failed", p, reason)


def toy(*steps: Any, params: type[Any] = Toy, **more: Any) -> Saga[Log, Any]:
    return Saga(params.saga_name, params, list(steps), failed=failed, **more)


@pytest.fixture
def db(database: Database) -> Database:
    return database


@pytest.fixture
def lone_db(database: Database) -> Database:
    if database.multi_process:
        pytest.skip("only where no other process can be alive")
    return database


async def begin(db: Database, params: Params, key: str = "k", delay: int = 0) -> str:
    return await db.write(sagas.start, params, key, Ctx(user_id="u", token="secret"), delay)


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = clock() + seconds * SECOND
    while not condition():
        assert clock() < end, "did not happen"
        await asyncio.sleep(0.002)


async def ended(db: Database, saga_id: str, *states: str) -> SagaRow:
    states = states or ("done", "failed", "stuck")
    await until(lambda: db.read_now(sagas.find, saga_id).state in states)
    return await db.read(sagas.find, saga_id)


class Running:
    """A runner around a block."""

    def __init__(self, db: Database, log: Log, *kinds: Saga[Log, Any], settings: SagaSettings = QUICK) -> None:
        self.runner = Runner(db, settings)
        for kind in kinds:
            self.runner.add(kind, log)

    async def __aenter__(self) -> Runner:
        await self.runner.start()
        return self.runner

    async def __aexit__(self, *_: object) -> None:
        await self.runner.close()


async def test_steps_run_in_order_and_outputs_reach_later_steps(db: Database) -> None:
    seen: list[object] = []

    def look(tx: kernel_db.Tx, log: Log, run: Run, p: Toy) -> None:
        seen.extend([run.output("a"), run.output("b"), run.output("a", dict[str, int]), run.output("nothing")])
        seen.append((run.ctx.user_id, run.ctx.token, run.key, p.size))

    log = Log()
    kind = toy(world("a", {"x": 1}), within("b", [2]), Tx("look", look))
    async with Running(db, log, kind) as runner:
        saga_id = await begin(db, Toy(name="1", size=7))
        row = await ended(db, saga_id)
    assert (row.state, row.reason, row.step, row.owner) == ("done", "", "", "")
    assert log.said == ["a 1", "b 1"]
    assert seen == [{"x": 1}, [2], {"x": 1}, None, ("u", "", "k", 7)]
    lines = await db.read(sagas.history, saga_id)
    assert sorted((line.step, line.output) for line in lines) == [("a", '{"x":1}'), ("b", "[2]"), ("look", "")]
    assert runner.counters()["saga_done_total"] == 1
    assert runner.counters()["saga_steps_total"] == 3
    assert runner.counters()["saga_held"] == 0


async def test_abort_undoes_what_was_begun_in_reverse(db: Database) -> None:
    log = Log(fail={"c": [Abort("no room")]})
    async with Running(db, log, toy(world("a"), within("b"), world("c"), world("d"))):
        row = await ended(db, await begin(db, Toy(name="1")))
    assert log.said == ["a 1", "b 1", "c 1", "unc 1", "unb 1", "una 1", "failed 1", "c: no room"]
    assert (row.state, row.reason, row.undoing) == ("failed", "c: no room", True)


async def test_abort_in_a_tx_step_rolls_back_its_neighbours_and_undoes_none_of_them(db: Database) -> None:
    log = Log(fail={"c": [Abort("no")]})
    async with Running(db, log, toy(world("a"), within("b"), within("c"))):
        row = await ended(db, await begin(db, Toy(name="1")))
    assert log.said == ["a 1", "c 1", "una 1", "failed 1", "c: no"]
    assert row.state == "failed"


async def test_unknown_errors_are_retried_without_end(db: Database) -> None:
    log = Log(fail={"a": [ValueError("x")] * 5, "b": [KeyError("y")] * 4})
    attempts = []

    async def note(log: Log, run: Run, p: Toy) -> None:
        attempts.append(run.attempt)

    async with Running(db, log, toy(world("a"), within("b"), World("c", note))) as runner:
        row = await ended(db, await begin(db, Toy(name="1")))
    assert row.state == "done"
    assert log.said == ["a 1"] * 6 + ["b 1"] * 5
    assert attempts == [0]
    assert runner.counters()["saga_errors_total"] == 9


async def test_a_failing_step_shows_its_error_and_attempt(db: Database) -> None:
    log = Log(fail={"a": [ValueError("boom")] * 1000})
    async with Running(db, log, toy(world("a"), deadline=1)) as runner:
        saga_id = await begin(db, Toy(name="1"))
        await until(lambda: db.read_now(sagas.find, saga_id).attempt > 2)
        row = await db.read(sagas.find, saga_id)
        assert (row.state, row.step, row.error) == ("running", "a", "a: ValueError: boom")
        assert [alarm.id for alarm in await db.read(sagas.alarms)] == [saga_id]
        await runner._beat()
        assert runner.counters()["saga_late"] == 1
        log.fail.clear()
        assert (await ended(db, saga_id)).state == "done"
        assert await db.read(sagas.alarms) == []


async def test_sagas_of_one_key_run_in_order_of_start_and_others_beside(db: Database) -> None:
    log = Log()
    async with Running(db, log, toy(world("a", gate=True), within("b"))):
        ids = [await begin(db, Toy(name=str(n)), key="same") for n in range(5)]
        other = await begin(db, Toy(name="x"), key="other")
        await until(lambda: "a x" in log.said)
        await asyncio.sleep(0.05)
        assert sorted(log.said) == ["a 0", "a x"]
        log.gate.set()
        for saga_id in [*ids, other]:
            await ended(db, saga_id)
    assert [said for said in log.said if "x" not in said] == [f"{s} {n}" for n in range(5) for s in "ab"]


async def test_many_sagas_on_few_places(db: Database) -> None:
    log = Log()
    log.gate.set()
    async with Running(db, log, toy(world("a", gate=True), within("b"))) as runner:
        ids = [await begin(db, Toy(name=str(n)), key=f"k{n % 50}") for n in range(300)]
        for saga_id in ids:
            assert (await ended(db, saga_id)).state == "done"
    assert runner.counters()["saga_done_total"] == 300
    assert runner.counters()["saga_at_work"] == 0


async def test_a_delayed_saga_starts_later_and_does_not_hold_up_its_key(db: Database) -> None:
    log = Log()
    async with Running(db, log, toy(within("a"))):
        never = await begin(db, Toy(name="never"), delay=HOUR)
        before = clock()
        late = await begin(db, Toy(name="late"), delay=150 * MS)
        row = await ended(db, late)
        assert (await db.read(sagas.find, never)).state == "waiting"
    assert log.said == ["a late"]
    assert row.finished_at - before >= 150 * MS


async def test_wait_gives_its_place_away_and_goes_on_when_ready(db: Database) -> None:
    log = Log()
    kind = toy(world("a"), Wait("w", lambda tx, log, run, p: log.ready, every=5 * MS), within("b"))
    settings = msgspec.structs.replace(QUICK, concurrency=1)
    async with Running(db, log, kind, toy(within("o"), params=Other), settings=settings) as runner:
        waiting = await begin(db, Toy(name="1"), key="1")
        await until(lambda: db.read_now(sagas.find, waiting).step == "w")
        assert (await ended(db, await begin(db, Other(name="2"), key="2"))).state == "done"
        await until(lambda: runner.counters()["saga_held"] == 1)
        log.ready = True
        assert (await ended(db, waiting)).state == "done"
    assert log.said == ["a 1", "o 2", "b 1"]
    assert runner.counters()["saga_at_work"] == 0


async def test_wait_is_woken_by_the_signal_of_its_key(db: Database) -> None:
    log = Log()
    async with Running(db, log, toy(Wait("w", lambda tx, log, run, p: log.ready, every=HOUR))):
        saga_id = await begin(db, Toy(name="1"), key="k")
        await until(lambda: db.read_now(sagas.find, saga_id).state == "running")
        log.ready = True
        await db.write(lambda tx: tx.wake("saga:k"))
        assert (await ended(db, saga_id)).state == "done"


async def test_wait_past_its_timeout_is_undone(db: Database) -> None:
    log = Log()
    kind = toy(world("a"), Wait("w", lambda tx, log, run, p: False, every=5 * MS, timeout=30 * MS))
    async with Running(db, log, kind):
        row = await ended(db, await begin(db, Toy(name="1")))
    assert row.state == "failed"
    assert row.reason == "w: not within 0.03 s"
    assert log.said == ["a 1", "una 1", "failed 1", row.reason]


async def test_cancel_interrupts_a_step_in_flight(db: Database) -> None:
    log = Log()
    async with Running(db, log, toy(within("t"), world("a", gate=True))):
        saga_id = await begin(db, Toy(name="1"))
        await until(lambda: "a 1" in log.said)
        assert await db.write(sagas.cancel, "k") == 1
        row = await ended(db, saga_id)
        assert await db.write(sagas.cancel, "k") == 0
    assert log.said == ["t 1", "a 1", "una 1", "unt 1", "failed 1", "cancelled"]
    assert (row.state, row.reason, row.cancelled) == ("failed", "cancelled", True)


async def test_a_cancellation_that_commits_before_the_last_step_wins(lone_db: Database) -> None:
    db = lone_db
    log = Log()
    async with Running(db, log, toy(world("a", gate=True), within("b"))):
        saga_id = await begin(db, Toy(name="1"))
        await until(lambda: "a 1" in log.said)
        log.gate.set()
        # Queued before the step's own write, which then shares its batch and finds itself refused.
        assert await db.write(sagas.cancel, "k") == 1
        row = await ended(db, saga_id)
    assert row.state == "failed"
    assert log.said == ["a 1", "una 1", "failed 1", "cancelled"]


async def test_a_step_that_swallows_its_cancellation_is_undone_all_the_same(db: Database) -> None:
    log = Log()

    async def stubborn(log: Log, run: Run, p: Toy) -> None:
        log.say("a", p)
        try:
            await log.gate.wait()
        except asyncio.CancelledError:
            raise ValueError("hidden") from None

    async def undo(log: Log, run: Run, p: Toy) -> None:
        await asyncio.sleep(0)
        log.say("una", p)

    async with Running(db, log, toy(World("a", stubborn, undo), within("b"))):
        saga_id = await begin(db, Toy(name="1"))
        await until(lambda: "a 1" in log.said)
        await db.write(sagas.cancel, "k")
        row = await ended(db, saga_id)
    assert row.state == "failed"
    assert log.said == ["a 1", "una 1", "failed 1", "cancelled"]


async def test_a_step_cancelled_from_inside_is_an_error_like_others(db: Database) -> None:
    log = Log(fail={"a": [asyncio.CancelledError()]})  # type: ignore[list-item]
    async with Running(db, log, toy(world("a"))):
        assert (await ended(db, await begin(db, Toy(name="1")))).state == "done"
    assert log.said == ["a 1", "a 1"]


async def test_cancel_interrupts_backoff_and_wait(db: Database) -> None:
    log = Log(fail={"a": [ValueError()] * 1000})
    slow = msgspec.structs.replace(QUICK, backoff=3600, backoff_max=3600)
    wait = Wait[Log, Any]("w", lambda tx, log, run, p: False, every=HOUR, timeout=HOUR)
    async with Running(db, log, toy(world("a")), toy(wait, params=Other), settings=slow):
        first, second = await begin(db, Toy(name="1"), key="1"), await begin(db, Other(name="2"), key="2")
        await until(lambda: db.read_now(sagas.find, first).attempt == 1)
        await until(lambda: db.read_now(sagas.find, second).state == "running")
        await db.write(sagas.cancel, "1")
        await db.write(sagas.cancel, "2")
        assert (await ended(db, first)).reason == "cancelled"
        assert (await ended(db, second)).reason == "cancelled"


async def test_cancel_of_what_has_not_begun_undoes_nothing_but_is_told(db: Database) -> None:
    log = Log()
    kind = toy(world("a", gate=True))
    async with Running(db, log, kind):
        first = await begin(db, Toy(name="1"))
        await until(lambda: log.said == ["a 1"])
        second = await begin(db, Toy(name="2"))
        delayed = await begin(db, Toy(name="3"), delay=HOUR)
        assert await db.write(sagas.cancel, "k") == 3
        for saga_id in (first, second, delayed):
            assert (await ended(db, saga_id)).state == "failed"
    assert log.said == [
        "a 1", "una 1", "failed 1", "cancelled", "failed 2", "cancelled", "failed 3", "cancelled",
    ]  # fmt: skip


async def test_a_decision_may_cancel_and_start_in_one_transaction(db: Database) -> None:
    log = Log()

    def replace(tx: kernel_db.Tx) -> tuple[str, list[str]]:
        sagas.cancel(tx, "k")
        return sagas.start(tx, Other(name="2"), "k", cloud()), [row.id for row in sagas.running(tx, "k")]

    async with Running(db, log, toy(world("a", gate=True)), toy(within("o"), params=Other)):
        first = await begin(db, Toy(name="1"))
        await until(lambda: log.said == ["a 1"])
        second, in_line = await db.write(replace)
        assert in_line == [first, second]
        assert (await ended(db, second)).state == "done"
    assert log.said == ["a 1", "una 1", "failed 1", "cancelled", "o 2"]


async def test_a_rolled_back_decision_starts_nothing(db: Database) -> None:
    log = Log()

    def refuse(tx: kernel_db.Tx) -> None:
        sagas.start(tx, Toy(name="1"), "k", cloud())
        raise Conflict("no")

    async with Running(db, log, toy(within("a"))):
        with pytest.raises(Conflict):
            await db.write(refuse)
        await asyncio.sleep(0.05)
    assert log.said == []
    assert await db.read(sagas.running, "k") == []


async def test_an_undo_that_keeps_failing_is_parked_and_others_go_on(db: Database) -> None:
    log = Log(fail={"b": [Abort("no")], "una": [ValueError("jammed")] * 3})
    async with Running(db, log, toy(world("a"), world("b")), toy(within("o"), params=Other)) as runner:
        saga_id = await begin(db, Toy(name="1"))
        following = await begin(db, Other(name="2"))
        row = await ended(db, saga_id)
        assert (row.state, row.step, row.error, row.reason) == ("stuck", "a", "a: ValueError: jammed", "b: no")
        assert (await ended(db, following)).state == "done"
        assert await db.read(sagas.census) == {"waiting": 0, "running": 0, "stuck": 1}
        assert [alarm.id for alarm in await db.read(sagas.alarms)] == [saga_id]
        assert runner.counters()["saga_stuck_total"] == 1
        await db.write(sagas.retry, saga_id)
        assert (await ended(db, saga_id, "failed")).reason == "b: no"
        with pytest.raises(Conflict):
            await db.write(sagas.retry, saga_id)
    assert log.said == ["a 1", "b 1", "unb 1", "una 1", "una 1", "una 1", "o 2", "una 1", "failed 1", "b: no"]


async def test_abandon_skips_the_undo_but_frees_what_the_decision_reserved(db: Database) -> None:
    log = Log(fail={"b": [Abort("no")], "unb": [ValueError("jammed")] * 3, "failed": [ValueError("bug")] * 3})
    async with Running(db, log, toy(world("a"), world("b"))):
        saga_id = await begin(db, Toy(name="1"))
        await ended(db, saga_id, "stuck")
        await db.write(sagas.abandon, saga_id)
        await until(lambda: log.said.count("failed 1") == 3)
        row = await ended(db, saga_id, "stuck")
        assert row.step == ""
        await db.write(sagas.abandon, saga_id)
        row = await db.read(sagas.find, saga_id)
        assert (row.state, row.finished_at > 0) == ("failed", True)
        with pytest.raises(Conflict):
            await db.write(sagas.abandon, saga_id)
        with pytest.raises(NotFound):
            await db.write(sagas.abandon, "nobody")
    assert "una 1" not in log.said


async def test_retry_ends_a_backoff(db: Database) -> None:
    log = Log(fail={"a": [ValueError()]})
    slow = msgspec.structs.replace(QUICK, backoff=3600, backoff_max=3600)
    async with Running(db, log, toy(world("a")), settings=slow):
        saga_id = await begin(db, Toy(name="1"))
        await until(lambda: db.read_now(sagas.find, saga_id).attempt == 1)
        await db.write(sagas.retry, saga_id)
        assert (await ended(db, saga_id)).state == "done"


async def test_unknown_sagas_are_parked_and_taken_up_by_a_release_that_knows_them(db: Database) -> None:
    log = Log()
    unknown = await begin(db, Toy(name="1"))
    async with Running(db, log, toy(within("o"), params=Other)):
        row = await ended(db, unknown)
        assert (row.state, row.reason) == ("stuck", "this release has no saga of that name")
        assert (await ended(db, await begin(db, Other(name="2")))).state == "done"
    async with Running(db, log, toy(within("a"))):
        assert (await ended(db, unknown, "done")).reason == ""


async def test_undecodable_params_and_foreign_steps_are_parked(db: Database) -> None:
    log = Log()

    class Older(Params, saga="toy.toy", frozen=True):
        title: str

    bad = await begin(db, Older(title="1"), key="1")
    held = await begin(db, Toy(name="2"), key="2")
    async with Running(db, log, toy(world("renamed", gate=True))):
        row = await ended(db, bad)
        assert row.state == "stuck"
        assert row.reason.startswith("its params cannot be read: Object missing required field `name`")
        await until(lambda: log.said == ["renamed 2"])
    async with Running(db, log, toy(world("a"))):
        row = await ended(db, held)
        assert row.reason == "its journal has steps that this release does not know: ['renamed']"
        await db.write(sagas.abandon, bad)
        assert (await db.read(sagas.find, bad)).state == "failed"


async def test_close_interrupts_and_the_next_runner_resumes(db: Database) -> None:
    log = Log()
    kind = toy(world("a", "out"), world("b", gate=True), within("c"))
    saga_id = await begin(db, Toy(name="1"))
    async with Running(db, log, kind):
        await until(lambda: "b 1" in log.said)
    row = await db.read(sagas.find, saga_id)
    assert (row.state, row.step, row.owner) == ("running", "b", "")
    log.gate.set()
    async with Running(db, log, kind):
        row = await ended(db, saga_id)
    assert (row.state, row.generation) == ("done", 2)
    assert log.said == ["a 1", "b 1", "b 1", "c 1"]


async def test_a_step_inserted_by_a_newer_release_is_done_by_sagas_before_it(db: Database) -> None:
    log = Log()
    saga_id = await begin(db, Toy(name="1"))
    async with Running(db, log, toy(world("a", gate=True), within("z"))):
        await until(lambda: log.said == ["a 1"])
    log.gate.set()
    async with Running(db, log, toy(world("a"), within("new"), within("z"))):
        await ended(db, saga_id, "done")
    assert log.said == ["a 1", "a 1", "new 1", "z 1"]


async def test_a_lost_lease_stops_the_saga_at_its_next_write(lone_db: Database) -> None:
    db = lone_db
    log = Log()
    kind = toy(world("a", gate=True), within("b"))
    async with Running(db, log, kind) as first:
        saga_id = await begin(db, Toy(name="1"))
        await until(lambda: log.said == ["a 1"])
        # Another process believes this one dead: what a second runner does at start on SQLite.
        async with Running(db, log, kind):
            await until(lambda: log.said == ["a 1", "a 1"])
            log.gate.set()
            row = await ended(db, saga_id)
            await until(lambda: first.counters()["saga_lost_total"] == 1)
    assert (row.state, row.generation) == ("done", 2)
    assert log.said == ["a 1", "a 1", "b 1"]


@pytest.mark.postgresql
async def test_another_process_takes_over_when_the_lease_has_run_out(
    product: str, ready_url: str, database: Database
) -> None:
    if product != "postgresql":
        pytest.skip("one process only")
    log, looks = Log(), 0
    short, endless = (msgspec.structs.replace(QUICK, lease=lease) for lease in (0.3, 3600))
    kind = toy(world("a", gate=True), within("b"))
    beside = Database(ready_url)
    await beside.start()

    write = beside.write

    async def counted(decision: Callable[..., Any], *args: Any) -> Any:
        nonlocal looks
        done = await write(decision, *args)
        looks += decision is journal.claim
        return done

    beside.write = counted  # type: ignore[method-assign,assignment]

    def lapse(tx: kernel_db.Tx) -> None:
        tx.execute(text("UPDATE kernel_sagas SET due_at = :now"), {"now": tx.now})

    try:
        async with Running(database, log, kind, settings=endless) as first:
            saga_id = await begin(database, Toy(name="1"))
            await until(lambda: log.said == ["a 1"])
            async with Running(beside, log, kind, settings=short):
                await until(lambda: looks >= 3)
                assert log.said == ["a 1"], "taken from a living process"
                # Its heart stops.
                first._loops[2].cancel()
                await database.write(lapse)
                await until(lambda: log.said == ["a 1", "a 1"])
                log.gate.set()
                row = await ended(database, saga_id)
                await until(lambda: first.counters()["saga_lost_total"] == 1)
        assert (row.state, row.generation) == ("done", 2)
        assert log.said == ["a 1", "a 1", "b 1"]
    finally:
        await beside.close()


@pytest.mark.postgresql
async def test_a_cancellation_reaches_another_process(product: str, ready_url: str, database: Database) -> None:
    if product != "postgresql":
        pytest.skip("one process only")
    log = Log()
    beside = Database(ready_url)
    await beside.start()
    try:
        async with Running(database, log, toy(world("a", gate=True))):
            saga_id = await begin(beside, Toy(name="1"))
            await until(lambda: log.said == ["a 1"])
            assert await beside.write(sagas.cancel, "k") == 1
            assert (await ended(database, saga_id)).reason == "cancelled"
    finally:
        await beside.close()


async def test_heartbeats_keep_a_long_step(db: Database) -> None:
    log = Log()
    short = msgspec.structs.replace(QUICK, lease=0.3)
    async with Running(db, log, toy(world("a", gate=True)), settings=short) as runner:
        saga_id = await begin(db, Toy(name="1"))
        ends: list[int] = []

        def prolonged() -> bool:
            """Again and again before its end; not each time, where the machine pauses."""
            end = db.read_now(sagas.find, saga_id).due_at
            ends.extend([end] if ends[-1:] != [end] else [])
            return sum(later - sooner < 300 * MS for sooner, later in pairwise(ends)) >= 5

        await until(prolonged)
        log.gate.set()
        assert (await ended(db, saga_id)).generation == 1
    assert runner.counters()["saga_lost_total"] == 0


async def test_ended_sagas_are_forgotten_after_retention(db: Database) -> None:
    log = Log()
    async with Running(db, log, toy(within("a"))):
        old = await begin(db, Toy(name="1"))
        await ended(db, old)
    async with Running(db, log, toy(within("a")), settings=msgspec.structs.replace(QUICK, retention=0)):

        def gone() -> bool:
            try:
                db.read_now(sagas.find, old)
            except NotFound:
                return True
            return False

        await until(gone)


async def test_an_idle_runner_asks_nothing(db: Database) -> None:
    async with Running(db, Log(), toy(within("a"))):
        await asyncio.sleep(0.05)
        asked = []
        write = db.write
        db.write = lambda *args, **kw: (asked.append(args), write(*args, **kw))[1]  # type: ignore
        await asyncio.sleep(0.3)
        assert asked == []


def test_tables_that_cannot_be_meant_are_refused() -> None:
    with pytest.raises(ValueError, match=r"params of saga 'toy\.toy'"):
        Saga("toy.wrong", Toy, [within("a")])
    with pytest.raises(ValueError, match="all different"):
        toy(within("a"), world("a"))
    with pytest.raises(ValueError, match="steps need names"):
        toy()
    with pytest.raises(ValueError, match="without spaces"):
        toy(within("a b"))


def test_lock_lines_and_what_breaks_them() -> None:
    now = sagas.lock_lines([toy(world("a"), within("b")), toy(within("c"), params=Other)])
    assert now == ["toy.other: c", "toy.toy: a b"]
    assert sagas.broken(["toy.toy: a"], now) == []
    assert sagas.broken(["toy.toy: b"], now) == []
    assert len(sagas.broken(["toy.toy: b a"], now)) == 1
    assert len(sagas.broken(["toy.toy: a x"], now)) == 1
    assert sagas.broken(["toy.gone: a"], now) == ["saga toy.gone is gone: those in flight would be stuck"]
