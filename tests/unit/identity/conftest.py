from collections.abc import AsyncIterator

import pytest

from identity_cloud import Cloud, process
from pileus.kernel.db import Database


@pytest.fixture
async def cloud(database: Database) -> AsyncIterator[Cloud]:
    """Identity on either database."""
    async with process(database) as found:
        yield found


@pytest.fixture
async def admin(cloud: Cloud) -> str:
    """The token of `admin` on project `admin`."""
    return await cloud.token()
