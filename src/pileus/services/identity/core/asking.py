"""What a login asks for, read from its body: methods, and the scope."""

from collections.abc import Collection, Mapping
from typing import Any

from msgspec import Struct

from pileus.kernel.types import Unauthorized
from pileus.services.identity.core import refusals
from pileus.services.identity.core.tokens import Scope

_SCOPES = ("system", "project", "domain", "unscoped")
_TRUST = "OS-TRUST:trust"


class Asked(Struct, frozen=True):
    """The scope that a login asks for; `given` is False when it says nothing of one.

    `target`    the project or domain, by id or by name and domain.
    `trust_id`  of a scope that is a trust's.
    """

    scope: Scope
    target: Mapping[str, Any] = {}
    given: bool = True
    trust_id: str = ""


def check_form(auth: Mapping[str, Any], known: Collection[str]) -> None:
    """What the schema cannot say of a login. Raises `Invalid`, or `Unauthorized` for a method that is not `known`."""
    identity = auth["identity"]
    for method in identity["methods"]:
        if method not in identity:
            raise refusals.expected(method, "identity")
    for method in identity["methods"]:
        if method not in known:
            raise Unauthorized(
                "Attempted to authenticate with an unsupported method.", details={"identity": {"methods": list(known)}}
            )
    if not identity["methods"]:
        raise refusals.unauthorized()
    if "application_credential" in identity["methods"] and "scope" in auth:
        raise Unauthorized(
            "Error authenticating with application credential: Application credentials cannot request a scope.",
            details={"identity": {}},
        )


def read_scope(auth: Mapping[str, Any]) -> Asked:
    """Raises `Invalid` for a scope that names none or several, or a project by name without its domain."""
    if "scope" not in auth:
        return Asked("", given=False)
    scope = auth["scope"]
    named = ["unscoped"] if scope == "unscoped" else [s for s in _SCOPES if not isinstance(scope, str) and s in scope]
    trust = not isinstance(scope, str) and _TRUST in scope
    if len(named) + trust != 1:
        raise refusals.expected("system, project, domain, OS-TRUST:trust or unscoped", "scope")
    if trust:
        return _read_trust(scope[_TRUST])
    kind = named[0]
    if kind == "unscoped":
        return Asked("")
    if kind == "system":
        return Asked("system")
    target = scope[kind]
    if kind == "project" and target.get("name") and "domain" not in target:
        raise refusals.expected("domain", "project")
    return Asked("project" if kind == "project" else "domain", target)


def _read_trust(trust: Mapping[str, Any]) -> Asked:
    if not trust.get("id"):
        raise refusals.expected("trust_id", "trust")
    return Asked("project", trust_id=trust["id"])
