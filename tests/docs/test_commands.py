"""The commands of README and of the simulated tutorial, run as they stand there, on the simulator."""

import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

import preloaded
from cloud_runs import CloudRun
from pages import ROOT, script_of

SECONDS = 450
"""For one page."""


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    """A folder with the commands `pileus` and `openstack`."""
    folder = tmp_path_factory.mktemp("bin")
    command = folder / "pileus"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pileus "$@"\n')
    command.chmod(0o755)
    client = preloaded.start(folder)
    yield folder
    client.kill()
    client.wait()


def run(commands: Path, folder: Path, page: Path, **environ: str) -> None:
    cloud = CloudRun(folder / "cloud", **environ)
    variables = {**cloud.environ, "PATH": f"{commands}:{os.environ['PATH']}", "HOME": str(folder), "COLUMNS": "120"}
    script = f"set -eux\n{script_of(page)}"
    begun = time.monotonic()
    try:
        done = subprocess.run(
            ["bash", "-c", script], cwd=folder, env=variables, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
    finally:
        cloud("down", "--purge", code=None)
    print(f"{page.name}: {time.monotonic() - begun:.1f} s")
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{cloud.log()}"


def qcow2(path: Path) -> None:
    """An empty disk of 1 MiB: header, reference counts, map."""
    cluster = 1 << 16
    header = struct.pack(
        ">4sIQIIQIIQQIIQQQQII", b"QFI\xfb", 3, 0, 0, 16, 1 << 20, 0, 1, 3 * cluster, cluster, 1, 0, 0, 0, 0, 0, 4, 104
    )
    counts = struct.pack(">Q", 2 * cluster)
    block = struct.pack(">4H", 1, 1, 1, 1)
    path.write_bytes(b"".join(part.ljust(cluster, b"\0") for part in (header, counts, block, b"")))


@pytest.mark.timeout(2 * SECONDS)
def test_the_walk_of_the_readme(commands, tmp_path):
    qcow2(tmp_path / "guest.qcow2")
    run(commands, tmp_path, ROOT / "README.md", PILEUS_CLOUD_SIMULATE="2")


@pytest.mark.timeout(2 * SECONDS)
def test_delegation(commands, tmp_path):
    run(commands, tmp_path, ROOT / "docs/howto/delegation.md")


@pytest.mark.timeout(2 * SECONDS)
def test_objects(commands, tmp_path):
    run(commands, tmp_path, ROOT / "docs/howto/objects.md")


@pytest.mark.timeout(2 * SECONDS)
def test_the_simulated_cloud(commands, tmp_path):
    run(commands, tmp_path, ROOT / "docs/tutorial/simulated-cloud.md")
