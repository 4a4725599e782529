"""A network service and callers of it, on both databases."""

import pytest

from network_cloud import Caller, NetworkCloud
from pileus.kernel.db import Database


@pytest.fixture
async def cloud(database: Database) -> NetworkCloud:
    made = NetworkCloud(database)
    await made.service.start()
    return made


@pytest.fixture
def member(cloud: NetworkCloud) -> Caller:
    return cloud.caller("p1")


@pytest.fixture
def other(cloud: NetworkCloud) -> Caller:
    return cloud.caller("p2")


@pytest.fixture
def reader(cloud: NetworkCloud) -> Caller:
    return cloud.caller("p1", "reader")


@pytest.fixture
def admin(cloud: NetworkCloud) -> Caller:
    return cloud.caller("pa", "admin")
