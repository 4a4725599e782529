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
from collections.abc import Mapping
from pathlib import Path

import httpx

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

from keycloak import ADMIN, CLIENT, Keycloak  # noqa: E402

from cloud import free_shift  # noqa: E402 - the path is set above
from federation.saml_provider import SamlProvider, make_key  # noqa: E402

PASSWORD, PROVIDER = "conformance-secret", "keycloak"
SUITES = r"^(tempest\.api\.identity|keystone_tempest_plugin)\."
OPENID = r"^keystone_tempest_plugin\.tests\.scenario\.test_oidc_federated_authentication\."
LOCKOUT, LOCKED_FOR, HISTORY = 2, 5, 2
"""Wrong passwords that lock an account, seconds for which, old passwords that may not come again: as tempest.conf says, so the cloud."""
_WRITTEN = re.compile(r'identity "((?:POST|PUT|PATCH|DELETE) \S+)" 2')
_NO_CHANGE = re.compile(r"^POST /v3/(auth/|ec2tokens|s3tokens|OS-FEDERATION/)|^PUT .*/roles/")
"""Logins, and what may find that all is so already."""
_CLASS_LEVEL = re.compile(r"(?:setUp|tearDown)(?:Class|Module) \((.*)\)$")


class Cloud:
    """`pileus up` on an empty state."""

    def __init__(self, keycloak: Keycloak, place: Path) -> None:
        """`place` is for keys and metadata. The cloud trusts Keycloak, a SAML provider, and itself as another cloud would."""
        shift = free_shift()
        self.school, self.own_metadata = SamlProvider(place, "school"), place / "own.xml"
        key, certificate = make_key(place, "cloud")
        saml = {
            "school": {"metadata": str(self.school.metadata), "protocol": "mapped"},
            "keystone": {"metadata": str(self.own_metadata), "protocol": "mapped", "unsolicited": True},
        }
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
            "PILEUS_FEDERATION_SAML": json.dumps(saml),
            "PILEUS_FEDERATION_CERTIFICATE": str(certificate),
            "PILEUS_FEDERATION_KEY": str(key),
            "PILEUS_FEDERATION_OIDC": json.dumps({PROVIDER: {"issuer": keycloak.issuer, "client_id": CLIENT}}),
            "PILEUS_FEDERATION_CLIENT_SECRETS": json.dumps({PROVIDER: keycloak.client_secret}),
        }
        self._pileus("up", "--detach", "--simulate", "1", "--password", PASSWORD)

    def _pileus(self, *words: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "pileus", *words], env=self.environ, check=True, stdout=subprocess.DEVNULL
        )

    def client(self) -> httpx.Client:
        """The admin's."""
        user = {"name": "admin", "domain": {"id": "default"}, "password": PASSWORD}
        scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
        answer = httpx.post(f"{self.auth_url}/auth/tokens", json=body, timeout=30)
        assert answer.status_code == 201, answer.text
        self.catalog = {service["type"] for service in answer.json()["token"]["catalog"]}
        return httpx.Client(base_url=self.auth_url, headers={"X-Auth-Token": answer.headers["X-Subject-Token"]})

    def trust(self, keycloak: Keycloak) -> None:
        """What the scenarios of federation find there: a group with a role for whoever comes, and providers that know the cloud."""
        below = f"{self.auth_url}/auth/OS-FEDERATION/identity_providers/school/protocols/mapped/saml2/metadata"
        self.school.trust(httpx.get(below).raise_for_status().text)
        self.own_metadata.write_text(httpx.get(f"{self.auth_url}/OS-FEDERATION/saml2/metadata").raise_for_status().text)
        with self.client() as admin:

            def make(path: str, noun: str, **body: object) -> str:
                answer = admin.post(path, json={noun: body})
                assert answer.status_code == 201, answer.text
                return str(answer.json()[noun]["id"])

            domain = make("/domains", "domain", name="federated_domain")
            group = make("/groups", "group", name="federated_users", domain_id=domain)
            project = make("/projects", "project", name="federated_project", domain_id=domain)
            role = admin.get("/roles?name=member").json()["roles"][0]["id"]
            wish = {"enabled": True, "remote_ids": [keycloak.issuer], "domain_id": domain}
            for path, body in (
                (f"/projects/{project}/groups/{group}/roles/{role}", None),
                (f"/OS-FEDERATION/identity_providers/{PROVIDER}", {"identity_provider": wish}),
            ):
                answer = admin.put(path, json=body)
                assert answer.status_code < 300, answer.text

    def unrecorded(self) -> set[str]:
        """Changes that were answered and do not stand in the change log. Giving a role that is given already changes nothing."""
        self._pileus("down")
        command = [sys.executable, "-m", "pileus", "explain", "changes", "--json", "-n", "100000"]
        told = json.loads(subprocess.check_output(command, env=self.environ))
        seen = {change["request_id"] for change in told["changes"]}
        found = set()
        for path in (self.state / "logs").glob("pileus.log*"):
            for line in map(json.loads, path.read_text().splitlines()):
                said = _WRITTEN.match(line["message"]) if line.get("logger") == "pileus.access" else None
                if said and line["request_id"] not in seen and not _NO_CHANGE.search(said[1]):
                    found.add(re.sub(r"/[0-9a-f]{32,}", "/ID", said[1]))
        return found

    def close(self) -> None:
        self._pileus("down", "--purge")
        self.school.stop()
        shutil.rmtree(self.state, ignore_errors=True)


def configuration(cloud: Cloud, keycloak: Keycloak, folder: Path, protocol: str) -> configparser.ConfigParser:
    """tempest.conf: every feature of identity on, every service that the catalog has."""
    types = {
        "nova": "compute", "glance": "image", "neutron": "network", "cinder": "block-storage", "swift": "object-store",
        "heat": "orchestration", "horizon": "dashboard",
    }  # fmt: skip
    school = cloud.school
    scenario = {
        "openid": {
            "idp_id": PROVIDER, "idp_remote_ids": keycloak.issuer, "idp_oidc_url": keycloak.url, "idp_username": ADMIN,
            "idp_password": keycloak.password, "idp_client_id": CLIENT, "idp_client_secret": keycloak.client_secret,
            "mapping_remote_type": "OIDC-email",
        },
        "mapped": {
            "idp_id": "school", "idp_remote_ids": school.entity_id, "idp_ecp_url": f"{school.url}/ecp", "idp_username": "alice",
            "idp_password": "alice"[::-1], "mapping_remote_type": "REMOTE_USER",
        },
    }[protocol]  # fmt: skip
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
            "external_idp": True,
        },
        "enforce_scope": {"keystone": True},
        "fed_scenario": {"protocol_id": protocol, **scenario},
        "service_available": {name: kind in cloud.catalog for name, kind in types.items()},
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


def run(programs: Path, folder: Path, regex: str, workers: int, log: Path) -> dict[str, str]:
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
    with log.open("w") as told:
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
    return wrong if found else ["no test ran: see the log"]


def known_skips() -> dict[str, str]:
    """Test or class to the reason why it is skipped."""
    lines = (HERE / "tempest-identity-skips.txt").read_text().splitlines()
    parts = [line.partition("  # ") for line in lines if line and not line.startswith("#")]
    return {name.strip(): reason for name, _, reason in parts}


def rounds(given: argparse.Namespace, folder: Path) -> dict[str, str]:
    """All results. The suite knows one federation protocol at a time: its OpenID Connect scenario takes a round of its own."""
    programs = install(folder)
    keycloak = Keycloak()
    cloud = Cloud(keycloak, Path(tempfile.mkdtemp(dir=folder)))
    try:
        cloud.trust(keycloak)
        found: dict[str, str] = {}
        for protocol, regex in (("mapped", given.regex), ("openid", OPENID)):
            if protocol == "mapped" or any(re.search(OPENID, name) for name in found):
                with (folder / "etc/tempest.conf").open("w") as file:
                    configuration(cloud, keycloak, folder, protocol).write(file)
                found |= run(programs, folder, regex, given.workers, folder / f"run-{protocol}.log")
        found |= {f"change without a record: {path}": "unrecorded" for path in sorted(cloud.unrecorded())}
        return found
    finally:
        cloud.close()
        keycloak.close()


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--regex", default=SUITES)
    options.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options.add_argument("--folder", type=Path, default=ROOT / "build/tempest")
    given = options.parse_args()
    folder = given.folder.resolve()
    for name in ("etc", "logs", "locks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    found = rounds(given, folder)
    wrong = judge(found, known_skips())
    print("\n".join(wrong))
    count = {word: sum(status == word for status in found.values()) for word in ("success", "skip")}
    failed = len(found) - sum(count.values())
    print(
        f"{count['success']} passed, {failed} failed, {count['skip']} skipped (a class that is skipped whole counts once)"
    )
    print(f"logs: {folder}/run-*.log")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
