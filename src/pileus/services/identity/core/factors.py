"""Several factors: which methods together a user's own rules ask for."""

from collections.abc import Mapping, Sequence
from typing import Any

from pileus.kernel.types import Unauthorized
from pileus.services.identity.core import refusals
from pileus.services.identity.core.tokens import METHODS
from pileus.services.identity.db.users import UserRow


class Insufficient(Unauthorized):
    """Good proofs, but too few. `required` are the rules that they began to meet, each a list of methods."""

    def __init__(self, user: UserRow, methods: Sequence[str], required: Sequence[Sequence[str]]) -> None:
        super().__init__(refusals.NO_AUTHENTICATION)
        self.user, self.methods, self.required = user, methods, required


def check(user: UserRow, methods: Sequence[str]) -> None:
    """Raises `Insufficient` while no rule of the user is met by the methods shown."""
    rules = _rules(user.options)
    if rules and not any(set(rule) <= set(methods) for rule in rules):
        raise Insufficient(user, methods, [rule for rule in rules if set(rule) & set(methods)])


def _rules(options: Mapping[str, Any]) -> list[list[str]]:
    """Methods that nobody knows do not count, so that no rule locks its user out."""
    if not options.get("multi_factor_auth_enabled", True):
        return []
    rules = options.get("multi_factor_auth_rules") or []
    return [known for rule in rules if (known := [method for method in dict.fromkeys(rule) if method in METHODS])]
