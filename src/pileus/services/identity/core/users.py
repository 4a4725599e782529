"""Users."""

from collections.abc import Iterable
from typing import Any

import msgspec

from pileus.kernel.db import Page, Tx
from pileus.kernel.types import Ctx, Invalid, Listing, new_hex
from pileus.services.identity.core import compliance, directories, federated_users, refusals, remains
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.domains import home_domain
from pileus.services.identity.core.extras import merged, options_after
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import attempts, projects, users
from pileus.services.identity.db.users import UserRow

Want = dict[str, Any]


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> UserRow:
    row = users.find(tx, id)
    if row is None:
        raise refusals.missing("user", id)
    return row


def find_many(tx: Tx, ids: Iterable[str]) -> list[UserRow]:
    return sorted(users.find_many(tx, ids).values(), key=lambda row: row.name)


def list_page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[UserRow]:
    """A caller whose token is for a domain sees that domain's users only."""
    return users.list_page(tx, _bounded(ctx, listing))


def list_members(tx: Tx, near: Near, ctx: Ctx, group_id: str, listing: Listing) -> Page[UserRow]:
    return users.list_members(tx, _bounded(ctx, listing), group_id)


def _bounded(ctx: Ctx, listing: Listing) -> Listing:
    return listing.also("domain_id", "eq", ctx.domain_id) if ctx.domain_id else listing


def create(tx: Tx, near: Near, ctx: Ctx, want: Want, id: str = "") -> UserRow:
    """`want["password_hash"]` was made before, outside the transaction. An `id` is given where another made the user known."""
    domain = home_domain(tx, ctx, want.get("domain_id"))
    directories.check_writable(tx, near, domain.id)
    name = want["name"].strip()
    _check_name(tx, name, domain.id, "")
    _check_default_project(tx, want)
    options = options_after({}, want.get("options"))
    password = compliance.new_password(tx, near, None, options, want.get("password_hash"))
    row = UserRow(
        id=id or new_hex(),
        domain_id=domain.id,
        name=name,
        enabled=want.get("enabled", True),
        default_project_id=want.get("default_project_id"),
        epoch=0,
        created_at=tx.now,
        options=options,
        extra=merged({}, want),
        **password,
    )
    users.add(tx, row)
    if want.get("federated"):
        federated_users.replace_links(tx, row.id, want["federated"])
    changed(tx, near, ctx, "user.create", row.id, after=row, matters=False)
    return row


def update(tx: Tx, near: Near, ctx: Ctx, row: UserRow, want: Want) -> UserRow:
    if want.get("domain_id", row.domain_id) != row.domain_id:
        raise Invalid("Cannot change Domain ID")
    directories.check_writable(tx, near, row.domain_id)
    new: dict[str, Any] = {k: want[k] for k in ("enabled", "default_project_id") if k in want}
    if "name" in want:
        new["name"] = want["name"].strip()
        _check_name(tx, new["name"], row.domain_id, row.id)
    _check_default_project(tx, want)
    if "federated" in want:
        federated_users.replace_links(tx, row.id, want["federated"])
    if "options" in want:
        new["options"] = options_after(row.options, want["options"])
    new["extra"] = merged(row.extra, want)
    if "password_hash" in want:
        options = new.get("options", row.options)
        new.update(compliance.new_password(tx, near, row, options, want["password_hash"]))
    if want.get("enabled"):
        attempts.clear(tx, row.id)
        new["last_active_at"] = tx.now
    if "password_hash" in want or (row.enabled and new.get("enabled") is False):
        new["epoch"] = row.epoch + 1
    return _store(tx, near, ctx, row, new)


def change_password(tx: Tx, near: Near, ctx: Ctx, row: UserRow, verified: str, hashed: str) -> UserRow:
    """The user's own change: `verified` is the hash that the old password fitted, which must still stand."""
    if row.password_hash != verified or not compliance.is_enabled(near, row, tx.now):
        raise refusals.unauthorized()
    compliance.check_own_change(near, row, tx.now)
    new = compliance.new_password(tx, near, row, row.options, hashed, own=True)
    return _store(tx, near, ctx, row, {**new, "epoch": row.epoch + 1})


def delete(tx: Tx, near: Near, ctx: Ctx, row: UserRow) -> None:
    directories.check_writable(tx, near, row.domain_id)
    remains.remove_user(tx, row.id)
    changed(tx, near, ctx, "user.delete", row.id, before=row)


def _store(tx: Tx, near: Near, ctx: Ctx, row: UserRow, new: dict[str, Any]) -> UserRow:
    users.change(tx, row.id, new)
    after = msgspec.structs.replace(row, **new)
    changed(tx, near, ctx, "user.update", row.id, before=row, after=after)
    return after


def _check_name(tx: Tx, name: str, domain_id: str, own_id: str) -> None:
    there = users.find_named(tx, name, domain_id)
    if there is not None and there.id != own_id:
        where = "" if own_id else f" at domain ID {domain_id}"
        raise refusals.conflict("user", f"Duplicate entry found with name {name}{where}")


def _check_default_project(tx: Tx, want: Want) -> None:
    """It need not exist, says Keystone, but a domain is none."""
    id = want.get("default_project_id")
    if id is None:
        return
    project = projects.find(tx, id)
    if project is not None and project.is_domain:
        raise Invalid(f"User's default project ID cannot be a domain ID: {id}")
