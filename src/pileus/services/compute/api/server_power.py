"""Pause and suspend: servers that wait in memory or on disk."""

from collections.abc import Callable

from pileus.kernel.db import Tx
from pileus.kernel.policy import Rule
from pileus.kernel.policy.defaults import PROJECT_MEMBER_OR_ADMIN
from pileus.kernel.rest import ANY, Operation, Request, obj
from pileus.services.compute.api.server_of import ITEM, server_of
from pileus.services.compute.core import power
from pileus.services.compute.core.neighbours import Neighbours

_PAUSE, _SUSPEND = "os_compute_api:os-pause-server", "os_compute_api:os-suspend-server"
_ACTIONS: dict[str, tuple[str, Callable[..., None]]] = {
    "pause": (f"{_PAUSE}:pause", power.pause),
    "unpause": (f"{_PAUSE}:unpause", power.unpause),
    "suspend": (f"{_SUSPEND}:suspend", power.suspend),
    "resume": (f"{_SUSPEND}:resume", power.resume),
}
RULES = [Rule(rule, PROJECT_MEMBER_OR_ADMIN, f"To {key} servers.", scopes=()) for key, (rule, _) in _ACTIONS.items()]


def operations(near: Neighbours) -> list[Operation]:
    def made(key: str, rule: str, change: Callable[..., None]) -> Operation:
        def decide(tx: Tx, request: Request) -> None:
            change(tx, near, request.ctx, server_of(tx, near, request, rule))

        return Operation(
            method="POST", path=f"{ITEM}/action", name=key, resource="server", action=key, decide=decide, asks=rule, answers=202, body=obj({key: ANY}, [key]),
            summary=(change.__doc__ or "").rstrip("."),
        )  # fmt: skip

    return [made(key, rule, change) for key, (rule, change) in _ACTIONS.items()]
