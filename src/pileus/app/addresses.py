"""Ports and URLs of the services."""

import socket

from pileus.app.settings import CloudSettings, PortSettings


class Addresses:
    """Where each service answers on this machine, and where clients are told that it does."""

    def __init__(self, own: CloudSettings, ports: PortSettings) -> None:
        self._own, self._ports = own, ports

    def ports(self) -> dict[str, int]:
        """Every listener's port; 0 where there is none."""
        return {name: self.port(name) for name in self._ports.__struct_fields__ if name != "shift"}

    def port(self, name: str) -> int:
        chosen = int(getattr(self._ports, name, 0))
        return chosen + self._ports.shift if chosen else 0

    def base(self, name: str) -> str:
        """Where the catalog says that a service is."""
        return f"{self._own.public_url.rstrip('/')}/{name}" if self._own.public_url else self.url(name)

    def url(self, name: str) -> str:
        host = self._own.public_host or (_own_address() if self._own.host in ("0.0.0.0", "::") else self._own.host)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port(name) or self.port('all')}"


def _own_address() -> str:
    """The address that this machine uses towards others; loopback when it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
