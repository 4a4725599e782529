"""Tests of objects that others wrote, as they are, against a Pileus of their own: part of `make conformance`.

    python tests/conformance/object_suites.py [--round NAME …] [--folder DIR] [--only EXPRESSION]

Rounds: `keystone` and `tempauth` are Swift's functional tests (with those of its S3 middleware) with tokens of identity and of
TempAuth, `s3` its tests for any S3, `tempest` Tempest's of object storage. Starts one simulated cloud with two storage policies, installs
the suites (pinned in `swift.txt` and `tempest.txt`; Swift's from its source archive) below DIR (default `build/objects`), and runs them. It
ends with 1 when a test fails or is skipped that `object-suites-known.txt` does not name with its reason, or is named there and passes.
"""

from __future__ import annotations

import argparse
import configparser
import fnmatch
import json
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as Tree
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

from identity_tempest import install, run  # noqa: E402 - the path is set above

from cloud_runs import CloudRun  # noqa: E402

PASSWORD, DOMAIN = "conformance-secret", "test-domain"
TEMPAUTH = {
    "test:tester": "testing .admin", "test2:tester2": "testing2 .admin", "test:tester3": "testing3",
    "test5:tester5": "testing5 service", "test6:tester6": "testing6 .reseller_admin",
}  # fmt: skip
PEOPLE = {
    1: ("default", "test", "tester", "admin"),
    2: ("default", "test2", "tester2", "admin"),
    3: ("default", "test", "tester3", "_member_"),
    4: (DOMAIN, "test4", "tester4", "admin"),
    5: ("default", "test5", "tester5", "service"),
    6: ("default", "test", "tester6", "ResellerAdmin"),
    7: ("default", "test", "second", "admin"),
    8: ("default", "test8", "looker", "reader"),
}
"""As the suites want them: domain, project, name and role by number. The seventh is S3's second owner of the first's buckets, the
eighth somebody who may make none."""
SETTINGS = {
    "PILEUS_CLOUD_SYNCHRONOUS": "OFF",
    "PILEUS_OBJECTSTORE_POLICIES": json.dumps({"gold": "", "silver": ""}),
    "PILEUS_OBJECTSTORE_SERVICE_PREFIXES": json.dumps({"SERVICE_": "service"}),
    "PILEUS_OBJECTSTORE_HOST_DOMAINS": json.dumps(["example.com"]),
    "PILEUS_OBJECTSTORE_TEMPAUTH_USERS": json.dumps(TEMPAUTH),
}
FUNCTIONAL, S3_MIDDLEWARE, ANY_S3 = "test/functional", "test/functional/s3api", "test/s3api"
PATIENCE = "300"
"""Seconds for one test."""


class Cloud:
    """`pileus up` on an empty state, with the people of the suites."""

    def __init__(self, place: Path) -> None:
        self.run = CloudRun(place / "state", **SETTINGS)
        self.run("up", "--detach", "--simulate", "1", "--password", PASSWORD)
        self.auth_url, self.objects = self._url("IDENTITY") + "/v3", self._url("OBJECTSTORE")
        self.keys: dict[int, tuple[str, str]] = {}
        """Access and secret key of S3 by the number of the person."""
        with self._admin() as admin:
            self._people(admin)
        for account in ("test", "test2"):
            self._begin(account)

    def _url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.run.environ[f'PILEUS_PORTS_{name}']}"

    def _admin(self) -> httpx.Client:
        user = {"name": "admin", "domain": {"id": "default"}, "password": PASSWORD}
        scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
        answer = httpx.post(f"{self.auth_url}/auth/tokens", json=body, timeout=30).raise_for_status()
        return httpx.Client(
            base_url=self.auth_url, headers={"X-Auth-Token": answer.headers["X-Subject-Token"]}, timeout=30
        )

    def _people(self, admin: httpx.Client) -> None:
        def make(path: str, noun: str, **body: object) -> str:
            return str(admin.post(path, json={noun: body}).raise_for_status().json()[noun]["id"])

        domains = {"default": "default", DOMAIN: make("/domains", "domain", name=DOMAIN)}
        roles = {role["name"]: role["id"] for role in admin.get("/roles").raise_for_status().json()["roles"]}
        projects: dict[tuple[str, str], str] = {}
        for number, (domain, project, name, role) in PEOPLE.items():
            place = domains[domain], project
            if place not in projects:
                projects[place] = make("/projects", "project", name=project, domain_id=place[0])
            if role not in roles:
                roles[role] = make("/roles", "role", name=role)
            user = make("/users", "user", name=name, domain_id=place[0], password=f"testing{number}")
            admin.put(f"/projects/{projects[place]}/users/{user}/roles/{roles[role]}").raise_for_status()
            body = {"tenant_id": projects[place]}
            made = admin.post(f"/users/{user}/credentials/OS-EC2", json=body).raise_for_status().json()["credential"]
            self.keys[number] = made["access"], made["secret"]

    def _begin(self, account: str) -> None:
        """The suite takes it that accounts are there: a HEAD of one that never was written to answers 200, as Swift's own."""
        name, words = next((name, words) for name, words in TEMPAUTH.items() if name.startswith(f"{account}:"))
        login = {"X-Auth-User": name, "X-Auth-Key": words.split()[0]}
        told = httpx.get(f"{self.objects}/auth/v1.0", headers=login).raise_for_status().headers
        httpx.post(
            told["X-Storage-Url"], headers={"X-Auth-Token": told["X-Auth-Token"]}, content=b""
        ).raise_for_status()

    def close(self) -> None:
        self.run("down", "--purge")


# --- Swift's tests -------------------------------------------------------------------------------------------------------


def suites(folder: Path) -> tuple[Path, Path]:
    """The Python of an environment with what `swift.txt` names, and Swift's unpacked source beside it."""
    pins, stamp = (HERE / "swift.txt").read_text(), folder / "swift/installed"
    python = folder / "swift/venv/bin/python"
    if not stamp.exists() or stamp.read_text() != pins:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder / "swift/venv"], check=True)
        pip = [python, "-m", "pip", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "-r", HERE / "swift.txt"], check=True)
        (pin,) = (line for line in pins.splitlines() if line.startswith("swift=="))
        subprocess.run([*pip, "download", "--no-deps", "--no-binary", ":all:", "-d", folder / "swift", pin], check=True)
        shutil.unpack_archive(next((folder / "swift").glob("swift-*.tar.gz")), folder / "swift")
        stamp.write_text(pins)
    return python, next(path for path in (folder / "swift").glob("swift-*") if path.is_dir())


def test_conf(cloud: Cloud, tempauth: bool) -> configparser.ConfigParser:
    """Of Swift's suite: its `test/sample.conf` tells what each option is."""
    found: dict[str, object] = {
        "s3_storage_url": f"{cloud.objects}/", "s3_region": "us-east-1", "service_prefix": "SERVICE", "collate": "C",
        "insecure": "no", "storage_domain": "example.com",
    }  # fmt: skip
    if tempauth:
        found |= {"auth_version": 1, "auth_uri": f"{cloud.objects}/auth/v1.0"}
        people = {int(name[-1]) if name[-1].isdigit() else 1: (name, words) for name, words in TEMPAUTH.items()}
        for number, (name, words) in people.items():
            found |= _person(number, *name.split(":"), words.split()[0])
    else:
        found |= {"auth_version": 3, "auth_uri": f"{cloud.auth_url}/"}
        for number, (domain, project, name, _) in list(PEOPLE.items())[:6]:
            found |= _person(number, project, name, f"testing{number}")
            found[f"domain{_tail(number)}"] = domain.capitalize() if domain == "default" else domain
    s3: dict[str, object] = {"endpoint": cloud.objects, "region": "us-east-1", "s3_acl_tests_enabled": True}
    for number, middleware, other in ((1, 1, 1), (2, 7, 2), (3, 3, 8)):
        tail = _tail(number)
        found |= {f"s3_access_key{tail}": cloud.keys[middleware][0], f"s3_secret_key{tail}": cloud.keys[middleware][1]}
        s3 |= {f"access_key{number}": cloud.keys[other][0], f"secret_key{number}": cloud.keys[other][1]}
    made = configparser.ConfigParser(interpolation=None)
    made.read_dict(
        {name: {k: str(v) for k, v in part.items()} for name, part in (("func_test", found), ("s3api_test", s3))}
    )
    return made


def _tail(number: int) -> str:
    return str(number) if number > 1 else ""


def _person(number: int, account: str, name: str, password: str) -> dict[str, object]:
    tail = _tail(number)
    return {f"account{tail}": account, f"username{tail}": name, f"password{tail}": password}


def swift_round(cloud: Cloud, folder: Path, name: str, paths: Sequence[str], only: str) -> dict[str, str]:
    """Test to `success`, `skip` or `failure`."""
    python, source = suites(folder)
    config, report = folder / f"{name}.conf", folder / f"{name}.xml"
    with config.open("w") as file:
        test_conf(cloud, tempauth=name == "tempauth").write(file)
    (folder / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = unused\n")
    environ = {
        **os.environ, "SWIFT_TEST_CONFIG_FILE": str(config), "SWIFT_CONF_FILE": str(folder / "swift.conf"),
        "SWIFT_TEST_QUIET_BOTO_LOGS": "1", "PYTHONPATH": "",
    }  # fmt: skip
    chosen = [*paths, *(["-k", only] if only else [])]
    command = [
        python,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--timeout",
        PATIENCE,
        f"--junitxml={report}",
        *chosen,
    ]
    with (folder / f"{name}.log").open("w") as told:
        subprocess.run(command, cwd=source, env=environ, stdout=told, stderr=told, check=False)
    return {
        f"{case.get('classname')}.{case.get('name')}": _outcome(case) for case in Tree.parse(report).iter("testcase")
    }


def _outcome(case: Tree.Element) -> str:
    tags = {child.tag for child in case}
    return "failure" if tags & {"failure", "error"} else "skip" if "skipped" in tags else "success"


# --- Tempest's -----------------------------------------------------------------------------------------------------------


def tempest_round(cloud: Cloud, folder: Path, only: str) -> dict[str, str]:
    place = folder / "tempest"
    for name in ("etc", "logs", "locks"):
        (place / name).mkdir(parents=True, exist_ok=True)
    sections: Mapping[str, Mapping[str, object]] = {
        "DEFAULT": {"log_dir": place / "logs", "log_file": "tempest.log"},
        "oslo_concurrency": {"lock_path": place / "locks"},
        "auth": {
            "use_dynamic_credentials": True, "create_isolated_networks": False, "admin_username": "admin",
            "admin_password": PASSWORD, "admin_project_name": "admin", "admin_domain_name": "Default", "tempest_roles": "member",
        },
        "identity": {"uri_v3": cloud.auth_url, "auth_version": "v3"},
        "service_available": {"swift": True, "nova": True, "glance": True, "neutron": True, "cinder": False},
        "object-storage": {
            "operator_role": "member", "reseller_admin_role": "ResellerAdmin", "realm_name": "realm1", "cluster_name": "name1",
        },
        "object-storage-feature-enabled": {"discoverable_apis": "all", "container_sync": True, "object_versioning": True},
    }  # fmt: skip
    made = configparser.ConfigParser(interpolation=None)
    made.read_dict({name: {k: str(v) for k, v in part.items()} for name, part in sections.items()})
    with (place / "etc/tempest.conf").open("w") as file:
        made.write(file)
    found = run(
        install(place), place, only or r"^tempest\.api\.object_storage\.", os.cpu_count() or 1, folder / "tempest.log"
    )
    return {name: status if status in ("success", "skip") else "failure" for name, status in found.items()}


# --- what is as it should be ---------------------------------------------------------------------------------------------


def known(name: str) -> list[tuple[str, str]]:
    """(outcome, pattern of tests) of what a round is known not to pass."""
    lines = (HERE / "object-suites-known.txt").read_text().splitlines()
    words = [line.partition("  # ")[0].split() for line in lines if line and not line.startswith("#")]
    return [(outcome, pattern) for place, outcome, pattern in words if place == name]


def judge(found: Mapping[str, str], expected: Sequence[tuple[str, str]], whole: bool) -> list[str]:
    """What is not as it should be. `whole`: all tests ran, so that what is known must have come about."""
    if not found:
        return ["no test ran: see the log"]
    used = set()
    wrong = []
    for name, outcome in found.items():
        fits = {(kind, pattern) for kind, pattern in expected if kind == outcome and fnmatch.fnmatchcase(name, pattern)}
        used |= fits
        if outcome != "success" and not fits:
            wrong.append(f"{outcome}: {name}")
    if whole:
        wrong += [
            f"no {kind} any more, take it out of the list: {pattern}"
            for kind, pattern in expected
            if (kind, pattern) not in used
        ]
    return wrong


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    rounds = {
        "keystone": [FUNCTIONAL], "tempauth": [FUNCTIONAL, f"--ignore={S3_MIDDLEWARE}"], "s3": [ANY_S3], "tempest": [],
    }  # fmt: skip
    options.add_argument("--round", choices=list(rounds), action="append")
    options.add_argument("--only", default="", help="pytest's -k; a pattern for tempest")
    options.add_argument("--folder", type=Path, default=ROOT / "build/objects")
    given = options.parse_args()
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    wrong = []
    with tempfile.TemporaryDirectory(prefix="pileus-conformance-") as place:
        cloud = Cloud(Path(place))
        try:
            for name in given.round or rounds:
                if name == "tempest":
                    found = tempest_round(cloud, folder, given.only)
                else:
                    found = swift_round(cloud, folder, name, rounds[name], given.only)
                wrong += [f"{name}: {one}" for one in judge(found, known(name), not given.only)]
                count = {
                    word: sum(outcome == word for outcome in found.values()) for word in ("success", "failure", "skip")
                }
                print(
                    f"{name}: {count['success']} passed, {count['failure']} failed, {count['skip']} skipped", flush=True
                )
        finally:
            cloud.close()
    print("\n".join(wrong))
    print(f"logs: {folder}/*.log")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
