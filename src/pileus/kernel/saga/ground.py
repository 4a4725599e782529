"""What all courses of a runner share."""

from dataclasses import dataclass, field
from typing import Protocol

from pileus.kernel.db import Database
from pileus.kernel.saga.places import Places
from pileus.kernel.saga.settings import SagaSettings, micros
from pileus.kernel.types import Micros


class Probe(Protocol):
    """Told at named points of every step, for tests: `before`, `inside` (done, not committed) and `after` the commit."""

    def __call__(self, point: str, saga: str, step: str, undoing: bool) -> None: ...


@dataclass
class Counters:
    """Since this process started."""

    claimed: int = 0
    done: int = 0
    failed: int = 0
    stuck: int = 0
    lost: int = 0
    steps: int = 0
    undos: int = 0
    errors: int = 0


@dataclass
class Ground:
    db: Database
    settings: SagaSettings
    places: Places
    probe: Probe | None = None
    counters: Counters = field(default_factory=Counters)
    lease: Micros = field(init=False)

    def __post_init__(self) -> None:
        self.lease = micros(self.settings.lease)
