"""Subnets: blocks, gateways, pools, IPv6 modes."""

from typing import Any

import pytest

from network_cloud import Caller

V6: dict[str, Any] = {"ip_version": 6, "cidr": "2001:db8::/64"}


@pytest.mark.parametrize(
    ("fields", "status", "kind"),
    [
        ({}, 400, "BadRequest"),
        ({"cidr": "foo"}, 400, "InvalidInput"),
        ({"cidr": "10.0.0.0/24", "ip_version": 5}, 400, "HTTPBadRequest"),
        ({"cidr": "10.0.0.0/24", "prefixlen": 24}, 400, "BadRequest"),
        ({"cidr": "10.0.0.0/24", "gateway_ip": "10.0.0.0"}, 400, "InvalidInput"),
        ({"cidr": "10.0.0.0/24", "gateway_ip": "10.0.0.255"}, 400, "InvalidInput"),
        ({"cidr": "10.0.0.0/32"}, 400, "InvalidInput"),
        ({"cidr": "224.0.0.0/8"}, 400, "InvalidInput"),
        ({"cidr": "2001:db8::/64"}, 400, "InvalidInput"),
        (
            {"cidr": "10.0.0.0/24", "allocation_pools": [{"start": "10.0.0.9", "end": "10.0.0.5"}]},
            400,
            "InvalidAllocationPool",
        ),
        (
            {"cidr": "10.0.0.0/24", "allocation_pools": [{"start": "10.0.1.1", "end": "10.0.1.5"}]},
            400,
            "OutOfBoundsAllocationPool",
        ),
        (
            {
                "cidr": "10.0.0.0/24",
                "allocation_pools": [
                    {"start": "10.0.0.5", "end": "10.0.0.9"},
                    {"start": "10.0.0.9", "end": "10.0.0.12"},
                ],
            },
            409,
            "OverlappingAllocationPools",
        ),
        (
            {"cidr": "10.0.0.0/24", "allocation_pools": [{"start": "10.0.0.1", "end": "10.0.0.9"}]},
            409,
            "GatewayConflictWithAllocationPools",
        ),
        ({"cidr": "10.0.0.0/24", "dns_nameservers": ["1.1.1.1"] * 2}, 400, "HTTPBadRequest"),
        ({"cidr": "10.0.0.0/24", "dns_nameservers": [f"1.1.1.{i}" for i in range(6)]}, 400, "DNSNameServersExhausted"),
        ({"cidr": "10.0.0.0/24", "host_routes": [{"destination": "x", "nexthop": "10.0.0.1"}]}, 400, "HTTPBadRequest"),
        ({"cidr": "10.0.0.0/24", "ipv6_ra_mode": "slaac"}, 400, "InvalidInput"),
        ({**V6, "ipv6_ra_mode": "slaac", "ipv6_address_mode": "dhcpv6-stateful"}, 400, "InvalidInput"),
        ({**V6, "ipv6_ra_mode": "slaac", "enable_dhcp": False}, 400, "InvalidInput"),
        ({**V6, "cidr": "2001:db8::/80", "ipv6_address_mode": "slaac"}, 400, "InvalidInput"),
        ({"cidr": "10.0.0.0/24", "subnetpool_id": "00000000-0000-0000-0000-000000000000"}, 404, "SubnetPoolNotFound"),
    ],
)
async def test_what_cannot_be_is_refused(member: Caller, fields: dict[str, Any], status: int, kind: str) -> None:
    network = await member.make("network")
    body = {"subnet": {"network_id": network["id"], "ip_version": 4, **fields}}
    reply = await member("POST", "subnets", body)
    assert (reply.status, reply.kind) == (status, kind)
    assert (await member.get("network", network["id"]))["subnets"] == []


async def test_defaults(member: Caller) -> None:
    network, (four, six) = await member.network("10.0.0.7/24", "2001:DB8::/64")
    assert (four["cidr"], four["gateway_ip"]) == ("10.0.0.0/24", "10.0.0.1")
    assert four["allocation_pools"] == [{"start": "10.0.0.2", "end": "10.0.0.254"}]
    assert six["gateway_ip"] == "2001:db8::"
    assert six["allocation_pools"] == [{"start": "2001:db8::1", "end": "2001:db8::ffff:ffff:ffff:ffff"}]
    assert sorted((await member.get("network", network["id"]))["subnets"]) == sorted([four["id"], six["id"]])


async def test_blocks_of_one_network_do_not_overlap(member: Caller, other: Caller) -> None:
    network, _ = await member.network("10.0.0.0/24")
    refused = await member(
        "POST", "subnets", {"subnet": {"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.128/25"}}
    )
    assert refused.message.endswith("overlaps with another subnet.")
    assert await other.network("10.0.0.0/24")


async def test_every_ip_version_has_a_smallest_mtu(member: Caller) -> None:
    network, _ = await member.network(mtu=1000)
    body = {"network_id": network["id"], "ip_version": 6, "cidr": "fd00::/64"}
    assert (await member("POST", "subnets", {"subnet": body})).kind == "NetworkMTUSubnetConflict"
    await member.make("subnet", network_id=network["id"], ip_version=4, cidr="10.0.0.0/24")
    assert (await member.change("network", network["id"], mtu=60)).kind == "NetworkMTUSubnetConflict"
    too_big = await member.change("network", network["id"], mtu=9000)
    assert too_big.message == "Invalid input for operation: Requested MTU is too big, maximum is 1450."


async def test_changes(member: Caller) -> None:
    network, (subnet,) = await member.network("10.0.0.0/24")
    id = subnet["id"]
    assert (await member.change("subnet", id, gateway_ip="10.0.0.9")).kind == "GatewayConflictWithAllocationPools"
    assert (await member.change("subnet", id, cidr="10.1.0.0/24")).message == "Cannot update read-only attribute cidr"
    pools = [{"start": "10.0.0.100", "end": "10.0.0.100"}]
    assert (await member.change("subnet", id, allocation_pools=pools))["subnet"]["allocation_pools"] == pools
    assert (await member.change("subnet", id, gateway_ip=None))["subnet"]["gateway_ip"] is None
    changed = (await member.change("subnet", id, enable_dhcp="False", dns_nameservers=None, host_routes=None))["subnet"]
    assert changed["enable_dhcp"] is False
    port = await member.make("port", network_id=network["id"])
    assert port["fixed_ips"][0]["ip_address"] == "10.0.0.100"
    assert (await member("DELETE", f"subnets/{id}")).kind == "SubnetInUse"
    assert (await member("DELETE", f"networks/{network['id']}")).kind == "NetworkInUse"
    await member("DELETE", f"ports/{port['id']}")
    assert (await member("DELETE", f"networks/{network['id']}")).status == 204
    assert (await member("GET", f"subnets/{id}")).kind == "SubnetNotFound"
