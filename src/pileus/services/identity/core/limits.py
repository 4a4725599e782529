"""Limits: what one project or domain has instead of what is registered for all."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from pileus.kernel.db import Page, Tx
from pileus.kernel.types import Ctx, Forbidden, Listing, NotFound, new_hex
from pileus.services.identity.core import limit_models, refusals
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.registered_limits import check_place
from pileus.services.identity.db import limits, projects
from pileus.services.identity.db.limits import LimitRow
from pileus.services.identity.db.projects import ProjectRow

Want = dict[str, Any]
_SEE_ALL = frozenset({"admin", "service"})


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> LimitRow:
    row = limits.find(tx, id)
    if row is None:
        raise NotFound(f"Could not find limit for {id}.")
    return row


def owner(tx: Tx, row: LimitRow) -> ProjectRow | None:
    """The project or domain that a limit is for."""
    return projects.find(tx, row.project_id or row.domain_id)


def list_page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[LimitRow]:
    """The system, admins and services see all; a domain its own and its projects'; a project its own; others nothing."""
    if ctx.system_scope or _SEE_ALL & ctx.roles:
        return limits.list_page(tx, listing)
    if ctx.domain_id:
        return limits.list_of_domain(tx, listing, ctx.domain_id)
    if ctx.project_id:
        return limits.list_page(tx, listing.also("project_id", "eq", ctx.project_id))
    return Page([])


def by_project(tx: Tx, ids: Iterable[str]) -> dict[str, list[LimitRow]]:
    """Limits of projects; those without one are left out."""
    found: dict[str, list[LimitRow]] = {}
    for row in limits.all_of_projects(tx, ids):
        found.setdefault(row.project_id, []).append(row)
    return found


def create(tx: Tx, near: Near, ctx: Ctx, wants: Sequence[Want]) -> list[LimitRow]:
    """All of them or none; the model of enforcement looks at them together."""
    rows = [_row(tx, want) for want in wants]
    limit_models.chosen(near).check(tx, rows)
    for row in rows:
        if not row.registered_limit_id:
            raise Forbidden("Unable to create a limit that has no corresponding registered limit.")
        if limits.find_on(tx, row.registered_limit_id, row.project_id, row.domain_id) is not None:
            raise refusals.conflict("limit", "Duplicate entry")
        limits.add(tx, row)
        changed(tx, near, ctx, "limit.create", row.id, after=row, matters=False)
    return rows


def _row(tx: Tx, want: Want) -> LimitRow:
    check_place(tx, want, "limit")
    project_id, domain_id = _target(tx, want)
    region_id = want.get("region_id") or ""
    registered = limits.find_registered_for(tx, want["service_id"], region_id, want["resource_name"])
    return LimitRow(
        id=new_hex(),
        registered_limit_id=registered.id if registered else "",
        project_id=project_id,
        domain_id=domain_id,
        resource_limit=want["resource_limit"],
        description=want.get("description"),
        service_id=want["service_id"],
        region_id=region_id,
        resource_name=want["resource_name"],
    )


def _target(tx: Tx, want: Want) -> tuple[str, str]:
    """Project and domain, one of them empty. A domain may be named as the project that it acts as, not the other way."""
    attribute = "project_id" if "project_id" in want else "domain_id"
    id = want[attribute]
    row = projects.find(tx, id) if id else None
    if row is None or (attribute == "domain_id" and not row.is_domain):
        raise refusals.expected(attribute, "limit")
    return ("", row.id) if row.is_domain else (row.id, "")


def update(tx: Tx, near: Near, ctx: Ctx, row: LimitRow, want: Want) -> LimitRow:
    after = msgspec.structs.replace(row, **want)
    limit_models.chosen(near).check(tx, [after])
    if want:
        limits.change(tx, row.id, want)
    changed(tx, near, ctx, "limit.update", row.id, before=row, after=after, matters=False)
    return after


def delete(tx: Tx, near: Near, ctx: Ctx, row: LimitRow) -> None:
    limits.remove(tx, row.id)
    changed(tx, near, ctx, "limit.delete", row.id, before=row, matters=False)
