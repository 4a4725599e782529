"""Starting, stopping and restarting (rules H6 and H7)."""

import asyncio
import contextlib
import socket
from collections import defaultdict
from collections.abc import Iterable, Iterator

import libvirt

from pileus.drivers.hypervisor.libvirt import domains
from pileus.drivers.hypervisor.libvirt.connection import Connection, Event
from pileus.drivers.hypervisor.protocol import HypervisorError, Joiner, Nic

_PRESS_AGAIN_S = 5.0
_LOOK_AGAIN_S = 1.0


class Power:
    def __init__(self, connection: Connection, join: Joiner | None) -> None:
        self._connection = connection
        self._join = join
        self._stopped: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._hurried: set[str] = set()

    def heard(self, event: Event) -> None:
        if event.event in (libvirt.VIR_DOMAIN_EVENT_STOPPED, libvirt.VIR_DOMAIN_EVENT_UNDEFINED):
            self._wake(event.domain)

    @contextlib.contextmanager
    def hurry(self, name: str) -> Iterator[None]:
        """Whoever waits for this guest to stop by itself waits no longer: it is about to be removed."""
        self._hurried.add(name)
        self._wake(name)
        try:
            yield
        finally:
            self._hurried.discard(name)

    async def start(self, name: str, xml: str, nics: Iterable[Nic], *, paused: bool) -> None:
        """The guest runs no instruction before its cards are joined to their networks."""
        await self._connection.run(domains.start_paused, name, xml)
        try:
            await self.join(nics)
        except BaseException:
            await self._connection.run(domains.destroy, name)
            raise
        if not paused:
            await self._connection.run(domains.resume, name)

    async def join(self, nics: Iterable[Nic]) -> None:
        for nic in nics:
            if nic.device and self._join is not None:
                try:
                    await self._join(nic.device)
                except Exception as error:
                    raise HypervisorError(f"{nic.device} could not join its network: {error}") from error

    async def join_strays(self, nics: Iterable[Nic]) -> None:
        """Those whose device still stands in the host's own namespace: a process died between start and join."""
        here = {name for _, name in socket.if_nameindex()}
        await self.join(nic for nic in nics if nic.device in here)

    async def stop(self, name: str, patience: float) -> None:
        """Press the power button and wait `patience` seconds; then pull the plug. A paused guest cannot heed the button."""
        if patience > 0 and name not in self._hurried:
            await self._stop_softly(name, patience)
        await self._connection.run(domains.destroy, name)

    async def _stop_softly(self, name: str, patience: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience
        press_at = loop.time()
        stopped = self._stopped[name]
        try:
            while loop.time() < deadline and name not in self._hurried:
                look = await self._connection.run(domains.look, name)
                if not look.active or look.paused:
                    return
                if loop.time() >= press_at:
                    await self._connection.run(domains.ask_to_stop, name)
                    press_at = loop.time() + _PRESS_AGAIN_S
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stopped.wait(), min(_LOOK_AGAIN_S, max(0.01, deadline - loop.time())))
        finally:
            self._stopped.pop(name, None)

    def _wake(self, name: str) -> None:
        if name in self._stopped:
            self._stopped[name].set()
