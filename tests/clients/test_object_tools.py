"""Tools that people keep their files with: each one puts a tree away by Swift or S3, and brings it back whole."""

from __future__ import annotations

import filecmp
import os
import random
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from cloud import PASSWORD, LiveCloud

KINDS = ("s3", "swift")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Files of many sizes, empty and awkward ones among them."""
    made = tmp_path / "tree"
    chance = random.Random(1)
    for name, size in {
        "empty": 0, "small": 17, "a/b/c/deep": 20_000, "ä ö/ü & + %41 #.txt": 3000, "big": 12 << 20, ".hidden": 1,
    }.items():  # fmt: skip
        file = made / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(chance.randbytes(size))
    return made


def same(one: Path, two: Path) -> bool:
    files = sorted(str(f.relative_to(one)) for f in one.rglob("*") if f.is_file())
    assert files == sorted(str(f.relative_to(two)) for f in two.rglob("*") if f.is_file())
    return filecmp.cmpfiles(one, two, files, shallow=False)[1:] == ([], [])


class Tools:
    """Runs tools with the keys and the login of `demo`."""

    def __init__(self, live: LiveCloud, home: Path) -> None:
        with live.client("demo") as http:
            said = http.get(
                "/identity/v3/auth/tokens", headers={"X-Subject-Token": http.headers["X-Auth-Token"]}
            ).json()
            user, project = said["token"]["user"]["id"], said["token"]["project"]["id"]
            path = f"/identity/v3/users/{user}/credentials/OS-EC2"
            keys = http.post(path, json={"tenant_id": project}).json()["credential"]
        self.s3, self.auth, self.home = (
            f"127.0.0.1:{8080 + live.shift}",
            f"http://127.0.0.1:{5000 + live.shift}/v3",
            home,
        )
        self.access, self.secret = keys["access"], keys["secret"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "PILEUS_", "AWS_"))}
        self.environ = kept | {
            "HOME": str(home), "AWS_ACCESS_KEY_ID": self.access, "AWS_SECRET_ACCESS_KEY": self.secret,
            "OS_AUTH_URL": self.auth, "OS_USERNAME": "demo", "OS_PASSWORD": PASSWORD, "OS_PROJECT_NAME": "demo",
            "OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default", "OS_REGION_NAME": "RegionOne",
            "NO_PROXY": "*", "RESTIC_PASSWORD": "restic", "PASSPHRASE": "duplicity",
        }  # fmt: skip

    def __call__(self, *words: str, more: Mapping[str, str] | None = None) -> str:
        done = subprocess.run(
            words, env={**self.environ, **(more or {})}, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def run(live: LiveCloud, tmp_path_factory: pytest.TempPathFactory) -> Tools:
    return Tools(live, tmp_path_factory.mktemp("home"))


@pytest.mark.parametrize("kind", KINDS)
def test_rclone_syncs(run: Tools, tree: Path, tmp_path: Path, kind: str) -> None:
    remote = {
        "s3": {"type": "s3", "provider": "Other", "access_key_id": run.access, "secret_access_key": run.secret, "endpoint": f"http://{run.s3}"},
        "swift": {"type": "swift", "env_auth": "true"},
    }[kind]  # fmt: skip
    settings = {f"RCLONE_CONFIG_R_{name.upper()}": value for name, value in remote.items()}
    settings |= {"RCLONE_SWIFT_CHUNK_SIZE": "5M", "RCLONE_S3_UPLOAD_CUTOFF": "5M", "RCLONE_S3_CHUNK_SIZE": "5M"}
    place = f"r:rclone-{kind}"
    run("rclone", "sync", str(tree), place, more=settings)
    run("rclone", "check", str(tree), place, more=settings)
    (tree / "small").unlink()
    (tree / "new").write_text("new")
    run("rclone", "sync", str(tree), place, more=settings)
    assert "new" in run("rclone", "lsf", "-R", place, more=settings).split("\n")
    run("rclone", "copy", place, str(tmp_path / "back"), more=settings)
    assert same(tree, tmp_path / "back")
    run("rclone", "purge", place, more=settings)


@pytest.mark.parametrize("kind", KINDS)
def test_restic_backs_up(run: Tools, tree: Path, tmp_path: Path, kind: str) -> None:
    place = f"s3:http://{run.s3}/restic-s3" if kind == "s3" else "swift:restic-swift:/"
    run("restic", "-r", place, "init")
    run("restic", "-r", place, "backup", str(tree))
    (tree / "new").write_text("new")
    run("restic", "-r", place, "backup", str(tree))
    run("restic", "-r", place, "check", "--read-data")
    run("restic", "-r", place, "forget", "--keep-last", "1", "--prune")
    run("restic", "-r", place, "restore", "latest", "--target", str(tmp_path / "back"))
    assert same(tree, tmp_path / "back" / tree.relative_to("/"))


@pytest.mark.parametrize("signature", ["2", "4"])
def test_s3cmd_syncs(run: Tools, tree: Path, tmp_path: Path, signature: str) -> None:
    config = tmp_path / "s3cfg"
    config.write_text(
        f"[default]\naccess_key={run.access}\nsecret_key={run.secret}\nhost_base={run.s3}\nhost_bucket={run.s3}\n"
        f"use_https=False\nsignature_v2={signature == '2'}\nmultipart_chunk_size_mb=5\n"
    )
    s3cmd, place = ("s3cmd", "-c", str(config)), f"s3://s3cmd-{signature}"
    run(*s3cmd, "mb", place)
    run(*s3cmd, "sync", f"{tree}/", f"{place}/")
    run(*s3cmd, "sync", "--delete-removed", f"{tree}/", f"{place}/")
    assert "deep" in run(*s3cmd, "ls", "-r", place)
    back = tmp_path / "back"
    back.mkdir()
    run(*s3cmd, "sync", f"{place}/", f"{back}/")
    assert same(tree, back)
    run(*s3cmd, "cp", f"{place}/small", f"{place}/copy")
    assert "MD5 sum" in run(*s3cmd, "info", f"{place}/copy")
    run(*s3cmd, "rb", "--recursive", "--force", place)


@pytest.mark.parametrize("kind", KINDS)
def test_duplicity_backs_up(run: Tools, tree: Path, tmp_path: Path, kind: str) -> None:
    place = {"s3": "boto3+s3://duplicity-s3/d", "swift": "swift://duplicity-swift"}[kind]
    extra = ["--s3-endpoint-url", f"http://{run.s3}"] if kind == "s3" else []
    if kind == "s3":  # duplicity makes containers, not buckets
        keys = (f"--access_key={run.access}", f"--secret_key={run.secret}")
        run("s3cmd", *keys, "--no-ssl", f"--host={run.s3}", f"--host-bucket={run.s3}", "mb", "s3://duplicity-s3")
    swift = {
        "SWIFT_AUTHURL": run.auth, "SWIFT_USERNAME": "demo", "SWIFT_PASSWORD": PASSWORD, "SWIFT_TENANTNAME": "demo",
        "SWIFT_AUTHVERSION": "3", "SWIFT_USER_DOMAIN_NAME": "Default", "SWIFT_PROJECT_DOMAIN_NAME": "Default",
    }  # fmt: skip
    run("duplicity", "full", *extra, "--volsize", "5", str(tree), place, more=swift)
    (tree / "new").write_text("new")
    run("duplicity", "incremental", *extra, str(tree), place, more=swift)
    run("duplicity", "verify", *extra, "--compare-data", place, str(tree), more=swift)
    run("duplicity", "restore", *extra, place, str(tmp_path / "back"), more=swift)
    assert same(tree, tmp_path / "back")
