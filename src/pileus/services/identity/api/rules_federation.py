"""Who may manage federation by default: admins; readers of the system may look."""

from pileus.kernel.policy import Rule

_NOUNS = ("identity_provider", "protocol", "mapping", "service_provider")
_LOOK = "rule:admin_required or (role:reader and system_scope:all)"
_CHECKS: dict[str, str] = {
    **{f"{verb}_{noun}": "rule:admin_required" for noun in _NOUNS for verb in ("create", "update", "delete")},
    **{f"get_{noun}": _LOOK for noun in _NOUNS},
    **{f"list_{noun}s": _LOOK for noun in _NOUNS},
}

FEDERATION_RULES: list[Rule] = [
    Rule(f"identity:{name}", check, name.replace("_", " ").capitalize() + ".", ("system", "project"))
    for name, check in _CHECKS.items()
]
