"""Registered limits: what services count, and how much of it a project has unless a limit says otherwise."""

from typing import Any

import msgspec

from pileus.kernel.db import Page, Tx
from pileus.kernel.types import Ctx, Forbidden, Listing, NotFound, new_hex
from pileus.services.identity.core import refusals
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import catalog, limits
from pileus.services.identity.db.limits import RegisteredLimitRow

Want = dict[str, Any]


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> RegisteredLimitRow:
    row = limits.find_registered(tx, id)
    if row is None:
        raise NotFound(f"Could not find registered limit for {id}.")
    return row


def list_page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[RegisteredLimitRow]:
    return limits.list_registered(tx, listing)


def create(tx: Tx, near: Near, ctx: Ctx, want: Want) -> RegisteredLimitRow:
    check_place(tx, want, "registered_limit")
    row = RegisteredLimitRow(
        id=new_hex(),
        service_id=want["service_id"],
        region_id=want.get("region_id") or "",
        resource_name=want["resource_name"],
        default_limit=want["default_limit"],
        description=want.get("description"),
    )
    _check_key(tx, row)
    limits.add_registered(tx, row)
    changed(tx, near, ctx, "registered_limit.create", row.id, after=row, matters=False)
    return row


def update(tx: Tx, near: Near, ctx: Ctx, row: RegisteredLimitRow, want: Want) -> RegisteredLimitRow:
    """Nothing of it changes while a limit refers to it."""
    check_place(tx, want, "registered_limit")
    _check_unused(tx, row)
    new = dict(want)
    if "region_id" in new:
        new["region_id"] = new["region_id"] or ""
    after = msgspec.structs.replace(row, **new)
    if {"service_id", "region_id", "resource_name"} & new.keys():
        _check_key(tx, after)
    if new:
        limits.change_registered(tx, row.id, new)
    changed(tx, near, ctx, "registered_limit.update", row.id, before=row, after=after, matters=False)
    return after


def delete(tx: Tx, near: Near, ctx: Ctx, row: RegisteredLimitRow) -> None:
    _check_unused(tx, row)
    limits.remove_registered(tx, row.id)
    changed(tx, near, ctx, "registered_limit.delete", row.id, before=row, matters=False)


def check_place(tx: Tx, want: Want, noun: str) -> None:
    """The service and region that a body names are there."""
    if want.get("service_id") is not None and catalog.find_service(tx, want["service_id"]) is None:
        raise refusals.expected("service_id", noun)
    if want.get("region_id") is not None and catalog.find_region(tx, want["region_id"]) is None:
        raise refusals.expected("region_id", noun)


def _check_key(tx: Tx, row: RegisteredLimitRow) -> None:
    there = limits.find_registered_for(tx, row.service_id, row.region_id, row.resource_name)
    if there is not None and there.id != row.id:
        raise refusals.conflict("registered_limit", "Duplicate entry")


def _check_unused(tx: Tx, row: RegisteredLimitRow) -> None:
    if limits.is_in_use(tx, row.id):
        raise Forbidden(
            f"Unable to update or delete registered limit {row.id} because there are project limits associated with it."
        )
