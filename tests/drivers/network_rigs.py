"""What the tests of network drivers are run on: makers of drivers, short spellings of specs, and a small cloud of guests."""

import asyncio
import contextlib
import hashlib
import hmac
import itertools
import subprocess
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from network_guests import Guest, Inside, aside

from pileus.drivers.network.fake import FakeNetwork
from pileus.drivers.network.linux import LinuxNetwork, LinuxNetworkSettings, probe
from pileus.drivers.network.linux.namespaces import Namespace, named
from pileus.drivers.network.protocol import (
    Group,
    Lease,
    Network,
    NetworkDriver,
    Port,
    PortSeen,
    Router,
    RouterLeg,
    Rule,
    Subnet,
)

CLOUD = "netdrv"
EXTERNAL = "172.24.214.1/24"
METADATA_PORT = 21475
SECRET = "a secret"

WHY_NOT = probe()


def linux_settings(state: Path, **more: Any) -> LinuxNetworkSettings:
    given = {"cloud": CLOUD, "state": str(state), "external": (EXTERNAL,), "metadata_secret": SECRET}
    given |= {"metadata_url": f"http://127.0.0.1:{METADATA_PORT}"}
    return LinuxNetworkSettings(**(given | more))


MAKERS: dict[str, Callable[[Path], NetworkDriver]] = {
    "fake": lambda _: FakeNetwork(),
    "linux": lambda state: LinuxNetwork(linux_settings(state)),
}

PING = Rule(direction="ingress", protocol="icmp")
ALL_OUT = (Rule(direction="egress"), Rule(direction="egress", ethertype="IPv6"))
OPEN = (*ALL_OUT, Rule(direction="ingress"), Rule(direction="ingress", ethertype="IPv6"))


def new_id() -> str:
    return str(uuid.uuid4())


class Cloud:
    """Specs with what a control plane would fill in, kept so that `more` can change one and ensure it again."""

    def __init__(self, driver: NetworkDriver, home: str = "") -> None:
        self.driver = driver
        self.home = home
        self.host = Inside(Namespace())
        self.guests: list[Guest] = []
        self._numbers = itertools.count(1)
        self._generations = itertools.count(1)

    async def network(self, cidr: str = "10.20.0.0/24", **more: Any) -> Network:
        base = cidr.rpartition(".")[0]
        subnet = Subnet(id=new_id(), cidr=cidr, gateway=f"{base}.1", dhcp_address=f"{base}.2")
        given = {
            "id": new_id(),
            "generation": self._next(),
            "mtu": 1450,
            "subnets": (subnet,),
            "domain": "test.internal",
        }
        given |= {"dhcp_port_id": new_id(), "dhcp_mac": self.mac()}
        made = Network(**(given | more))
        await self.driver.ensure_network(made)
        return made

    async def group(self, *rules: Rule, **more: Any) -> Group:
        made = Group(**({"id": new_id(), "generation": self._next(), "rules": rules} | more))
        await self.driver.ensure_group(made)
        return made

    async def port(self, network: Network, *addresses: str, **more: Any) -> Port:
        given = {"id": new_id(), "generation": self._next(), "mac": self.mac(), "addresses": addresses}
        made = Port(network_id=network.id, **(given | more))
        await self.driver.ensure_port(made)
        return made

    async def change(self, spec: Any, **more: Any) -> Any:
        """The spec with these fields and a newer generation, ensured."""
        made = msgspec.structs.replace(spec, generation=self._next(), **more)
        ensure = {Network: "ensure_network", Group: "ensure_group", Port: "ensure_port", Router: "ensure_router"}
        await getattr(self.driver, ensure[type(made)])(made)
        return made

    async def guest(self, port: Port, *addresses: str, gateway: str = "") -> Guest:
        """A running guest on that port, its card configured by hand."""
        seen: PortSeen = await self.driver.ensure_port(port)
        guest = Guest(seen.device, port.mac, f"netdrv-guest{self.home}-{next(self._numbers)}", self.home)
        self.guests.append(guest)
        await asyncio.to_thread(guest.start)
        await self.driver.join(seen.device)
        await asyncio.to_thread(lambda: guest.configure(*addresses, gateway=gateway))
        return guest

    async def simple_guest(self, network: Network, address: str, *groups: Group, **more: Any) -> tuple[Port, Guest]:
        """Port and guest in one, with the network's gateway."""
        port = await self.port(network, address, groups=tuple(group.id for group in groups), **more)
        return port, await self.guest(port, f"{address}/24", gateway=network.subnets[0].gateway)

    async def router(self, *networks: Network, **more: Any) -> Router:
        legs = tuple(
            RouterLeg(port_id=new_id(), network_id=one.id, mac=self.mac(), addresses=(f"{one.subnets[0].gateway}/24",))
            for one in networks
        )
        made = Router(**({"id": new_id(), "generation": self._next(), "legs": legs} | more))
        await self.driver.ensure_router(made)
        return made

    async def external(self) -> Network:
        subnet = Subnet(id=new_id(), cidr="172.24.214.0/24", gateway="172.24.214.1", dhcp=False)
        return await self.network(kind="external", subnets=(subnet,), mtu=1500, domain="")

    def gateway(self, network: Network, address: str) -> dict[str, Any]:
        leg = RouterLeg(port_id=new_id(), network_id=network.id, mac=self.mac(), addresses=(f"{address}/24",))
        return {"gateway": leg, "next_hops": ("172.24.214.1",)}

    def mac(self) -> str:
        high, low = divmod(next(self._numbers), 256)
        return f"fa:16:3e:00:{high:02x}:{low:02x}"

    def _next(self) -> int:
        return next(self._generations)


def lease(port: Port, network: Network, **more: Any) -> Lease:
    addresses = tuple((network.subnets[0].id, address) for address in port.addresses)
    return Lease(port_id=port.id, mac=port.mac, addresses=addresses, **more)


@asynccontextmanager
async def cloud_on(name: str, state: Path) -> AsyncIterator[Cloud]:
    driver = MAKERS[name](state)
    await driver.purge()
    await driver.start()
    cloud = Cloud(driver)
    try:
        yield cloud
    finally:
        cloud.host.hang_up()
        for guest in cloud.guests:
            await asyncio.to_thread(guest.stop)
        await cloud.driver.purge()
        await cloud.driver.close()


class MetadataService:
    """What stands behind `metadata_url`: answers 200 with the path and the body it got, and remembers headers."""

    def __init__(self) -> None:
        self.seen: list[dict[str, str]] = []

    async def __aenter__(self) -> "MetadataService":
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", METADATA_PORT)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    @staticmethod
    def signature(secret: str, instance: str) -> str:
        return hmac.new(secret.encode(), instance.encode(), hashlib.sha256).hexdigest()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.seen.append(headers)
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        text = f"hello {first.split()[1]}".encode() + (b" " + body if body else b"")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
        writer.close()


def traces() -> dict[str, set[str]]:
    """What a driver could leave on this machine, but for what other clouds of it do meanwhile: their things have no
    `netdrv` and no UUID of ours, so we look at the differences of what may be ours."""
    found = {"namespaces": {one.name for one in named() if _ours(one.owner())}}
    inside = Namespace(f"pileus-{CLOUD}")
    for name, namespace in (("host", Namespace()), ("inside", inside)):
        links: set[str] = set()
        rules: set[str] = set()
        if namespace.exists():
            with namespace.links() as opened:
                links = {
                    link.name for link in opened.all() if name == "inside" or _ours(link.alias) or "netdrv" in link.name
                }
            rules = set(namespace.run("nft", "list", "ruleset").splitlines())
        found[f"links {name}"] = links
        found[f"rules {name}"] = {line for line in rules if name == "inside" or CLOUD in line}
    processes = subprocess.run(["pgrep", "-a", "dnsmasq"], capture_output=True, text=True, check=False).stdout
    found["processes"] = {line for line in processes.splitlines() if f"/run/pileus-{CLOUD}/" in line}
    found["files"] = {str(path) for path in Path(f"/run/pileus-{CLOUD}").rglob("*") if path.name != "lock"}
    return found


def _ours(mark: str) -> bool:
    return mark == f"pileus:{CLOUD}" or mark.startswith(f"pileus:{CLOUD} ")


async def until(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not await aside(condition):
        assert time.monotonic() < end, "it did not come true"
        await asyncio.sleep(0.05)


async def clean(before: dict[str, set[str]]) -> None:
    """As it was; namespaces and their devices may take a moment."""
    with contextlib.suppress(AssertionError):
        await until(lambda: traces() == before)
    assert traces() == before


async def served(cloud: Cloud, network: Network, *ports: Port, **more: str) -> Network:
    """The network with a lease for each of these ports."""
    changed: Network = await cloud.change(network, leases=tuple(lease(port, network, **more) for port in ports))
    return changed


def asks(protocol: str = "tcp", low: int = -1, high: int = -1, **more: str) -> Rule:
    return Rule(direction="ingress", protocol=protocol, port_min=low, port_max=high if high >= 0 else low, **more)
