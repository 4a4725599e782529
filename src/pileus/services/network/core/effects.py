"""What the doors of network may ask of the reconcilers: make it stand now, not some time soon."""

from typing import Protocol

from pileus.drivers.network.protocol import PortSeen


class Effects(Protocol):
    """Implemented by `reconcilers.hosts.Carrier`."""

    async def carry(self, host: str, port_id: str, attached: bool) -> PortSeen | None:
        """Make a port stand on its host with its network and groups. None: it lives there no more."""
        ...

    async def drop(self, host: str, port_id: str) -> None:
        """Take a port's device away from a host; nothing there is success."""
        ...
