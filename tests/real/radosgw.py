"""A real Ceph RADOS gateway with our identity as its own, by hand: Swift by our tokens, S3 by our EC2 keys, and the gateway as
the cloud's object store (`[objectstore] engine = "ceph"`), found by the catalog.

    PYTHONPATH=src:tests python tests/real/radosgw.py START-CEPH [PORT]

START-CEPH starts and destroys a small cluster (`start-ceph start DIR --port P --osds 1 --rgw --rgw-conf FILE`). It needs the Debian
packages ceph-mon ceph-mgr ceph-osd ceph-common radosgw, 260 MB, which is why no test of the suite does this;
`tests/clients/test_radosgw.py` holds what the gateway says to us. Half a minute.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx
import openstack
from botocore.config import Config
from botocore.exceptions import ClientError

from cloud import PASSWORD, LiveCloud

CONF = """
rgw_keystone_url = http://127.0.0.1:{identity}
rgw_keystone_api_version = 3
rgw_keystone_admin_user = rgw
rgw_keystone_admin_password = {password}
rgw_keystone_admin_domain = Default
rgw_keystone_admin_project = rgw
rgw_keystone_accepted_roles = admin, member
rgw_keystone_implicit_tenants = true
rgw_s3_auth_use_keystone = true
"""


class Town:
    """The cloud's side: the gateway's user, and keys of `demo`."""

    def __init__(self, live: LiveCloud) -> None:
        self.live, self.admin, self.demo = live, live.client("admin"), live.client("demo")
        self.roles = {row["name"]: row["id"] for row in self.admin.get("/identity/v3/roles").json()["roles"]}
        self.user, self.project = self._make("user", password=PASSWORD), self._make("project")
        token = self.demo.headers["X-Auth-Token"]
        shown = self.demo.get("/identity/v3/auth/tokens", headers={"X-Subject-Token": token}).json()["token"]
        self.me, self.home = shown["user"]["id"], shown["project"]["id"]

    def _make(self, noun: str, **more: str) -> str:
        answer = self.admin.post(f"/identity/v3/{noun}s", json={noun: {"name": "rgw", **more}})
        return str(answer.raise_for_status().json()[noun]["id"])

    def role(self, method: str, name: str) -> None:
        path = f"/identity/v3/projects/{self.project}/users/{self.user}/roles/{self.roles[name]}"
        self.admin.request(method, path).raise_for_status()

    def keys(self) -> tuple[str, str]:
        path = f"/identity/v3/users/{self.me}/credentials/OS-EC2"
        made = self.demo.post(path, json={"tenant_id": self.home}).raise_for_status().json()["credential"]
        return made["access"], made["secret"]


def s3(url: str, access: str, secret: str, version: str) -> Any:
    config = Config(signature_version=version, s3={"addressing_style": "path"}, retries={"max_attempts": 1},
                    request_checksum_calculation="when_required", response_checksum_validation="when_required")  # fmt: skip
    return boto3.client("s3", endpoint_url=url, aws_access_key_id=access, aws_secret_access_key=secret,
                        region_name="default", config=config)  # fmt: skip


def try_s3(town: Town, url: str, bucket: str) -> None:
    access, secret = town.keys()
    s3(url, access, secret, "s3v4").create_bucket(Bucket=bucket)
    for version in ("s3v4", "s3"):
        client = s3(url, access, secret, version)
        client.put_object(Bucket=bucket, Key=f"a b/{version}", Body=b"hello")
        assert client.get_object(Bucket=bucket, Key=f"a b/{version}")["Body"].read() == b"hello"
        try:
            s3(url, access, "wrong", version).list_buckets()
        except ClientError as refused:
            assert refused.response["ResponseMetadata"]["HTTPStatusCode"] == 403  # noqa: PT017 - this is no test
        else:
            raise AssertionError("a wrong secret is taken")
        print(f"  S3, signature {version}: put, get; a wrong secret is refused")


def try_swift(town: Town, url: str, bucket: str) -> None:
    base, token = f"{url}/swift/v1/AUTH_{town.home}", {"X-Auth-Token": town.demo.headers["X-Auth-Token"]}
    httpx.put(f"{base}/{bucket}-swift", headers=token).raise_for_status()
    httpx.put(f"{base}/{bucket}-swift/object", headers=token, content=b"hello").raise_for_status()
    listed = {row["name"] for row in httpx.get(base, headers={**token, "Accept": "application/json"}).json()}
    assert {bucket, f"{bucket}-swift"} <= listed, listed
    assert httpx.get(base, headers={"X-Auth-Token": "x" * 200}).status_code == 401
    print("  Swift: put, list (what S3 made, too); a wrong token is refused")


def try_catalog(live: LiveCloud, url: str) -> None:
    """What a user of the cloud sees, who knows nothing of Ceph."""
    cloud = openstack.connect(
        auth_url=f"{live.url}/identity/v3", username="demo", password=PASSWORD, project_name="demo",
        user_domain_id="default", project_domain_id="default",
    )  # fmt: skip
    store = cloud.object_store
    assert store.get_endpoint().startswith(f"{url}/swift/v1/AUTH_"), store.get_endpoint()
    store.create_container("by-catalog")
    store.upload_object("by-catalog", "object", data=b"hello")
    assert store.download_object("object", container="by-catalog") == b"hello"
    assert {"by-catalog", "of-admin"} <= {one.name for one in store.containers()}
    store.delete_object("object", container="by-catalog")
    store.delete_container("by-catalog")
    try:
        httpx.get(f"http://127.0.0.1:{8080 + live.shift}/info")
    except httpx.ConnectError:
        print("the cloud on Ceph: containers and objects by the catalog; no listener of our own")
    else:
        raise AssertionError("our own object store listens too")


@contextmanager
def ceph(start: str, place: Path, port: int, conf: Path) -> Iterator[str]:
    try:
        words = ["start", place, "--port", port, "--osds", 1, "--osd-gib", 2, "--rgw", "--rgw-conf", conf]
        subprocess.run([start, *map(str, words)], check=True)
        yield f"http://127.0.0.1:{port + 2}"
    finally:
        subprocess.run([start, "destroy", str(place)], check=True)


def main(start: str, port: int = 12700) -> None:
    with tempfile.TemporaryDirectory(prefix="radosgw-") as folder:
        live = LiveCloud(Path(folder) / "cloud").start()
        try:
            town, conf = Town(live), Path(folder) / "rgw.conf"
            conf.write_text(CONF.format(identity=5000 + live.shift, password=PASSWORD))
            with ceph(start, Path(folder) / "ceph", port, conf) as url:
                for role in ("admin", "service"):
                    print(f"the gateway's user has the role {role}:")
                    town.role("PUT", role)
                    try_s3(town, url, f"of-{role}")
                    try_swift(town, url, f"of-{role}")
                    town.role("DELETE", role)
                town.role("PUT", "service")
                live.stop()
                live.environ |= {"PILEUS_OBJECTSTORE_ENGINE": "ceph", "PILEUS_OBJECTSTORE_CEPH_URL": url}
                live.start_again()
                try_catalog(live, url)
        finally:
            live.stop()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]))
