"""MAC addresses of ports: unique on their network."""

import os

from pileus.kernel.db import Tx
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.refusals import conflict
from pileus.services.network.db import ports

_TRIES = 16


def choose(tx: Tx, near: Near, network_id: str) -> str:
    """A random free one under the cloud's prefix."""
    for _ in range(_TRIES):
        mac = near.settings.base_mac[:8].lower() + "".join(f":{b:02x}" for b in os.urandom(3))
        if tx.row(ports.MAC_TAKEN, network_id=network_id, mac=mac) is None:
            return mac
    raise conflict("MacAddressGenerationFailure", f"Unable to generate unique mac on network {network_id}.")


def claim(tx: Tx, network_id: str, mac: str, port_id: str = "") -> str:
    """This very one, unless another port of the network has it."""
    found = tx.row(ports.MAC_TAKEN, network_id=network_id, mac=mac)
    if found is not None and found[0] != port_id:
        raise conflict(
            "MacAddressInUse",
            f"Unable to complete operation for network {network_id}. The mac address {mac} is in use.",
        )
    return mac
