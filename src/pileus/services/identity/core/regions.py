"""Regions of the catalog."""

from typing import Any

import msgspec

from pileus.kernel.db import Page, Tx
from pileus.kernel.types import Ctx, Forbidden, Invalid, Listing, new_hex
from pileus.services.identity.core import refusals
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.extras import merged
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import catalog, limits, policies
from pileus.services.identity.db.catalog import RegionRow

Want = dict[str, Any]


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> RegionRow:
    row = catalog.find_region(tx, id)
    if row is None:
        raise refusals.missing("region", id)
    return row


def list_page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[RegionRow]:
    return catalog.list_regions(tx, listing)


def create(tx: Tx, near: Near, ctx: Ctx, want: Want) -> RegionRow:
    """A region may bring its own id."""
    id = want.get("id") or new_hex()
    if catalog.find_region(tx, id) is not None:
        raise refusals.conflict("region", f"Duplicate ID, {id}.")
    parent = want.get("parent_region_id")
    if parent is not None:
        get(tx, near, ctx, parent)
    row = RegionRow(id, parent, want.get("description") or "", merged({}, want))
    catalog.add_region(tx, row)
    changed(tx, near, ctx, "region.create", id, after=row, matters=False)
    return row


def update(tx: Tx, near: Near, ctx: Ctx, row: RegionRow, want: Want) -> RegionRow:
    new: dict[str, Any] = {}
    if "description" in want:
        new["description"] = want["description"] or ""
    if "parent_region_id" in want:
        parent = want["parent_region_id"]
        if parent is not None:
            get(tx, near, ctx, parent)
            if parent in below(tx, row.id):
                raise Invalid(f"The specified parent region {parent} would create a circular region hierarchy.")
        new["parent_region_id"] = parent
    new["extra"] = merged(row.extra, want)
    catalog.change_region(tx, row.id, new)
    after = msgspec.structs.replace(row, **new)
    changed(tx, near, ctx, "region.update", row.id, before=row, after=after, matters=False)
    return after


def delete(tx: Tx, near: Near, ctx: Ctx, row: RegionRow) -> None:
    """Child regions go along; none of them may be in use."""
    gone = below(tx, row.id)
    if any(limits.region_counts(tx, id) for id in gone):
        raise Forbidden(f"Unable to delete region {row.id} because it or its child regions have registered limits.")
    if catalog.region_in_use(tx, gone):
        raise Forbidden(f"Unable to delete region {row.id} because it or its child regions have associated endpoints.")
    for region in catalog.all_regions(tx):
        if region.id in gone:
            policies.forget(tx, region_id=region.id)
            catalog.remove_region(tx, region.id)
    changed(tx, near, ctx, "region.delete", row.id, before=row, data={"regions": sorted(gone)}, matters=False)


def below(tx: Tx, id: str) -> set[str]:
    """A region with all its descendants."""
    children: dict[str | None, list[str]] = {}
    for region in catalog.all_regions(tx):
        children.setdefault(region.parent_region_id, []).append(region.id)
    found, left = {id}, [id]
    while left:
        for child in children.get(left.pop(), ()):
            if child not in found:
                found.add(child)
                left.append(child)
    return found


def path_up(tx: Tx, id: str) -> list[str]:
    """A region and those above it, from the inside out."""
    parents = {region.id: region.parent_region_id for region in catalog.all_regions(tx)}
    found: list[str] = []
    at: str | None = id
    while at is not None and at not in found:
        found.append(at)
        at = parents.get(at)
    return found
