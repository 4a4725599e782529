"""Who may do what by default: Keystone's own rules, names and scopes of today."""

from pileus.kernel.policy import Rule
from pileus.services.identity.api.rules_federation import FEDERATION_RULES

_ALL = ("system", "domain", "project")
_BOTH = ("system", "project")
_ADMIN = "rule:admin_required"
_SYSTEM_READER = "role:reader and system_scope:all"
_LOOK = f"{_ADMIN} or ({_SYSTEM_READER})"


def _grants(role: str) -> str:
    """A role on the domain of both parties of a grant."""
    pairs = [
        (actor, target)
        for actor in ("user.domain_id", "group.domain_id")
        for target in ("project.domain_id", "domain.id")
    ]
    return " or ".join(
        f"(role:{role} and domain_id:%(target.{actor})s and domain_id:%(target.{target})s)" for actor, target in pairs
    )


_ROLE_FITS = "(domain_id:%(target.role.domain_id)s or None:%(target.role.domain_id)s)"
_READ_GRANT = f"({_ADMIN}) or ({_SYSTEM_READER}) or ({_grants('reader')}) and {_ROLE_FITS}"
_LIST_GRANTS = f"({_ADMIN}) or ({_SYSTEM_READER}) or {_grants('reader')}"
_WRITE_GRANT = (
    f"({_ADMIN}) or ({_grants('admin')}) and {_ROLE_FITS} or ({_grants('manager')}) and rule:domain_managed_target_role"
)
_PROJECT_DOMAIN = "domain_id:%(target.project.domain_id)s and not None:%(target.project.domain_id)s"
_READ_PROJECT = f"{_LOOK} or (role:reader and {_PROJECT_DOMAIN}) or project_id:%(target.project.id)s"
_WRITE_PROJECT = f"({_ADMIN}) or (role:manager and {_PROJECT_DOMAIN})"
_READ_USER = f"{_LOOK} or (role:reader and token.domain.id:%(target.user.domain_id)s) or user_id:%(target.user.id)s"
_WRITE_USER = f"({_ADMIN}) or (role:manager and token.domain.id:%(target.user.domain_id)s)"
_READ_GROUP = f"{_LOOK} or (role:reader and domain_id:%(target.group.domain_id)s)"
_WRITE_GROUP = f"({_ADMIN}) or (role:manager and domain_id:%(target.group.domain_id)s)"
_MEMBERSHIP = "domain_id:%(target.group.domain_id)s and domain_id:%(target.user.domain_id)s"
_LIST_DOMAIN = f"{_LOOK} or (role:reader and domain_id:%(target.domain_id)s and not None:%(target.domain_id)s)"

_NAMED = {
    "admin_required": "role:admin",
    "service_role": "role:service",
    "service_or_admin": f"{_ADMIN} or rule:service_role",
    "owner": "user_id:%(user_id)s",
    "admin_or_owner": f"{_ADMIN} or rule:owner",
    "token_subject": "user_id:%(target.token.user_id)s",
    "admin_or_token_subject": f"{_ADMIN} or rule:token_subject",
    "service_admin_or_token_subject": "rule:service_or_admin or rule:token_subject",
    "domain_managed_target_role": (
        "'manager':%(target.role.name)s or 'member':%(target.role.name)s or 'reader':%(target.role.name)s"
    ),
}
_ANYBODY: dict[str, str] = dict.fromkeys(
    ["get_auth_catalog", "get_auth_projects", "get_auth_domains", "get_auth_system"], ""
)
_EVERYWHERE: dict[str, str] = {
    "get_region": "",
    "list_regions": "",
    "get_user": _READ_USER,
    "list_users": f"{_LOOK} or (role:reader and domain_id:%(target.domain_id)s)",
    "create_user": _WRITE_USER,
    "update_user": _WRITE_USER,
    "delete_user": _WRITE_USER,
    "revoke_tokens_for_user": "rule:admin_or_owner",
    "list_user_projects": (
        f"{_LOOK} or (role:reader and domain_id:%(target.user.domain_id)s) or user_id:%(target.user.id)s"
    ),
    "list_groups_for_user": (
        f"{_LOOK} or (role:reader and domain_id:%(target.user.domain_id)s) or user_id:%(user_id)s"
    ),
    "get_project": _READ_PROJECT,
    "list_projects": f"{_LOOK} or (role:reader and domain_id:%(target.domain_id)s)",
    "create_project": _WRITE_PROJECT,
    "update_project": _WRITE_PROJECT,
    "delete_project": _WRITE_PROJECT,
    "list_project_tags": _READ_PROJECT,
    "get_project_tag": _READ_PROJECT,
    "update_project_tags": _WRITE_PROJECT,
    "create_project_tag": _WRITE_PROJECT,
    "delete_project_tags": _WRITE_PROJECT,
    "delete_project_tag": _WRITE_PROJECT,
    "get_domain": f"{_LOOK} or token.domain.id:%(target.domain.id)s or token.project.domain.id:%(target.domain.id)s",
    "list_domains": f"{_LOOK} or (role:reader and domain_id:%(target.domain.id)s)",
    "get_group": _READ_GROUP,
    "list_groups": _READ_GROUP,
    "create_group": _WRITE_GROUP,
    "update_group": _WRITE_GROUP,
    "delete_group": _WRITE_GROUP,
    "list_users_in_group": _READ_GROUP,
    "add_user_to_group": f"({_ADMIN}) or (role:manager and {_MEMBERSHIP})",
    "remove_user_from_group": f"({_ADMIN}) or (role:manager and {_MEMBERSHIP})",
    "check_user_in_group": f"{_LOOK} or (role:reader and {_MEMBERSHIP})",
    "get_role": f"({_LOOK}) or (role:manager and rule:domain_managed_target_role)",
    "list_roles": f"({_LOOK}) or (role:manager and not domain_id:None)",
    "check_grant": _READ_GRANT,
    "list_grants": _LIST_GRANTS,
    "create_grant": _WRITE_GRANT,
    "revoke_grant": _WRITE_GRANT,
    "list_role_assignments": _LIST_DOMAIN,
    "list_role_assignments_for_tree": _LIST_DOMAIN,
    "check_token": f"{_LOOK} or rule:token_subject",
    "validate_token": f"{_LOOK} or rule:service_role or rule:token_subject",
    "revoke_token": f"{_ADMIN} or rule:token_subject",
}
_NO_DOMAIN: dict[str, str] = {
    **dict.fromkeys(
        [
            "create_domain", "update_domain", "delete_domain", "create_role", "update_role", "delete_role",
            "create_domain_role", "update_domain_role", "delete_domain_role", "create_implied_role", "delete_implied_role",
            "create_region", "update_region", "delete_region", "create_service", "update_service", "delete_service",
            "create_endpoint", "update_endpoint", "delete_endpoint",
            "create_system_grant_for_user", "revoke_system_grant_for_user",
            "create_system_grant_for_group", "revoke_system_grant_for_group",
        ],
        _ADMIN,
    ),
    **dict.fromkeys(
        [
            "get_domain_role", "list_domain_roles", "get_implied_role", "list_implied_roles", "check_implied_role",
            "list_role_inference_rules", "get_service", "list_services", "get_endpoint", "list_endpoints",
            "list_system_grants_for_user", "check_system_grant_for_user",
            "list_system_grants_for_group", "check_system_grant_for_group",
        ],
        _LOOK,
    ),
    "get_application_credential": f"({_ADMIN}) or ({_SYSTEM_READER}) or rule:owner",
    "list_application_credentials": f"({_ADMIN}) or ({_SYSTEM_READER}) or rule:owner",
    "delete_application_credential": "rule:admin_or_owner",
}  # fmt: skip


def _words(name: str) -> str:
    """`create_user` as a sentence."""
    return name.replace("_", " ").capitalize() + "."


RULES: list[Rule] = [
    *FEDERATION_RULES,
    *(Rule(name, check, "A check that other rules use.", ()) for name, check in _NAMED.items()),
    *(Rule(f"identity:{name}", check, _words(name), ()) for name, check in _ANYBODY.items()),
    *(Rule(f"identity:{name}", check, _words(name), _ALL) for name, check in _EVERYWHERE.items()),
    *(Rule(f"identity:{name}", check, _words(name), _BOTH) for name, check in _NO_DOMAIN.items()),
    Rule(
        "identity:create_application_credential", "user_id:%(user_id)s", "Create application credential.", ("project",)
    ),
]
