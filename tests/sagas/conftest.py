"""The arena of the crash suite."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from databases import Cluster
from sagas.engine import Arena
from sagas.zygote import Zygote


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    made = Zygote()
    yield made
    made.close()


@pytest.fixture(scope="session")
def arena_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("arena")


@pytest.fixture
def arena(arena_place: Path, zygote: Zygote) -> Arena:
    """Plays scenarios on SQLite."""
    return Arena(arena_place, zygote)


@pytest.fixture
async def postgresql_url(postgresql: Cluster) -> AsyncIterator[str]:
    name = await postgresql.lend()
    yield postgresql.at(name)
    postgresql.take_back(name)


@pytest.fixture
def postgresql_arena(arena_place: Path, zygote: Zygote, postgresql_url: str) -> Arena:
    """Plays scenarios on PostgreSQL: slower, for `some_faults`."""
    return Arena(arena_place, zygote, postgresql_url)
