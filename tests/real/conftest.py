"""Clouds for the tests of what is real."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .mortal import Mortal


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Mortal]:
    found = Mortal(tmp_path / "state")
    found.up()
    yield found
    if found.process.poll() is None:
        found.kill()
