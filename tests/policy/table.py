"""Who may do what: `golden.txt`, a row per operation of every face and per rule, made from the real policies.

    python tests/policy/table.py

writes it anew. A change of who may do what then shows in review.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from pileus import app
from pileus.kernel.config import load
from pileus.kernel.policy import Policy
from pileus.kernel.rest import Face, Operation
from pileus.kernel.types import Ctx

GOLDEN = Path(__file__).with_name("golden.txt")
HEADER = """\
# Who may do what, by the default policies. Made by: python tests/policy/table.py
#
# A column per role (with what it implies; `nobody` has a token without any), and in it by the token's scope: `+` yes, `-` no, on
#   1 a project, a thing of that project and of the caller himself     2 a project, a colleague's thing in it
#   3 a project, a thing of another project, same domain       4 a project, one of another domain
#   5 the thing's domain        6 another domain        7 the system
# `open` needs no token; `token` asks for nothing but a good
# token, or looks at the row itself (lists tell everybody of their own things).
# Rules may see more than these targets have (an image's visibility, a network that is shared).
"""
ROLES: dict[str, tuple[str, ...]] = {
    "nobody": (),
    "reader": ("reader",),
    "member": ("member", "reader"),
    "manager": ("manager", "member", "reader"),
    "admin": ("admin", "manager", "member", "reader"),
    "service": ("service",),
}
HOME = {"project_id": "p-own", "project_name": "own", "project_domain_id": "d-own", "project_domain_name": "own"}
SITUATIONS: tuple[tuple[str, Mapping[str, str], tuple[str, str, str]], ...] = (
    ("mine", HOME, ("p-own", "u-own", "d-own")),
    ("colleague's", HOME, ("p-own", "u-other", "d-own")),
    ("other project", HOME, ("p-other", "u-other", "d-own")),
    ("foreign project", HOME, ("p-other", "u-other", "d-other")),
    ("domain", {"domain_id": "d-own", "domain_name": "own"}, ("p-other", "u-other", "d-own")),
    ("other domain", {"domain_id": "d-own", "domain_name": "own"}, ("p-other", "u-other", "d-other")),
    ("system", {"system_scope": "all"}, ("p-other", "u-other", "d-other")),
)
"""What the caller's token is scoped to, and whose a thing is: its project, user and domain."""
WIDTH = len(SITUATIONS) + 1


def caller(role: str, scope: Mapping[str, str]) -> Ctx:
    return Ctx(
        user_id="u-own", user_name="own", user_domain_id="d-own", user_domain_name="own", roles=frozenset(ROLES[role]), **scope
    )  # fmt: skip


def thing(project: str, user: str, domain: str) -> dict[str, object]:
    """A target as rules of all services look at it."""
    noun = {"id": "x", "domain_id": domain, "user_id": user, "project_id": project, "name": "x"}
    nouns = ("group", "role", "credential", "endpoint", "service", "prior_role", "implied_role")
    target = dict.fromkeys(nouns, noun) | {
        "user": {**noun, "id": user}, "project": {**noun, "id": project}, "domain": {**noun, "id": domain},
        "token": {**noun, "user_id": user}, "trust": {**noun, "trustor_user_id": user, "trustee_user_id": user},
        "limit": {"project_id": project, "domain_id": domain, "project": {"domain_id": domain}, "domain": {"id": domain}},
        "domain_id": domain,
    }  # fmt: skip
    return {
        "project_id": project, "tenant_id": project, "owner": project, "user_id": user, "domain_id": domain,
        "member_id": project, "network:project_id": project, "network:tenant_id": project,
        "security_group:project_id": project, "visibility": "private", "target": target,
    }  # fmt: skip


CALLS = {role: [(caller(role, scope), thing(*whose)) for _, scope, whose in SITUATIONS] for role in ROLES}


def cell(policy: Policy, rule: str, role: str) -> str:
    return "".join("+" if policy.allows(rule, ctx, target) else "-" for ctx, target in CALLS[role])


def faces() -> Iterator[tuple[str, Face]]:
    with tempfile.TemporaryDirectory(prefix="policy-table-") as state:
        cloud = app.Cloud(load(app.SECTIONS, None, {}), Path(state))
        cloud.build()
        for name, service in cloud.services.items():
            yield from {name: service.face, **service.faces}.items()


def asked(op: Operation, by_route: Mapping[tuple[str, str], list[str]]) -> str:
    """The rule of an operation: declared, told, or documented with the rule."""
    return op.rule or op.asks or " ".join(by_route.get((op.method, op.path), []))


def rows() -> Iterator[str]:
    columns = " ".join(f"{role:<{WIDTH}}" for role in ROLES)
    for name, face in faces():
        by_route: dict[tuple[str, str], list[str]] = {}
        for rule in face.policy.rules.values():
            for method, path in rule.operations:
                by_route.setdefault((method, path), []).append(rule.name)
        yield f"\n## {name}: operations\n{columns}"
        lines = [_operation(op, face.policy, by_route) for op in face.operations if op.partly != "absent"]
        yield from sorted(dict.fromkeys(lines), key=lambda line: line[len(columns) :])
        yield f"\n## {name}: rules\n{columns}"
        for rule_name in sorted(face.policy.rules):
            yield f"{_cells(face.policy, rule_name)} {rule_name}"


def _operation(op: Operation, policy: Policy, by_route: Mapping[tuple[str, str], list[str]]) -> str:
    rules = asked(op, by_route)
    if op.public or not rules:
        cells = " ".join(f"{'open' if op.public else 'token':<{WIDTH}}" for _ in ROLES)
    else:
        cells = _cells(policy, *rules.split())
    return f"{cells} {op.method} {op.path}{' ' + op.action if op.action else ''}{f'  ({rules})' if rules else ''}"


def _cells(policy: Policy, *rules: str) -> str:
    """Of several rules (one asks for a part) the first one is the operation's."""
    return " ".join(f"{cell(policy, rules[0], role):<{WIDTH}}" for role in ROLES)


def table() -> str:
    return HEADER + "\n".join(line.rstrip() for line in rows()) + "\n"


if __name__ == "__main__":
    GOLDEN.write_text(table(), encoding="utf-8")
    print(f"{GOLDEN}: {len(GOLDEN.read_text(encoding='utf-8').splitlines())} lines")
