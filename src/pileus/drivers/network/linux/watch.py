"""Learns at once when a daemon of ours dies."""

import asyncio
import contextlib
import os
from collections.abc import Callable


class Watch:
    """Processes by key, through pidfds on the event loop. `died(key, seconds)` is called once for each death, with how
    long it had been watched."""

    def __init__(self, died: Callable[[str, float], None]) -> None:
        self._died = died
        self._watched: dict[str, tuple[int, int, float]] = {}

    def set(self, key: str, pid: int) -> None:
        """0: no process any more."""
        held = self._watched.get(key)
        if held and held[0] == pid:
            return
        self.drop(key)
        if not pid:
            return
        try:
            file = os.pidfd_open(pid)
        except ProcessLookupError:
            self._died(key, 0)
            return
        loop = asyncio.get_running_loop()
        self._watched[key] = pid, file, loop.time()
        loop.add_reader(file, self._ended, key)

    def drop(self, key: str) -> None:
        held = self._watched.pop(key, None)
        if held:
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().remove_reader(held[1])
            os.close(held[1])

    def clear(self) -> None:
        for key in list(self._watched):
            self.drop(key)

    def _ended(self, key: str) -> None:
        began = self._watched[key][2]
        self.drop(key)
        self._died(key, asyncio.get_running_loop().time() - began)
