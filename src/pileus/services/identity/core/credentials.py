"""Credentials: secrets of users, sealed in the database."""

import hashlib
import json
from typing import Any

from msgspec import Struct

from pileus.kernel.db import Page, Tx
from pileus.kernel.types import Ctx, Forbidden, Invalid, Listing, new_hex
from pileus.services.identity.core import refusals
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.extras import merged
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.primary import check_reaches_credentials
from pileus.services.identity.db import credentials
from pileus.services.identity.db.credentials import CredentialRow

Want = dict[str, Any]
BINDINGS = ("trust_id", "app_cred_id", "access_token_id", "access_id")
"""Keys of an EC2 blob that say by which delegation it acts: they stay as they were made."""


class Credential(Struct, frozen=True):
    """A credential with its secret open. `blob` is text of any form; of type `ec2` a JSON object with `access` and `secret`."""

    id: str
    user_id: str
    project_id: str | None
    type: str
    blob: str
    extra: dict[str, Any]


def id_of(access: str) -> str:
    """The id of the EC2 credential with an access key."""
    return hashlib.sha256(access.encode()).hexdigest()


def opened(tx: Tx, near: Near, row: CredentialRow) -> Credential:
    return Credential(row.id, row.user_id, row.project_id, row.type, near.vault.open(tx, row), row.extra)


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> Credential:
    check_reaches_credentials(near.keyring.open(ctx.token))
    return opened(tx, near, find(tx, id))


def find(tx: Tx, id: str) -> CredentialRow:
    row = credentials.find(tx, id)
    if row is None:
        raise refusals.missing("credential", id)
    return row


def list_page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[Credential]:
    page = credentials.list_page(tx, listing)
    return Page([opened(tx, near, row) for row in page.rows], page.more)


def create(tx: Tx, near: Near, ctx: Ctx, want: Want) -> Credential:
    """An EC2 credential's id follows from its access key, so that it can be found by it."""
    check_reaches_credentials(near.keyring.open(ctx.token))
    id = new_hex()
    if _is_ec2(want["type"]):
        if want["type"] == "ec2" and "project_id" not in want:
            raise Invalid(
                "Invalid input for field/attribute credential. 'project_id' is a required property of type ec2"
            )
        id = id_of(read_ec2(want["blob"])["access"])
    return store(
        tx,
        near,
        ctx,
        Credential(id, want["user_id"], want.get("project_id"), want["type"], want["blob"], merged({}, want)),
    )


def store(tx: Tx, near: Near, ctx: Ctx, new: Credential) -> Credential:
    """Raises `Conflict` for an access key that is taken and `Forbidden` for a user who has too many."""
    if credentials.find(tx, new.id) is not None:
        raise refusals.conflict("credential", f"Duplicate entry found with ID {new.id}")
    limit = near.settings.credential_user_limit
    if 0 <= limit <= credentials.count_of_user(tx, new.user_id):
        raise Forbidden(f"Unable to create additional credentials, maximum of {limit} already exceeded for user.")
    sealed, key_id = near.vault.seal(tx, new.blob)
    row = CredentialRow(new.id, new.user_id, new.project_id, new.type, sealed, key_id, None, new.extra)
    credentials.add(tx, row)
    changed(tx, near, ctx, "credential.create", row.id, after=row, matters=False)
    return new


def update(tx: Tx, near: Near, ctx: Ctx, row: Credential, want: Want) -> Credential:
    """Only the secret changes: whose it is, of what type and for which project is settled for good."""
    for name in ("user_id", "type", "project_id"):
        if name in want and want[name] != getattr(row, name):
            raise Invalid(
                f"Invalid input for field/attribute credential. '{name}' cannot be changed: make another credential"
            )
    if want.get("extra"):
        names = ", ".join(repr(name) for name in sorted(want["extra"]))
        raise Invalid(
            "Invalid input for field/attribute credential. "
            f"Additional properties are not allowed ({names} was unexpected)"
        )
    if "blob" not in want:
        raise Invalid("Invalid input for field/attribute credential. 'blob' is a required property")
    if _is_ec2(row.type):
        old, new = read_ec2(row.blob), read_ec2(want["blob"])
        for key in BINDINGS:
            if old.get(key) != new.get(key):
                raise Invalid(f"{key} can not be updated for credential")
    sealed, key_id = near.vault.seal(tx, want["blob"])
    credentials.reseal(tx, [(row.id, sealed, key_id)])
    changed(tx, near, ctx, "credential.update", row.id, data=_facts(row))
    return Credential(row.id, row.user_id, row.project_id, row.type, want["blob"], row.extra)


def delete(tx: Tx, near: Near, ctx: Ctx, row: Credential) -> None:
    remove(tx, near, ctx, row)


def remove(tx: Tx, near: Near, ctx: Ctx, row: Credential | CredentialRow) -> None:
    credentials.remove(tx, row.id)
    changed(tx, near, ctx, "credential.delete", row.id, data=_facts(row))


def read_ec2(blob: str) -> dict[str, Any]:
    """What an EC2 credential says. Raises `Invalid` for text that is no JSON object with an access key."""
    try:
        read = json.loads(blob)
    except (ValueError, RecursionError):
        raise Invalid("Invalid blob in credential") from None
    if not read or not isinstance(read, dict):
        raise refusals.expected("blob", "credential")
    if not isinstance(read.get("access"), str):
        raise refusals.expected("access", "credential")
    return read


def _is_ec2(type: str) -> bool:
    return type.lower() == "ec2"


def _facts(row: Credential | CredentialRow) -> dict[str, object]:
    return {"user_id": row.user_id, "project_id": row.project_id, "type": row.type}
