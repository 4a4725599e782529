"""Giving roles to users and groups, and taking them away."""

from typing import Any

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.types import Ctx, Forbidden, Invalid
from pileus.services.identity.core import refusals
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import assignments, groups, projects, roles, users
from pileus.services.identity.db.assignments import SYSTEM, Actor, Grant, Target
from pileus.services.identity.db.groups import GroupRow
from pileus.services.identity.db.projects import ProjectRow
from pileus.services.identity.db.roles import RoleRow
from pileus.services.identity.db.users import UserRow

_MEMBER = "member"


class Place(Struct, frozen=True, kw_only=True):
    """A role on a target for an actor, as a path names it; `role_id` is empty where all are meant."""

    actor: Actor
    actor_id: str
    target: Target
    target_id: str = SYSTEM
    role_id: str = ""
    inherited: bool = False

    @property
    def grant(self) -> Grant:
        return Grant(self.actor, self.actor_id, self.target, self.target_id, self.role_id, self.inherited)

    @property
    def shown_target(self) -> str:
        return "system" if self.target == "system" else self.target_id


class Parties(Struct, frozen=True):
    """The rows behind a place; None for what does not exist (or is not asked for)."""

    actor: UserRow | GroupRow | None
    target: ProjectRow | None
    role: RoleRow | None


def find_parties(tx: Tx, place: Place) -> Parties:
    actor = users.find(tx, place.actor_id) if place.actor == "user" else groups.find(tx, place.actor_id)
    target = projects.find(tx, place.target_id) if place.target != "system" else None
    if target is not None and place.target == "domain" and not target.is_domain:
        target = None
    return Parties(actor, target, roles.find(tx, place.role_id) if place.role_id else None)


def policy_target(place: Place, parties: Parties) -> dict[str, Any]:
    """What rules may ask of the parties: their domains."""
    found: dict[str, Any] = {}
    if parties.actor is not None:
        found[place.actor] = {"id": parties.actor.id, "domain_id": parties.actor.domain_id}
    if parties.target is not None:
        found[place.target] = {"id": parties.target.id, "domain_id": parties.target.domain_id or None}
    if parties.role is not None:
        found["role"] = {
            "id": parties.role.id,
            "name": parties.role.name,
            "domain_id": parties.role.domain_id or None,
        }
    return {"target": found}


def check_parties(place: Place, parties: Parties, actor: bool = True) -> None:
    """Raises `NotFound` for the first that is not there."""
    if place.role_id and parties.role is None:
        raise refusals.missing("role", place.role_id)
    if actor and parties.actor is None:
        raise refusals.missing(place.actor, place.actor_id)
    if place.target != "system" and parties.target is None:
        raise refusals.missing(place.target, place.target_id)


def give(tx: Tx, near: Near, ctx: Ctx, place: Place, parties: Parties) -> None:
    """Giving what is there already changes nothing."""
    check_parties(place, parties)
    role = parties.role
    assert role is not None
    if role.domain_id and place.target == "system":
        raise Invalid(
            f"Role {role.id} is a domain-specific role. Unable to use a domain-specific role in a system assignment."
        )
    if role.domain_id and place.target == "project" and parties.target and parties.target.domain_id != role.domain_id:
        raise Forbidden(f"Project {place.target_id} must be in the same domain as the role {role.id} being assigned.")
    if not assignments.exists(tx, place.grant):
        assignments.add(tx, place.grant)
        changed(tx, near, ctx, "role_assignment.create", role.id, after=place.grant)


def check(tx: Tx, place: Place) -> None:
    if not assignments.exists(tx, place.grant):
        raise refusals.no_grant(place.role_id, place.actor_id, place.shown_target)


def is_given(tx: Tx, place: Place) -> bool:
    return assignments.exists(tx, place.grant)


def take(tx: Tx, near: Near, ctx: Ctx, place: Place) -> None:
    check(tx, place)
    assignments.remove(tx, place.grant)
    changed(tx, near, ctx, "role_assignment.delete", place.role_id, before=place.grant)


def member_role(tx: Tx) -> RoleRow:
    """What somebody is who simply belongs to a project."""
    row = roles.find_named(tx, _MEMBER)
    if row is None:
        raise refusals.missing("role", _MEMBER)
    return row


def roles_given(tx: Tx, place: Place) -> list[RoleRow]:
    """Roles granted exactly there: no groups, no inheritance, nothing implied."""
    found = assignments.select_grants(
        tx,
        actors=[(place.actor, place.actor_id)],
        targets=[(place.target, place.target_id)],
        inherited=place.inherited,
    )
    rows = roles.find_many(tx, [grant.role_id for grant in found])
    return sorted(rows.values(), key=lambda row: row.name)
