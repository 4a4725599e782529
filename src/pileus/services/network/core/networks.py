"""Networks: what makes one, changes it and takes it away."""

from collections.abc import Sequence
from typing import Any

from msgspec import structs

from pileus.kernel.db import Page, Tx
from pileus.kernel.events import record
from pileus.kernel.types import Ctx, Listing, new_id
from pileus.services.network.core import segments
from pileus.services.network.core.access import scope, sees
from pileus.services.network.core.changes import touched
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.refusals import bad_input, conflict, missing
from pileus.services.network.db import networks, ports, subnets
from pileus.services.network.db.networks import NetworkRow
from pileus.services.network.db.tags import tags_of

_COLUMNS = ("name", "description", "admin_state_up", "shared", "external", "is_default", "mtu", "dns_domain")
SMALLEST_MTU = {4: 68, 6: 1280}
_SPEC = frozenset({"admin_state_up", "mtu", "dns_domain", "external"})
"""What drivers are told of a network's own row."""


def find(tx: Tx, near: Near, ctx: Ctx, id: str) -> NetworkRow:
    """The bare row. Raises `NotFound` when it is not there or not the caller's to see."""
    row = tx.row(networks.GET, id=id)
    if row is None or not (row.shared or row.external or sees(near, ctx, row.project_id)):
        raise missing("Network", id)
    return row


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> NetworkRow:
    return whole(tx, [find(tx, near, ctx, id)])[0]


def page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[NetworkRow]:
    """Networks that the caller may see."""
    found = networks.list_networks(tx, listing, scope(near, ctx))
    return Page(whole(tx, found.rows), found.more)


def whole(tx: Tx, rows: Sequence[NetworkRow]) -> list[NetworkRow]:
    """Rows with their subnets and tags: two queries for any number."""
    if not rows:
        return []
    ids = [r.id for r in rows]
    on: dict[str, list[str]] = {}
    for network_id, subnet_id in tx.rows(subnets.IDS_OF_NETWORKS, ids=ids):
        on.setdefault(network_id, []).append(subnet_id)
    tagged = tags_of(tx, "networks", ids)
    return [structs.replace(r, subnets=tuple(on.get(r.id, ())), tags=tagged.get(r.id, ())) for r in rows]


def create(tx: Tx, near: Near, ctx: Ctx, want: dict[str, Any]) -> NetworkRow:
    """Make a network on a free segment, or on the one that an administrator names."""
    project_id = want.get("project_id", ctx.project_id)
    near.quotas.check(tx, project_id, {"network": 1})
    judge_zones(near, want.get("zone_hints", ()))
    segment = segments.choose(tx, near, want)
    row = NetworkRow(
        id=new_id(),
        project_id=project_id,
        name=want["name"],
        description=want["description"],
        admin_state_up=want["admin_state_up"],
        status="ACTIVE",
        shared=want["shared"],
        external=want["external"],
        is_default=want["is_default"],
        port_security_enabled=want["port_security_enabled"],
        mtu=_mtu(near, segment, want["mtu"]),
        dns_domain=want["dns_domain"],
        network_type=segment.network_type,
        physical_network=segment.physical_network,
        segmentation_id=segment.segmentation_id,
        zone_hints=",".join(want.get("zone_hints", ())),
        dhcp_port_id="",
        generation=1,
        revision_number=1,
        created_at=tx.now,
        updated_at=tx.now,
    )
    tx.run(networks.INSERT, **columns(row, "subnets", "tags"))
    record(tx, ctx, "network.create.end", "network", row.id, project_id=project_id, after=row)
    return row


def update(tx: Tx, near: Near, ctx: Ctx, row: NetworkRow, want: dict[str, Any]) -> NetworkRow:
    """Change what may change; hosts hear of it when it concerns them."""
    if any(k in want for k in ("network_type", "physical_network", "segmentation_id")):
        names = ", ".join(f"provider:{k}" for k in ("network_type", "physical_network", "segmentation_id") if k in want)
        raise bad_input(f"Plugin does not support updating the following provider network attributes: {names}")
    if (
        want.get("shared") is False
        and row.shared
        and tx.row(ports.FOREIGN_ON, network_id=row.id, project_id=row.project_id)
    ):
        raise conflict(
            "InvalidSharedSetting",
            f"Unable to reconfigure sharing settings for network {row.name}. Multiple projects are using it.",
        )
    if want.get("external") is False and row.external and tx.row(ports.GATEWAYS_ON, network_id=row.id):
        raise conflict(
            "ExternalNetworkInUse",
            f"External network {row.id} cannot be updated to be made non-external, since it has existing gateway ports.",
        )
    changed = {k: want[k] for k in (*_COLUMNS, "port_security_enabled") if k in want and want[k] != getattr(row, k)}
    if "mtu" in changed:
        segment = segments.Segment(row.network_type, row.physical_network, row.segmentation_id)
        for (version,) in tx.rows(subnets.VERSIONS_OF_NETWORK, network_id=row.id):
            judge_mtu(row.id, changed["mtu"], version)
        changed["mtu"] = _mtu(near, segment, changed["mtu"])
    if not changed:
        return row
    new = structs.replace(row, **changed, revision_number=row.revision_number + 1, updated_at=tx.now)
    tx.run(networks.UPDATE, the_id=row.id, revision_number=new.revision_number, updated_at=tx.now, **changed)
    if _SPEC & changed.keys():
        touched(tx, "network", row.id)
    record(tx, ctx, "network.update.end", "network", row.id, project_id=row.project_id, before=row, after=new)
    return new


def judge_zones(near: Near, hints: Sequence[str]) -> None:
    for hint in hints:
        if hint != near.settings.zone:
            raise missing("AvailabilityZone", hint)


def judge_mtu(network_id: str, mtu: int, ip_version: int) -> None:
    """Every IP version has a smallest MTU."""
    if mtu < SMALLEST_MTU[ip_version]:
        raise conflict(
            "NetworkMTUSubnetConflict",
            f"MTU of {network_id} is not valid, subnet requires a minimum of {SMALLEST_MTU[ip_version]}",
        )


def bumped(tx: Tx, row: NetworkRow) -> None:
    """A part of the network has changed: its revision goes on, as clients expect."""
    tx.run(networks.UPDATE, the_id=row.id, revision_number=row.revision_number + 1, updated_at=tx.now)


def columns(row: Any, *without: str) -> dict[str, Any]:
    """A row's columns by name, less what `core` put in."""
    return {k: v for k, v in structs.asdict(row).items() if k not in without}


def _mtu(near: Near, segment: segments.Segment, asked: int) -> int:
    most = segments.mtu_of(near, segment)
    if asked > most:
        raise bad_input(f"Requested MTU is too big, maximum is {most}")
    return asked or most
