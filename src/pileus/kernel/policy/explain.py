"""Why a rule said yes or no: its tree with the answer of every part."""

from __future__ import annotations

from msgspec import Struct

from pileus.kernel.policy.closures import CREDS, Target, compile_node, fill, never
from pileus.kernel.policy.rules import Policy, scope_of
from pileus.kernel.policy.syntax import AllOf, Always, AnyOf, Compare, Node, Not, RuleIs
from pileus.kernel.types import Ctx


class Part(Struct, frozen=True):
    """One part of a rule. `text` is the check as written (`all of`, `any of`, `not` for the joints)."""

    text: str
    holds: bool
    why: str = ""
    parts: tuple[Part, ...] = ()


class Explanation(Struct, frozen=True):
    """`missing` are the smallest things that would have to hold for a yes, each in one sentence."""

    rule: str
    allowed: bool
    defined: bool
    overridden: bool
    scope: str
    scopes: tuple[str, ...]
    tree: Part
    missing: tuple[str, ...]


def explain(policy: Policy, rule: str, ctx: Ctx, target: Target) -> Explanation:
    declared = policy.rules.get(rule)
    tree = _part(policy, RuleIs(rule), ctx, target)
    missing = [] if tree.holds else list(dict.fromkeys(_missing(tree)))
    if not policy.in_scope(rule, ctx):
        missing.insert(0, f"a token scoped to {' or '.join(declared.scopes if declared else ())}, not {scope_of(ctx)}")
    return Explanation(
        rule=rule,
        allowed=policy.allows(rule, ctx, target),
        defined=rule in policy.trees,
        overridden=rule in policy.overrides,
        scope=scope_of(ctx),
        scopes=declared.scopes if declared else (),
        tree=tree,
        missing=tuple(missing),
    )


def _part(policy: Policy, node: Node, ctx: Ctx, target: Target) -> Part:
    match node:
        case RuleIs(name=name):
            inner = policy.trees.get(name) or policy.trees.get("default")
            if inner is None:
                return Part(f"rule:{name}", False, "there is no such rule")
            part = _part(policy, inner, ctx, target)
            return Part(f"rule:{name}", part.holds, "", (part,))
        case AllOf(parts=parts):
            inside = tuple(_part(policy, p, ctx, target) for p in parts)
            return Part("all of", all(p.holds for p in inside), "", inside)
        case AnyOf(parts=parts):
            inside = tuple(_part(policy, p, ctx, target) for p in parts)
            return Part("any of", any(p.holds for p in inside), "", inside)
        case Not(part=part):
            within = _part(policy, part, ctx, target)
            return Part("not", not within.holds, "", (within,))
        case Always(answer=answer):
            return Part("@" if answer else "!", answer, "" if answer else "nobody may")
        case _:
            return Part(node.text, compile_node(node, lambda _name: never)(ctx, target), _why(node, ctx, target))


def _why(node: Compare, ctx: Ctx, target: Target) -> str:
    wanted = fill(node.right, target)
    if wanted is None:
        return "the target has no such value"
    if node.kind == "role":
        return f"the caller's roles are {', '.join(sorted(ctx.roles)) or 'none'}"
    if node.kind == "constant":
        return f"the target has {wanted!r}"
    if node.left not in CREDS:
        return f"a caller has no {node.left!r}"
    mine = CREDS[node.left](ctx)
    return f"the caller has {sorted(mine) if isinstance(mine, frozenset) else mine!r}, {wanted!r} is asked"


def _missing(part: Part) -> list[str]:
    """Leaves that would have to turn for `part` to hold."""
    if part.holds:
        return []
    if part.text == "not":
        return [f"not {p.text}" for p in part.parts]
    if not part.parts:
        return [f"{part.text} ({part.why})" if part.why else part.text]
    return [line for inner in part.parts for line in _missing(inner)]
