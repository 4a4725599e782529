"""Networks of one machine from what Linux has: bridges, network namespaces, nftables, dnsmasq."""

from pileus.drivers.network.linux.driver import LinuxNetwork
from pileus.drivers.network.linux.probe import probe
from pileus.drivers.network.linux.settings import LinuxNetworkSettings

__all__ = ["LinuxNetwork", "LinuxNetworkSettings", "probe"]
