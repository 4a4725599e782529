"""What hosts are told: reserving, plugging, reconciling, restarting."""

from typing import Any

import pytest

from network_cloud import Caller, NetworkCloud
from pileus.contracts.network import PortInfo, PortWish
from pileus.kernel.db import Tx
from pileus.kernel.types import Conflict, Fault, NotFound

SERVER = "11111111-1111-1111-1111-111111111111"


async def reserve(
    cloud: NetworkCloud, who: Caller, host: str, *wishes: PortWish, groups: tuple[str, ...] = ()
) -> list[PortInfo]:
    asked: Any = list(wishes) or None

    def decide(tx: Tx) -> Any:
        return cloud.internal.reserve_ports(tx, who.ctx, SERVER, host, "nova", asked, groups)

    return list(await cloud.db.write(decide))


async def release(cloud: NetworkCloud) -> None:
    def decide(tx: Tx) -> None:
        cloud.internal.release_ports(tx, SERVER)

    await cloud.db.write(decide)


async def test_a_server_gets_ports_and_gives_them_back(cloud: NetworkCloud, member: Caller) -> None:
    network, (subnet,) = await member.network("10.0.0.0/24", name="net")
    (info,) = await reserve(cloud, member, "h1", PortWish(network_id=network["id"], fixed_ip="10.0.0.77", tag="t"))
    assert (info.network_name, info.fixed_ips, info.tag, info.owned) == (
        "net",
        ((subnet["id"], "10.0.0.77"),),
        "t",
        True,
    )
    assert info.security_groups[0][1] == "default"
    assert info.subnets[0]["gateway"] == "10.0.0.1"
    devices = await cloud.internal.plug(SERVER, attached=False)
    assert list(devices) == [info.id]
    assert (await member.get("port", info.id))["status"] == "DOWN"
    await cloud.internal.plug(SERVER, attached=True)
    assert (await member.get("port", info.id))["status"] == "ACTIVE"
    assert cloud.drivers["h1"]._ports[info.id].addresses == ("10.0.0.77",)
    await cloud.reconcile()
    lease = cloud.drivers["h0"]._networks[network["id"]].leases[0]
    assert (lease.mac, lease.device_id, lease.hostname) == (info.mac, SERVER, "host-10-0-0-77")
    assert await cloud.db.read(cloud.internal.device_of, network["id"], "10.0.0.77") == SERVER
    await cloud.internal.unplug(SERVER)
    await cloud.internal.unplug(SERVER)
    assert cloud.drivers["h1"]._ports == {}
    await release(cloud)
    await release(cloud)
    assert (await member("GET", f"ports/{info.id}")).status == 404
    await cloud.reconcile()
    assert cloud.drivers["h1"]._networks == {}
    assert cloud.drivers["h0"]._networks[network["id"]].leases == ()


async def test_a_port_of_the_users_outlives_the_server(cloud: NetworkCloud, member: Caller) -> None:
    network, _ = await member.network("10.0.0.0/24")
    port = await member.make("port", network_id=network["id"])
    (info,) = await reserve(cloud, member, "h1", PortWish(port_id=port["id"]))
    assert not info.owned
    with pytest.raises(Conflict):
        await cloud.db.write(
            lambda tx: cloud.internal.add_port(tx, member.ctx, "another", "h1", "nova", PortWish(port_id=port["id"]))
        )
    await release(cloud)
    left = await member.get("port", port["id"])
    assert (left["device_id"], left["device_owner"], left["fixed_ips"]) == ("", "", port["fixed_ips"])


async def test_the_only_network_is_taken_by_itself(cloud: NetworkCloud, member: Caller, admin: Caller) -> None:
    assert await reserve(cloud, member, "h1") == []
    await admin.network("172.24.4.0/24", router__external=True)
    network, _ = await member.network("10.0.0.0/24")
    (info,) = await reserve(cloud, member, "h1")
    assert info.network_id == network["id"]
    await member.network("10.0.1.0/24")
    with pytest.raises(Conflict, match="Multiple possible networks"):
        await reserve(cloud, member, "h1")


async def test_a_refused_reservation_leaves_nothing(cloud: NetworkCloud, member: Caller) -> None:
    network, _ = await member.network("10.0.0.0/24")
    good = PortWish(network_id=network["id"])
    for bad, groups in (
        (PortWish(network_id="nope"), ()),
        (PortWish(port_id="nope"), ()),
        (PortWish(network_id=network["id"], fixed_ip="1.2.3.4"), ()),
        (good, ("no such group",)),
    ):
        with pytest.raises(Fault):
            await reserve(cloud, member, "h1", good, bad, groups=groups)
    assert (await member("GET", "ports"))["ports"] == []


async def test_groups_by_name(cloud: NetworkCloud, member: Caller, other: Caller) -> None:
    network, _ = await member.network("10.0.0.0/24")
    group = await member.make("security_group", name="web")
    (info,) = await reserve(cloud, member, "h1", PortWish(network_id=network["id"]), groups=("web",))
    assert info.security_groups == ((group["id"], "web"),)
    foreign = await other.make("security_group", name="theirs")
    with pytest.raises(NotFound):
        await reserve(cloud, member, "h1", PortWish(network_id=network["id"]), groups=(foreign["id"],))


async def plugged(cloud: NetworkCloud, who: Caller) -> tuple[dict[str, Any], PortInfo]:
    network, _ = await who.network("10.0.0.0/24")
    (info,) = await reserve(cloud, who, "h1", PortWish(network_id=network["id"]))
    await cloud.internal.plug(SERVER, attached=True)
    await cloud.reconcile()
    return network, info


async def test_changes_of_rules_reach_the_hosts_that_enforce_them(cloud: NetworkCloud, member: Caller) -> None:
    _, info = await plugged(cloud, member)
    (group_id,) = [g for g, _ in info.security_groups]
    before = cloud.drivers["h1"]._groups[group_id]
    assert before.members == (info.fixed_ips[0][1],)
    rule = await member.make("security_group_rule", security_group_id=group_id, direction="ingress", protocol="icmp")
    await cloud.reconcile()
    after = cloud.drivers["h1"]._groups[group_id]
    assert after.generation > before.generation
    assert "icmp" in {r.protocol for r in after.rules}
    await member("DELETE", f"security-group-rules/{rule['id']}")
    await cloud.reconcile()
    assert "icmp" not in {r.protocol for r in cloud.drivers["h1"]._groups[group_id].rules}
    assert group_id not in cloud.drivers["h0"]._groups


async def test_changes_of_a_port_reach_its_host(cloud: NetworkCloud, member: Caller, admin: Caller) -> None:
    network, info = await plugged(cloud, member)
    group = await member.make("security_group", name="g")
    await member.change("port", info.id, security_groups=[group["id"]], admin_state_up=False)
    await cloud.reconcile()
    spec = cloud.drivers["h1"]._ports[info.id]
    assert (spec.groups, spec.up) == ((group["id"],), False)
    assert set(cloud.drivers["h1"]._groups) == {group["id"]}
    assert (await member.get("port", info.id))["status"] == "DOWN"
    await member.change("port", info.id, admin_state_up=True)
    await member.change("network", network["id"], mtu=1300)
    await cloud.reconcile()
    assert cloud.drivers["h1"]._networks[network["id"]].mtu == 1300
    assert (await member.get("port", info.id))["status"] == "ACTIVE"
    await admin.change("port", info.id, binding__host_id="h0")
    await cloud.reconcile()
    assert info.id in cloud.drivers["h0"]._ports
    assert info.id not in cloud.drivers["h1"]._ports


async def test_subnets_and_dhcp_follow(cloud: NetworkCloud, member: Caller) -> None:
    network, _info = await plugged(cloud, member)
    spec = cloud.drivers["h0"]._networks[network["id"]]
    assert spec.subnets[0].dhcp_address
    (dhcp,) = (await member("GET", "ports?device_owner=network:dhcp"))["ports"]
    assert (dhcp["id"], dhcp["status"]) == (spec.dhcp_port_id, "ACTIVE")
    assert cloud.drivers["h1"]._networks[network["id"]].leases == ()
    subnet_id = dhcp["fixed_ips"][0]["subnet_id"]
    await member.change(
        "subnet",
        subnet_id,
        dns_nameservers=["9.9.9.9"],
        host_routes=[{"destination": "1.0.0.0/8", "nexthop": "10.0.0.5"}],
    )
    await cloud.reconcile()
    subnet = cloud.drivers["h0"]._networks[network["id"]].subnets[0]
    assert (subnet.dns, subnet.routes) == (("9.9.9.9",), (("1.0.0.0/8", "10.0.0.5"),))
    await member.change("subnet", subnet_id, enable_dhcp=False)
    await cloud.reconcile()
    assert not cloud.drivers["h0"]._networks[network["id"]].subnets[0].dhcp


async def test_routers_stand_on_the_gateway_host(cloud: NetworkCloud, member: Caller, admin: Caller) -> None:
    external, _ = await admin.network(
        "172.24.4.0/24", router__external=True, provider__network_type="flat", provider__physical_network="public"
    )
    _network, info = await plugged(cloud, member)
    router = await member.make("router", external_gateway_info={"network_id": external["id"]})
    subnet_id = info.fixed_ips[0][0]
    await member("PUT", f"routers/{router['id']}/add_router_interface", {"subnet_id": subnet_id})
    floating = await member.make("floatingip", floating_network_id=external["id"], port_id=info.id)
    assert floating["status"] == "DOWN"
    await cloud.reconcile()
    spec = cloud.drivers["h0"]._routers[router["id"]]
    assert spec.legs[0].addresses == ("10.0.0.1/24",)
    assert spec.gateway is not None
    assert spec.gateway.addresses[0].endswith("/24")
    assert (spec.next_hops, spec.snat) == (("172.24.4.1",), True)
    assert spec.floating == ((floating["floating_ip_address"], info.fixed_ips[0][1]),)
    assert cloud.drivers["h0"]._networks[external["id"]].kind == "external"
    assert (await member.get("floatingip", floating["id"]))["status"] == "ACTIVE"
    await member.change("floatingip", floating["id"], port_id=None)
    await cloud.reconcile()
    assert cloud.drivers["h0"]._routers[router["id"]].floating == ()
    assert (await member.get("floatingip", floating["id"]))["status"] == "DOWN"
    await member("PUT", f"routers/{router['id']}/remove_router_interface", {"subnet_id": subnet_id})
    await member("DELETE", f"routers/{router['id']}")
    await cloud.reconcile()
    assert cloud.drivers["h0"]._routers == {}
    assert external["id"] not in cloud.drivers["h0"]._networks


async def test_a_new_control_plane_finds_what_is_missing_and_what_is_too_much(
    cloud: NetworkCloud, member: Caller
) -> None:
    network, info = await plugged(cloud, member)
    kept = cloud.drivers["h1"]._ports[info.id]
    (group_id,) = kept.groups
    await member.make("security_group_rule", security_group_id=group_id, direction="ingress", protocol="udp")
    cloud.drivers["h0"]._networks.clear()
    await cloud.drivers["h1"].ensure_network(
        cloud.drivers["h1"]._networks[network["id"]].__class__(id="stray", generation=1)
    )
    cloud.build()
    await cloud.reconcile()
    assert set(cloud.drivers["h1"]._networks) == {network["id"]}
    assert network["id"] in cloud.drivers["h0"]._networks
    assert "udp" in {r.protocol for r in cloud.drivers["h1"]._groups[group_id].rules}
    assert cloud.drivers["h1"]._ports[info.id] == kept


async def test_a_host_out_of_reach_catches_up(cloud: NetworkCloud, member: Caller) -> None:
    _, info = await plugged(cloud, member)
    (group_id,) = [g for g, _ in info.security_groups]
    driver = cloud.drivers["h1"]
    cloud.nodes.remove("h1")
    await member.make("security_group_rule", security_group_id=group_id, direction="ingress", protocol="udp")
    await cloud.reconcile()
    from pileus.drivers.network.protocol import NetworkDriver

    cloud.nodes.add("h1", {NetworkDriver: driver})
    await cloud.reconcile()
    assert "udp" in {r.protocol for r in driver._groups[group_id].rules}


async def test_moving_a_server(cloud: NetworkCloud, member: Caller) -> None:
    network, info = await plugged(cloud, member)
    await cloud.db.write(lambda tx: cloud.internal.bind(tx, SERVER, "h0"))
    await cloud.internal.plug(SERVER, attached=True)
    await cloud.reconcile()
    assert info.id in cloud.drivers["h0"]._ports
    assert cloud.drivers["h1"]._ports == {}
    assert network["id"] not in cloud.drivers["h1"]._networks
    assert (await member.get("port", info.id))["status"] == "ACTIVE"
