"""What a service hands to the app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pileus.kernel.rest.face import Face

if TYPE_CHECKING:
    from pileus.kernel.events import Follower
    from pileus.kernel.reconcile import Reconciler
    from pileus.kernel.saga import Saga


async def _nothing() -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class Service:
    """One service, built.

    `internal` implements the service's contract for its neighbours. `sagas` are pairs of saga and world.
    `start` runs once before the ports open, `close` after they have closed.
    """

    name: str
    face: Face
    faces: Mapping[str, Face] = field(default_factory=dict)
    """Further faces with ports of their own, by name."""
    listens: bool = True
    """False: somebody else does this service's work, and the catalog leads there."""
    internal: Any = None
    sagas: Sequence[tuple[Saga[Any, Any], Any]] = ()
    reconcilers: Sequence[Reconciler] = ()
    followers: Sequence[Follower] = ()
    start: Callable[[], Awaitable[None]] = field(default=_nothing)
    close: Callable[[], Awaitable[None]] = field(default=_nothing)
