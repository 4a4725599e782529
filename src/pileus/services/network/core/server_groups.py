"""Security groups of servers: compute shows and changes them for all ports of a server at once."""

from collections.abc import Sequence

from pileus.contracts.network import GroupInfo
from pileus.kernel.db import Tx
from pileus.kernel.types import Ctx, NotFound
from pileus.services.network.core import bindings, port_updates
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.ports import whole
from pileus.services.network.db import groups

_SHOWN = (
    "id", "direction", "ethertype", "protocol", "port_range_min", "port_range_max", "remote_ip_prefix", "remote_group_id",
)  # fmt: skip


def of_server(tx: Tx, device_id: str) -> Sequence[GroupInfo]:
    ports = whole(tx, bindings.of_server(tx, [device_id]))
    ids = list(dict.fromkeys(g for port in ports for g in port.groups))
    if not ids:
        return []
    rules = tx.rows(groups.RULES_OF, ids=ids)
    return [
        GroupInfo(
            id=group.id,
            name=group.name,
            description=group.description,
            project_id=group.project_id,
            rules=tuple({n: getattr(r, n) for n in _SHOWN} for r in rules if r.group_id == group.id),
        )
        for group in tx.rows(groups.SOME, ids=ids)
    ]


def set_member(tx: Tx, near: Near, ctx: Ctx, device_id: str, name: str, member: bool) -> None:
    """Ports without port security stay out. Raises `NotFound` for an unknown group, or one to leave that no port is in."""
    group_id = bindings.named_group(tx, near, ctx, name)
    found = False
    for port in whole(tx, bindings.of_server(tx, [device_id])):
        inside = group_id in port.groups
        found = found or inside
        if inside != member and port.port_security_enabled:
            left = tuple(g for g in port.groups if g != group_id)
            port_updates.apply(tx, near, ctx, port, {"groups": (*left, group_id) if member else left})
    if not member and not found:
        raise NotFound(f"Security group {name} not associated with the instance {device_id}")
