"""What a saga is: a params struct and a table of steps, readable as the operation itself."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
from msgspec import Struct, StructMeta

from pileus.kernel import db
from pileus.kernel.types import MINUTE, SECOND, Ctx, Micros


class Abort(Exception):
    """Raised by a step: it cannot be done and never will be. The saga is undone; `str(error)` becomes its reason."""


class ParamsMeta(StructMeta):
    """Lets a params struct name its saga in its head: `class CreateThing(Params, saga="some.create", frozen=True)`."""

    saga_name: str

    def __new__(
        mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], *, saga: str = "", **options: Any
    ) -> Any:
        made: ParamsMeta = super().__new__(mcls, name, bases, namespace, **options)
        if saga:
            made.saga_name = saga
        return made


class Params(Struct, metaclass=ParamsMeta, frozen=True):
    """What a saga is started with, kept as JSON. Additive only: a new field of a released saga has a default."""

    saga_name: ClassVar[str] = ""


P = TypeVar("P", bound=Params)
W = TypeVar("W")
T = TypeVar("T")


class Run:
    """One saga, as its steps see it.

    `id`, `key`, `ctx`  of `start`; `ctx` has no token.
    `generation`        fencing number: grows each time a process takes the saga over.
    `attempt`           0 for the first try of the present step in this process or since its last success.
    `cancelled`         somebody asked to stop: `failed` and undo functions may want to know.
    """

    __slots__ = ("_outputs", "attempt", "cancelled", "ctx", "generation", "id", "key")

    def __init__(self, id: str, key: str, ctx: Ctx, generation: int, attempt: int = 0, cancelled: bool = False) -> None:
        self.id = id
        self.key = key
        self.ctx = ctx
        self.generation = generation
        self.attempt = attempt
        self.cancelled = cancelled
        self._outputs: dict[str, str] = {}

    def output(self, step: str, into: type[T] | Any = Any) -> Any:
        """What an earlier step returned, read back from JSON as `into`; None when it gave nothing or was not done."""
        text = self._outputs.get(step, "")
        return msgspec.json.decode(text, type=into) if text else None

    def keep(self, step: str, text: str) -> None:
        """The runner's: remember the output of a step, as JSON; empty for none."""
        self._outputs[step] = text


@dataclass(frozen=True)
class World(Generic[W, P]):
    """A step that touches the world: done *at least* once, so it must be idempotent. Its output is kept as JSON.

    `undo` is told after a step that was begun, whether it got anywhere or not: absent is success.
    """

    name: str
    do: Callable[[W, Run, P], Awaitable[object]]
    undo: Callable[[W, Run, P], Awaitable[object]] | None = None


@dataclass(frozen=True)
class Tx(Generic[W, P]):
    """A step inside one transaction, done *exactly* once: it commits with its own line of the journal.

    Neighbouring Tx steps share a transaction. `undo` is told only after a step that was committed.
    """

    name: str
    do: Callable[[db.Tx, W, Run, P], object]
    undo: Callable[[db.Tx, W, Run, P], object] | None = None


@dataclass(frozen=True)
class Wait(Generic[W, P]):
    """Waits until `ready` says True, over restarts; holds no place among the running sagas meanwhile.

    `ready` only reads: it is asked in read transactions, `every` so often and whenever signal `saga:<key>` is woken,
    and once more in the transaction that goes on. After `timeout` microseconds the saga is undone.
    """

    name: str
    ready: Callable[[db.Tx, W, Run, P], bool]
    every: Micros = SECOND
    timeout: Micros = 10 * MINUTE


Step = World[W, P] | Tx[W, P] | Wait[W, P]


class Saga(Generic[W, P]):
    """Long work with an end and an undo.

    `failed(tx, world, run, p, reason)` runs last when all is undone, in the transaction that marks the saga failed.
    `deadline` raises an alarm for operators; it stops nothing.
    Raises `ValueError` for a table that cannot be meant.
    """

    def __init__(
        self,
        name: str,
        params: type[P],
        steps: Sequence[Step[W, P]],
        *,
        failed: Callable[[db.Tx, W, Run, P, str], object] | None = None,
        deadline: Micros = 10 * MINUTE,
    ) -> None:
        if params.saga_name != name:
            raise ValueError(f"saga {name}: {params.__name__} is the params of saga {params.saga_name!r}")
        names = [step.name for step in steps]
        if not names or len(set(names)) < len(names) or not all(n and not set(n) & set(" :\n") for n in names):
            raise ValueError(f"saga {name}: steps need names, all different, without spaces and colons: {names}")
        self.name = name
        self.params = params
        self.steps = tuple(steps)
        self.failed = failed
        self.deadline = deadline
        self.order = {n: position for position, n in enumerate(names)}
        self.decode: Callable[[str], P] = msgspec.json.Decoder(params).decode
