"""A running image service and callers of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from image_callers import Caller
from image_server import Running, running


@pytest.fixture
async def image(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as it:
        yield it


async def _caller(image: Running, token: str) -> AsyncIterator[Caller]:
    one = Caller(image.url, token)
    yield one
    await one.http.aclose()


@pytest.fixture
async def user(image: Running) -> AsyncIterator[Caller]:
    async for one in _caller(image, "u:p1:member"):
        yield one


@pytest.fixture
async def reader(image: Running) -> AsyncIterator[Caller]:
    async for one in _caller(image, "r:p1:reader"):
        yield one


@pytest.fixture
async def stranger(image: Running) -> AsyncIterator[Caller]:
    async for one in _caller(image, "v:p2:member"):
        yield one


@pytest.fixture
async def admin(image: Running) -> AsyncIterator[Caller]:
    async for one in _caller(image, "adm:pa:admin"):
        yield one
