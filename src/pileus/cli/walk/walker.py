"""Who walks: the cloud it walks through, what it has found so far, and how it tells of its steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from pileus.cli.output import Failure, Output
from pileus.cli.state import State

NAME = "quickstart"
"""Of everything that the walk makes, where its kind does not already tell."""


class Told(Struct, frozen=True):
    """One step that was made."""

    step: str
    result: str
    seconds: float


@dataclass
class Walker:
    """`found` carries what later steps need: `image`, `flavor`, `network`, `server`, `address`, …"""

    out: Output
    state: State
    real: bool
    """False: machines are simulated, nothing can log in to them."""
    cloud: Any = None
    """The `openstack.connection.Connection`, once it stands."""
    found: dict[str, Any] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)

    def make(self, step: str, work: Callable[[Walker], str]) -> None:
        """Does one step, tells how long it took. Raises `Failure` with the step's name and a plain reason."""
        begun = time.monotonic()
        try:
            with self.out.working(step):
                result = work(self)
        except Failure as failure:
            raise Failure(f"{step}: {failure.message}", failure.advice) from None
        except Exception as error:
            if not _from_client(error):
                raise
            advice = f"pileus doctor; pileus logs --level warning; the state is {self.state.path}"
            raise Failure(f"{step}: {_plain(error)}", advice) from None
        seconds = time.monotonic() - begun
        self.told.append(Told(step, result, round(seconds, 2)))
        self.out.say(f"  {step:<28} {result} ({seconds:.1f} s)")

    def wait(self, seconds: float, look: Callable[[], bool], what: str, every: float = 0.3) -> None:
        """Looks again and again until it is so. Raises `Failure` when `seconds` have passed."""
        end = time.monotonic() + seconds
        while not look():
            if time.monotonic() > end:
                raise Failure(f"{what} did not happen within {seconds:.0f} s")
            time.sleep(every)


def _from_client(error: Exception) -> bool:
    return type(error).__module__.split(".")[0] in {"openstack", "keystoneauth1", "requests"}


def _plain(error: Exception) -> str:
    """A client's exception in one line; a refusal of the cloud with its request id."""
    request_id = getattr(error, "request_id", None)
    return " ".join(str(error).split()) + (f" [{request_id}]" if request_id else "")
