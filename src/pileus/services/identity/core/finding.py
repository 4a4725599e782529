"""Whom and what somebody means by name or id. Each `find` says None for what is not there: logins refuse all in the same words."""

from collections.abc import Mapping
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.types import NotFound
from pileus.services.identity.core import refusals
from pileus.services.identity.db import projects, roles, users
from pileus.services.identity.db.projects import ProjectRow
from pileus.services.identity.db.users import UserRow


def find_domain(tx: Tx, named: Mapping[str, Any]) -> ProjectRow | None:
    row = projects.find_domain_named(tx, named["name"]) if named.get("name") else projects.find(tx, named.get("id", ""))
    return row if row is not None and row.is_domain else None


def find_user(tx: Tx, named: Mapping[str, Any]) -> UserRow | None:
    """Raises `Invalid` for a name without its domain."""
    if named.get("id"):
        return users.find(tx, str(named["id"]))
    if "domain" not in named:
        raise refusals.expected("domain", "user")
    domain = find_domain(tx, named["domain"])
    return users.find_named(tx, str(named.get("name")), domain.id) if domain else None


def find_project(tx: Tx, named: Mapping[str, Any]) -> ProjectRow | None:
    if not named.get("name"):
        return projects.find(tx, named.get("id", ""))
    domain = find_domain(tx, named["domain"])
    return projects.find_named(tx, named["name"], domain.id) if domain else None


def role_id(tx: Tx, named: Mapping[str, str]) -> str:
    """Of a global role that is lent or granted; whether there is one of a given id shows when its grants are looked at."""
    if "id" in named:
        return named["id"]
    row = roles.find_named(tx, named["name"])
    if row is None:
        raise NotFound(f"Role {named['name']} is not defined")
    return row.id
