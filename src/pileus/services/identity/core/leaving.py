"""What goes with a project or domain that goes."""

from pileus.kernel.db import Tx
from pileus.services.identity.db import app_credentials, assignments, endpoint_filters, limits, users


def forget_target(tx: Tx, id: str) -> None:
    """Grants, application credentials, defaults, limits and endpoint filters of a project or domain."""
    assignments.remove_target(tx, id)
    app_credentials.remove_of_project(tx, id)
    users.forget_default_project(tx, id)
    limits.remove_of(tx, id)
    endpoint_filters.forget_project(tx, id)
