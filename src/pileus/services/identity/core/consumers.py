"""OAuth1's consumers."""

import secrets
from typing import Any

import msgspec

from pileus.kernel.db import Page, Tx
from pileus.kernel.types import Ctx, Invalid, Listing, NotFound, new_hex
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.extras import merged
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import consumers, oauth_tokens
from pileus.services.identity.db.consumers import ConsumerRow

Want = dict[str, Any]


class NewConsumer(ConsumerRow, frozen=True, kw_only=True):
    """With the secret, as it is told once."""

    secret: str


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> ConsumerRow:
    row = consumers.find(tx, id)
    if row is None:
        raise NotFound("Consumer not found")
    return row


def list_page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[ConsumerRow]:
    return consumers.list_page(tx, listing)


def create(tx: Tx, near: Near, ctx: Ctx, want: Want) -> NewConsumer:
    """Its secret is made here, whatever the body says of one."""
    extra = merged({}, want)
    extra.pop("secret", None)
    secret = secrets.token_hex(16)
    row = ConsumerRow(new_hex(), want.get("description"), *near.vault.seal(tx, secret), extra)
    consumers.add(tx, row)
    changed(tx, near, ctx, "consumer.create", row.id, after=row, matters=False)
    return NewConsumer(**msgspec.structs.asdict(row), secret=secret)


def update(tx: Tx, near: Near, ctx: Ctx, row: ConsumerRow, want: Want) -> ConsumerRow:
    if "secret" in want.get("extra", {}):
        raise Invalid("Invalid input for field 'secret': the secret of a consumer cannot be changed.")
    new: dict[str, Any] = {"description": want["description"]} if "description" in want else {}
    new["extra"] = merged(row.extra, want)
    consumers.change(tx, row.id, new)
    after = msgspec.structs.replace(row, **new)
    changed(tx, near, ctx, "consumer.update", row.id, before=row, after=after, matters=False)
    return after


def delete(tx: Tx, near: Near, ctx: Ctx, row: ConsumerRow) -> None:
    """What was handed out to it is worth nothing from now on."""
    oauth_tokens.remove_of_consumer(tx, row.id)
    consumers.remove(tx, row.id)
    changed(tx, near, ctx, "consumer.delete", row.id, before=row)
