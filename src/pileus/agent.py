"""One node put together: drivers and nothing else.

The control plane builds one of these for its own machine (`app`); a further machine runs it behind HTTPS.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Struct

from pileus.drivers.hypervisor.fake import Fleet
from pileus.drivers.hypervisor.protocol import Hypervisor, ImageReader
from pileus.drivers.network.fake import FakeNetwork
from pileus.drivers.network.protocol import NetworkDriver
from pileus.kernel.config import Section, doc


class NodeSettings(Section, frozen=True):
    """Options of `[node]`: what this machine gives to the cloud."""

    simulate: Annotated[int, doc("Number of simulated hypervisors; 0 asks the machine what it can.")] = 0
    hypervisor: Annotated[str, doc("auto, libvirt or fake.")] = "auto"
    network: Annotated[str, doc("auto, linux or fake.")] = "auto"
    virt_type: Annotated[
        Literal["auto", "kvm", "qemu"],
        doc("Accelerator of libvirt's guests; auto: KVM where a probe shows that it works."),
    ] = "auto"
    libvirt_uri: Annotated[str, doc("Where libvirt listens.")] = "qemu:///system"
    machine: Annotated[str, doc("Machine type of guests, as QEMU calls it: q35 or one of its versions.")] = "q35"
    cpu_model: Annotated[str, doc("Processor of guests; empty: the host's under KVM, Nehalem when emulated.")] = ""
    qemu_user: Annotated[str, doc("Whom QEMU runs as, user:group; empty: as libvirt is configured.")] = ""
    external: Annotated[tuple[str, ...], doc("The host's own addresses on the built-in external network.")] = (
        "172.24.4.1/24",
    )
    physical: Annotated[dict[str, str], doc("Physical network -> network device of this machine.")] = {}
    dns: Annotated[tuple[str, ...], doc("Resolvers for guests; this machine's own when empty.")] = ()
    cloud: Annotated[str, doc("Id of the cloud on this machine: names namespaces, bridges and guests.")] = "pileus"
    boot_seconds: Annotated[float, doc("How long a simulated guest takes to start.")] = 0.0
    boot_failures: Annotated[float, doc("Share of changes to a simulated guest that fail.", ge=0, le=1)] = 0.0


SECTIONS: dict[str, type[Section]] = {"node": NodeSettings}


class Wiring(Struct, frozen=True, kw_only=True):
    """What a node needs from the rest of the cloud."""

    local: str
    """This machine's name."""
    state: Path
    images: ImageReader
    metadata_url: str
    metadata_secret: str


class Node:
    """The drivers of one machine (of many, when they are simulated)."""

    def __init__(self, settings: NodeSettings, wiring: Wiring) -> None:
        self.wiring = wiring
        self.settings = _as_before(settings, wiring.state)
        self.told: dict[str, str] = {}
        """Family -> which implementation and why, in a line."""
        self.notes: list[str] = []
        self.network: Any = None
        self.hypervisors: dict[str, Any] = {}

    def offers(self) -> Mapping[str, Mapping[type[Any], object]]:
        """By host name, what it offers to `kernel.nodes`."""
        found = {host: {Hypervisor: h, NetworkDriver: self.network} for host, h in self.hypervisors.items()}
        # routers and DHCP live on this machine, also when all hypervisors are simulated ones of other names
        return {self.wiring.local: {NetworkDriver: self.network}, **found}

    async def start(self) -> None:
        """Decide which drivers this machine can run, say why, and start them.

        The network comes first: guests that come back after a reboot of this machine need it.
        """
        self._choose_network()
        await self.network.start()
        await self._start_hypervisor()

    def _simulated(self, wanted: str) -> bool:
        return self.settings.simulate > 0 or wanted == "fake"

    def _choose_network(self) -> None:
        reason = "asked for" if self._simulated(self.settings.network) else ""
        if not reason and self._simulated(self.settings.hypervisor):
            reason = "hypervisors are simulated"
        if not reason:
            from pileus.drivers.network.linux import probe  # noqa: PLC0415 - not for simulators

            reason = probe()
        if reason and self.settings.network == "linux":
            raise RuntimeError(f"the linux network driver cannot work here: {reason}")
        if reason:
            self.network, self.told["network"] = FakeNetwork(), f"simulated: {reason}"
            return
        self.network, self.told["network"] = (
            linux_network(self.settings, self.wiring),
            "linux: bridges, namespaces, nftables",
        )

    async def _start_hypervisor(self) -> None:
        reason = "asked for" if self._simulated(self.settings.hypervisor) else ""
        if not reason and isinstance(self.network, FakeNetwork):
            reason = "no real network: " + self.told["network"].removeprefix("simulated: ")
        if not reason:
            driver, reason = await self._libvirt()
            if driver is not None:
                _settle(self.wiring.state, "real", "libvirt works here now")
                self.hypervisors = {self.wiring.local: driver}
                return
        if self.settings.hypervisor == "libvirt":
            raise RuntimeError(f"the libvirt driver cannot work here: {reason}")
        # before anything is taken away: a libvirt that is only down for a moment must not cost a real cloud its networks
        _settle(self.wiring.state, f"simulated {max(self.settings.simulate, 1)}", reason)
        self.told["hypervisor"] = f"simulated: {reason}"
        if not isinstance(self.network, FakeNetwork):
            await self.network.purge()
            await self.network.close()
            self.network, self.told["network"] = FakeNetwork(), "simulated: no real hypervisor"
        self._fleet()
        for driver in self.hypervisors.values():
            await driver.start()

    def _fleet(self) -> None:
        fleet = Fleet(_fake_settings(self.settings), images=self.wiring.images, state=self.wiring.state / "instances")
        count = max(self.settings.simulate, 1)
        names = [self.wiring.local, *(f"sim-{i:05}" for i in range(2, count + 1))]
        self.hypervisors = {name: fleet.host(name) for name in names}

    async def _libvirt(self) -> tuple[Any, str]:
        """The driver, or None and why not."""
        try:
            driver = libvirt_hypervisor(self.settings, self.wiring, self.network.join)
        except ImportError as problem:
            return None, f"no libvirt-python ({problem})"
        try:
            host = await driver.probe()
            await driver.start()
        except Exception as problem:
            await driver.close()
            return None, str(problem)
        self.told["hypervisor"] = f"libvirt, {host.accelerator}: {host.reason}"
        return driver, ""

    async def close(self) -> None:
        """Everything that runs stays as it is."""
        for driver in self.hypervisors.values():
            await driver.close()
        if self.network is not None:
            await self.network.close()


def _as_before(settings: NodeSettings, state: Path) -> NodeSettings:
    """A cloud that was simulated goes on so, with as many hosts, when nobody asks for anything else."""
    kind, _, count = _kept(state).partition(" ")
    if kind != "simulated" or settings.simulate or settings.hypervisor != "auto":
        return settings
    return msgspec.structs.replace(settings, simulate=int(count))


def _settle(state: Path, machines: str, reason: str) -> None:
    """Machines are real or simulated for the life of a cloud: elsewhere its servers would not be found.

    Raises `RuntimeError` when they were the other kind before.
    """
    kept = _kept(state)
    before, now = kept.partition(" ")[0], machines.partition(" ")[0]
    if before not in ("", now):
        raise RuntimeError(
            f"the machines of this cloud are {before}, but they would now be {now}: {reason.rstrip('.')}. "
            "Repair that (pileus doctor), or begin anew: pileus down --purge"
        )
    if kept != machines:
        path = state / "run" / "machines"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(machines, encoding="ascii")


def _kept(state: Path) -> str:
    path = state / "run" / "machines"
    return path.read_text(encoding="ascii") if path.exists() else ""


def linux_network(settings: NodeSettings, wiring: Wiring) -> Any:
    from pileus.drivers.network.linux import LinuxNetwork, LinuxNetworkSettings  # noqa: PLC0415 - heavy, not always wanted

    return LinuxNetwork(
        LinuxNetworkSettings(
            cloud=settings.cloud, state=str(wiring.state), external=settings.external, physical=settings.physical,
            metadata_url=wiring.metadata_url, metadata_secret=wiring.metadata_secret, dns=settings.dns,
        )
    )  # fmt: skip


def libvirt_hypervisor(settings: NodeSettings, wiring: Wiring, join: Any) -> Any:
    """Raises `ImportError` where libvirt-python is not installed."""
    from pileus.drivers.hypervisor.libvirt import LibvirtHypervisor, LibvirtSettings  # noqa: PLC0415 - optional

    own = LibvirtSettings(
        state=str(wiring.state), cloud=settings.cloud, uri=settings.libvirt_uri, virt_type=settings.virt_type,
        machine=settings.machine, cpu_model=settings.cpu_model, qemu_user=settings.qemu_user,
    )  # fmt: skip
    return LibvirtHypervisor(own, images=wiring.images, join=join, hostname=wiring.local)


def _fake_settings(settings: NodeSettings) -> Any:
    from pileus.drivers.hypervisor.fake import FakeSettings  # noqa: PLC0415

    return FakeSettings(start_s=settings.boot_seconds, ensure_failures=settings.boot_failures)


async def purge(settings: NodeSettings, wiring: Wiring) -> list[str]:
    """Take away every guest, device, namespace and process of this cloud on this machine. Returns what went, in words.

    Asks nothing of the machine but what removing needs: a host that can no longer run guests can still be cleaned.
    """
    gone: list[str] = []
    if _kept(wiring.state) == "real":
        network = linux_network(settings, wiring)
        driver = libvirt_hypervisor(settings, wiring, network.join)
        await driver.start()
        try:
            for guest in await driver.observe():
                await driver.remove(guest.id)
                gone.append(f"guest {guest.id}")
        finally:
            await driver.close()
    if (wiring.state / "network").exists():
        # The linux driver has been here, whatever this machine can do today.
        await linux_network(settings, wiring).purge()
        gone.append("networks, routers, namespaces and rules")
    return gone
