"""Clients of old, where `PILEUS_TEST_OLD_CLIENTS` names a Python that has them."""

import os
import subprocess
from pathlib import Path

import pytest

from cloud import PASSWORD

PYTHON = os.environ.get("PILEUS_TEST_OLD_CLIENTS", "")


@pytest.mark.skipif(not PYTHON, reason="PILEUS_TEST_OLD_CLIENTS names no Python with the clients of old")
def test_clients_of_old(live):
    script = Path(__file__).with_name("old_clients.py")
    done = subprocess.run(
        [PYTHON, "-W", "ignore", str(script), f"http://127.0.0.1:{5000 + live.shift}/v3", PASSWORD],
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
