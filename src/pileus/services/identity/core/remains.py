"""What users and projects leave behind goes with them."""

from pileus.kernel.db import Tx
from pileus.services.identity.db import (
    access_rules,
    app_credentials,
    assignments,
    attempts,
    credentials,
    endpoint_filters,
    federated_users,
    groups,
    histories,
    identity_providers,
    limits,
    oauth_tokens,
    trusts,
    users,
)


def remove_user(tx: Tx, user_id: str) -> None:
    """With a user go memberships and grants, what he lent, borrowed, handed out and kept, passwords of before, and failed logins."""
    groups.leave_all(tx, user_id)
    assignments.remove_actor(tx, "user", user_id)
    app_credentials.remove_of_user(tx, user_id)
    access_rules.remove_of_user(tx, user_id)
    credentials.remove_of_user(tx, user_id)
    trusts.remove(tx, trusts.with_children(tx, trusts.of_user(tx, user_id)))
    oauth_tokens.remove_of_user(tx, user_id)
    histories.forget(tx, user_id)
    federated_users.forget_user(tx, user_id)
    attempts.clear(tx, user_id)
    users.remove(tx, user_id)


def remove_of_project(tx: Tx, project_id: str) -> None:
    """What was lent, bounded and shown in a project or domain."""
    app_credentials.remove_of_project(tx, project_id)
    credentials.remove_of_project(tx, project_id)
    trusts.remove(tx, trusts.with_children(tx, trusts.of_project(tx, project_id)))
    oauth_tokens.remove_of_project(tx, project_id)
    limits.remove_of(tx, project_id)
    endpoint_filters.forget_project(tx, project_id)


def remove_provider(tx: Tx, id: str) -> None:
    """With an identity provider go its protocols, and the users who are here by its word alone."""
    links = federated_users.of_provider(tx, id)
    federated_users.forget_provider(tx, id)
    identity_providers.remove(tx, id)
    for user_id in {link.user_id for link in links if link.shadow}:
        if not federated_users.of_user(tx, user_id):
            remove_user(tx, user_id)
