"""Endpoints of the catalog."""

from collections.abc import Mapping
from typing import Any

import msgspec

from pileus.kernel.db import Page, Tx
from pileus.kernel.types import Ctx, Listing, new_hex
from pileus.services.identity.core import refusals
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.extras import merged
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.places import check_url
from pileus.services.identity.db import catalog, endpoint_filters, policies
from pileus.services.identity.db.catalog import EndpointRow, RegionRow

Want = dict[str, Any]


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> EndpointRow:
    row = catalog.find_endpoint(tx, id)
    if row is None:
        raise refusals.missing("endpoint", id)
    return row


def everything(tx: Tx) -> list[EndpointRow]:
    return catalog.all_endpoints(tx)


def list_page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[EndpointRow]:
    return catalog.list_endpoints(tx, listing)


def create_together(tx: Tx, near: Near, ctx: Ctx, want: Want, urls: Mapping[str, str]) -> list[EndpointRow]:
    """One endpoint for each interface in `urls`, known to v2.0 by one id: the public one's, which must be among them."""
    id = new_hex()
    parts = [{**want, "interface": interface, "url": url, "legacy_id": id} for interface, url in urls.items()]
    return [create(tx, near, ctx, part | ({"id": id} if part["interface"] == "public" else {})) for part in parts]


def create(tx: Tx, near: Near, ctx: Ctx, want: Want) -> EndpointRow:
    check_url(want["url"])
    region_id = _region(tx, near, ctx, want)
    _check_service(tx, want["service_id"])
    row = EndpointRow(
        id=want.get("id") or new_hex(),
        service_id=want["service_id"],
        interface=want["interface"],
        region_id=region_id,
        url=want["url"],
        enabled=want.get("enabled", True),
        extra=merged({}, want),
        legacy_id=want.get("legacy_id"),
    )
    catalog.add_endpoint(tx, row)
    changed(tx, near, ctx, "endpoint.create", row.id, after=row)
    return row


def update(tx: Tx, near: Near, ctx: Ctx, row: EndpointRow, want: Want) -> EndpointRow:
    new: dict[str, Any] = {k: want[k] for k in ("service_id", "interface", "url", "enabled") if k in want}
    if "url" in want:
        check_url(want["url"])
    if "service_id" in want:
        _check_service(tx, want["service_id"])
    if "region_id" in want or "region" in want:
        new["region_id"] = _region(tx, near, ctx, want)
    new["extra"] = merged(row.extra, want)
    catalog.change_endpoint(tx, row.id, new)
    after = msgspec.structs.replace(row, **new)
    changed(tx, near, ctx, "endpoint.update", row.id, before=row, after=after)
    return after


def delete(tx: Tx, near: Near, ctx: Ctx, row: EndpointRow) -> None:
    """With it go the filters and policies that named it."""
    forget(tx, row.id)
    catalog.remove_endpoint(tx, row.id)
    changed(tx, near, ctx, "endpoint.delete", row.id, before=row)


def forget(tx: Tx, id: str) -> None:
    """What named an endpoint names it no more."""
    endpoint_filters.forget_endpoint(tx, id)
    policies.forget(tx, endpoint_id=id)


def _check_service(tx: Tx, id: str) -> None:
    if catalog.find_service(tx, id) is None:
        raise refusals.expected("endpoint service_id", "service table")


def _region(tx: Tx, near: Near, ctx: Ctx, want: Want) -> str | None:
    """`region_id` must exist; the older `region` is made when it does not."""
    if want.get("region_id") is not None:
        if catalog.find_region(tx, want["region_id"]) is None:
            raise refusals.expected("endpoint region_id", "region table")
        return str(want["region_id"])
    name = want.get("region")
    if not name:
        return None
    if catalog.find_region(tx, name) is None:
        row = RegionRow(name, None, "", {})
        catalog.add_region(tx, row)
        changed(tx, near, ctx, "region.create", name, after=row, matters=False)
    return str(name)
