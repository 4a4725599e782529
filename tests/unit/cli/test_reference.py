"""Generated pages are current, lists and locks are complete."""

import re
import subprocess
import tomllib
from pathlib import Path

from pileus.cli.reference import page

HOUSE = Path(__file__).parents[3]


def test_the_cli_page_is_current():
    assert (HOUSE / "docs/reference/cli.md").read_text() == page(), "run `make docs`"


def test_the_lock_holds_every_dependency():
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + [line for lines in project["optional-dependencies"].values() for line in lines]
    lines = [*(HOUSE / "requirements.lock").open(), *(HOUSE / "setup/libvirt.lock").open()]
    locked = {line.split("==")[0].lower() for line in lines}
    names = {re.split(r"[\[<>=!~; ]", line)[0].lower().replace(".", "-").replace("_", "-") for line in wanted}
    assert names - locked == set(), "run `make lock`"


def test_no_registry_is_named():
    words = re.compile(r"(index-url|find-links|trusted-host|pypi\.|registry\.npm)")
    for name in ("requirements.lock", "setup/libvirt.lock", "setup/environment", "setup/system", "Makefile", ".ci/run"):
        assert not words.search((HOUSE / name).read_text().replace("--no-emit-index-url", "").replace(
            "--no-emit-find-links", "").replace("--no-emit-trusted-host", "")), name  # fmt: skip


def test_shell_scripts_parse():
    scripts = [*(HOUSE / "src/pileus/cli/guest").glob("*.sh"), HOUSE / "setup/system", HOUSE / "setup/environment"]
    assert len(scripts) == 7
    for script in [*scripts, HOUSE / ".ci/run"]:
        subprocess.run(["bash", "-n", str(script)], check=True)


def test_make_help_names_every_target():
    said = subprocess.run(["make", "-C", str(HOUSE), "help"], capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (HOUSE / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    assert {line.split()[0] for line in said.splitlines() if re.match(r"[a-z-]+ +\S", line)} >= set(phony[1].split())
