"""The simulated network."""

from pileus.drivers.network.fake.driver import FakeNetwork
from pileus.drivers.network.fake.settings import FakeNetworkSettings

__all__ = ["FakeNetwork", "FakeNetworkSettings"]
