"""Domains: projects that act as one."""

from collections.abc import Mapping
from typing import Any

import msgspec

from pileus.kernel.db import Page, Tx
from pileus.kernel.types import Ctx, Forbidden, Invalid, Listing, is_uuid, new_hex
from pileus.services.identity.core import refusals, remains
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.extras import merged, options_after, unlocks
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import (
    assignments,
    domain_options,
    groups,
    identity_providers,
    projects,
    public_ids,
    roles,
    users,
)
from pileus.services.identity.db.projects import ProjectRow

Want = dict[str, Any]
_OF_PROJECTS = frozenset({"domain_id", "parent_id", "is_domain"})


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> ProjectRow:
    row = projects.find(tx, id)
    if row is None or not row.is_domain:
        raise refusals.missing("domain", id)
    return row


def home_domain(tx: Tx, ctx: Ctx, id: str | None) -> ProjectRow:
    """The domain that a new user, group or project goes to: the one named, else the caller's, else the default one."""
    wanted = id or ctx.domain_id or refusals.DEFAULT_DOMAIN
    row = projects.find(tx, wanted)
    if row is None or not row.is_domain:
        raise refusals.missing("domain", wanted)
    return row


def list_page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[ProjectRow]:
    listing = listing.also("is_domain", "eq", True)
    return projects.list_page(tx, listing.also("id", "eq", ctx.domain_id) if ctx.domain_id else listing, {})


def create(tx: Tx, near: Near, ctx: Ctx, want: Want) -> ProjectRow:
    wanted_id = want.get("explicit_domain_id")
    if wanted_id is not None and (not is_uuid(wanted_id) or "-" in wanted_id or wanted_id != wanted_id.lower()):
        raise Invalid("Domain ID does not conform to required UUID format.")
    id = wanted_id or new_hex()
    if projects.find(tx, id) is not None:
        raise refusals.conflict("project", f"Duplicate ID, {id}")
    name = want["name"].strip()
    _check_name(tx, name, id)
    row = ProjectRow(
        id=id,
        domain_id="",
        parent_id="",
        path=f"/{id}/",
        name=name,
        description=want.get("description", ""),
        enabled=want.get("enabled", True),
        is_domain=True,
        tags=list(want.get("tags", ())),
        options=options_after({}, want.get("options")),
        extra=_extra({}, want),
    )
    projects.add(tx, row)
    changed(tx, near, ctx, "domain.create", id, after=row, matters=False)
    return row


def update(tx: Tx, near: Near, ctx: Ctx, row: ProjectRow, want: Want) -> ProjectRow:
    if row.immutable and not unlocks(want):
        raise refusals.immutable("update", "domain", row.id)
    new: dict[str, Any] = {k: want[k] for k in ("enabled", "description") if k in want}
    if "name" in want:
        new["name"] = want["name"].strip()
        _check_name(tx, new["name"], row.id)
    if "options" in want:
        new["options"] = options_after(row.options, want["options"])
    new["extra"] = _extra(row.extra, want)
    projects.change(tx, row.id, new)
    if "tags" in want:
        new["tags"] = list(want["tags"])
        projects.set_tags(tx, row.id, new["tags"])
    after = msgspec.structs.replace(row, **new)
    changed(tx, near, ctx, "domain.update", row.id, before=row, after=after)
    return after


def delete(tx: Tx, near: Near, ctx: Ctx, row: ProjectRow) -> None:
    """Only a disabled domain goes, and takes all that is in it along."""
    if row.immutable:
        raise refusals.immutable("delete", "domain", row.id)
    if row.enabled:
        raise Forbidden("Cannot delete a domain that is enabled, please disable it first.")
    for user_id in users.ids_of_domain(tx, row.id):
        remains.remove_user(tx, user_id)
    for group_id in groups.ids_of_domain(tx, row.id):
        assignments.remove_actor(tx, "group", group_id)
        groups.remove(tx, group_id)
    for provider in identity_providers.of_domain(tx, row.id):
        remains.remove_provider(tx, provider.id)
    for role_id in roles.ids_of_domain(tx, row.id):
        assignments.remove_role(tx, role_id)
        roles.remove(tx, role_id)
    gone = [below.id for below in projects.subtree(tx, row)] + [row.id]
    for id in gone:
        assignments.remove_target(tx, id)
        remains.remove_of_project(tx, id)
        users.forget_default_project(tx, id)
    projects.remove(tx, gone)
    domain_options.remove_all(tx, row.id)
    public_ids.remove_domain(tx, row.id)
    changed(tx, near, ctx, "domain.delete", row.id, before=row, data={"projects": gone[:-1]})


def _extra(old: Mapping[str, Any], want: Want) -> dict[str, Any]:
    """What only projects have is nothing to a domain."""
    return {key: value for key, value in merged(old, want).items() if key not in _OF_PROJECTS}


def _check_name(tx: Tx, name: str, own_id: str) -> None:
    there = projects.find_domain_named(tx, name)
    if there is not None and there.id != own_id:
        raise refusals.conflict(
            "project", f"it is not permitted to have two projects acting as domains with the same name: {name}"
        )
