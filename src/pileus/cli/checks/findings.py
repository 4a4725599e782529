"""What a check says."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from pileus.cli.state import State
from pileus.kernel.config import Settings


class Finding(Struct, frozen=True):
    """`warning`: works, but not as it could. `problem`: something does not work. `advice` says what to do then."""

    check: str
    level: Literal["ok", "warning", "problem"]
    found: str
    advice: str = ""


class Patient(Struct, frozen=True):
    """The cloud that is looked at. `facts` as told by the running process; empty when there is none."""

    state: State
    settings: Settings | None
    pid: int | None
    facts: dict[str, Any]


def ok(check: str, found: str) -> Finding:
    return Finding(check, "ok", found)


def warning(check: str, found: str, advice: str) -> Finding:
    return Finding(check, "warning", found, advice)


def problem(check: str, found: str, advice: str) -> Finding:
    return Finding(check, "problem", found, advice)
