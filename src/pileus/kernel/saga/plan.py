"""What is left to do of a saga, forwards and backwards, in one form."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any

import msgspec

from pileus.kernel.db import Tx
from pileus.kernel.saga import steps as kinds

Step = kinds.World[Any, Any] | kinds.Tx[Any, Any] | kinds.Wait[Any, Any]


class NotReady(Exception):
    """A `Wait` step said yes, then no."""


@dataclass(frozen=True)
class Act:
    """One thing to do. Exactly one of `world` and `tx` is set; the last act of all has no name."""

    name: str
    world: Callable[[], Awaitable[object]] | None = None
    tx: Callable[[Tx], object] | None = None
    wait: kinds.Wait[Any, Any] | None = None


@dataclass(frozen=True)
class Plan:
    """Binds the steps of a saga to one run of it."""

    saga: kinds.Saga[Any, Any]
    world: object
    run: kinds.Run
    params: kinds.Params

    def forth(self, since: str) -> list[Act]:
        """The steps from `since` on, and the end."""
        ahead = self.saga.steps[self.saga.order[since] :]
        calls = [(step, step.ready if isinstance(step, kinds.Wait) else step.do) for step in ahead]
        return [*(self._act(step, call) for step, call in calls), Act("", tx=lambda tx: None)]

    def back(self, since: str, done: Collection[str], reason: str) -> list[Act]:
        """Undo of the steps that were done, and of the World step in which we turned, which may have got anywhere."""
        begun = self.saga.steps[: self.saga.order[since] + 1] if since else ()
        acts = []
        for step in reversed(begun):
            halfway = step.name == since and isinstance(step, kinds.World)
            undo = None if isinstance(step, kinds.Wait) else step.undo
            if undo is not None and (halfway or step.name in done):
                acts.append(self._act(step, undo))
        return [*acts, Act("", tx=lambda tx: self._failed(tx, reason))]

    def _failed(self, tx: Tx, reason: str) -> None:
        if self.saga.failed is not None:
            self.saga.failed(tx, self.world, self.run, self.params, reason)

    def _act(self, step: Step, call: Callable[..., Any]) -> Act:
        world, run, p = self.world, self.run, self.params
        if isinstance(step, kinds.World):
            return Act(step.name, world=lambda: call(world, run, p))
        if isinstance(step, kinds.Tx):
            return Act(step.name, tx=lambda tx: call(tx, world, run, p))

        def confirm(tx: Tx) -> None:
            if not call(tx, world, run, p):
                raise NotReady

        return Act(step.name, tx=confirm, wait=step)


def encode(output: object) -> str:
    """A step's output as the journal keeps it."""
    return "" if output is None else msgspec.json.encode(output).decode()
