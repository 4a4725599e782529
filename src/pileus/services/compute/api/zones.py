"""`os-availability-zone`."""

from collections.abc import Sequence
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.policy import Rule
from pileus.kernel.policy.defaults import ADMIN, ANYBODY
from pileus.kernel.rest import Operation, Request
from pileus.kernel.types import iso_naive
from pileus.services.compute.core import services as core
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.core.services import ServiceRow

_API = "os_compute_api:os-availability-zone"
_PATH = "/v2.1/os-availability-zone"
RULES = [
    Rule(f"{_API}:list", ANYBODY, "See availability zones.", scopes=()),
    Rule(f"{_API}:detail", ADMIN, "See availability zones with their hosts.", scopes=()),
]


def operations(near: Neighbours) -> list[Operation]:
    def read(tx: Tx, request: Request) -> Any:
        """Availability zones."""
        zones = _by_zone(core.every(tx, near, binary=core.COMPUTE))
        shown = [_zone(name, rows, None) for name, rows in sorted(zones.items(), key=lambda z: not _available(z[1]))]
        return {"availabilityZoneInfo": shown}

    def detail(tx: Tx, request: Request) -> Any:
        """Availability zones with their hosts."""
        zones = _by_zone(core.every(tx, near))
        return {"availabilityZoneInfo": [_zone(name, rows, _hosts(rows)) for name, rows in zones.items()]}

    common: dict[str, Any] = {"method": "GET", "resource": "availability_zone"}
    return [
        Operation(path=_PATH, name="list", decide=read, rule=f"{_API}:list", summary="Availability zones", **common),
        Operation(
            path=f"{_PATH}/detail", name="detail", decide=detail, rule=f"{_API}:detail", summary=detail.__doc__ or "", **common
        ),
    ]  # fmt: skip


def _by_zone(rows: Sequence[ServiceRow]) -> dict[str, list[ServiceRow]]:
    found: dict[str, list[ServiceRow]] = {}
    for row in rows:
        found.setdefault(row.zone, []).append(row)
    return found


def _available(rows: Sequence[ServiceRow]) -> bool:
    return any(not row.disabled for row in rows)


def _zone(name: str, rows: Sequence[ServiceRow], hosts: Any) -> dict[str, Any]:
    return {"zoneName": name, "zoneState": {"available": _available(rows)}, "hosts": hosts}


def _hosts(rows: Sequence[ServiceRow]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        state = {"available": row.up, "active": not row.disabled, "updated_at": iso_naive(row.seen_at)}
        found.setdefault(row.host, {})[row.binary] = state
    return found
