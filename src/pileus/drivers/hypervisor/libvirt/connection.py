"""One connection to libvirt: opened anew when it broke, blocking calls in threads, events on the event loop."""

import asyncio
import contextlib
import functools
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import libvirt

from pileus.drivers.hypervisor.libvirt.threads import Threads
from pileus.drivers.hypervisor.protocol import HypervisorError

T = TypeVar("T")
_LIFECYCLE, _DEVICE_REMOVED = libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED


class Event(NamedTuple):
    """What libvirt told: `kind` is `lifecycle` (then `event` and `detail` are its numbers) or `removed` (`alias` of the device)."""

    kind: str
    domain: str
    """Its name."""
    event: int = 0
    detail: int = 0
    alias: str = ""


class Connection:
    """`run(work)` calls `work(virConnect)` in a thread. Work must be safe to do again: it is not retried here, but above."""

    def __init__(self, uri: str, threads: Threads, heard: Callable[[Event], None]) -> None:
        self._uri = uri
        self._threads = threads
        self._heard = heard
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open: Any = None
        self._callbacks: list[int] = []
        self._opening = threading.Lock()

    async def run(self, work: Callable[..., T], *args: Any) -> T:
        """Raises `HypervisorError` with libvirt's own words."""
        self._loop = asyncio.get_running_loop()
        return await self._threads.run(self._work, work, args)

    async def close(self) -> None:
        await self._threads.run(self._close)

    def _work(self, work: Callable[..., T], args: tuple[Any, ...]) -> T:
        try:
            return work(self._alive(), *args)
        except libvirt.libvirtError as error:
            raise HypervisorError(str(error)) from error

    def _alive(self) -> Any:
        with self._opening:
            if not self._answers():
                self._close()
                self._open = self._connect()
            return self._open

    def _answers(self) -> bool:
        try:
            return self._open is not None and bool(self._open.isAlive())
        except libvirt.libvirtError:
            return False

    def _connect(self) -> Any:
        _event_thread()
        try:
            opened = libvirt.open(self._uri)
        except libvirt.libvirtError as error:
            raise HypervisorError(
                f"libvirt does not answer at {self._uri}: {error}. Is libvirtd running? (docs/howto/hypervisor-libvirt.md)"
            ) from error
        opened.setKeepAlive(5, 3)
        self._callbacks = [
            opened.domainEventRegisterAny(None, _LIFECYCLE, self._on_lifecycle, None),
            opened.domainEventRegisterAny(None, _DEVICE_REMOVED, self._on_removed, None),
        ]
        return opened

    def _close(self) -> None:
        closing, self._open = self._open, None
        if closing is not None:
            with contextlib.suppress(libvirt.libvirtError):
                for callback in self._callbacks:
                    closing.domainEventDeregisterAny(callback)
            with contextlib.suppress(libvirt.libvirtError):
                closing.close()

    def _on_lifecycle(self, _connection: Any, domain: Any, event: int, detail: int, _opaque: Any) -> None:
        self._tell(Event("lifecycle", domain.name(), event, detail))

    def _on_removed(self, _connection: Any, domain: Any, alias: str, _opaque: Any) -> None:
        self._tell(Event("removed", domain.name(), alias=alias))

    def _tell(self, event: Event) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                self._loop.call_soon_threadsafe(self._heard, event)


@functools.cache
def _event_thread() -> None:
    """libvirt knows one event loop for each process; it gets a thread of its own, for ever."""
    libvirt.registerErrorHandler(lambda _context, _error: None, None)  # else it prints what it also raises
    libvirt.virEventRegisterDefaultImpl()

    def run() -> None:
        while True:
            libvirt.virEventRunDefaultImpl()

    threading.Thread(target=run, name="libvirt-events", daemon=True).start()
