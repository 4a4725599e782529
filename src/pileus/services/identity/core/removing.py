"""What goes with a user."""

from pileus.kernel.db import Tx
from pileus.services.identity.db import app_credentials, assignments, attempts, groups, histories, users


def remove_user(tx: Tx, id: str) -> None:
    """Memberships, grants, application credentials, old passwords."""
    groups.leave_all(tx, id)
    assignments.remove_actor(tx, "user", id)
    app_credentials.remove_of_user(tx, id)
    histories.forget(tx, id)
    attempts.clear(tx, id)
    users.remove(tx, id)
