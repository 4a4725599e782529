"""What users and projects leave behind goes with them."""

from pileus.kernel.db import Tx
from pileus.services.identity.db import (
    access_rules,
    app_credentials,
    attempts,
    credentials,
    endpoint_filters,
    histories,
    limits,
    oauth_tokens,
    trusts,
)


def remove_of_user(tx: Tx, user_id: str) -> None:
    """What a user lent, borrowed, handed out and kept; passwords of before, and failed logins."""
    app_credentials.remove_of_user(tx, user_id)
    access_rules.remove_of_user(tx, user_id)
    credentials.remove_of_user(tx, user_id)
    trusts.remove(tx, trusts.with_children(tx, trusts.of_user(tx, user_id)))
    oauth_tokens.remove_of_user(tx, user_id)
    histories.forget(tx, user_id)
    attempts.clear(tx, user_id)


def remove_of_project(tx: Tx, project_id: str) -> None:
    """What was lent, bounded and shown in a project or domain."""
    app_credentials.remove_of_project(tx, project_id)
    credentials.remove_of_project(tx, project_id)
    trusts.remove(tx, trusts.with_children(tx, trusts.of_project(tx, project_id)))
    oauth_tokens.remove_of_project(tx, project_id)
    limits.remove_of(tx, project_id)
    endpoint_filters.forget_project(tx, project_id)
