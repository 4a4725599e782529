"""The linux network driver: bridges, namespaces, nftables, dnsmasq. See docs/howto/network-linux.md for the picture."""

import asyncio
import contextlib
import fcntl
import logging
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pileus.drivers.network.linux import metadata, names
from pileus.drivers.network.linux.dnsmasq import Dnsmasq
from pileus.drivers.network.linux.filters import Filters
from pileus.drivers.network.linux.ground import Ground
from pileus.drivers.network.linux.metadata import Metadata
from pileus.drivers.network.linux.namespaces import Namespace
from pileus.drivers.network.linux.networks import Networks
from pileus.drivers.network.linux.ports import Ports
from pileus.drivers.network.linux.probe import probe
from pileus.drivers.network.linux.routers import Routers
from pileus.drivers.network.linux.settings import LinuxNetworkSettings
from pileus.drivers.network.linux.turns import Turns
from pileus.drivers.network.linux.uplink import Uplink
from pileus.drivers.network.linux.watch import Watch
from pileus.drivers.network.protocol import (
    Group,
    Lease,
    Network,
    NetworkError,
    NetworkInfo,
    NetworkSeen,
    Port,
    PortSeen,
    Router,
    Traffic,
)

log = logging.getLogger(__name__)
T = TypeVar("T")

_QUICK_DEATH = 5.0
"""Seconds; a daemon that dies sooner is not restarted at once but after as long."""


class LinuxNetwork:
    """`NetworkDriver` for the networks of one cloud on this machine. All effects run in `settings.threads` threads."""

    def __init__(self, settings: LinuxNetworkSettings) -> None:
        self._settings = settings
        self._metadata = Metadata(settings.metadata_url, settings.metadata_secret)
        self._turns = Turns()
        self._watch = Watch(self._daemon_died)
        self._threads = ThreadPoolExecutor(settings.threads, "network")
        self._lock_file = -1
        self._started = False
        self._assemble()

    def _assemble(self) -> None:
        """The parts that know what stands; put together anew once nothing does."""
        self._ground = Ground(self._settings)
        self._filters = Filters(self._ground)
        self._uplink = Uplink(self._ground)
        self._ports = Ports(self._ground, self._filters)
        self._networks = Networks(self._ground, self._filters, self._ports, self._uplink)
        self._routers = Routers(self._ground)

    # -- life

    async def start(self) -> None:
        """Take the machine's networks over, or make them anew from memory after a reboot. Raises NetworkError when this
        machine cannot (`probe`) or another process has this cloud."""
        reason = await self._aside(probe)
        if reason:
            raise NetworkError(f"The linux network driver cannot work here: {reason}")
        await self._aside(self._take_over)
        self._started = True
        memory = self._ground.memory
        for failed in await asyncio.gather(*map(self._restore_network, memory.networks.all()), return_exceptions=True):
            _report(failed)
        for failed in await asyncio.gather(*map(self._restore_router, memory.routers.all()), return_exceptions=True):
            _report(failed)
        for port in memory.ports.all():
            if port.attached:
                _report(*await asyncio.gather(self.ensure_port(port), return_exceptions=True))

    async def close(self) -> None:
        """Everything stands and carries on, but metadata."""
        self._started = False
        await self._turns.finished()
        self._watch.clear()
        await self._metadata.close()
        await asyncio.to_thread(self._threads.shutdown)
        self._unlock()

    async def purge(self) -> None:
        """Nothing is left, whoever made it (NetworkError when that one is still alive). Also without `start`; the driver can
        be started again afterwards."""
        self._started = False
        await self._turns.finished()
        self._watch.clear()
        await self._metadata.close()
        await asyncio.to_thread(self._remove_all)
        self._unlock()

    async def info(self) -> NetworkInfo:
        return NetworkInfo(
            driver="linux",
            agents=(
                ("neutron-linuxbridge-agent", "Linux bridge agent"),
                ("neutron-dhcp-agent", "DHCP agent"),
                ("neutron-l3-agent", "L3 agent"),
                ("neutron-metadata-agent", "Metadata agent"),
            ),
            vif_type="bridge",
            tenant_types=("vxlan",),
            physical_networks=tuple(sorted(self._settings.physical)),
            overlay_overhead=50,
            underlay=self._settings.underlay,
            abilities=frozenset(
                {"security_groups", "stateless_groups", "floating", "metadata", "dhcp", "ipv6", "traffic"}
            ),
        )

    # -- networks

    async def ensure_network(self, network: Network) -> None:
        await self._turns.take(f"network/{network.id}", lambda: self._ensure_network(network))

    async def remove_network(self, network_id: str) -> None:
        async def work() -> None:
            key = f"network/{network_id}"
            self._watch.drop(key)
            await self._metadata.silence(key)
            await self._aside(lambda: self._networks.remove(network_id))

        await self._turns.take(f"network/{network_id}", work)

    async def _restore_network(self, network: Network) -> None:
        await self._turns.take(f"network/{network.id}", lambda: self._ensure_network(network, again=True))

    async def _ensure_network(self, network: Network, *, again: bool = False) -> None:
        key = f"network/{network.id}"
        reshaped = await self._aside(lambda: self._networks.ensure(network, again=again))
        daemon = self._networks.dnsmasq(network.id)
        self._watch.set(key, await self._aside(daemon.pid))
        await self._listen(key, self._networks.namespace(network.id), lambda address: self._lease(network.id, address))
        if reshaped and not again:
            for router in self._routers.rejoin(network.id):
                await self._turns.take(f"router/{router.id}", lambda router=router: self._ensure_router(router))  # type: ignore[misc]

    # -- groups

    async def ensure_group(self, group: Group) -> None:
        async def work() -> None:
            if self._ground.memory.groups.newest(group):
                await self._aside(lambda: self._filters.ensure_group(group))

        await self._turns.take(f"group/{group.id}", work)

    async def remove_group(self, group_id: str) -> None:
        await self._turns.take(f"group/{group_id}", lambda: self._aside(lambda: self._filters.remove_group(group_id)))

    # -- ports

    async def ensure_port(self, port: Port) -> PortSeen:
        return await self._turns.take(
            f"port/{names.tap(port.id)}", lambda: self._aside(lambda: self._ports.ensure(port))
        )

    async def remove_port(self, port_id: str) -> None:
        await self._turns.take(f"port/{names.tap(port_id)}", lambda: self._aside(lambda: self._ports.remove(port_id)))

    async def join(self, device: str) -> None:
        await self._turns.take(f"port/{device}", lambda: self._aside(lambda: self._ports.join(device)))

    async def traffic(self) -> dict[str, Traffic]:
        return await self._aside(self._ports.traffic)

    # -- routers

    async def ensure_router(self, router: Router) -> None:
        await self._turns.take(f"router/{router.id}", lambda: self._ensure_router(router))

    async def remove_router(self, router_id: str) -> None:
        async def work() -> None:
            key = f"router/{router_id}"
            self._watch.drop(key)
            await self._metadata.silence(key)
            await self._aside(lambda: self._routers.remove(router_id))

        await self._turns.take(f"router/{router_id}", work)

    async def _restore_router(self, router: Router) -> None:
        await self.ensure_router(router)

    async def _ensure_router(self, router: Router) -> None:
        key = f"router/{router.id}"
        if not await self._aside(lambda: self._routers.ensure(router)):
            return
        self._watch.set(key, await self._aside(self._routers.advertiser(router.id).pid))
        if router.up:
            await self._listen(
                key, self._routers.namespace(router.id), lambda address: self._lease_behind(router.id, address)
            )
        else:
            await self._metadata.silence(key)

    async def observe(self) -> NetworkSeen:
        return await self._aside(self._observe)

    # -- metadata and daemons

    async def _listen(self, key: str, namespace: Namespace, find: metadata.FindLease) -> None:
        inode = await self._aside(lambda: namespace.path.stat().st_ino if namespace.exists() else 0)
        if not inode:
            await self._metadata.silence(key)
            return
        if self._metadata.listens(key, inode):
            return
        await self._metadata.silence(key)
        opened = await self._aside(lambda: metadata.open_socket(namespace))
        if opened:
            await self._metadata.listen(key, *opened, find)

    def _lease(self, network_id: str, address: str) -> Lease | None:
        network = self._ground.memory.networks.get(network_id)
        for lease in network.leases if network else ():
            if any(own == address for _, own in lease.addresses):
                return lease
        return None

    def _lease_behind(self, router_id: str, address: str) -> Lease | None:
        router = self._ground.memory.routers.get(router_id)
        found = (self._lease(leg.network_id, address) for leg in (router.legs if router else ()))
        return next((lease for lease in found if lease), None)

    def _daemon_died(self, key: str, lived: float) -> None:
        if not self._started:
            return
        log.warning("dnsmasq of %s died after %.0f s; it is started again", key, lived)
        delay = 0.0 if lived > _QUICK_DEATH else _QUICK_DEATH
        asyncio.get_running_loop().call_later(delay, lambda: asyncio.ensure_future(self._revive(key)))

    async def _revive(self, key: str) -> None:
        kind, _, object_id = key.partition("/")
        with contextlib.suppress(NetworkError, OSError):
            if not self._started:
                return
            network = self._ground.memory.networks.get(object_id) if kind == "network" else None
            router = self._ground.memory.routers.get(object_id) if kind == "router" else None
            if network:
                await self.ensure_network(network)
            if router:
                await self.ensure_router(router)

    # -- in threads

    async def _aside(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except (OSError, ValueError) as error:
            raise NetworkError(str(error)) from error

    def _take_over(self) -> None:
        self._ground.memory.load()
        self._ground.prepare()
        self._lock()
        self._uplink.prepare()
        self._filters.restore()

    def _lock(self) -> None:
        if self._lock_file >= 0:
            return
        file = os.open(self._ground.run_directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise NetworkError(
                f"Another process drives the networks of cloud {self._ground.cloud_id} on this machine"
            ) from None
        self._lock_file = file

    def _unlock(self) -> None:
        if self._lock_file >= 0:
            os.close(self._lock_file)
            self._lock_file = -1

    def _observe(self) -> NetworkSeen:
        memory = self._ground.memory
        networks = {one.id: one.generation for one in memory.networks.all() if self._networks.stands(one)}
        routers = {one.id: one.generation for one in memory.routers.all() if self._routers.namespace(one.id).exists()}
        with self._ground.cloud.links() as links:
            marks = [link.alias for link in links.all() if self._ground.owns(link.alias)]
        marks += [self._ground.mark(what) for _, what in self._ground.namespaces()]
        for words in (mark.split() for mark in marks):
            if len(words) == 3 and words[1] == "network":
                networks.setdefault(words[2], 0)
            elif len(words) == 3 and words[1] == "router":
                routers.setdefault(words[2], 0)
        return NetworkSeen(
            networks=tuple(networks.items()),
            routers=tuple(routers.items()),
            groups=tuple((group.id, group.generation) for group in memory.groups.all()),
            ports=tuple(self._ports.observe()),
        )

    def _remove_all(self) -> None:
        ground = self._ground
        ground.run_directory.mkdir(mode=0o755, exist_ok=True)
        self._lock()
        ground.memory.load()
        with ground.host.links() as links:
            for port in ground.memory.ports.all():
                links.delete(names.tap(port.id))
        for directory in ground.run_directory.glob("*-*"):
            Dnsmasq(directory, ground.cloud).remove()
        self._uplink.purge()
        for namespace, _ in list(ground.namespaces()):
            namespace.remove()
        if ground.owns(ground.cloud.owner()):
            ground.cloud.remove()
        ground.memory.erase()
        shutil.rmtree(ground.run_directory, ignore_errors=True)
        self._assemble()


def _report(*outcomes: object) -> None:
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            log.error("Could not be restored: %s", outcome)
