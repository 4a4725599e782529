"""The stock placement client, as operators use it: `openstack resource provider …`."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cloud import PASSWORD, LiveCloud

OPENSTACK = os.path.join(os.path.dirname(sys.executable), "openstack")
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    pytest.importorskip("osc_placement")
    live = LiveCloud(tmp_path_factory.mktemp("osc-placement"), simulate=2).start()
    environ = {
        **{k: v for k, v in os.environ.items() if not k.startswith("OS_")},
        "OS_AUTH_URL": f"{live.url}/identity/v3", "OS_USERNAME": "admin", "OS_PASSWORD": PASSWORD, "OS_PROJECT_NAME": "admin",
        "OS_USER_DOMAIN_ID": "default", "OS_PROJECT_DOMAIN_ID": "default", "OS_PLACEMENT_API_VERSION": "1.39",
    }  # fmt: skip

    def openstack(*words: str, version: str = "1.39", refused: str = "") -> Any:
        """What a command prints, as JSON; or, when it must be `refused`, why."""
        silent = refused or "delete" in words or words[:2] in (("trait", "create"), ("resource", "class"))
        listing = [] if silent else ["-f", "json"]
        done = subprocess.run(
            [OPENSTACK, "--os-placement-api-version", version, *words, *listing],
            env=environ, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        if refused:
            assert done.returncode, done.stdout
            assert refused in done.stderr, done.stderr
            return None
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    yield openstack
    live.stop()


def test_an_operators_day(run: Run) -> None:
    hosts = run("resource", "provider", "list", "--resource", "VCPU=1")
    assert len(hosts) == 2
    made = run("resource", "provider", "create", "day-root")
    child = run("resource", "provider", "create", "day-child", "--parent-provider", made["uuid"])
    assert child["root_provider_uuid"] == made["uuid"]
    uuid = child["uuid"]
    run("resource", "class", "set", "CUSTOM_DAY")
    run("trait", "create", "CUSTOM_BRIGHT")
    stock = run(
        "resource",
        "provider",
        "inventory",
        "set",
        uuid,
        "--resource",
        "CUSTOM_DAY=24",
        "--resource",
        "CUSTOM_DAY:max_unit=8",
    )
    assert [(row["resource_class"], row["total"], row["max_unit"]) for row in stock] == [("CUSTOM_DAY", 24, 8)]
    run("resource", "provider", "trait", "set", uuid, "--trait", "CUSTOM_BRIGHT")
    generation = run("resource", "provider", "show", uuid)["generation"]
    aggregate = "5a1e0000-0000-4000-a000-0000000000aa"
    run("resource", "provider", "aggregate", "set", uuid, "--aggregate", aggregate, "--generation", str(generation))
    assert run("resource", "provider", "aggregate", "list", uuid) == [{"uuid": aggregate}]
    found = run("allocation", "candidate", "list", "--resource", "CUSTOM_DAY=8", "--required", "CUSTOM_BRIGHT")
    assert [row["resource provider"] for row in found] == [uuid]
    run("allocation", "candidate", "list", "--resource", "CUSTOM_NONE=1", refused="No such resource class CUSTOM_NONE")

    consumer = "5a1e0000-0000-4000-c000-0000000000aa"
    held = run(
        "resource", "provider", "allocation", "set", consumer, "--allocation", f"rp={uuid},CUSTOM_DAY=8",
        "--project-id", "p", "--user-id", "u", "--consumer-type", "INSTANCE",
    )  # fmt: skip
    assert held[0]["resources"] == {"CUSTOM_DAY": 8}
    assert run("resource", "usage", "show", "p")[0]["usage"] == {"consumer_count": 1, "CUSTOM_DAY": 8}
    assert run("resource", "provider", "usage", "show", uuid) == [{"resource_class": "CUSTOM_DAY", "usage": 8}]
    run("resource", "provider", "inventory", "delete", uuid, refused="in use")
    run("resource", "provider", "delete", made["uuid"], refused="child")
    run("resource", "provider", "allocation", "delete", consumer)
    run("resource", "provider", "delete", uuid)
    run("resource", "provider", "delete", made["uuid"])
    run("trait", "delete", "CUSTOM_BRIGHT")
    run("resource", "class", "delete", "CUSTOM_DAY")


def test_the_oldest_version(run: Run) -> None:
    made = run("resource", "provider", "create", "day-old", version="1.0")
    assert "parent_provider_uuid" not in made
    shown = run("resource", "provider", "inventory", "list", made["uuid"], version="1.0")
    assert shown == []
    run("resource", "provider", "delete", made["uuid"], version="1.0")
