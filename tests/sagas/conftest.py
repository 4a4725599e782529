"""The arena of the crash suite."""

from collections.abc import Iterator
from pathlib import Path

import pytest

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
