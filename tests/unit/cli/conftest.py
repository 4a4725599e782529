"""Runs the command as people do: in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cloud_runs import free_port

SOURCE = Path(__file__).parents[3] / "src"


class Pileus:
    def __init__(self, state, port):
        self.state = state
        self.environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith("PILEUS_")},
            "PYTHONPATH": f"{SOURCE}{os.pathsep}{Path(__file__).parent}",
            "PILEUS_APP": "fake_app",
            "PILEUS_STATE": str(state),
            "PILEUS_CLOUD_PORT": str(port),
            "COLUMNS": "200",
        }

    def __call__(self, *arguments, code=0, **environ):
        done = subprocess.run(
            [sys.executable, "-m", "pileus", *map(str, arguments)],
            env=self.environ | environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def json(self, *arguments, code=0, **environ):
        return json.loads(self(*arguments, "--json", code=code, **environ))

    def start(self, *arguments, **environ):
        return subprocess.Popen(
            [sys.executable, "-m", "pileus", "up", *arguments],
            env=self.environ | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture
def pileus(tmp_path, unused_port):
    command = Pileus(tmp_path / "state", unused_port)
    yield command
    command("down")


@pytest.fixture
def unused_port():
    return free_port()
