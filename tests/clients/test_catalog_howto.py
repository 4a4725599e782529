"""The commands of docs/howto/catalog-and-limits.md, as they stand there, with the stock client."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from pages import ROOT, script_of


def test_the_commands_of_the_page(stock: Any, tmp_path: Path) -> None:
    script = f"set -eux\n{script_of(ROOT / 'docs/howto/catalog-and-limits.md')}"
    environ = {**stock.environ, "PATH": f"{Path(stock.command).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def test_what_the_commands_show(stock: Any) -> None:
    stock("service", "create", "--name", "shown", "shown")
    stock("registered", "limit", "create", "--service", "shown", "--default-limit", "10", "songs")
    limit = stock("limit", "create", "--project", "demo", "--service", "shown", "--resource-limit", "25", "songs")
    changed = stock("limit", "set", "--resource-limit", "0", "--description", "none left", limit["id"])
    assert (changed["resource_limit"], changed["description"]) == (0, "none left")
    assert stock("limit", "show", limit["id"])["resource_name"] == "songs"
    assert stock("limit", "list", "--project", "demo", "--service", "shown")[0]["Resource Limit"] == 0
    refused = stock.say("registered", "limit", "delete", stock("registered", "limit", "list")[0]["ID"], code=1)
    assert "1 of 1 registered limits failed to delete" in refused
    stock.say("limit", "delete", limit["id"])
    registered = stock("registered", "limit", "list")[0]["ID"]
    assert stock("registered", "limit", "set", "--default-limit", "7", registered)["default_limit"] == 7
    stock.say("registered", "limit", "delete", registered)
    stock.say("service", "delete", "shown")
