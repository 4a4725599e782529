"""Who may do what with credentials: Keystone's own rules of today."""

from pileus.kernel.policy import Rule

_ALL = ("system", "domain", "project")
_BOTH = ("system", "project")
_OWN = "user_id:%(target.credential.user_id)s"
_LOOK = "(rule:admin_required) or (role:reader and system_scope:all)"
_READ = f"{_LOOK} or {_OWN}"
_WRITE = f"(rule:admin_required) or {_OWN}"
_MEMBER = f"(rule:admin_required) or (role:member and {_OWN})"

RULES: list[Rule] = [
    Rule("identity:get_credential", _READ, "Show a credential.", _ALL),
    Rule("identity:list_credentials", _READ, "List credentials.", _ALL),
    Rule("identity:create_credential", _WRITE, "Create a credential.", _ALL),
    Rule("identity:update_credential", _WRITE, "Change a credential's secret.", _ALL),
    Rule("identity:delete_credential", _WRITE, "Delete a credential.", _ALL),
    Rule("identity:ec2_get_credential", _READ, "Show an EC2 credential.", _BOTH),
    Rule("identity:ec2_list_credentials", f"{_LOOK} or rule:owner", "List a user's EC2 credentials.", _BOTH),
    Rule("identity:ec2_create_credential", _MEMBER, "Make an EC2 credential.", _BOTH),
    Rule("identity:ec2_delete_credential", _MEMBER, "Delete an EC2 credential.", _BOTH),
    Rule("identity:ec2tokens_validate", "rule:service_or_admin", "Trade a signed EC2 request for a token.", _ALL),
    Rule("identity:s3tokens_validate", "rule:service_or_admin", "Trade a signed S3 request for a token.", _ALL),
]
