"""Telling the hosts: a change of what a driver must make true bumps its generation and leaves a note, in one transaction."""

from typing import Final

from pileus.kernel.db import Query, Tx
from pileus.services.network.db import changes, groups, networks, ports, routers

SIGNAL: Final = "network.changes"
_TOUCH: Final[dict[str, Query[object]]] = {
    "network": networks.TOUCH,
    "group": groups.TOUCH,
    "port": ports.TOUCH,
    "router": routers.TOUCH,
}


def touched(tx: Tx, kind: str, object_id: str) -> None:
    """The wanted state of this network, group, port or router is another one now."""
    tx.run(_TOUCH[kind], the_id=object_id)
    gone(tx, kind, object_id)


def gone(tx: Tx, kind: str, object_id: str) -> None:
    """Hosts must look at it again; its row may not be there any more."""
    tx.run(changes.INSERT, kind=kind, object_id=object_id)
    tx.wake(SIGNAL)
