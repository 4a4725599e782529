"""The object store has no rules of oslo.policy: accounts belong to projects, and containers carry ACLs. Two names say who is who."""

from pileus.kernel.policy import Rule

RULES = [
    Rule(
        "objectstore:operator",
        "(role:admin or role:member) and project_id:%(project_id)s",
        "Whose project an account is, may do all in it.",
    ),
    Rule(
        "objectstore:reader",
        "(role:reader or role:member or role:admin) and project_id:%(project_id)s",
        "May read the account of its project.",
    ),
    Rule("objectstore:reseller", "role:ResellerAdmin", "May do all in every account, and set its quotas."),
]
