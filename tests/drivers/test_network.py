"""The contract of `pileus.drivers.network.protocol`, run on every implementation; tests are named after its rules.

Rules that speak of real traffic are checked with real packets on the implementations that carry any."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from network_guests import aside
from network_rigs import ALL_OUT, OPEN, WHY_NOT, Cloud, cloud_on, lease, new_id

from pileus.drivers.network.protocol import NetworkError, Rule

real = [pytest.mark.real, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "works")]


@pytest.fixture(params=["fake", pytest.param("linux", marks=real)])
async def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cloud]:
    """Any implementation."""
    async with cloud_on(request.param, tmp_path) as made:
        yield made


@pytest.fixture(params=[pytest.param("linux", marks=real)])
async def wired(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cloud]:
    """Implementations that carry packets."""
    async with cloud_on(request.param, tmp_path) as made:
        yield made


async def test_n1_ensure_again_changes_nothing_and_older_specs_are_ignored(cloud: Cloud) -> None:
    network = await cloud.network()
    group = await cloud.group(*OPEN)
    port = await cloud.port(network, "10.20.0.5", groups=(group.id,))
    router = await cloud.router(network)
    newer = [await cloud.change(spec) for spec in (network, group, port, router)]
    driver = cloud.driver
    for _ in range(2):
        await driver.ensure_network(network)
        await driver.ensure_group(group)
        seen = await driver.ensure_port(port)
        assert seen.generation == newer[2].generation
        await driver.ensure_router(router)
    seen_all = await driver.observe()
    assert seen_all.networks == ((network.id, newer[0].generation),)
    assert seen_all.groups == ((group.id, newer[1].generation),)
    assert [(one.id, one.generation) for one in seen_all.ports] == [(port.id, newer[2].generation)]
    assert seen_all.routers == ((router.id, newer[3].generation),)


async def test_n5_guests_of_one_network_reach_each_other(wired: Cloud) -> None:
    network, other = await wired.network(), await wired.network("10.21.0.0/24")
    group = await wired.group(*OPEN)
    _, first = await wired.simple_guest(network, "10.20.0.5", group)
    _, second = await wired.simple_guest(network, "10.20.0.6", group)
    _, third = await wired.simple_guest(other, "10.21.0.6", group)
    assert await aside(first.pings, "10.20.0.6")
    assert await aside(second.pings, "10.20.0.5")
    assert not await aside(first.pings, "10.21.0.6")
    third.configure("10.20.0.7/24")
    assert not await aside(first.pings, "10.20.0.7")
