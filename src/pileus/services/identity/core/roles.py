"""Roles, and what they imply."""

from collections.abc import Iterable
from typing import Any

import msgspec

from pileus.kernel.db import Page, Tx
from pileus.kernel.types import Ctx, Forbidden, Invalid, Listing, NotFound, new_hex
from pileus.services.identity.core import refusals
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.extras import merged, options_after, unlocks
from pileus.services.identity.core.inference import RoleGraph
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import app_credentials, assignments, projects, roles
from pileus.services.identity.db.roles import RoleRow

Want = dict[str, Any]
_NEVER_IMPLIED = frozenset({"admin"})


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> RoleRow:
    row = roles.find(tx, id)
    if row is None:
        raise refusals.missing("role", id)
    return row


def find_many(tx: Tx, ids: Iterable[str]) -> list[RoleRow]:
    return sorted(roles.find_many(tx, list(ids)).values(), key=lambda row: row.name)


def list_page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[RoleRow]:
    """Global roles, or those of the domain that is asked for."""
    if listing.first("domain_id") is None:
        listing = listing.without("domain_id").also("domain_id", "eq", "")
    return roles.list_page(tx, listing)


def create(tx: Tx, near: Near, ctx: Ctx, want: Want) -> RoleRow:
    domain_id = want.get("domain_id") or ""
    if domain_id:
        domain = projects.find(tx, domain_id)
        if domain is None or not domain.is_domain:
            raise refusals.missing("domain", domain_id)
    name = want["name"]
    _check_name(tx, name, domain_id, "")
    row = RoleRow(
        id=new_hex(),
        domain_id=domain_id,
        name=name,
        description=want.get("description"),
        options=options_after({}, want.get("options")),
        extra=merged({}, want),
    )
    roles.add(tx, row)
    changed(tx, near, ctx, "role.create", row.id, after=row)
    return row


def update(tx: Tx, near: Near, ctx: Ctx, row: RoleRow, want: Want) -> RoleRow:
    if (want.get("domain_id", row.domain_id) or "") != row.domain_id:
        raise Invalid("Update of `domain_id` is not allowed.")
    if row.immutable and not unlocks(want):
        raise refusals.immutable("update", "role", row.id)
    new: dict[str, Any] = {"description": want["description"]} if "description" in want else {}
    if "name" in want:
        new["name"] = want["name"]
        _check_name(tx, want["name"], row.domain_id, row.id)
    if "options" in want:
        new["options"] = options_after(row.options, want["options"])
    new["extra"] = merged(row.extra, want)
    roles.change(tx, row.id, new)
    after = msgspec.structs.replace(row, **new)
    changed(tx, near, ctx, "role.update", row.id, before=row, after=after)
    return after


def delete(tx: Tx, near: Near, ctx: Ctx, row: RoleRow) -> None:
    """With the role go its grants, and the application credentials of users who held it."""
    if row.immutable:
        raise refusals.immutable("delete", "role", row.id)
    held = assignments.select_grants(tx, role_ids=[row.id])
    app_credentials.remove_on(
        tx, [(g.actor_id, g.target_id) for g in held if (g.actor, g.target) == ("user", "project")]
    )
    assignments.remove_role(tx, row.id)
    roles.remove(tx, row.id)
    changed(tx, near, ctx, "role.delete", row.id, before=row)


def implied_by(tx: Tx, near: Near, prior: RoleRow) -> list[RoleRow]:
    graph = near.memory.graph(tx)
    return [graph.roles[id] for id in graph.implies.get(prior.id, ()) if id in graph.roles]


def check_implied(tx: Tx, near: Near, prior: RoleRow, implied: RoleRow) -> None:
    if implied.id not in near.memory.graph(tx).implies.get(prior.id, ()):
        raise NotFound(f"{prior.id} does not imply {implied.id}.")


def imply(tx: Tx, near: Near, ctx: Ctx, prior: RoleRow, implied: RoleRow) -> None:
    """Make one role imply another. A global role implies no domain's own; what would close a circle is refused."""
    graph = near.memory.graph(tx)
    if implied.name in _NEVER_IMPLIED or (implied.domain_id and not prior.domain_id):
        raise Forbidden(f"{implied.id} cannot be an implied roles.")
    if implied.id in graph.implies.get(prior.id, ()):
        raise refusals.conflict("implied_role", "Duplicate entry")
    if prior.id in graph.closure(implied.id):
        raise Forbidden(f"{implied.id} cannot be an implied roles: it implies {prior.id} itself.")
    roles.imply(tx, prior.id, implied.id)
    changed(tx, near, ctx, "role.imply", prior.id, data={"implied_role_id": implied.id})


def unimply(tx: Tx, near: Near, ctx: Ctx, prior: RoleRow, implied: RoleRow) -> None:
    check_implied(tx, near, prior, implied)
    roles.unimply(tx, prior.id, implied.id)
    changed(tx, near, ctx, "role.unimply", prior.id, data={"implied_role_id": implied.id})


def inferences(tx: Tx, near: Near) -> RoleGraph:
    return near.memory.graph(tx)


def _check_name(tx: Tx, name: str, domain_id: str, own_id: str) -> None:
    there = roles.find_named(tx, name, domain_id)
    if there is not None and there.id != own_id:
        where = f" at domain ID {domain_id}" if domain_id else ""
        raise refusals.conflict("role", f"Duplicate entry found with name {name}{where}")
