"""One simulated cloud for the stock clients, and the `openstack` command on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import victims
from cloud import PASSWORD, LiveCloud


class Stock:
    """`stock("server", "list")` runs the stock client as admin; the JSON that it prints comes back."""

    def __init__(self, live: LiveCloud) -> None:
        self.live = live
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PILEUS_", "OS_"))}
        self.command = str(Path(sys.executable).with_name("openstack"))
        self.environ = {
            **kept, "OS_AUTH_URL": f"http://127.0.0.1:{5000 + live.shift}/v3", "OS_USERNAME": "admin",
            "OS_PASSWORD": PASSWORD, "OS_PROJECT_NAME": "admin", "OS_USER_DOMAIN_ID": "default",
            "OS_PROJECT_DOMAIN_ID": "default", "OS_IDENTITY_API_VERSION": "3", "NO_PROXY": "*",
        }  # fmt: skip

    def say(self, *words: str, code: int = 0) -> str:
        """What it prints; its output and errors when it is to fail."""
        done = subprocess.run(
            [self.command, *words], env=self.environ, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == code, f"openstack {' '.join(words)}\n{done.stdout}\n{done.stderr}"
        return done.stdout + (done.stderr if code else "")

    def __call__(self, *words: str) -> Any:
        return json.loads(self.say(*words, "-f", "json"))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCloud]:
    found = LiveCloud(tmp_path_factory.mktemp("stock")).start()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def stock(live: LiveCloud) -> Stock:
    return Stock(live)


@pytest.fixture(scope="module")
def sdk(live: LiveCloud) -> Iterator[Any]:
    """openstacksdk as admin."""
    import openstack

    with openstack.connect(
        auth_url=f"http://127.0.0.1:{5000 + live.shift}/v3", username="admin", password=PASSWORD, project_name="admin",
        user_domain_id="default", project_domain_id="default", region_name="RegionOne", load_envvars=False,
        load_yaml_config=False,
    ) as found:  # fmt: skip
        yield found


@pytest.fixture(scope="module")
def things(live: LiveCloud) -> dict[str, str]:
    """Ids of one of each noun in the project admin."""
    admin = live.client("admin")
    return victims.of_project(admin, admin, "stock") | victims.of_identity(admin, "stock")
