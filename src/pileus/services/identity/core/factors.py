"""Several factors: which methods together a user's own rules ask for."""

from collections.abc import Mapping, Sequence
from typing import Any

from pileus.services.identity.core import refusals
from pileus.services.identity.core.tokens import METHODS
from pileus.services.identity.db.users import UserRow


def check(user: UserRow, methods: Sequence[str]) -> None:
    """Raises `Unauthorized` while no rule of the user is met by the methods shown."""
    if not _rules_met(user.options, methods):
        raise refusals.unauthorized()


def _rules_met(options: Mapping[str, Any], methods: Sequence[str]) -> bool:
    rules = options.get("multi_factor_auth_rules") or []
    if not rules or not options.get("multi_factor_auth_enabled", True):
        return True
    possible = [known for known in (set(rule) & set(METHODS) for rule in rules) if known]
    return not possible or any(rule <= set(methods) for rule in possible)
