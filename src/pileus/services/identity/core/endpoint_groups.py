"""Endpoint groups: endpoints that are alike, to be shown to some projects."""

from typing import Any

import msgspec

from pileus.kernel.db import Page, Tx
from pileus.kernel.types import Ctx, Invalid, Listing, NotFound, new_hex
from pileus.services.identity.core import refusals
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import endpoint_filters
from pileus.services.identity.db.endpoint_filters import EndpointGroupRow

Want = dict[str, Any]
_FILTERS = ("service_id", "region_id", "interface")


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> EndpointGroupRow:
    row = endpoint_filters.find_group(tx, id)
    if row is None:
        raise NotFound(f"Could not find Endpoint Group: {id}.")
    return row


def list_page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[EndpointGroupRow]:
    return endpoint_filters.list_groups(tx, listing)


def create(tx: Tx, near: Near, ctx: Ctx, want: Want) -> EndpointGroupRow:
    if not want["filters"]:
        raise Invalid("filters field is required and cannot be empty")
    _check(want["filters"])
    row = EndpointGroupRow(new_hex(), want["name"], want.get("description"), want["filters"])
    endpoint_filters.add_group(tx, row)
    changed(tx, near, ctx, "endpoint_group.create", row.id, after=row, matters=False)
    return row


def update(tx: Tx, near: Near, ctx: Ctx, row: EndpointGroupRow, want: Want) -> EndpointGroupRow:
    _check(want.get("filters", {}))
    endpoint_filters.change_group(tx, row.id, want)
    after = msgspec.structs.replace(row, **want)
    changed(tx, near, ctx, "endpoint_group.update", row.id, before=row, after=after)
    return after


def delete(tx: Tx, near: Near, ctx: Ctx, row: EndpointGroupRow) -> None:
    endpoint_filters.remove_group(tx, row.id)
    changed(tx, near, ctx, "endpoint_group.delete", row.id, before=row)


def _check(filters: dict[str, Any]) -> None:
    if not filters.keys() <= set(_FILTERS):
        raise refusals.expected(" or ".join(_FILTERS), "endpoint_group")
