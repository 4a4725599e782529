"""Subnet pools: prefixes, bounds, and subnets cut from them."""

import asyncio
import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from network_cloud import Caller
from pileus.services.network.core.subnetpools import _chosen, _inside, _overlap, _without, judge_prefixes

NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, "HTTPBadRequest"),
        ({"name": ""}, "HTTPBadRequest"),
        ({"prefixes": []}, "EmptySubnetPoolPrefixList"),
        ({"prefixes": ["x"]}, "HTTPBadRequest"),
        ({"prefixes": ["10.0.0.0/16", "fd00::/48"]}, "PrefixVersionMismatch"),
        ({"min_prefixlen": 24, "max_prefixlen": 20}, "IllegalSubnetPoolPrefixBounds"),
        ({"min_prefixlen": 40}, "IllegalSubnetPoolPrefixBounds"),
        ({"max_prefixlen": 33}, "IllegalSubnetPoolPrefixBounds"),
        ({"default_prefixlen": 7}, "IllegalSubnetPoolPrefixBounds"),
        ({"default_prefixlen": 30, "max_prefixlen": 28}, "IllegalSubnetPoolPrefixBounds"),
        ({"shared": True}, "PolicyNotAuthorized"),
        ({"is_default": True}, "PolicyNotAuthorized"),
        ({"address_scope_id": NOBODY}, "AddressScopeNotFound"),
    ],
)
async def test_what_cannot_be_is_refused(member: Caller, fields: dict[str, Any], kind: str) -> None:
    body = {"name": "p", "prefixes": ["10.0.0.0/16"], **fields} if fields else {}
    assert (await member("POST", "subnetpools", {"subnetpool": body})).kind == kind
    assert (await member("GET", "subnetpools"))["subnetpools"] == []


async def test_prefixes_are_joined_and_only_grow(member: Caller) -> None:
    pool = await member.make("subnetpool", name="p", prefixes=["10.1.0.0/16", "10.0.0.0/16", "10.0.3.0/24"])
    assert (pool["prefixes"], pool["ip_version"]) == (["10.0.0.0/15"], 4)
    assert (pool["min_prefixlen"], pool["default_prefixlen"], pool["max_prefixlen"]) == ("8", "8", "32")
    less = await member.change("subnetpool", pool["id"], prefixes=["10.0.0.0/16"])
    assert less.kind == "IllegalSubnetPoolPrefixUpdate"
    path = f"subnetpools/{pool['id']}"
    assert (await member("PUT", f"{path}/add_prefixes", {"prefixes": ["10.9.0.0/16"]}))["prefixes"] == [
        "10.0.0.0/15",
        "10.9.0.0/16",
    ]
    assert (await member("PUT", f"{path}/remove_prefixes", {"prefixes": ["10.9.0.0/16"]}))["prefixes"] == [
        "10.0.0.0/15"
    ]
    assert (await member("PUT", f"{path}/add_prefixes", {})).status == 400


async def test_subnets_are_cut(member: Caller, other: Caller) -> None:
    pool = await member.make(
        "subnetpool",
        name="p",
        prefixes=["10.8.0.0/16"],
        default_prefixlen=26,
        min_prefixlen=20,
        max_prefixlen=28,
        default_quota=512,
    )
    network, _ = await member.network()
    base = {"network_id": network["id"], "ip_version": 4, "subnetpool_id": pool["id"]}
    first = await member.make("subnet", **base)
    assert (first["cidr"], first["gateway_ip"], first["subnetpool_id"]) == ("10.8.0.0/26", "10.8.0.1", pool["id"])
    assert (await member.make("subnet", **base, prefixlen=24))["cidr"] == "10.8.1.0/24"
    assert (await member.make("subnet", **base, cidr="10.8.255.0/28"))["cidr"] == "10.8.255.0/28"
    for fields, status, kind in (
        ({"prefixlen": 30}, 400, "MaxPrefixSubnetAllocationError"),
        ({"prefixlen": 10}, 400, "MinPrefixSubnetAllocationError"),
        ({"cidr": "10.8.255.0/27"}, 409, "SubnetAllocationError"),
        ({"cidr": "10.9.255.0/28"}, 409, "SubnetAllocationError"),
        ({"prefixlen": 24}, 409, "SubnetPoolQuotaExceeded"),
        ({"ip_version": 6}, 400, "BadRequest"),
        ({"use_default_subnetpool": True}, 400, "BadRequest"),
        ({"prefixlen": 26, "cidr": "10.8.9.0/26"}, 400, "BadRequest"),
    ):
        reply = await member("POST", "subnets", {"subnet": {**base, **fields}})
        assert (reply.status, reply.kind) == (status, kind)
    loose = {"network_id": network["id"], "ip_version": 4, "cidr": "192.168.0.0/24"}
    assert (await member("POST", "subnets", {"subnet": loose})).kind == "NetworkSubnetPoolAffinityError"
    assert (await member("DELETE", f"subnetpools/{pool['id']}")).kind == "SubnetPoolDeleteError"
    path = f"subnetpools/{pool['id']}/remove_prefixes"
    assert (await member("PUT", path, {"prefixes": ["10.8.0.0/17"]})).kind == "IllegalSubnetPoolPrefixUpdate"
    theirs, _ = await other.network()
    stolen = {"network_id": theirs["id"], "ip_version": 4, "subnetpool_id": pool["id"]}
    assert (await other("POST", "subnets", {"subnet": stolen})).kind == "SubnetPoolNotFound"
    await member("DELETE", f"networks/{network['id']}")
    assert (await member("DELETE", f"subnetpools/{pool['id']}")).status == 204


async def test_a_default_pool_for_all(member: Caller, admin: Caller) -> None:
    pool = await admin.make(
        "subnetpool", name="d", prefixes=["10.20.0.0/16"], default_prefixlen=24, shared=True, is_default=True
    )
    second = {"name": "e", "prefixes": ["10.21.0.0/16"], "is_default": True}
    assert (await admin("POST", "subnetpools", {"subnetpool": second})).kind == "InvalidInput"
    network, _ = await member.network()
    made = await member.make("subnet", network_id=network["id"], ip_version=4, use_default_subnetpool=True)
    assert (made["cidr"], made["subnetpool_id"]) == ("10.20.0.0/24", pool["id"])
    assert (await member.get("subnetpool", pool["id"]))["shared"] is True
    assert (await member.change("subnetpool", pool["id"], name="mine")).status == 403


async def test_no_two_subnets_of_a_pool_overlap(member: Caller) -> None:
    pool = await member.make("subnetpool", name="p", prefixes=["10.8.0.0/24"])

    async def one() -> int:
        network = await member.make("network")
        body = {"network_id": network["id"], "ip_version": 4, "subnetpool_id": pool["id"], "prefixlen": 28}
        return (await member("POST", "subnets", {"subnet": body})).status

    statuses = await asyncio.gather(*(one() for _ in range(20)))
    assert sorted(statuses) == [201] * 16 + [409] * 4
    blocks = [ipaddress.ip_network(s["cidr"]) for s in (await member("GET", "subnets"))["subnets"]]
    assert not any(a.overlaps(b) for a in blocks for b in blocks if a is not b)


@given(st.lists(st.integers(20, 30), max_size=30))
def test_every_length_fits_as_long_as_there_is_room(lengths: list[int]) -> None:
    pool = [ipaddress.ip_network(p) for p in judge_prefixes(["10.0.0.0/20", "10.0.64.0/22"])]
    free: list[Any] = list(pool)
    given_out: list[Any] = []
    for length in lengths:
        if not any(f.prefixlen <= length for f in free):
            continue
        block = _chosen(free, None, length)
        assert block.prefixlen == length
        assert any(_inside(block, p) for p in pool)
        assert not any(_overlap(block, g) for g in given_out)
        free, given_out = list(_without(free, block)), [*given_out, block]
    assert sum(f.num_addresses for f in (*free, *given_out)) == sum(p.num_addresses for p in pool)
