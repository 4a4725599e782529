"""Those who follow the log: this is how one service learns what another did, without either knowing the other."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from msgspec import Struct
from sqlalchemy import ColumnElement, bindparam, func, insert, or_, select, true, tuple_, update

from pileus.kernel.db import Database, Duplicate, Query, Tx, signals
from pileus.kernel.events.log import (
    EVENT,
    LAST,
    SIGNAL,
    Event,
    Position,
    kernel_events,
    kernel_followers,
    open_turn,
    prune,
    rebase,
)
from pileus.kernel.types import DAY, HOUR, MINUTE, SECOND, Micros, clock

BATCH = 64
"""Events in one transaction at most."""
STRIDE = 500
"""Events of others' kinds after which the position is written down all the same."""
SOON = SECOND // 50
log = logging.getLogger(__name__)

_e, _f = kernel_events.c, kernel_followers.c
_behind = tuple_(_e.turn, _e.seq) > tuple_(bindparam("turn"), bindparam("seq"))
_POSITION = Query(select(kernel_followers).where(_f.name == bindparam("name")), into=Position)
_INSERT = Query(insert(kernel_followers))
_UPDATE = Query(update(kernel_followers).where(_f.name == bindparam("name")))
_OPEN = Query(select(_e.seq).where(_e.turn >= open_turn()).limit(1), into=int)
_END = Query(
    select(bindparam("name"), _e.turn, _e.seq)
    .where(_e.turn < open_turn())
    .order_by(_e.turn.desc(), _e.seq.desc())
    .limit(1),
    into=Position,
)


class _View(Struct, frozen=True):
    stored: Position | None
    events: list[Event]
    end: Position | None
    more_to_come: bool
    """Events are committed that an older transaction, still open, may yet come before."""


class Follower:
    """Calls `fn(tx, event)` once for each event of `kinds`, in the order of the log, from its oldest event on.

    A kind ending in `*` stands for all that begin so. The call shares its transaction with the follower's position:
    both commit or neither does. An `fn` that raises is called again, with back-off and for ever; nothing overtakes it.
    """

    def __init__(self, name: str, kinds: Sequence[str], fn: Callable[[Tx, Event], None]) -> None:
        self.name = name
        self.fn = fn
        self.failing = ""
        """What is wrong, while `fn` keeps raising."""
        self._more_to_come = False
        self._seen = Position(name, -LAST, -LAST)
        self._next = Query(
            select(*EVENT)
            .where(_behind, _e.turn < open_turn(), or_(*(_of_kind(kind) for kind in kinds)))
            .order_by(_e.turn, _e.seq)
            .limit(BATCH),
            into=Event,
        )

    async def run(self, db: Database) -> None:
        """Follow until cancelled."""
        signal = signals.subscribe(SIGNAL)
        pause = SECOND
        while True:
            try:
                await self.catch_up(db)
            except Exception as error:
                self.failing = f"{type(error).__name__}: {error}"
                log.exception("follower %s failed, next try in %d s", self.name, pause // SECOND)
                await asyncio.sleep(pause / SECOND)
                pause = min(2 * pause, MINUTE)
            else:
                self.failing, pause = "", SECOND
                await signal.wait(SOON if self._more_to_come else 30 * SECOND)

    async def catch_up(self, db: Database) -> int:
        """Take all events that are there; how many. Raises what `fn` raises."""
        taken = 0
        while True:
            view = await db.read(self._look)
            self._more_to_come = view.more_to_come
            if not view.events:
                await self._pass(db, view)
                return taken
            try:
                taken += await db.write(self._take, view)
            except Duplicate:
                continue  # another process began to follow at the same time

    def _look(self, tx: Tx) -> _View:
        stored = tx.row(_POSITION, name=self.name)
        start = self._seen if stored is None else max(stored, self._seen, key=_place)
        events = tx.rows(self._next, turn=start.turn, seq=start.seq)
        if events:
            return _View(stored, events, None, False)
        return _View(stored, events, tx.row(_END, name=self.name), tx.row(_OPEN) is not None)

    def _take(self, tx: Tx, view: _View) -> int:
        if tx.row(_POSITION, name=self.name) != view.stored:
            return 0  # another process was faster
        taken = 0
        for event in view.events:
            try:
                with tx.savepoint():
                    self.fn(tx, event)
            except Exception:
                if not taken:
                    raise
                break
            taken += 1
        last = view.events[taken - 1]
        self._move(tx, view.stored, Position(self.name, last.turn, last.seq))
        return taken

    async def _pass(self, db: Database, view: _View) -> None:
        """Nothing more for us: remember how far we looked, and now and then write it down, so that the log can be pruned."""
        if view.end is None:
            return
        self._seen = max(view.end, self._seen, key=_place)
        if view.stored is None or view.end.seq - view.stored.seq >= STRIDE:
            await db.write(self._skip, view.stored, view.end)

    def _skip(self, tx: Tx, stored: Position | None, end: Position) -> None:
        if tx.row(_POSITION, name=self.name) == stored:
            self._move(tx, stored, end)

    def _move(self, tx: Tx, stored: Position | None, to: Position) -> None:
        tx.run(_INSERT if stored is None else _UPDATE, name=to.name, turn=to.turn, seq=to.seq)


class Followers:
    """All followers of a control plane, and the pruning of the log behind them. `keep`: how long events stay, 0 for ever."""

    def __init__(self, followers: Sequence[Follower], keep: Micros = 90 * DAY) -> None:
        self.followers = followers
        self.keep = keep
        if len({follower.name for follower in followers}) < len(followers):
            raise ValueError("two followers of one name")

    async def run(self, db: Database) -> None:
        """Until cancelled."""
        await self._rebase(db)
        async with asyncio.TaskGroup() as group:
            for follower in self.followers:
                group.create_task(follower.run(db), name=f"follower-{follower.name}")
            if self.keep:
                group.create_task(self._prune(db), name="events-prune")

    async def _rebase(self, db: Database) -> None:
        while True:
            try:
                return await db.write(rebase)
            except Exception:
                log.exception("the change log cannot be used yet")
                await asyncio.sleep(1)

    async def _prune(self, db: Database) -> None:
        names = [follower.name for follower in self.followers]
        while True:
            await asyncio.sleep(HOUR / SECOND)
            try:
                while await db.write(prune, clock() - self.keep, names):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            except Exception:
                log.exception("pruning the change log failed")


def _of_kind(kind: str) -> ColumnElement[bool]:
    if not kind.endswith("*"):
        return _e.kind == kind
    start = kind[:-1]
    return func.substr(_e.kind, 1, len(start)) == start if start else true()


def _place(position: Position) -> tuple[int, int]:
    return position.turn, position.seq
