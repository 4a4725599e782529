"""Protocols of identity providers: each says by which mapping the provider's words are read."""

from typing import Any

import msgspec

from pileus.kernel.db import Page, Tx
from pileus.kernel.types import Ctx, Invalid, Listing, NotFound
from pileus.services.identity.core import identity_providers, refusals
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import federated_users
from pileus.services.identity.db import identity_providers as db
from pileus.services.identity.db.identity_providers import ProtocolRow

Want = dict[str, Any]


def missing(provider_id: str, id: str) -> NotFound:
    return NotFound(f"Could not find federated protocol {id} for Identity Provider: {provider_id}.")


def get(tx: Tx, provider_id: str, id: str) -> ProtocolRow:
    row = db.find_protocol(tx, provider_id, id)
    if row is None:
        raise missing(provider_id, id)
    return row


def list_page(tx: Tx, provider_id: str, listing: Listing) -> Page[ProtocolRow]:
    """Of a provider that is not there: none, says Keystone."""
    return db.list_protocols(tx, provider_id, listing)


def create(tx: Tx, near: Near, ctx: Ctx, provider_id: str, id: str, want: Want) -> ProtocolRow:
    _check_mapping(tx, want)
    identity_providers.get(tx, near, ctx, provider_id)
    identity_providers.check_id(id)
    if db.find_protocol(tx, provider_id, id) is not None:
        raise refusals.conflict("federation_protocol", f"Duplicate entry found with ID {id}")
    row = ProtocolRow(provider_id, id, want["mapping_id"], want.get("remote_id_attribute"))
    db.add_protocol(tx, row)
    changed(tx, near, ctx, "protocol.create", f"{provider_id}/{id}", after=row, matters=False)
    return row


def update(tx: Tx, near: Near, ctx: Ctx, provider_id: str, id: str, want: Want) -> ProtocolRow:
    _check_mapping(tx, want)
    row = get(tx, provider_id, id)
    new: dict[str, Any] = {k: want[k] for k in ("mapping_id", "remote_id_attribute") if k in want}
    db.change_protocol(tx, row, new)
    after = msgspec.structs.replace(row, **new)
    changed(tx, near, ctx, "protocol.update", f"{provider_id}/{id}", before=row, after=after)
    return after


def delete(tx: Tx, near: Near, ctx: Ctx, provider_id: str, id: str) -> None:
    row = get(tx, provider_id, id)
    federated_users.forget_protocol(tx, provider_id, id)
    db.remove_protocol(tx, row)
    changed(tx, near, ctx, "protocol.delete", f"{provider_id}/{id}", before=row)


def _check_mapping(tx: Tx, want: Want) -> None:
    if db.find_mapping(tx, want["mapping_id"]) is None:
        raise Invalid(f"Invalid mapping id: {want['mapping_id']}")
