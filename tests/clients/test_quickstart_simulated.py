"""The newcomer's walk on simulated machines, with the stock client's library, from outside."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

import invariants
from cloud_runs import CloudRun, until
from pileus.cli.image import build_guest
from pileus.cli.output import Failure
from pileus.cli.walk.images import recipe

STEPS = [
    "start the cloud",
    "build the guest's image",
    "upload it",
    "flavor",
    "external network",
    "tenant network",
    "router",
    "security group",
    "keypair",
    "boot a server, until ACTIVE",
    "floating address",
    "console log",
]


@pytest.fixture(scope="module")
def guest(tmp_path_factory):
    """The image, built once for all walks."""
    place = tmp_path_factory.mktemp("guest")
    try:
        build_guest(place / "guest.qcow2")
    except Failure:
        return place  # the walk takes a blank disk then, and says so
    (place / "guest.builder").write_text(recipe())
    return place


@pytest.fixture
def run(tmp_path, guest):
    found = CloudRun(tmp_path / "state")
    shutil.copytree(guest, found.state / "quickstart")
    yield found
    found("down", "--purge", code=None)


def test_twice(run):
    first = run.json("quickstart", "--simulate", "2")
    assert [s["step"] for s in first["steps"]] == STEPS
    assert not first["real"]
    assert first["passwords"].keys() == {"admin", "demo"}
    second = run.json("quickstart")
    assert second["server"] == first["server"]
    assert second["address"] == first["address"]
    assert second["passwords"] == {}
    for told in second["steps"][1:-1]:
        assert re.match(r"is there|runs|a blank disk", told["result"]), told
    said = run("quickstart")
    assert f"export OS_CLIENT_CONFIG_FILE={run.state}/clouds.yaml OS_CLOUD=pileus" in said
    assert "machines are simulated" in said


def test_the_openstack_command_works_with_what_was_written(run):
    run("quickstart", "--simulate", "1")
    openstack = os.path.join(os.path.dirname(sys.executable), "openstack")
    environ = {**run.environ, "OS_CLIENT_CONFIG_FILE": str(run.state / "clouds.yaml"), "OS_CLOUD": "pileus"}
    listed = subprocess.run(
        [openstack, "server", "list", "-f", "value", "-c", "Name", "-c", "Status"],
        env=environ, capture_output=True, text=True, timeout=240, check=True,
    )  # fmt: skip
    assert listed.stdout.strip() == "quickstart ACTIVE"
    shell = f'. {run.state}/openrc && exec "{openstack}" token issue -f value -c project_id'
    issued = subprocess.run(
        ["sh", "-c", shell], env=run.environ, capture_output=True, text=True, timeout=240, check=True
    )
    assert re.fullmatch(r"[0-9a-f]{32}\n", issued.stdout)
    demo = {**environ, "OS_CLOUD": "pileus-demo"}
    others = subprocess.run(
        [openstack, "server", "list", "-f", "value"], env=demo, capture_output=True, text=True, timeout=240, check=True
    )
    assert others.stdout.strip() == "", "a tenant sees no other tenant's server"


@pytest.mark.parametrize("moment", [0.5, 1.5, 2.5])
def test_killed_at_a_moment_of_the_walk_and_begun_again(run, moment):
    """kill -9 of the cloud; the walk may fail with a plain reason, but the next one goes through."""
    run("up", "--detach", "--simulate", "2")
    run.environ["PYTHONUNBUFFERED"] = "1"
    walk = run.start("quickstart")
    assert any("build the guest" in line for line in walk.stdout), walk.communicate()
    time.sleep(moment)  # it has found this cloud, and starts none by itself
    os.kill(run.pid(), signal.SIGKILL)
    _out, err = walk.communicate(timeout=240)
    assert "Traceback" not in err
    until(lambda: not run.json("status", code=None)["running"])
    run("up", "--detach", "--simulate", "2")
    told = run.json("quickstart")
    assert [s["step"] for s in told["steps"]] == STEPS
    assert invariants.settled(run.state) == []
    found = run.json("doctor", code=None)
    assert [f for f in found["findings"] if f["level"] == "problem"] == []
