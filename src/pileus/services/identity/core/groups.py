"""Groups and membership."""

from typing import Any

import msgspec

from pileus.kernel.db import Page, Tx
from pileus.kernel.types import Ctx, Invalid, Listing, NotFound, new_hex
from pileus.services.identity.core import directories, refusals
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.domains import home_domain
from pileus.services.identity.core.extras import merged
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import assignments, groups
from pileus.services.identity.db.groups import GroupRow

Want = dict[str, Any]


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> GroupRow:
    row = groups.find(tx, id)
    if row is None:
        raise refusals.missing("group", id)
    return row


def list_page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[GroupRow]:
    """A caller whose token is for a domain sees that domain's groups only."""
    return groups.list_page(tx, _bounded(ctx, listing))


def list_of_user(tx: Tx, near: Near, ctx: Ctx, user_id: str, listing: Listing) -> Page[GroupRow]:
    return groups.list_page(tx, _bounded(ctx, listing), groups.groups_of(tx, user_id))


def ends_of(tx: Tx, user_id: str) -> dict[str, int | None]:
    """Until when a user is in which group; None is for good."""
    return groups.ends_of(tx, user_id)


def _bounded(ctx: Ctx, listing: Listing) -> Listing:
    return listing.also("domain_id", "eq", ctx.domain_id) if ctx.domain_id else listing


def create(tx: Tx, near: Near, ctx: Ctx, want: Want) -> GroupRow:
    domain = home_domain(tx, ctx, want.get("domain_id"))
    directories.check_writable(tx, near, domain.id)
    name = want["name"].strip()
    _check_name(tx, name, domain.id, "")
    row = GroupRow(new_hex(), domain.id, name, want.get("description", ""), merged({}, want))
    groups.add(tx, row)
    changed(tx, near, ctx, "group.create", row.id, after=row, matters=False)
    return row


def update(tx: Tx, near: Near, ctx: Ctx, row: GroupRow, want: Want) -> GroupRow:
    if want.get("domain_id", row.domain_id) != row.domain_id:
        raise Invalid("Cannot change Domain ID")
    directories.check_writable(tx, near, row.domain_id)
    new: dict[str, Any] = {"description": want["description"]} if "description" in want else {}
    if "name" in want:
        new["name"] = want["name"].strip()
        _check_name(tx, new["name"], row.domain_id, row.id)
    new["extra"] = merged(row.extra, want)
    groups.change(tx, row.id, new)
    after = msgspec.structs.replace(row, **new)
    changed(tx, near, ctx, "group.update", row.id, before=row, after=after, matters=False)
    return after


def delete(tx: Tx, near: Near, ctx: Ctx, row: GroupRow) -> None:
    directories.check_writable(tx, near, row.domain_id)
    assignments.remove_actor(tx, "group", row.id)
    groups.remove(tx, row.id)
    changed(tx, near, ctx, "group.delete", row.id, before=row)


def add_member(tx: Tx, near: Near, ctx: Ctx, row: GroupRow, user_id: str) -> None:
    directories.check_same_source(tx, near, row, user_id)
    directories.check_writable(tx, near, row.domain_id)
    groups.join(tx, user_id, row.id)
    changed(tx, near, ctx, "group.add_member", row.id, data={"user_id": user_id})


def check_member(tx: Tx, row: GroupRow, user_id: str) -> None:
    if not groups.is_member(tx, user_id, row.id):
        raise NotFound(f"User '{user_id}' not found in group '{row.id}'")


def remove_member(tx: Tx, near: Near, ctx: Ctx, row: GroupRow, user_id: str) -> None:
    directories.check_writable(tx, near, row.domain_id)
    check_member(tx, row, user_id)
    groups.leave(tx, user_id, row.id)
    changed(tx, near, ctx, "group.remove_member", row.id, data={"user_id": user_id})


def _check_name(tx: Tx, name: str, domain_id: str, own_id: str) -> None:
    there = groups.find_named(tx, name, domain_id)
    if there is not None and there.id != own_id:
        where = "" if own_id else f" at domain ID {domain_id}"
        raise refusals.conflict("group", f"Duplicate entry found with name {name}{where}")
