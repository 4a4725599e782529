"""Who may do what with limits, endpoint filters and policies by default."""

from pileus.kernel.policy import Rule

_ADMIN = "rule:admin_required"
_LOOK = f"({_ADMIN}) or (role:reader and system_scope:all)"
_OWN_LIMIT = (
    f"{_LOOK} or domain_id:%(target.limit.domain.id)s or domain_id:%(target.limit.project.domain_id)s "
    "or (project_id:%(target.limit.project_id)s and not None:%(target.limit.project_id)s)"
)
_PLACES = ("endpoint", "service", "region_and_service")
_OPEN = ("get_limit_model", "list_limits", "get_registered_limit", "list_registered_limits")
_READ = (
    "list_endpoint_groups", "get_endpoint_group", "list_projects_associated_with_endpoint_group",
    "list_endpoints_associated_with_endpoint_group", "get_endpoint_group_in_project", "list_endpoint_groups_for_project",
    "list_projects_for_endpoint", "check_endpoint_in_project", "list_endpoints_for_project",
    "get_policy", "list_policies", "get_policy_for_endpoint", "list_endpoints_for_policy",
    *(f"check_policy_association_for_{place}" for place in _PLACES),
)  # fmt: skip
_WRITE = (
    "create_limits", "update_limit", "delete_limit",
    "create_registered_limits", "update_registered_limit", "delete_registered_limit",
    "create_endpoint_group", "update_endpoint_group", "delete_endpoint_group",
    "add_endpoint_group_to_project", "remove_endpoint_group_from_project",
    "add_endpoint_to_project", "remove_endpoint_from_project", "create_policy", "update_policy", "delete_policy",
    *(f"{verb}_policy_association_for_{place}" for verb in ("create", "delete") for place in _PLACES),
)  # fmt: skip
_ALL, _BOTH = ("system", "domain", "project"), ("system", "project")


def _rule(name: str, check: str, scopes: tuple[str, ...]) -> Rule:
    return Rule(f"identity:{name}", check, name.replace("_", " ").capitalize() + ".", scopes)


CATALOG_RULES: list[Rule] = [
    *(_rule(name, "", _ALL) for name in _OPEN),
    _rule("get_limit", _OWN_LIMIT, _ALL),
    *(_rule(name, _LOOK, _BOTH) for name in _READ),
    *(_rule(name, _ADMIN, _BOTH) for name in _WRITE),
]
