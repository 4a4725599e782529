"""Mappings as they are kept; what they mean is `core/mapping.py`."""

from typing import Any

import msgspec

from pileus.kernel.db import Page, Tx
from pileus.kernel.types import Ctx, Listing
from pileus.services.identity.core import identity_providers, refusals
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import identity_providers as db
from pileus.services.identity.db.identity_providers import MappingRow

Want = dict[str, Any]
FIRST_VERSION = "1.0"


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> MappingRow:
    row = db.find_mapping(tx, id)
    if row is None:
        raise refusals.missing("mapping", id)
    return row


def list_page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[MappingRow]:
    return db.list_mappings(tx, listing)


def create(tx: Tx, near: Near, ctx: Ctx, want: Want) -> MappingRow:
    id = want["id"]
    identity_providers.check_id(id)
    if db.find_mapping(tx, id) is not None:
        raise refusals.conflict("mapping", "Duplicate entry")
    row = MappingRow(id, want["rules"], want.get("schema_version", FIRST_VERSION))
    db.add_mapping(tx, row)
    changed(tx, near, ctx, "mapping.create", id, after=row, matters=False)
    return row


def update(tx: Tx, near: Near, ctx: Ctx, row: MappingRow, want: Want) -> MappingRow:
    """It reads the next login; sessions that it once opened stay."""
    new: dict[str, Any] = {k: want[k] for k in ("rules", "schema_version") if k in want}
    db.change_mapping(tx, row.id, new)
    after = msgspec.structs.replace(row, **new)
    changed(tx, near, ctx, "mapping.update", row.id, before=row, after=after, matters=False)
    return after


def delete(tx: Tx, near: Near, ctx: Ctx, row: MappingRow) -> None:
    """Protocols that name it stay, and let nobody in."""
    db.remove_mapping(tx, row.id)
    changed(tx, near, ctx, "mapping.delete", row.id, before=row, matters=False)
