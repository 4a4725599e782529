"""Named rules and the question: may this caller do this to that?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from pileus.kernel.policy.closures import Check, Target, compile_node, never
from pileus.kernel.policy.syntax import Node, PolicyError, parse
from pileus.kernel.types import Ctx, Forbidden

Source = str | Sequence[object]


class Rule(Struct, frozen=True):
    """One rule as a service declares it.

    `check`       the default, in the rule language.
    `scopes`      which of `project`, `domain`, `system` a token must be scoped to; empty: any.
    `operations`  (method, path) pairs that the rule guards, for the documentation.
    """

    name: str
    check: str
    doc: str = ""
    scopes: tuple[str, ...] = ("project",)
    operations: tuple[tuple[str, str], ...] = ()


class Policy:
    """Rules with an operator's overrides laid over them, compiled once. Immutable.

    Overrides may bring names of their own for `rule:` to use. A rule that is not there is asked as the rule
    `default`, and denies when there is none. Raises `PolicyError` for rules that cannot be read and for circles.
    """

    def __init__(self, rules: Iterable[Rule], overrides: Mapping[str, Source] | None = None) -> None:
        self.rules: dict[str, Rule] = {}
        for rule in rules:
            if self.rules.setdefault(rule.name, rule) != rule:
                raise PolicyError(f"rule {rule.name!r} is declared twice, differently")
        self.overrides: Mapping[str, Source] = dict(overrides or {})
        sources: dict[str, Source] = {name: rule.check for name, rule in self.rules.items()}
        sources.update(self.overrides)
        self.trees: dict[str, Node] = {name: _read(name, source) for name, source in sources.items()}
        self._checks: dict[str, Check] = {}
        for name in self.trees:
            self._compiled(name, ())
        self._fallback = self._checks.get("default", never)
        self._scopes = {name: frozenset(rule.scopes) for name, rule in self.rules.items() if rule.scopes}

    def allows(self, rule: str, ctx: Ctx, target: Target) -> bool:
        scopes = self._scopes.get(rule)
        if scopes is not None and scope_of(ctx) not in scopes and not is_cloud(ctx):
            return False
        return self._checks.get(rule, self._fallback)(ctx, target)

    def enforce(self, rule: str, ctx: Ctx, target: Target) -> None:
        """Raises `Forbidden`; its `details` hold the `rule`'s name and, for a token of the wrong scope, `scopes`."""
        if self.allows(rule, ctx, target):
            return
        details: dict[str, object] = {"rule": rule}
        if not self.in_scope(rule, ctx):
            details["scopes"] = sorted(self._scopes[rule])
        fault = Forbidden(f"Policy doesn't allow {rule} to be performed.", type="PolicyNotAuthorized", details=details)
        fault.denial = rule, target
        raise fault

    def in_scope(self, rule: str, ctx: Ctx) -> bool:
        return rule not in self._scopes or scope_of(ctx) in self._scopes[rule] or is_cloud(ctx)

    def _compiled(self, name: str, above: tuple[str, ...]) -> Check:
        done = self._checks.get(name)
        if done is not None:
            return done
        if name in above:
            raise PolicyError(f"rules go in a circle: {' -> '.join((*above[above.index(name) :], name))}")
        if name not in self.trees:
            return never if name == "default" else self._compiled("default", above)
        check = compile_node(self.trees[name], lambda other: self._compiled(other, (*above, name)))
        self._checks[name] = check
        return check


def scope_of(ctx: Ctx) -> str:
    """`system`, `domain` or `project`; a token without scope counts as `project`, where it matches no project."""
    return "system" if ctx.system_scope else "domain" if ctx.domain_id else "project"


def is_cloud(ctx: Ctx) -> bool:
    """The cloud itself (`types.cloud()`), which no scope binds: callers from outside always bring a token."""
    return ctx.user_id == "pileus" and ctx.system_scope == "all" and not ctx.token


def _read(name: str, source: Source) -> Node:
    try:
        return parse(source)
    except PolicyError as error:
        raise PolicyError(f"rule {name!r}: {error}") from None
