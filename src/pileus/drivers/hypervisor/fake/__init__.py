"""The simulator: hypervisors that keep books and run nothing. Production code, not a test double.

A `Fleet` holds what simulated hosts share; `fleet.host(name)` is one of them. How to use it: `docs/howto/simulate.md`.
"""

from pileus.drivers.hypervisor.fake.driver import FakeHypervisor
from pileus.drivers.hypervisor.fake.fleet import Fleet
from pileus.drivers.hypervisor.fake.settings import FakeSettings

__all__ = ["FakeHypervisor", "FakeSettings", "Fleet"]
