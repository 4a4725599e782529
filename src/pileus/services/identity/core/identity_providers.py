"""Identity providers."""

from typing import Any

import msgspec

from pileus.kernel.db import Page, Tx
from pileus.kernel.types import Ctx, Invalid, Listing, new_hex
from pileus.services.identity.core import domains, refusals, remains
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import identity_providers
from pileus.services.identity.db.identity_providers import ProviderRow

Want = dict[str, Any]
LONGEST_ID = 64


def check_id(id: str) -> None:
    """Ids of federation's nouns are the operator's own words."""
    if len(id) > LONGEST_ID:
        raise Invalid(
            f"String length exceeded. The length of string '{id}' exceeds the limit of column id(CHAR({LONGEST_ID}))."
        )


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> ProviderRow:
    row = identity_providers.find(tx, id)
    if row is None:
        raise refusals.missing("Identity Provider", id)
    return row


def list_page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[ProviderRow]:
    return identity_providers.list_page(tx, listing)


def create(tx: Tx, near: Near, ctx: Ctx, want: Want) -> ProviderRow:
    """Without a domain it gets one of its own, for its users."""
    id = want["id"]
    check_id(id)
    if identity_providers.find(tx, id) is not None:
        raise refusals.conflict("identity_provider", "Duplicate entry: None")
    remote_ids = want.get("remote_ids") or []
    _check_remotes(tx, remote_ids, id)
    row = ProviderRow(
        id=id,
        domain_id=_domain(tx, near, ctx, id, want.get("domain_id")),
        enabled=want.get("enabled", False),
        description=want.get("description"),
        remote_ids=remote_ids,
        authorization_ttl=want.get("authorization_ttl"),
    )
    identity_providers.add(tx, row)
    changed(tx, near, ctx, "identity_provider.create", id, after=row, matters=False)
    return row


def _domain(tx: Tx, near: Near, ctx: Ctx, id: str, domain_id: str | None) -> str:
    if domain_id is not None:
        return domains.get(tx, near, ctx, domain_id).id
    own = new_hex()
    description = f"Auto generated federated domain for Identity Provider: {id}"
    domains.create(tx, near, ctx, {"explicit_domain_id": own, "name": own, "description": description})
    return own


def update(tx: Tx, near: Near, ctx: Ctx, row: ProviderRow, want: Want) -> ProviderRow:
    new: dict[str, Any] = {k: want[k] for k in ("enabled", "description", "authorization_ttl") if k in want}
    if "remote_ids" in want:
        new["remote_ids"] = want["remote_ids"] or []
        _check_remotes(tx, new["remote_ids"], row.id)
    identity_providers.change(tx, row.id, new)
    after = msgspec.structs.replace(row, **new)
    changed(tx, near, ctx, "identity_provider.update", row.id, before=row, after=after)
    return after


def delete(tx: Tx, near: Near, ctx: Ctx, row: ProviderRow) -> None:
    """With it go its protocols, and the users who are here by its word alone."""
    remains.remove_provider(tx, row.id)
    changed(tx, near, ctx, "identity_provider.delete", row.id, before=row)


def _check_remotes(tx: Tx, remote_ids: list[str], own_id: str) -> None:
    if identity_providers.owners(tx, remote_ids) - {own_id}:
        raise refusals.conflict("identity_provider", "Duplicate remote ID: None")
