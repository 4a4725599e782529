"""Who may do what: `golden.txt`, a row per operation of every face and per rule, made from the real policies.

    python tests/policy/table.py

writes it anew. A change of who may do what then shows in review.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

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
# Each cell has two marks: is it allowed on a thing of the caller's own project and user, and on one of another project
# (of the same domain) and another user: `+` yes, `-` no. `open` needs no token; `token` asks for nothing but a good
# token, or looks at the row itself (lists tell everybody of their own things). Roles are those on the caller's project, domain or the system, with
# what they imply. Rules may see more than these targets have (an image's visibility, a network that is shared).
"""
ROLES = {"reader": ["reader"], "member": ["member", "reader"], "manager": ["manager", "member", "reader"]}
ROLES["admin"] = ["admin", *ROLES["manager"]]
HOME = {"project_id": "p-own", "project_name": "own", "project_domain_id": "d-own", "project_domain_name": "own"}


def caller(name: str, **scope: Any) -> Ctx:
    roles = frozenset(ROLES.get(name.rsplit(maxsplit=1)[-1], []))
    return Ctx(user_id="u-own", user_name="own", user_domain_id="d-own", user_domain_name="own", roles=roles, **scope)


CALLERS = {
    "no role": caller("no role", **HOME),
    **{name: caller(name, **HOME) for name in ROLES},
    "domain reader": caller("domain reader", domain_id="d-own", domain_name="own"),
    "domain manager": caller("domain manager", domain_id="d-own", domain_name="own"),
    "domain admin": caller("domain admin", domain_id="d-own", domain_name="own"),
    "system reader": caller("system reader", system_scope="all"),
    "system admin": caller("system admin", system_scope="all"),
}


def thing(whose: str) -> dict[str, object]:
    """A target as rules of all services look at it."""
    domain = "d-own"
    project, user = f"p-{whose}", f"u-{whose}"
    noun = {"id": f"x-{whose}", "domain_id": domain, "user_id": user, "project_id": project, "name": "x"}
    nouns = ("group", "role", "credential", "trust", "endpoint", "service", "prior_role", "implied_role")
    target = dict.fromkeys(nouns, noun) | {
        "user": {**noun, "id": user}, "project": {**noun, "id": project}, "domain": {**noun, "id": domain},
        "token": {**noun, "user_id": user}, "domain_id": domain,
    }  # fmt: skip
    return {
        "project_id": project, "tenant_id": project, "owner": project, "user_id": user, "domain_id": domain,
        "member_id": project, "network:project_id": project, "network:tenant_id": project,
        "security_group:project_id": project, "visibility": "private", "target": target,
    }  # fmt: skip


def cell(policy: Policy, rule: str, ctx: Ctx) -> str:
    return "".join("+" if policy.allows(rule, ctx, thing(whose)) else "-" for whose in ("own", "other"))


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
    columns = " ".join(f"{name.replace(' ', '-'):<14}" for name in CALLERS)
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
        cells = " ".join(f"{'open' if op.public else 'token':<14}" for _ in CALLERS)
    else:
        cells = _cells(policy, *rules.split())
    return f"{cells} {op.method} {op.path}{' ' + op.action if op.action else ''}{f'  ({rules})' if rules else ''}"


def _cells(policy: Policy, *rules: str) -> str:
    """Of several rules (one asks for a part) the first one is the operation's."""
    return " ".join(f"{cell(policy, rules[0], ctx):<14}" for ctx in CALLERS.values())


def table() -> str:
    return HEADER + "\n".join(line.rstrip() for line in rows()) + "\n"


if __name__ == "__main__":
    GOLDEN.write_text(table(), encoding="utf-8")
    print(f"{GOLDEN}: {len(GOLDEN.read_text(encoding='utf-8').splitlines())} lines")
