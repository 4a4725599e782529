"""Tempest's tests of identity against a Pileus of their own: `make conformance`.

    python tests/conformance/identity_tempest.py [--regex RE] [--workers N] [--folder DIR]

Starts a simulated cloud with the rules for passwords that the tests expect, installs the suites (pinned in `tempest.txt`) into
a virtual environment of their own in DIR (default `build/tempest`), and runs what RE selects. It fails when a test fails, when
one is skipped that `tempest-identity-skips.txt` does not name, or when one is named there that runs.
"""

from __future__ import annotations

import argparse
import configparser
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

from cloud import free_shift  # noqa: E402 - the path is set above

PASSWORD = "conformance-secret"
SUITES = r"^(tempest\.api\.identity|keystone_tempest_plugin)\."
LOCKOUT, LOCKED_FOR, HISTORY = 2, 5, 2
"""Wrong passwords that lock an account, seconds for which, old passwords that may not come again: as tempest.conf says, so the cloud."""
_CLASS_LEVEL = re.compile(r"(?:setUp|tearDown)(?:Class|Module) \((.*)\)$")


class Cloud:
    """`pileus up` on an empty state."""

    def __init__(self) -> None:
        shift = free_shift()
        self.state = Path(tempfile.mkdtemp(prefix="pileus-conformance-"))
        self.auth_url = f"http://127.0.0.1:{5000 + shift}/v3"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PILEUS_", "OS_"))}
        self.environ = {
            **kept,
            "PYTHONPATH": str(ROOT / "src"),
            "PILEUS_STATE": str(self.state),
            "PILEUS_PORTS_SHIFT": str(shift),
            "PILEUS_PORTS_IDENTITY_ADMIN": "0",
            "PILEUS_CLOUD_SYNCHRONOUS": "OFF",
            "PILEUS_SECURITY_COMPLIANCE_LOCKOUT_FAILURE_ATTEMPTS": str(LOCKOUT),
            "PILEUS_SECURITY_COMPLIANCE_LOCKOUT_DURATION": str(LOCKED_FOR),
            "PILEUS_SECURITY_COMPLIANCE_UNIQUE_LAST_PASSWORD_COUNT": str(HISTORY),
        }
        self._pileus("up", "--detach", "--simulate", "1", "--password", PASSWORD)

    def _pileus(self, *words: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "pileus", *words], env=self.environ, check=True, stdout=subprocess.DEVNULL
        )

    def services(self) -> set[str]:
        """Types in the catalog."""
        user = {"name": "admin", "domain": {"id": "default"}, "password": PASSWORD}
        scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.auth_url}/auth/tokens", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            token: dict[str, Any] = json.load(answer)["token"]
        return {service["type"] for service in token["catalog"]}

    def close(self) -> None:
        self._pileus("down", "--purge")
        shutil.rmtree(self.state, ignore_errors=True)


def configuration(cloud: Cloud, folder: Path) -> configparser.ConfigParser:
    """tempest.conf: every feature of identity on, every service that the catalog has."""
    there = cloud.services()
    types = {
        "nova": "compute", "glance": "image", "neutron": "network", "cinder": "block-storage", "swift": "object-store",
        "heat": "orchestration", "horizon": "dashboard",
    }  # fmt: skip
    sections: Mapping[str, Mapping[str, object]] = {
        "DEFAULT": {"log_dir": folder / "logs", "log_file": "tempest.log"},
        "oslo_concurrency": {"lock_path": folder / "locks"},
        "auth": {
            "use_dynamic_credentials": True,
            "create_isolated_networks": False,
            "admin_username": "admin",
            "admin_password": PASSWORD,
            "admin_project_name": "admin",
            "admin_domain_name": "Default",
            "admin_system": "all",
            "tempest_roles": "",  # readers are to be no members besides
        },
        "identity": {
            "uri_v3": cloud.auth_url,
            "auth_version": "v3",
            "user_lockout_failure_attempts": LOCKOUT,
            "user_lockout_duration": LOCKED_FOR,
            "user_unique_last_password_count": HISTORY,
            "user_minimum_password_age": 0,
        },
        "identity-feature-enabled": {
            "trust": True,
            "domain_specific_drivers": True,
            "security_compliance": True,
            "immutable_user_source": False,
            "access_rules": True,
            "federation": True,
            "external_idp": False,
        },
        "enforce_scope": {"keystone": True},
        "service_available": {name: kind in there for name, kind in types.items()},
    }
    made = configparser.ConfigParser()
    made.read_dict({name: {key: str(value) for key, value in part.items()} for name, part in sections.items()})
    return made


def install(folder: Path) -> Path:
    """The programs of a virtual environment with the pinned suites."""
    pins, stamp = (HERE / "tempest.txt").read_text(), folder / "venv/installed"
    if not stamp.exists() or stamp.read_text() != pins:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder / "venv"], check=True)
        command = [folder / "venv/bin/pip", "install", "-q", "--disable-pip-version-check", "-r", HERE / "tempest.txt"]
        subprocess.run(command, check=True)
        stamp.write_text(pins)
    return folder / "venv/bin"


def run(programs: Path, folder: Path, regex: str, workers: int) -> dict[str, str]:
    """Test, or class whose tests share its fate, to `success`, `skip` or what went wrong."""
    environ = {**os.environ, "TEMPEST_CONFIG_DIR": str(folder / "etc"), "TEMPEST_CONFIG": "tempest.conf"}
    environ["PATH"] = f"{programs}:{environ['PATH']}"
    where = subprocess.check_output(
        [programs / "python", "-c", "import tempest; print(tempest.__path__[0])"], text=True
    )
    package = Path(where.strip())
    (folder / ".stestr.conf").write_text(
        f"[DEFAULT]\ntest_path={package / 'test_discover'}\ntop_dir={package.parent}\ngroup_regex=([^\\.]*\\.)*\n"
    )
    shutil.rmtree(folder / ".stestr", ignore_errors=True)
    with (folder / "run.log").open("w") as told:
        command = [programs / "stestr", "run", "--concurrency", str(workers), regex]
        subprocess.run(command, cwd=folder, env=environ, stdout=told, stderr=told, check=False)
    last = subprocess.run(
        [programs / "stestr", "last", "--subunit"], cwd=folder, env=environ, capture_output=True, check=False
    )
    reader = [programs / "python", "-m", "subunit.filter_scripts.subunit2csv"]
    table = subprocess.run(reader, input=last.stdout, capture_output=True, check=False).stdout.decode()
    rows = [row for row in csv.reader(table.splitlines()) if len(row) > 1 and row[0] != "test"]
    found = {}
    for name, status, *_ in rows:
        shared = _CLASS_LEVEL.match(name)
        found[shared[1] if shared else name.partition("[")[0]] = status
    return found


def judge(found: Mapping[str, str], known: Mapping[str, str]) -> list[str]:
    """What is not as it should be."""
    wrong = [f"{status}: {name}" for name, status in found.items() if status not in ("success", "skip", "xfail")]
    skipped = {name for name, status in found.items() if status == "skip"}
    wrong += [f"skipped, and nobody knows why: {name}" for name in sorted(skipped - set(known))]
    wrong += [f"runs, take it out of the list: {name}" for name in sorted((set(known) & set(found)) - skipped)]
    return wrong if found else ["no test ran: see run.log"]


def known_skips() -> dict[str, str]:
    """Test or class to the reason why it is skipped."""
    lines = (HERE / "tempest-identity-skips.txt").read_text().splitlines()
    parts = [line.partition("  # ") for line in lines if line and not line.startswith("#")]
    return {name.strip(): reason for name, _, reason in parts}


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--regex", default=SUITES)
    options.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options.add_argument("--folder", type=Path, default=ROOT / "build/tempest")
    given = options.parse_args()
    folder = given.folder.resolve()
    for name in ("etc", "logs", "locks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    programs = install(folder)
    cloud = Cloud()
    try:
        with (folder / "etc/tempest.conf").open("w") as file:
            configuration(cloud, folder).write(file)
        found = run(programs, folder, given.regex, given.workers)
    finally:
        cloud.close()
    wrong = judge(found, known_skips())
    print("\n".join(wrong))
    count = {word: sum(status == word for status in found.values()) for word in ("success", "skip")}
    failed = len(found) - sum(count.values())
    print(
        f"{count['success']} passed, {failed} failed, {count['skip']} skipped (a class that is skipped whole counts once)"
    )
    print(f"log: {folder}/run.log")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
