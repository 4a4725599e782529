"""Fixtures of the drivers' contract suites."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from network_rigs import WHY_NOT, Cloud, cloud_on

NETWORK = [pytest.mark.real, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "works")]


@pytest.fixture(params=["fake", pytest.param("linux", marks=NETWORK)])
async def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cloud]:
    """A small cloud on any implementation of `NetworkDriver`."""
    async with cloud_on(request.param, tmp_path) as made:
        yield made


@pytest.fixture(params=[pytest.param("linux", marks=NETWORK)])
async def wired(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cloud]:
    """A small cloud on those that carry packets."""
    async with cloud_on(request.param, tmp_path) as made:
        yield made
