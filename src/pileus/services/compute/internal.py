"""What the app may ask of compute."""

from collections.abc import Awaitable, Callable


class Internal:
    """Implements `contracts.compute.Compute`. `enlist` is the reconciler's: hosts are taken in one way only."""

    def __init__(self, enlist: Callable[[list[str]], Awaitable[None]]) -> None:
        self._enlist = enlist

    async def enlist(self, host: str) -> None:
        await self._enlist([host])
