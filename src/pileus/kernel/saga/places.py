"""A bounded number of sagas at work. Those that wait or back off give their place away."""

import asyncio
from collections import deque


class Places:
    """`free` may be taken at once without asking; whoever comes back from waiting stands in line before new sagas."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.free = size
        self._line: deque[asyncio.Future[None]] = deque()
        self._room: asyncio.Future[None] | None = None

    def take_now(self) -> None:
        self.free -= 1

    async def take(self) -> None:
        if self.free > 0:
            self.free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give()
            raise

    def give(self) -> None:
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.free += 1
        if self._room is not None and self.free >= max(1, self.size // 8):
            self._room.set_result(None)
            self._room = None

    async def room(self) -> None:
        """Wait until an eighth of all places is free, so that many sagas are claimed at once."""
        while self.free < max(1, self.size // 8):
            self._room = asyncio.get_running_loop().create_future()
            try:
                await self._room
            finally:
                self._room = None
