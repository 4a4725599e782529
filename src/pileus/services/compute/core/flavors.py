"""Flavors: sizes of servers, their extra specs, and who may use the private ones."""

from collections.abc import Mapping
from typing import Any

from pileus.kernel.db import Page, Tx
from pileus.kernel.events import record
from pileus.kernel.types import Conflict, Ctx, Listing, NotFound, new_id
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.db import flavors
from pileus.services.compute.db.flavors import FlavorRow

DEFAULTS = (
    ("m1.nano", "42", 1, 128, 1), ("m1.micro", "84", 1, 192, 1), ("m1.tiny", "1", 1, 512, 1), ("m1.small", "2", 1, 2048, 20),
    ("m1.medium", "3", 2, 4096, 40), ("m1.large", "4", 4, 8192, 80), ("m1.xlarge", "5", 8, 16384, 160),
)  # fmt: skip
"""(name, id, vcpus, MiB, GiB) of a new cloud."""


def missing(flavor_id: str) -> NotFound:
    return NotFound(f"Flavor {flavor_id} could not be found.", type="FlavorNotFound")


def get(tx: Tx, near: Neighbours, ctx: Ctx, flavor_id: str) -> FlavorRow:
    """Raises `NotFound`, also for a private flavor that the caller's project may not use."""
    row = flavors.find(tx, flavor_id)
    if row is None or not (
        row.is_public or "admin" in ctx.roles or ctx.project_id in flavors.projects_with_access(tx, row.id)
    ):
        raise missing(flavor_id)
    return row


def page(tx: Tx, near: Neighbours, ctx: Ctx, asked: Listing, is_public: bool | None = True) -> Page[FlavorRow]:
    """Administrators choose by `is_public` (None: all); everybody else sees public ones and those granted to his project."""
    if "admin" in ctx.roles:
        return flavors.listing(tx, asked, None, is_public)
    return flavors.listing(tx, asked, ctx.project_id, None)


def create(tx: Tx, near: Neighbours, ctx: Ctx, want: Mapping[str, Any]) -> FlavorRow:
    """Raises `Conflict` for a taken id or name."""
    flavor_id = want["id"] if want.get("id") not in (None, "auto") else new_id()
    if flavors.find(tx, flavor_id) is not None:
        raise Conflict(f"Flavor with ID {flavor_id} already exists.", type="FlavorIdExists")
    if flavors.by_name(tx, want["name"]) is not None:
        raise Conflict(f"Flavor with name {want['name']} already exists.", type="FlavorExists")
    values = {
        k: want[k]
        for k in ("name", "vcpus", "ram", "disk", "ephemeral", "swap", "rxtx_factor", "is_public", "description")
        if k in want
    }
    flavors.insert_flavor(tx, {"id": flavor_id, "extra_specs": {}, "created_at": tx.now, **values})
    if not want.get("is_public", True):
        flavors.grant(tx, flavor_id, ctx.project_id)
    row = flavors.find(tx, flavor_id)
    assert row is not None
    record(tx, ctx, "flavor.create", "flavor", flavor_id, after=row)
    return row


def update(tx: Tx, near: Neighbours, ctx: Ctx, row: FlavorRow, want: Mapping[str, Any]) -> FlavorRow:
    flavors.change(tx, row.id, description=want["description"])
    return _changed(tx, ctx, row)


def delete(tx: Tx, near: Neighbours, ctx: Ctx, row: FlavorRow) -> None:
    """Servers keep what they were built with; the flavor may go at any time."""
    flavors.remove(tx, row.id)
    record(tx, ctx, "flavor.delete", "flavor", row.id, before=row)


def set_specs(tx: Tx, ctx: Ctx, row: FlavorRow, specs: Mapping[str, str]) -> dict[str, str]:
    """Add or replace extra specs; the others stay."""
    merged = {**row.extra_specs, **specs}
    flavors.change(tx, row.id, extra_specs=merged)
    _changed(tx, ctx, row)
    return merged


def drop_spec(tx: Tx, ctx: Ctx, row: FlavorRow, key: str) -> None:
    if key not in row.extra_specs:
        raise NotFound(f"Flavor {row.id} has no extra specs with key {key}.")
    flavors.change(tx, row.id, extra_specs={k: v for k, v in row.extra_specs.items() if k != key})
    _changed(tx, ctx, row)


def grant(tx: Tx, ctx: Ctx, row: FlavorRow, project_id: str) -> None:
    if row.is_public:
        raise Conflict("Can not add access to a public flavor.")
    if project_id in flavors.projects_with_access(tx, row.id):
        raise Conflict(f"Flavor access already exists for flavor {row.id} and project {project_id} combination.")
    flavors.grant(tx, row.id, project_id)
    record(tx, ctx, "flavor.access.add", "flavor", row.id, data={"project_id": project_id})


def revoke(tx: Tx, ctx: Ctx, row: FlavorRow, project_id: str) -> None:
    if row.is_public:
        raise Conflict("Can not remove access from a public flavor.")
    if not flavors.revoke(tx, row.id, project_id):
        raise NotFound(f"Flavor access not found for {row.id} / {project_id} combination.")
    record(tx, ctx, "flavor.access.remove", "flavor", row.id, data={"project_id": project_id})


def _changed(tx: Tx, ctx: Ctx, row: FlavorRow) -> FlavorRow:
    fresh = flavors.find(tx, row.id)
    assert fresh is not None
    record(tx, ctx, "flavor.update", "flavor", row.id, before=row, after=fresh)
    return fresh


def seed(tx: Tx) -> None:
    """The flavors of a new cloud; nothing happens when there is any already."""
    if flavors.listing(tx, Listing(limit=1), None, None).rows:
        return
    for name, flavor_id, vcpus, ram, disk in DEFAULTS:
        flavors.insert_flavor(
            tx,
            {
                "id": flavor_id,
                "name": name,
                "vcpus": vcpus,
                "ram": ram,
                "disk": disk,
                "extra_specs": {},
                "created_at": tx.now,
            },
        )
