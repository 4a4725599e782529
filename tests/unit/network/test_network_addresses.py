"""Address allocation: nothing twice, nothing from outside, nothing left unused when it is asked for."""

import asyncio
import ipaddress
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from network_cloud import Caller, NetworkCloud
from pileus.kernel.db import Database, Tx
from pileus.kernel.types import new_id
from pileus.services.network.core.addresses import eui64, free_address, take_free
from pileus.services.network.db import allocations
from pileus.services.network.db.allocations import SLOT_BITS, place
from pileus.services.network.db.subnets import SubnetRow

EDGE = 1 << SLOT_BITS


def subnet(cidr: str, *pools: tuple[str, str]) -> SubnetRow:
    return SubnetRow(
        id=new_id(), project_id="p", network_id="n", name="", description="", ip_version=6 if ":" in cidr else 4, cidr=cidr,
        gateway_ip=None, pools=pools, dns_nameservers=(), host_routes=(), service_types=(), enable_dhcp=False,
        ipv6_ra_mode=None, ipv6_address_mode=None, subnetpool_id=None, revision_number=0, created_at=0, updated_at=0,
    )  # fmt: skip


def members(row: SubnetRow) -> set[str]:
    spans = [(ipaddress.ip_address(a), ipaddress.ip_address(b)) for a, b in row.pools]
    return {str(a + i) for a, b in spans for i in range(int(b) - int(a) + 1)}


pools_v4 = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 12)), min_size=1, max_size=3).map(
    lambda spans: _pools([(10 << 24) + at for at, _ in spans], [n for _, n in spans], 4)
)
pools_v6 = st.tuples(st.integers(-6, 0), st.integers(0, 12)).map(
    lambda span: _pools([(0x20010DB8 << 96) + EDGE + span[0]], [span[1]], 6)
)


def _pools(starts: list[int], sizes: list[int], version: int) -> tuple[tuple[str, str], ...]:
    """Pools one behind the other, none overlapping."""
    made, free = [], 0
    for start, size in sorted(zip(starts, sizes, strict=True)):
        begin = max(start, free)
        of = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
        made.append((str(of(begin)), str(of(begin + size))))
        free = begin + size + 2
    return tuple(made)


@given(pools=pools_v4 | pools_v6, data=st.data())
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_every_address_of_the_pools_once_and_then_none(
    tmp_path: Path, pools: tuple[tuple[str, str], ...], data: st.DataObject
) -> None:
    row = subnet("10.0.0.0/16" if "." in pools[0][0] else "2001:db8::/32", *pools)
    order = data.draw(st.lists(st.booleans(), min_size=0, max_size=40))

    async def run() -> None:
        db = Database(f"sqlite:///{tmp_path}/pileus.db", synchronous="OFF")
        await db.start()
        try:
            await db.write(_walk, row, order)
        finally:
            await db.close()

    asyncio.run(run())


def _walk(tx: Tx, row: SubnetRow, order: list[bool]) -> None:
    """Take and give back by turns, then take until nothing is left."""
    held: dict[str, str] = {}
    for take in order:
        if take or not held:
            _take(tx, row, held)
        else:
            address = random.choice(sorted(held))
            assert tx.run(allocations.FREE, port_id=held.pop(address), subnet_id=row.id, address=address) == 1
    while _take(tx, row, held):
        pass
    assert set(held) == members(row)


def _take(tx: Tx, row: SubnetRow, held: dict[str, str]) -> bool:
    port = new_id()
    address = take_free(tx, row, port, 0)
    if address is None:
        assert set(held) == members(row), "exhausted too early"
        return False
    assert address not in held, "given twice"
    assert address in members(row), "not of the pools"
    held[address] = port
    return True


def test_places_of_neighbours_are_neighbours() -> None:
    for base in (0, EDGE - 2, (0x20010DB8 << 96) + 5):
        first, second = place(base), place(base + 1)
        assert second in ((first[0], first[1] + 1), (first[0] + 1, 0))


def test_automatic_addresses_follow_from_macs() -> None:
    assert eui64("2001:db8::/64", "fa:16:3e:00:00:01") == "2001:db8::f816:3eff:fe00:1"
    assert eui64("fd00:1:2:3::/64", "00:00:5e:00:53:af") == "fd00:1:2:3:200:5eff:fe00:53af"


async def test_a_pool_without_end_is_not_loaded(database: Database) -> None:
    row = subnet("2001:db8::/32", ("2001:db8::1", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"))
    address = await database.write(free_address, row)
    assert address is not None
    assert ipaddress.ip_address(address) in ipaddress.ip_network("2001:db8::/32")


async def test_exhaustion_is_told_and_leaves_nothing(cloud: NetworkCloud, member: Caller) -> None:
    network, _ = await member.network("10.0.0.0/29")
    ports = [await member.make("port", network_id=network["id"]) for _ in range(5)]
    refused = await member("POST", "ports", {"port": {"network_id": network["id"]}})
    assert (refused.status, refused.kind) == (409, "IpAddressGenerationFailure")
    bulk = await member(
        "POST", "ports", {"ports": [{"network_id": network["id"], "fixed_ips": []}, {"network_id": network["id"]}]}
    )
    assert bulk.status == 409
    assert len((await member("GET", "ports"))["ports"]) == 5
    await member("DELETE", f"ports/{ports[0]['id']}")
    again = await member.make("port", network_id=network["id"])
    assert again["fixed_ips"] == ports[0]["fixed_ips"]


@pytest.mark.parametrize("at_once", [40])
async def test_many_at_once_get_addresses_of_their_own(cloud: NetworkCloud, member: Caller, at_once: int) -> None:
    network, _ = await member.network("10.0.0.0/24")
    made = await asyncio.gather(*(member.make("port", network_id=network["id"]) for _ in range(at_once)))
    held = {p["fixed_ips"][0]["ip_address"] for p in made}
    assert len(held) == at_once
    assert len({p["mac_address"] for p in made}) == at_once


async def test_automatic_addresses_come_and_go_with_their_subnet(cloud: NetworkCloud, member: Caller) -> None:
    network, _ = await member.network()
    port = await member.make("port", network_id=network["id"], mac_address="fa:16:3e:00:00:01")
    assert port["fixed_ips"] == []
    modes = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
    made = await member.make("subnet", network_id=network["id"], ip_version=6, cidr="2001:db8::/64", **modes)
    port = await member.get("port", port["id"])
    assert port["fixed_ips"] == [{"subnet_id": made["id"], "ip_address": "2001:db8::f816:3eff:fe00:1"}]
    moved = await cloud.caller("pa", "admin").change("port", port["id"], mac_address="fa:16:3e:00:00:02")
    assert moved["port"]["fixed_ips"][0]["ip_address"] == "2001:db8::f816:3eff:fe00:2"
    await member("DELETE", f"subnets/{made['id']}")
    assert (await member.get("port", port["id"]))["fixed_ips"] == []
