"""Who may do what with trusts, OAuth1, access rules and revocations: Keystone's own rules of today."""

from pileus.kernel.policy import Rule

_BOTH = ("system", "project")
_ADMIN = "rule:admin_required"
_SYSTEM_READER = "role:reader and system_scope:all"
_LOOK = f"{_ADMIN} or ({_SYSTEM_READER})"
_TRUSTOR = "user_id:%(target.trust.trustor_user_id)s"
_TRUSTEE = "user_id:%(target.trust.trustee_user_id)s"
_OWNER = "user_id:%(target.user.id)s"
_CHECKS: dict[str, tuple[str, tuple[str, ...]]] = {
    "create_trust": (_TRUSTOR, ("project",)),
    "list_trusts": (_LOOK, _BOTH),
    "list_trusts_for_trustor": (f"({_ADMIN}) or ({_SYSTEM_READER} or {_TRUSTOR})", _BOTH),
    "list_trusts_for_trustee": (f"({_ADMIN}) or ({_SYSTEM_READER} or {_TRUSTEE})", _BOTH),
    "get_trust": (f"({_ADMIN}) or ({_SYSTEM_READER} or {_TRUSTOR} or {_TRUSTEE})", _BOTH),
    "list_roles_for_trust": (f"({_ADMIN}) or ({_SYSTEM_READER} or {_TRUSTOR} or {_TRUSTEE})", _BOTH),
    "get_role_for_trust": (f"({_ADMIN}) or ({_SYSTEM_READER} or {_TRUSTOR} or {_TRUSTEE})", _BOTH),
    "delete_trust": (f"{_ADMIN} or {_TRUSTOR}", _BOTH),
    "get_consumer": (_LOOK, _BOTH),
    "list_consumers": (_LOOK, _BOTH),
    "create_consumer": (_ADMIN, _BOTH),
    "update_consumer": (_ADMIN, _BOTH),
    "delete_consumer": (_ADMIN, _BOTH),
    "authorize_request_token": (_ADMIN, ("project",)),
    "get_access_token": (_ADMIN, ("project",)),
    "get_access_token_role": (_ADMIN, ("project",)),
    "list_access_tokens": (_ADMIN, ("project",)),
    "list_access_token_roles": (_ADMIN, ("project",)),
    "delete_access_token": (_ADMIN, ("project",)),
    "get_access_rule": (f"({_SYSTEM_READER}) or {_OWNER}", _BOTH),
    "list_access_rules": (f"({_SYSTEM_READER}) or {_OWNER}", _BOTH),
    "delete_access_rule": (f"(role:admin and system_scope:all) or {_OWNER}", _BOTH),
    "list_revoke_events": ("rule:service_or_admin", _BOTH),
}

RULES: list[Rule] = [
    Rule(f"identity:{name}", check, name.replace("_", " ").capitalize() + ".", scopes)
    for name, (check, scopes) in _CHECKS.items()
]
