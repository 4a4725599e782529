"""Whom a statement is about. Accounts are projects, users are users, roles are roles."""

import re
from typing import Any

from msgspec import Struct

from pileus.services.objectstore.core.bucket_policy.faults import Malformed
from pileus.services.objectstore.core.bucket_policy.questions import Who

_ARN = re.compile(r"arn:aws:iam::([^:/*?\s]*):(?:(root)|(user|role)/([^*?\s]+))\Z")
_ID = re.compile(r"[^:/*?\s]{1,128}\Z")


class Principals(Struct, frozen=True):
    """`users` and `roles` are (project, user or role); an empty project: any."""

    anyone: bool = False
    projects: frozenset[str] = frozenset()
    users: frozenset[tuple[str, str]] = frozenset()
    roles: frozenset[tuple[str, str]] = frozenset()

    def name(self, who: Who) -> bool:
        """Whether the caller is one of them."""
        if self.anyone:
            return True
        if not who.user:
            return False
        if who.project in self.projects:
            return True
        mine = {(project, user) for project in (who.project, "") for user in (who.user,)}
        if who.name:
            mine.add((who.project, who.name))
        if not mine.isdisjoint(self.users):
            return True
        return any((who.project, role) in self.roles for role in who.roles) if self.roles else False


def read(said: Any, prefix: str) -> Principals:
    """A `Principal` or `NotPrincipal`. `prefix` stands before a project's id in an account's name. Raises `Malformed`."""
    if said == "*":
        return Principals(anyone=True)
    if not isinstance(said, dict) or not said:
        raise Malformed("Invalid policy syntax: Principal has to be * or an object.")
    projects: set[str] = set()
    users: set[tuple[str, str]] = set()
    roles: set[tuple[str, str]] = set()
    anyone = False
    for kind, names in said.items():
        if kind not in ("AWS", "CanonicalUser"):
            raise Malformed(f"Invalid principal in policy: {str(kind)[:100]} principals are not known here.")
        listed = names if isinstance(names, list) else [names]
        if not listed:
            raise Malformed("Invalid principal in policy: an empty list.")
        for name in listed:
            if not isinstance(name, str):
                raise Malformed("Invalid principal in policy: names are text.")
            if name == "*" and kind == "AWS":
                anyone = True
            elif (found := _ARN.match(name)) and kind == "AWS":
                _add(found, projects, users, roles, prefix)
            elif _ID.match(name):
                projects.add(name.removeprefix(prefix))
            else:
                raise Malformed(f"Invalid principal in policy: {name[:200]}")
    return Principals(anyone, frozenset(projects), frozenset(users), frozenset(roles))


def _add(
    found: re.Match[str], projects: set[str], users: set[tuple[str, str]], roles: set[tuple[str, str]], prefix: str
) -> None:
    project, root, kind, name = found[1].removeprefix(prefix), found[2], found[3], found[4]
    if root and project:
        projects.add(project)
    elif kind == "user":
        users.add((project, name))
    elif kind == "role" and project:
        roles.add((project, name.lower()))
    else:
        raise Malformed(f"Invalid principal in policy: {found[0][:200]}")
