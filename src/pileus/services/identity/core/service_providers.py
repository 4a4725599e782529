"""Service providers: other clouds that trust this one."""

from typing import Any

import msgspec

from pileus.kernel.db import Page, Tx
from pileus.kernel.types import Ctx, Listing
from pileus.services.identity.core import identity_providers, refusals
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import service_providers
from pileus.services.identity.db.service_providers import ServiceProviderRow

Want = dict[str, Any]
RELAY_STATE_PREFIX = "ss:mem:"
"""What Shibboleth's relay states begin with."""


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> ServiceProviderRow:
    row = service_providers.find(tx, id)
    if row is None:
        raise refusals.missing("Service Provider", id)
    return row


def list_page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[ServiceProviderRow]:
    return service_providers.list_page(tx, listing)


def create(tx: Tx, near: Near, ctx: Ctx, want: Want) -> ServiceProviderRow:
    id = want["id"]
    identity_providers.check_id(id)
    if service_providers.find(tx, id) is not None:
        raise refusals.conflict("service_provider", f"Duplicate entry found with ID {id}")
    row = ServiceProviderRow(
        id=id,
        auth_url=want["auth_url"],
        sp_url=want["sp_url"],
        description=want.get("description"),
        enabled=want.get("enabled", False),
        relay_state_prefix=_prefix(want),
    )
    service_providers.add(tx, row)
    changed(tx, near, ctx, "service_provider.create", id, after=row)
    return row


def _prefix(want: Want) -> str:
    """Null is the usual one."""
    found = want.get("relay_state_prefix")
    return RELAY_STATE_PREFIX if found is None else found


def update(tx: Tx, near: Near, ctx: Ctx, row: ServiceProviderRow, want: Want) -> ServiceProviderRow:
    if "relay_state_prefix" in want:
        want = {**want, "relay_state_prefix": _prefix(want)}
    service_providers.change(tx, row.id, want)
    after = msgspec.structs.replace(row, **want)
    changed(tx, near, ctx, "service_provider.update", row.id, before=row, after=after)
    return after


def delete(tx: Tx, near: Near, ctx: Ctx, row: ServiceProviderRow) -> None:
    service_providers.remove(tx, row.id)
    changed(tx, near, ctx, "service_provider.delete", row.id, before=row)


def enabled(tx: Tx, id: str) -> ServiceProviderRow:
    """Raises `NotFound`, or `Forbidden` for one that is disabled."""
    row = service_providers.find(tx, id)
    if row is None:
        raise refusals.missing("Service Provider", id)
    if not row.enabled:
        raise refusals.not_authorized()
    return row
