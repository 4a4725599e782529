"""Which host offers what: the driver itself on this host, a stub of it on others."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pileus.kernel.types import Unavailable

T = TypeVar("T")


class NodeMissing(Unavailable):
    """Nobody offers that family on that host. `host` and `family` say which."""

    def __init__(self, host: str, family: str) -> None:
        super().__init__(f"Host {host} offers no {family}.", details={"host": host, "family": family})
        self.host = host
        self.family = family


class Nodes:
    """Families are Protocol classes. Cheap for ten thousand hosts: one dictionary look-up a call."""

    def __init__(self, local: str = "localhost") -> None:
        self.local = local
        """The name of this host."""
        self._offers: dict[type[Any], dict[str, Any]] = {}

    def add(self, host: str, offers: Mapping[type[Any], object]) -> None:
        """`{Hypervisor: driver, …}`: what `host` offers, beside what it offers already; the newer of one family counts."""
        for family, driver in offers.items():
            self._offers.setdefault(family, {})[host] = driver

    def remove(self, host: str) -> None:
        """Forget a host. What its drivers hold is the caller's to close."""
        for hosts in self._offers.values():
            hosts.pop(host, None)

    def on(self, host: str, family: type[T]) -> T:
        """The driver of that family on that host. Raises `NodeMissing`."""
        try:
            return self._offers[family][host]  # type: ignore[no-any-return]
        except KeyError:
            raise NodeMissing(host, family.__name__) from None

    def hosts(self, family: type[Any]) -> list[str]:
        """Names of the hosts that offer it, in order of joining."""
        return list(self._offers.get(family, ()))

    def offers(self, host: str) -> dict[type[Any], Any]:
        """All that one host offers; empty for a stranger."""
        return {family: hosts[host] for family, hosts in self._offers.items() if host in hosts}
