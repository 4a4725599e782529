"""One cloud for each database, with a few users, for all stories."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from cloud import LiveCloud
from people import people


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def cloud(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCloud]:
    """A running cloud; its tokens and ids stand in the environment for the stories' `$ENVIRON[…]`."""
    database = ""
    if request.param == "postgresql":
        cluster = request.getfixturevalue("postgresql")
        database = cluster.at(cluster.create())
    live = LiveCloud(tmp_path_factory.mktemp(f"cloud-{request.param}"), database).start()
    os.environ.update(people(live))
    yield live
    live.stop()
