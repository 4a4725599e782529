"""Attributes that no column knows, and options: both merge on update."""

from collections.abc import Mapping
from typing import Any

_NOT_KEPT = frozenset({"id", "links", "password_expires_at", "extra", "legacy_endpoint_id"})
"""Keys of a view that clients send back; they are facts, not wishes."""


def merged(old: Mapping[str, Any], want: Mapping[str, Any]) -> dict[str, Any]:
    """The old attributes under the new ones of `want["extra"]`."""
    new = {key: value for key, value in want.get("extra", {}).items() if key not in _NOT_KEPT}
    return {**old, **new}


def options_after(old: Mapping[str, Any], new: Mapping[str, Any] | None) -> dict[str, Any]:
    """The old options under the new ones; null takes one away."""
    return {key: value for key, value in {**old, **(new or {})}.items() if value is not None}


def unlocks(want: Mapping[str, Any]) -> bool:
    """Whether an update of something immutable takes that option away; it may do nothing else."""
    given = {key for key in want if want[key] or key != "extra"}
    return given == {"options"} and not want["options"].get("immutable", True)
