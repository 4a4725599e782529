"""What other processes change is forgotten here."""

from pileus.services.identity.core.memory import Memory


class Forgetter:
    """Woken by the signal of a change: everything remembered is looked at again at its next use."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def work(self) -> None:
        self._memory.bump()
