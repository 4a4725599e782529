"""The least that would turn a no into a yes: one role, in one scope."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from msgspec import Struct
from msgspec.structs import replace

from pileus.kernel.policy.closures import Target, fill
from pileus.kernel.policy.rules import Policy
from pileus.kernel.policy.syntax import AllOf, AnyOf, Compare, Node, Not, RuleIs
from pileus.kernel.types import Ctx

_WEAK = ("reader", "member", "manager")
_STRONG = ("admin", "service")
"""Asked for last: what one grants is the whole cloud, and the other is not for people."""
_PROJECT = frozenset({"project_id", "tenant_id", "tenant", "token.project.id"})
_DOMAIN = frozenset({"domain_id", "token.domain.id"})
_SYSTEM = frozenset({"system_scope", "system"})


class Place(Struct, frozen=True):
    """What a token may be scoped to: `kind` is `project`, `domain` or `system` (whose `id` is `all`)."""

    kind: str
    id: str


class Remedy(Struct, frozen=True):
    """Give this role there and the caller may, with a token of that scope."""

    role: str
    place: Place


_CLOUD = Place("system", "all")


def remedy(policy: Policy, rule: str, ctx: Ctx, target: Target) -> Remedy | None:
    """The weakest role with which the rule would hold, if possible in the scope that the caller already has.

    None when no single role helps: the rule asks for a certain user, for instance, or for nobody.
    """
    leaves = list(_leaves(policy, RuleIs(rule), frozenset()))
    roles = {text for leaf in leaves if leaf.kind == "role" and (text := fill(leaf.right, target))}
    here = place_of(ctx)
    places = dict.fromkeys([*([here] if here else ()), *sorted(_places(leaves, target), key=_closeness), _CLOUD])
    for role, place in product(sorted(roles, key=_strength), places):
        if policy.allows(rule, _given(ctx, role, place), target):
            return Remedy(role, place)
    return None


def place_of(ctx: Ctx) -> Place | None:
    """What the caller's token is scoped to."""
    if ctx.system_scope:
        return Place("system", ctx.system_scope)
    if ctx.domain_id:
        return Place("domain", ctx.domain_id)
    return Place("project", ctx.project_id) if ctx.project_id else None


def _leaves(policy: Policy, node: Node, seen: frozenset[str]) -> Iterator[Compare]:
    match node:
        case RuleIs(name=name):
            inner = policy.trees.get(name) or policy.trees.get("default")
            if inner is not None and name not in seen:
                yield from _leaves(policy, inner, seen | {name})
        case AllOf(parts=parts) | AnyOf(parts=parts):
            for part in parts:
                yield from _leaves(policy, part, seen)
        case Not(part=part):
            yield from _leaves(policy, part, seen)
        case Compare():
            yield node
        case _:
            pass


def _places(leaves: list[Compare], target: Target) -> Iterator[Place]:
    """Scopes that some part of the rule compares with."""
    for leaf in leaves:
        kind = "project" if leaf.left in _PROJECT else "domain" if leaf.left in _DOMAIN else "system"
        id = fill(leaf.right, target)
        if id and id != "None" and (kind != "system" or leaf.left in _SYSTEM):
            yield Place(kind, id)


def _given(ctx: Ctx, role: str, place: Place) -> Ctx:
    """The caller, once he has the role and a token of that scope."""
    if place == place_of(ctx):
        return replace(ctx, roles=ctx.roles | {role.lower()})
    return replace(
        ctx,
        roles=frozenset({role.lower()}),
        project_id=place.id if place.kind == "project" else "",
        domain_id=place.id if place.kind == "domain" else "",
        system_scope=place.id if place.kind == "system" else "",
        project_name="",
        project_domain_id="",
        project_domain_name="",
        domain_name="",
    )


def _strength(role: str) -> tuple[int, str]:
    if role in _WEAK:
        return _WEAK.index(role), role
    return len(_WEAK) + (_STRONG.index(role) + 1 if role in _STRONG else 0), role


def _closeness(place: Place) -> tuple[int, str]:
    return ("project", "domain", "system").index(place.kind), place.id
