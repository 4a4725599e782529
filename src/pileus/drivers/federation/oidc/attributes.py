"""Claims as attributes for mappings, under the names that Apache's OpenID Connect module made usual."""

import json
import re
from collections.abc import Mapping
from typing import Any

REMOTE_USER = "REMOTE_USER"
_FIRST = ("iss", "sub", "aud", "exp", "iat")
"""Claims that the protocol itself checked: no other claim takes their names."""


def attributes(claims: Mapping[str, Any], remote_user: str) -> dict[str, list[str]]:
    """`OIDC-email`, and the same as `HTTP_OIDC_EMAIL`; `REMOTE_USER` is the claim that the settings name.

    A list has its items as values. What is no text becomes text: numbers in digits, booleans as 1 and 0, objects as JSON.
    """
    found: dict[str, list[str]] = {}
    for name in sorted(claims, key=lambda name: (name not in _FIRST, name)):
        values = _values(claims[name])
        if values:
            found.setdefault(f"OIDC-{name}", values)
            found.setdefault("HTTP_OIDC_" + re.sub(r"[^A-Z0-9]", "_", name.upper()), values)
    if remote_user in claims:
        found[REMOTE_USER] = _values(claims[remote_user])
    return found


def _values(value: Any) -> list[str]:
    if isinstance(value, list):
        return [_text(item) for item in value]
    return [] if value is None else [_text(value)]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value) if isinstance(value, int | float) else json.dumps(value, separators=(",", ":"))
