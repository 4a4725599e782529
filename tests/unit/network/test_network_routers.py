"""Routers, their legs and gateways, and floating IPs."""

from typing import Any

import pytest

from network_cloud import Caller

NOBODY = "00000000-0000-0000-0000-000000000000"


async def outside(admin: Caller) -> tuple[dict[str, Any], dict[str, Any]]:
    fields = {"router:external": True, "provider:network_type": "flat", "provider:physical_network": "public"}
    network = await admin.make("network", **fields)
    subnet = await admin.make("subnet", network_id=network["id"], ip_version=4, cidr="172.24.4.0/28", enable_dhcp=False)
    return network, subnet


async def join(who: Caller, router: dict[str, Any], **body: Any) -> Any:
    return await who("PUT", f"routers/{router['id']}/add_router_interface", body)


async def leave(who: Caller, router: dict[str, Any], **body: Any) -> Any:
    return await who("PUT", f"routers/{router['id']}/remove_router_interface", body)


async def test_legs(member: Caller, other: Caller) -> None:
    _, (a, _b) = await member.network("10.0.0.0/24", "10.0.1.0/24")
    router = await member.make("router", name="r")
    joined = await join(member, router, subnet_id=a["id"])
    assert joined.body["subnet_ids"] == [a["id"]]
    port = await member.get("port", joined.body["port_id"])
    assert (port["device_owner"], port["device_id"]) == ("network:router_interface", router["id"])
    assert port["fixed_ips"][0]["ip_address"] == a["gateway_ip"]
    assert (await member("DELETE", f"ports/{port['id']}")).kind == "ServicePortInUse"
    assert (await member.change("port", port["id"], fixed_ips=[])).message.endswith("are not allowed.")
    assert (await member.change("subnet", a["id"], gateway_ip="10.0.0.77")).kind == "GatewayIpInUse"
    assert (await member("DELETE", f"routers/{router['id']}")).kind == "RouterInUse"
    assert (await join(member, router, subnet_id=a["id"])).message.endswith(
        f"Router already has a port on subnet {a['id']}."
    )
    _, (clash,) = await member.network("10.0.0.0/16")
    assert "overlaps" in (await join(member, router, subnet_id=clash["id"])).message
    assert (await join(other, router, subnet_id=a["id"])).kind == "RouterNotFound"
    second = await member.make("router")
    assert (await join(member, second, subnet_id=a["id"])).kind == "IpAddressAlreadyAllocated"
    for body in ({}, {"subnet_id": 5}, {"subnet_id": a["id"], "port_id": NOBODY}, {"foo": 1}):
        assert (await join(member, router, **body)).kind == "BadRequest"
    left = await leave(member, router, subnet_id=a["id"])
    assert left.status == 200
    assert (await leave(member, router, subnet_id=a["id"])).kind == "RouterInterfaceNotFoundForSubnet"
    assert (await member("GET", f"ports/{port['id']}")).status == 404
    assert (await member("DELETE", f"routers/{router['id']}")).status == 204


async def test_a_leg_through_a_port(member: Caller) -> None:
    network, (subnet,) = await member.network("10.0.0.0/24")
    router = await member.make("router")
    port = await member.make("port", network_id=network["id"], fixed_ips=[{"ip_address": "10.0.0.50"}])
    assert (await join(member, router, port_id=port["id"])).status == 200
    assert (await join(member, router, port_id=port["id"])).kind == "PortInUse"
    bare = await member.make("port", network_id=network["id"], fixed_ips=[])
    assert (await join(member, router, port_id=bare["id"])).message.endswith("must have at least one fixed IP.")
    assert (await leave(member, router, port_id=port["id"], subnet_id=NOBODY)).kind == "SubnetMismatchForPort"
    assert (await leave(member, router, port_id=port["id"])).body["subnet_id"] == subnet["id"]


async def test_gateways(member: Caller, admin: Caller) -> None:
    external, subnet = await outside(admin)
    network, _ = await member.network("10.0.0.0/24")
    router = await member.make("router", external_gateway_info={"network_id": external["id"]})
    info = router["external_gateway_info"]
    assert info["enable_snat"] is True
    assert info["external_fixed_ips"][0]["subnet_id"] == subnet["id"]
    for asked, kind in (
        ({"network_id": network["id"]}, "BadRequest"),
        ({"network_id": NOBODY}, "NetworkNotFound"),
        ({"network_id": external["id"], "enable_snat": False}, "PolicyNotAuthorized"),
        ({"network_id": external["id"], "foo": 1}, "HTTPBadRequest"),
        ({"enable_snat": True}, "HTTPBadRequest"),
    ):
        assert (await member.change("router", router["id"], external_gateway_info=asked)).kind == kind
    fixed = [{"ip_address": "172.24.4.9"}]
    moved = await admin.change(
        "router",
        router["id"],
        external_gateway_info={"network_id": external["id"], "external_fixed_ips": fixed, "enable_snat": "false"},
    )
    assert moved["router"]["external_gateway_info"]["external_fixed_ips"] == [
        {"subnet_id": subnet["id"], "ip_address": "172.24.4.9"}
    ]
    assert moved["router"]["external_gateway_info"]["enable_snat"] is False
    assert (await admin("DELETE", f"networks/{external['id']}")).kind == "NetworkInUse"
    assert (await admin.change("network", external["id"], router__external=False)).kind == "ExternalNetworkInUse"
    gone = await member.change("router", router["id"], external_gateway_info={})
    assert gone["router"]["external_gateway_info"] is None
    assert (await admin("GET", "ports?device_owner=network:router_gateway"))["ports"] == []


async def test_routes_need_a_next_hop_at_hand(member: Caller) -> None:
    _, (subnet,) = await member.network("10.0.0.0/24")
    router = await member.make("router")
    await join(member, router, subnet_id=subnet["id"])
    good = {"destination": "1.0.0.0/8", "nexthop": "10.0.0.9"}
    assert (await member.change("router", router["id"], routes=[good]))["router"]["routes"] == [good]
    for hop, kind in (("10.9.0.9", "InvalidRoutes"), ("10.0.0.1", "InvalidRoutes"), ("x", "HTTPBadRequest")):
        reply = await member.change("router", router["id"], routes=[{"destination": "2.0.0.0/8", "nexthop": hop}])
        assert (reply.status, reply.kind) == (400, kind)
    many = [{"destination": f"1.0.{i}.0/24", "nexthop": "10.0.0.9"} for i in range(31)]
    assert (await member.change("router", router["id"], routes=many)).kind == "OverQuota"
    more = {"destination": "3.0.0.0/8", "nexthop": "10.0.0.9"}
    path = f"routers/{router['id']}"
    added = await member("PUT", f"{path}/add_extraroutes", {"router": {"routes": [more, good]}})
    assert len(added["router"]["routes"]) == 2
    less = await member("PUT", f"{path}/remove_extraroutes", {"router": {"routes": [good]}})
    assert less["router"]["routes"] == [more]
    for body in (
        {},
        {"router": {}},
        {"router": {"routes": "x"}},
        [],
        {"router": {"routes": [{"destination": "x", "nexthop": 1}]}},
    ):
        assert (await member("PUT", f"{path}/add_extraroutes", body)).status == 400
    assert (await leave(member, router, subnet_id=subnet["id"])).kind == "RouterInterfaceInUseByRoute"


async def test_floating_ips(member: Caller, other: Caller, admin: Caller) -> None:
    external, _ = await outside(admin)
    network, (subnet,) = await member.network("10.0.0.0/24")
    port = await member.make("port", network_id=network["id"])
    fixed = port["fixed_ips"][0]["ip_address"]
    fields = {"floating_network_id": external["id"]}
    unreachable = await member("POST", "floatingips", {"floatingip": {**fields, "port_id": port["id"]}})
    assert (unreachable.status, unreachable.kind) == (404, "ExternalGatewayForFloatingIPNotFound")
    assert (await admin("GET", "ports?device_owner=network:floatingip"))["ports"] == []
    router = await member.make("router", external_gateway_info={"network_id": external["id"]})
    await join(member, router, subnet_id=subnet["id"])
    made = await member.make("floatingip", **fields, port_id=port["id"])
    assert (made["fixed_ip_address"], made["router_id"]) == (fixed, router["id"])
    assert made["port_details"]["mac_address"] == port["mac_address"]
    assert (
        await member("POST", "floatingips", {"floatingip": {**fields, "port_id": port["id"]}})
    ).kind == "FloatingIPPortAlreadyAssociated"
    for body, status, kind in (
        ({"floating_network_id": network["id"]}, 400, "BadRequest"),
        ({**fields, "port_id": NOBODY}, 404, "PortNotFound"),
        ({**fields, "port_id": port["id"], "fixed_ip_address": "10.0.0.99"}, 400, "BadRequest"),
        ({**fields, "fixed_ip_address": fixed}, 400, "BadRequest"),
        ({**fields, "floating_ip_address": "172.24.4.9"}, 403, "PolicyNotAuthorized"),
        ({}, 400, "HTTPBadRequest"),
    ):
        reply = await member("POST", "floatingips", {"floatingip": body})
        assert (reply.status, reply.kind) == (status, kind)
    assert (
        await other("POST", "floatingips", {"floatingip": {**fields, "port_id": port["id"]}})
    ).kind == "PortNotFound"
    assert (await other("GET", f"floatingips/{made['id']}")).kind == "FloatingIPNotFound"
    assert (await leave(member, router, subnet_id=subnet["id"])).kind == "RouterInterfaceInUseByFloatingIP"
    assert (
        await member.change("router", router["id"], external_gateway_info={})
    ).kind == "RouterExternalGatewayInUseByFloatingIp"
    refused = await member.change("port", port["id"], fixed_ips=[{"ip_address": "10.0.0.222"}])
    assert "has been associated to a floating ip" in refused.message
    freed = (await member.change("floatingip", made["id"], port_id=None))["floatingip"]
    assert (freed["port_id"], freed["router_id"], freed["status"]) == (None, None, "DOWN")
    again = (await member.change("floatingip", made["id"], port_id=port["id"]))["floatingip"]
    assert again["fixed_ip_address"] == fixed
    assert (await member("DELETE", f"ports/{port['id']}")).status == 204
    assert (await member.get("floatingip", made["id"]))["port_id"] is None
    assert (await member("DELETE", f"floatingips/{made['id']}")).status == 204
    assert (await admin("GET", "ports?device_owner=network:floatingip"))["ports"] == []


@pytest.mark.parametrize("cidr", ["172.24.4.0/29"])
async def test_floating_ips_run_out(member: Caller, admin: Caller, cidr: str) -> None:
    network = await admin.make("network", **{"router:external": True})
    await admin.make("subnet", network_id=network["id"], ip_version=4, cidr=cidr, enable_dhcp=False)
    for _ in range(5):
        await member.make("floatingip", floating_network_id=network["id"])
    over = await member("POST", "floatingips", {"floatingip": {"floating_network_id": network["id"]}})
    assert (over.status, over.kind) == (409, "IpAddressGenerationFailure")
    assert len((await member("GET", "floatingips"))["floatingips"]) == 5
