"""The network service over the linux driver: what the API says is what packets meet."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from network_guests import Guest, Inside
from network_rigs import WHY_NOT

from network_cloud import Caller, NetworkCloud
from pileus.contracts.network import PortInfo, PortWish
from pileus.drivers.network.linux import LinuxNetwork, LinuxNetworkSettings
from pileus.drivers.network.linux.namespaces import Namespace
from pileus.drivers.network.protocol import NetworkDriver
from pileus.kernel.db import Database, Tx

pytestmark = [pytest.mark.real, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "works")]
EXTERNAL = "172.24.217"


class Rig:
    """A control plane, one real host, and guests that boot as servers do."""

    def __init__(self, cloud: NetworkCloud, driver: LinuxNetwork) -> None:
        self.cloud, self.driver = cloud, driver
        self.member, self.admin = cloud.caller("p1"), cloud.caller("pa", "admin")
        self.host = Inside(Namespace())
        self.guests: list[Guest] = []

    async def boot(self, server: str, network: dict[str, Any], **wish: Any) -> tuple[Guest, PortInfo]:
        """Reserve, plug, start, join, attach: as compute's saga does."""

        def reserve(tx: Tx) -> PortInfo:
            wishes = [PortWish(network_id=network["id"], **wish)]
            (info,) = self.cloud.internal.reserve_ports(tx, self.member.ctx, server, "h0", "nova", wishes, ())
            return info

        info = await self.cloud.db.write(reserve)
        devices = await self.cloud.internal.plug(server, attached=False)
        guest = Guest(devices[info.id], info.mac, f"netsvc-guest-{len(self.guests)}")
        self.guests.append(guest)
        await asyncio.to_thread(guest.start)
        await self.driver.join(devices[info.id])
        await self.cloud.internal.plug(server, attached=True)
        return guest, info

    async def aside(self, call: Any, *args: Any, **more: Any) -> Any:
        return await asyncio.to_thread(lambda: call(*args, **more))


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    settings = LinuxNetworkSettings(
        cloud="netsvc", state=str(tmp_path), external=(f"{EXTERNAL}.1/24",), metadata_url="http://127.0.0.1:21775"
    )
    driver = LinuxNetwork(settings)
    await driver.purge()
    await driver.start()
    db = Database(f"sqlite:///{tmp_path}/pileus.db", synchronous="OFF")
    await db.start()
    cloud = NetworkCloud(db, hosts=())
    cloud.nodes.add("h0", {NetworkDriver: driver})
    await cloud.reconcile()
    made = Rig(cloud, driver)
    try:
        yield made
    finally:
        made.host.hang_up()
        for guest in made.guests:
            await asyncio.to_thread(guest.stop)
        await driver.purge()
        await driver.close()
        await db.close()


async def outside(admin: Caller) -> dict[str, Any]:
    network = await admin.make(
        "network", router__external=True, provider__network_type="flat", provider__physical_network="public"
    )
    pools = [{"start": f"{EXTERNAL}.10", "end": f"{EXTERNAL}.99"}]
    await admin.make(
        "subnet",
        network_id=network["id"],
        ip_version=4,
        cidr=f"{EXTERNAL}.0/24",
        enable_dhcp=False,
        allocation_pools=pools,
    )
    return network


async def test_a_server_is_reached_through_its_floating_ip_when_its_group_lets_it(rig: Rig) -> None:
    external = await outside(rig.admin)
    network, (subnet,) = await rig.member.network("10.77.0.0/24")
    router = await rig.member.make("router", external_gateway_info={"network_id": external["id"]})
    await rig.member("PUT", f"routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    guest, info = await rig.boot("server-1", network)
    assert (await rig.member.get("port", info.id))["status"] == "ACTIVE"
    leased = await rig.aside(guest.lease)
    address = info.fixed_ips[0][1]
    assert leased
    assert address in await rig.aside(guest.run, "ip", "address", "show", "eth0")
    floating = await rig.member.make("floatingip", floating_network_id=external["id"], port_id=info.id)
    await rig.cloud.reconcile()
    assert (await rig.member.get("floatingip", floating["id"]))["status"] == "ACTIVE"
    outer = floating["floating_ip_address"]
    assert await rig.aside(rig.host.misses, outer)
    rule = await rig.member.make(
        "security_group_rule", security_group_id=info.security_groups[0][0], direction="ingress", protocol="icmp"
    )
    await rig.cloud.reconcile()
    assert await rig.aside(rig.host.pings, outer)
    assert await rig.aside(guest.pings, f"{EXTERNAL}.1")
    await rig.member("DELETE", f"security-group-rules/{rule['id']}")
    await rig.cloud.reconcile()
    assert await rig.aside(rig.host.misses, outer)
    await rig.member.change("floatingip", floating["id"], port_id=None)
    await rig.cloud.reconcile()
    assert await rig.aside(rig.host.misses, outer)
    assert await rig.aside(guest.pings, f"{EXTERNAL}.1")


async def test_members_of_a_group_reach_one_another(rig: Rig) -> None:
    network, _ = await rig.member.network("10.77.0.0/24")
    first, _ = await rig.boot("server-1", network)
    second, info = await rig.boot("server-2", network)
    await rig.cloud.reconcile()
    await rig.aside(first.lease)
    await rig.aside(second.lease)
    assert await rig.aside(first.pings, info.fixed_ips[0][1])
    await rig.member.change("port", info.id, security_groups=[])
    await rig.cloud.reconcile()
    assert await rig.aside(first.misses, info.fixed_ips[0][1])


async def test_nothing_is_left_of_what_is_deleted(rig: Rig) -> None:
    external = await outside(rig.admin)
    network, (subnet,) = await rig.member.network("10.77.0.0/24")
    router = await rig.member.make("router", external_gateway_info={"network_id": external["id"]})
    await rig.member("PUT", f"routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    guest, _ = await rig.boot("server-1", network)
    await rig.cloud.reconcile()
    await rig.aside(guest.stop)
    await rig.cloud.internal.unplug("server-1")
    await rig.cloud.db.write(lambda tx: rig.cloud.internal.release_ports(tx, "server-1"))
    await rig.member("PUT", f"routers/{router['id']}/remove_router_interface", {"subnet_id": subnet["id"]})
    assert (await rig.member("DELETE", f"routers/{router['id']}")).status == 204
    assert (await rig.member("DELETE", f"networks/{network['id']}")).status == 204
    assert (await rig.admin("DELETE", f"networks/{external['id']}")).status == 204
    await rig.cloud.reconcile()
    seen = await rig.driver.observe()
    assert (seen.networks, seen.routers, seen.groups, seen.ports) == ((), (), (), ())
