"""Changing ports."""

from collections.abc import Sequence
from typing import Any

from msgspec import structs

from pileus.kernel.db import Tx
from pileus.kernel.events import record
from pileus.kernel.types import Ctx
from pileus.services.network.core import dhcp, macs, port_security
from pileus.services.network.core.addresses import Address, Placing, is_automatic
from pileus.services.network.core.changes import touched
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.ports import GATEWAY, INTERFACE, stirred
from pileus.services.network.core.refusals import bad_request, conflict
from pileus.services.network.db import allocations, floating, ports, subnets
from pileus.services.network.db.ports import PortRow

_PLAIN = (
    "name",
    "description",
    "admin_state_up",
    "device_id",
    "device_owner",
    "host",
    "vnic_type",
    "profile",
    "dns_name",
    "dns_domain",
)


def update(tx: Tx, near: Near, ctx: Ctx, row: PortRow, want: dict[str, Any]) -> PortRow:
    """Change a port; `want` says what. Nothing is changed when any of it is refused."""
    changed: dict[str, Any] = {k: want[k] for k in _PLAIN if k in want}
    if "mac_address" in want:
        changed["mac_address"] = _new_mac(tx, near, row, want["mac_address"])
    if "dhcp_options" in want:
        changed["dhcp_options"] = merged_options(row.dhcp_options, want["dhcp_options"])
    _security(tx, near, ctx, row, want, changed)
    mac = changed.get("mac_address", row.mac_address)
    if "fixed_ips" in want:
        changed["fixed_ips"] = _new_addresses(tx, row, want["fixed_ips"], mac)
    elif mac != row.mac_address:
        changed["fixed_ips"] = _followed(tx, row, mac)
    changed = {k: v for k, v in changed.items() if v != getattr(row, k)}
    return apply(tx, near, ctx, row, changed) if changed else row


def apply(tx: Tx, near: Near, ctx: Ctx, row: PortRow, changed: dict[str, Any]) -> PortRow:
    """Write changes of a whole row down and tell whom they concern."""
    new = structs.replace(row, **changed, revision_number=row.revision_number + 1, updated_at=tx.now)
    if row.host and new.host != row.host:
        new = structs.replace(new, status="DOWN")
        changed["status"] = "DOWN"
    stored = {k: v for k, v in changed.items() if k not in ("groups", "fixed_ips")}
    tx.run(ports.UPDATE, the_id=row.id, revision_number=new.revision_number, updated_at=tx.now, **stored)
    if "groups" in changed:
        tx.run(ports.DROP_GROUPS, port_id=row.id)
        tx.run_many(ports.ADD_GROUP, [{"port_id": row.id, "group_id": g} for g in new.groups])
    if new.host and not row.host:
        dhcp.serve(tx, near, ctx, row.network_id)
    if row.host or new.host:
        stirred(tx, new, *row.groups)
    if row.device_owner in (INTERFACE, GATEWAY) and row.device_id:
        touched(tx, "router", row.device_id)
    record(tx, ctx, "port.update.end", "port", row.id, project_id=row.project_id, before=row, after=new)
    return new


def merged_options(
    there: Sequence[tuple[str, str, int]], asked: Sequence[tuple[str, str | None, int]]
) -> tuple[tuple[str, str, int], ...]:
    """Options by name and IP version: a null value takes one away, others stay."""
    kept = {(name, version): value for name, value, version in there}
    for name, value, version in asked:
        if value is None:
            kept.pop((name, version), None)
        else:
            kept[(name, version)] = value
    return tuple((name, value, version) for (name, version), value in kept.items())


def _new_mac(tx: Tx, near: Near, row: PortRow, asked: str | None) -> str:
    """null asks for a fresh one."""
    if asked == row.mac_address:
        return asked
    if row.device_owner in (INTERFACE, GATEWAY, dhcp.OWNER):
        raise conflict(
            "UnsupportedPortDeviceOwner",
            f"Operation mac address update is not supported for device_owner {row.device_owner} on port {row.id}.",
        )
    if near.hosts.vif_type(row.host) != "binding_failed" and row.host and row.device_owner.startswith("compute:"):
        raise conflict(
            "PortBound",
            f"Unable to complete operation on port {row.id}, port is already bound, port type: "
            f"{near.hosts.vif_type(row.host)}, old_mac {row.mac_address}, new_mac {asked}.",
        )
    if asked is None:
        return macs.choose(tx, near, row.network_id)
    return macs.claim(tx, row.network_id, asked, row.id)


def _security(tx: Tx, near: Near, ctx: Ctx, row: PortRow, want: dict[str, Any], changed: dict[str, Any]) -> None:
    filtered = want.get("port_security_enabled", row.port_security_enabled)
    changed["port_security_enabled"] = filtered
    asked = want.get("groups")
    if asked is not None:
        changed["groups"] = port_security.groups_for(tx, near, ctx, row.project_id, asked, filtered)
    elif not filtered and row.groups:
        raise conflict(
            "PortSecurityPortHasSecurityGroup",
            "Port has security group associated. Cannot disable port security or IP address until security group is "
            "removed.",
        )
    if "pairs" in want:
        changed["pairs"] = port_security.judge_pairs(near, want["pairs"], filtered)
    elif not filtered and row.pairs:
        raise conflict(
            "AddressPairAndPortSecurityRequired",
            "Port Security must be enabled in order to have allowed address pairs on a port.",
        )


def _new_addresses(tx: Tx, row: PortRow, asked: Sequence[dict[str, Any]], mac: str) -> tuple[Address, ...]:
    """Addresses that are asked for again stay; the others are freed before new ones are taken."""
    kept, wanted = _kept(row.fixed_ips, asked)
    if set(kept) == set(row.fixed_ips) and not wanted:
        return row.fixed_ips
    if row.device_owner in (INTERFACE, GATEWAY):
        raise bad_request("ports", f"IP updates for port {row.id} are not allowed")
    dropped = [a for a in row.fixed_ips if a not in kept]
    _judge_floating(tx, row, dropped)
    for subnet_id, address in dropped:
        tx.run(allocations.FREE, port_id=row.id, subnet_id=subnet_id, address=address)
    on = tx.rows(subnets.OF_NETWORK, network_id=row.network_id)
    placing = Placing(tx, row.network_id, on, row.id, mac, row.device_owner)
    placing.taken = list(kept)
    return placing.all(wanted)


def _followed(tx: Tx, row: PortRow, mac: str) -> tuple[Address, ...]:
    """Automatic addresses follow the MAC."""
    on = tx.rows(subnets.OF_NETWORK, network_id=row.network_id)
    automatic = {s.id for s in on if is_automatic(s)}
    if not any(subnet_id in automatic for subnet_id, _ in row.fixed_ips):
        return row.fixed_ips
    for subnet_id, address in row.fixed_ips:
        if subnet_id in automatic:
            tx.run(allocations.FREE, port_id=row.id, subnet_id=subnet_id, address=address)
    placing = Placing(tx, row.network_id, on, row.id, mac, row.device_owner)
    placing.taken = [a for a in row.fixed_ips if a[0] not in automatic]
    return placing.all([])


def _kept(there: Sequence[Address], asked: Sequence[dict[str, Any]]) -> tuple[list[Address], list[dict[str, Any]]]:
    """Which addresses answer to what is asked, and what is asked beyond them."""
    left, kept, rest = list(there), [], []
    for one in sorted(asked, key=lambda a: "ip_address" not in a):
        subnet_id, address = one.get("subnet_id"), one.get("ip_address")
        fit = [a for a in left if (address is None or a[1] == address) and (subnet_id is None or a[0] == subnet_id)]
        if fit and (subnet_id or address):
            left.remove(fit[0])
            kept.append(fit[0])
        else:
            rest.append(one)
    return kept, rest


def _judge_floating(tx: Tx, row: PortRow, dropped: Sequence[Address]) -> None:
    held = {address for _, address in dropped}
    if any(ip.fixed_ip in held for ip in tx.rows(floating.OF_PORTS, ids=[row.id])):
        raise bad_request(
            "port",
            f"Cannot update the fixed_ips of the port {row.id}, because its original fixed_ip has been associated to a "
            "floating ip",
        )
