"""Services of the catalog."""

from typing import Any

import msgspec

from pileus.kernel.db import Page, Tx
from pileus.kernel.types import Ctx, Forbidden, Listing, new_hex
from pileus.services.identity.core import endpoints, refusals
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.extras import merged
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import catalog, limits, policies
from pileus.services.identity.db.catalog import ServiceRow

Want = dict[str, Any]


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> ServiceRow:
    row = catalog.find_service(tx, id)
    if row is None:
        raise refusals.missing("service", id)
    return row


def everything(tx: Tx) -> list[ServiceRow]:
    return catalog.all_services(tx)


def list_page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[ServiceRow]:
    return catalog.list_services(tx, listing)


def create(tx: Tx, near: Near, ctx: Ctx, want: Want) -> ServiceRow:
    row = ServiceRow(new_hex(), want["type"], want.get("name", ""), want.get("enabled", True), merged({}, want))
    catalog.add_service(tx, row)
    changed(tx, near, ctx, "service.create", row.id, after=row)
    return row


def update(tx: Tx, near: Near, ctx: Ctx, row: ServiceRow, want: Want) -> ServiceRow:
    new: dict[str, Any] = {k: want[k] for k in ("type", "name", "enabled") if k in want}
    new["extra"] = merged(row.extra, want)
    catalog.change_service(tx, row.id, new)
    after = msgspec.structs.replace(row, **new)
    changed(tx, near, ctx, "service.update", row.id, before=row, after=after)
    return after


def delete(tx: Tx, near: Near, ctx: Ctx, row: ServiceRow) -> None:
    """Its endpoints go along, and what named them or it. Limits registered for it keep it."""
    if limits.service_counts(tx, row.id):
        raise Forbidden(f"Unable to delete service {row.id} because it has registered limits.")
    for endpoint in catalog.all_endpoints(tx):
        if endpoint.service_id == row.id:
            endpoints.forget(tx, endpoint.id)
    policies.forget(tx, service_id=row.id)
    catalog.remove_service(tx, row.id)
    changed(tx, near, ctx, "service.delete", row.id, before=row)
