"""Projects and their trees."""

from typing import Any

import msgspec

from pileus.kernel.db import Page, Tx
from pileus.kernel.types import Ctx, Forbidden, Invalid, Listing, NotFound, new_hex
from pileus.services.identity.core import domains, limit_models, refusals, remains
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.extras import merged, options_after, unlocks
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import assignments, projects, users
from pileus.services.identity.db.projects import ProjectRow

Want = dict[str, Any]
MOST_TAGS = 80
TAG_FILTERS = ("tags", "tags-any", "not-tags", "not-tags-any")
"""Conditions of lists; each value is tags with commas between."""


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> ProjectRow:
    """A domain is found as well: it is the project that acts as one."""
    row = projects.find(tx, id)
    if row is None:
        raise refusals.missing("project", id)
    return row


def list_page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[ProjectRow]:
    """Without a condition on `is_domain` projects only; a domain's token sees that domain's."""
    tagged = {name: _listed(listing.first(name)) for name in TAG_FILTERS}
    listing = listing.without(*TAG_FILTERS)
    if listing.first("is_domain") is None:
        listing = listing.also("is_domain", "eq", False)
    if ctx.domain_id:
        listing = listing.also("domain_id", "eq", ctx.domain_id)
    return projects.list_page(tx, listing, tagged)


def _listed(text: object) -> list[str]:
    return str(text).split(",") if text is not None else []


def create(tx: Tx, near: Near, ctx: Ctx, want: Want) -> ProjectRow:
    if want.get("is_domain"):
        if want.get("parent_id") or want.get("domain_id"):
            raise Invalid("only root projects are allowed to act as domains.")
        return domains.create(tx, near, ctx, {k: v for k, v in want.items() if k != "explicit_domain_id"})
    parent = _parent(tx, near, ctx, want)
    name = want["name"].strip()
    id = new_hex()
    domain_id = parent.domain_id or parent.id
    _check_name(tx, name, domain_id, id)
    row = ProjectRow(
        id=id,
        domain_id=domain_id,
        parent_id=parent.id,
        path=f"{parent.path}{id}/",
        name=name,
        description=want.get("description", ""),
        enabled=want.get("enabled", True),
        is_domain=False,
        tags=list(want.get("tags", ())),
        options=options_after({}, want.get("options")),
        extra=merged({}, want),
    )
    projects.add(tx, row)
    changed(tx, near, ctx, "project.create", id, after=row, matters=False)
    return row


def _parent(tx: Tx, near: Near, ctx: Ctx, want: Want) -> ProjectRow:
    """Where a new project goes. What is missing there is the body's fault, so it is `Invalid` and not `NotFound`."""
    try:
        domain = domains.home_domain(tx, ctx, want.get("domain_id"))
        parent = get(tx, near, ctx, want["parent_id"]) if want.get("parent_id") else domain
    except NotFound as fault:
        raise Invalid(fault.message) from None
    if parent.is_domain and parent.id != domain.id:
        raise Invalid(
            f"Cannot create project, the parent ({parent.id}) is acting as a domain, but this project's domain id "
            f"({domain.id}) does not match the parent's id."
        )
    if not parent.is_domain and parent.domain_id != domain.id:
        raise Invalid(
            f"Cannot create project, since it specifies its domain_id {domain.id}, but specifies a parent in a different "
            f"domain ({parent.domain_id})."
        )
    above = projects.find_many(tx, [*parent.ancestors, parent.id])
    for id in [*parent.ancestors, parent.id]:
        if not above[id].enabled:
            raise Invalid(f"cannot create a project in a branch containing a disabled project: {id}")
    if len(above) > limit_models.most_levels(near):
        raise Forbidden(f"Max hierarchy depth reached for {parent.id} branch.")
    return parent


def update(tx: Tx, near: Near, ctx: Ctx, row: ProjectRow, want: Want) -> ProjectRow:
    if want.get("domain_id", row.domain_id or None) != (row.domain_id or None):
        raise Invalid("Cannot change Domain ID")
    if row.immutable and not unlocks(want):
        raise refusals.immutable("update", "domain" if row.is_domain else "project", row.id)
    if want.get("parent_id", row.parent_id or None) != (row.parent_id or None):
        raise Forbidden("Update of `parent_id` is not allowed.")
    if want.get("is_domain", row.is_domain) != row.is_domain:
        raise Invalid("Update of `is_domain` is not allowed.")
    if row.is_domain:
        return domains.update(tx, near, ctx, row, {k: v for k, v in want.items() if k in _OF_DOMAINS})
    new: dict[str, Any] = {k: want[k] for k in ("enabled", "description") if k in want}
    _check_switch(tx, row, new.get("enabled", row.enabled))
    if "name" in want:
        new["name"] = want["name"].strip()
        _check_name(tx, new["name"], row.domain_id, row.id)
    if "options" in want:
        new["options"] = options_after(row.options, want["options"])
    new["extra"] = merged(row.extra, want)
    projects.change(tx, row.id, new)
    if "tags" in want:
        new["tags"] = list(want["tags"])
        projects.set_tags(tx, row.id, new["tags"])
    after = msgspec.structs.replace(row, **new)
    changed(tx, near, ctx, "project.update", row.id, before=row, after=after)
    return after


_OF_DOMAINS = frozenset({"name", "enabled", "description", "options", "tags", "extra"})


def _check_switch(tx: Tx, row: ProjectRow, enabled: bool) -> None:
    """No enabled project stands below a disabled one."""
    if row.enabled and not enabled and any(below.enabled for below in projects.subtree(tx, row)):
        raise Forbidden(f"Cannot disable project {row.id} since its subtree contains enabled projects.")
    if not row.enabled and enabled:
        above = projects.find_many(tx, row.ancestors)
        if not all(parent.enabled for parent in above.values() if not parent.is_domain):
            raise Forbidden(f"Cannot enable project {row.id} since it has disabled parents")


def delete(tx: Tx, near: Near, ctx: Ctx, row: ProjectRow) -> None:
    """Only a leaf goes, or a domain with all that is in it; with it grants, application credentials and defaults that named it."""
    if row.is_domain:
        domains.delete(tx, near, ctx, row)
        return
    if row.immutable:
        raise refusals.immutable("delete", "project", row.id)
    if projects.has_children(tx, row.id):
        raise Forbidden(
            f"Cannot delete the project {row.id} since it is not a leaf in the hierarchy. "
            "Use the cascade option if you want to delete a whole subtree."
        )
    assignments.remove_target(tx, row.id)
    remains.remove_of_project(tx, row.id)
    users.forget_default_project(tx, row.id)
    projects.remove(tx, [row.id])
    changed(tx, near, ctx, "project.delete", row.id, before=row)


def set_tags(tx: Tx, near: Near, ctx: Ctx, row: ProjectRow, tags: list[str]) -> list[str]:
    if row.immutable:
        raise Forbidden(
            f"Cannot update project tags for {row.id}, project is immutable. "  # noqa: S608 - no SQL
            'Set "immutable" option to false before creating project tags.'
        )
    projects.set_tags(tx, row.id, tags)
    after = msgspec.structs.replace(row, tags=tags)
    changed(tx, near, ctx, "project.update_tags", row.id, before=row, after=after, matters=False)
    return tags


def add_tag(tx: Tx, near: Near, ctx: Ctx, row: ProjectRow, tag: str) -> None:
    if tag in row.tags:
        return
    if len(row.tags) >= MOST_TAGS:
        raise Invalid(f"Invalid input for field 'tags': a project has {MOST_TAGS} tags at most")
    set_tags(tx, near, ctx, row, [*row.tags, tag])


def check_tag(row: ProjectRow, tag: str) -> None:
    if tag not in row.tags:
        raise refusals.missing("project tag", tag)


def remove_tag(tx: Tx, near: Near, ctx: Ctx, row: ProjectRow, tag: str) -> None:
    check_tag(row, tag)
    set_tags(tx, near, ctx, row, [t for t in row.tags if t != tag])


def _check_name(tx: Tx, name: str, domain_id: str, own_id: str) -> None:
    there = projects.find_named(tx, name, domain_id)
    if there is not None and there.id != own_id:
        raise refusals.conflict(
            "project",
            "it is not permitted to have two projects with either the same name or same id in the same domain: "
            f"name is {name}, project id {own_id}",
        )
