"""The server that a path below `/servers/{server_id}` names."""

from pileus.kernel.db import Tx
from pileus.kernel.rest import Request, Target
from pileus.services.compute.core import servers as core
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.db.servers import ServerRow

ITEM = "/v2.1/servers/{server_id}"


def server_of(tx: Tx, near: Neighbours, request: Request, rule: str) -> ServerRow:
    """Raises `NotFound` for a server that the caller cannot see, `Forbidden` when the rule does not let him."""
    row = core.get(tx, near, request.ctx, request.params["server_id"])
    request.enforce(rule, Target(row))
    request.target = row
    return row
