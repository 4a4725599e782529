"""Who may configure domains."""

from pileus.kernel.policy import Rule

_ADMIN = "rule:admin_required"
_LOOK = f"{_ADMIN} or (role:reader and system_scope:all)"
_BOTH = ("system", "project")

RULES: list[Rule] = [
    *(
        Rule(f"identity:{verb}_domain_config", _ADMIN, f"{verb.capitalize()} domain config.", _BOTH)
        for verb in ("create", "update", "delete")
    ),
    Rule("identity:get_domain_config", _LOOK, "Get domain config.", _BOTH),
    Rule("identity:get_domain_config_default", _LOOK, "Get domain config default.", _BOTH),
    Rule(
        "identity:get_security_compliance_domain_config",
        "",
        "Get security compliance domain config.",
        ("system", "domain", "project"),
    ),
]
