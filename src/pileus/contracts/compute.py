"""What the app may ask of compute."""

from typing import Protocol


class Compute(Protocol):
    async def enlist(self, host: str) -> None:
        """Take a host's hypervisor into service: its node, inventory and service record are brought up to date."""
        ...
