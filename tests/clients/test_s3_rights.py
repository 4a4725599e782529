"""Who may do what through S3: owners, readers, those whom grants name, everybody."""

from __future__ import annotations

import datetime
import hashlib
from typing import Any

import httpx
import pytest

from clients.s3_users import Users, refused
from cloud import LiveCloud


@pytest.fixture(scope="module")
def users(live: LiveCloud) -> Users:
    return Users(live)


@pytest.fixture(scope="module")
def owner(users: Users) -> Any:
    return users.of("owen", "shop")


@pytest.fixture(scope="module")
def eve(users: Users) -> Any:
    return users.of("eve", "rivals")


@pytest.fixture(scope="module")
def reader(users: Users) -> Any:
    return users.of("rita", "shop", "reader")


@pytest.fixture
def bucket(owner: Any, request: pytest.FixtureRequest) -> str:
    name = "r-" + hashlib.md5(request.node.nodeid.encode(), usedforsecurity=False).hexdigest()[:12]
    owner.create_bucket(Bucket=name, ObjectLockEnabledForBucket="lock" in request.node.name)
    return name


def swift(users: Users, owner: Any, user: str = "owen", project: str = "shop") -> tuple[str, dict[str, str]]:
    """The URL of the owner's account, and headers of its own member."""
    with users.live.client(user, project) as http:
        account = owner.list_buckets()["Owner"]["ID"]
        return f"{users.url}/v1/{account}", {"X-Auth-Token": http.headers["X-Auth-Token"]}


def test_a_grant_to_write_destroys_nothing_locked(owner: Any, eve: Any, bucket: str) -> None:
    made = owner.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
    retention = {"Mode": "GOVERNANCE", "RetainUntilDate": until}
    owner.put_object_retention(Bucket=bucket, Key="k", Retention=retention)
    theirs = eve.list_buckets()["Owner"]["ID"]
    owner.put_bucket_acl(Bucket=bucket, GrantFullControl=f'id="{theirs}"')
    owner.put_object_acl(Bucket=bucket, Key="k", GrantFullControl=f'id="{theirs}"')
    assert eve.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"
    one = {"Bucket": bucket, "Key": "k", "VersionId": made}
    assert refused("AccessDenied", eve.delete_object, **one, BypassGovernanceRetention=True) == 403
    gone = eve.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": "k", "VersionId": made}]}, BypassGovernanceRetention=True
    )
    assert gone["Errors"][0]["Code"] == "AccessDenied"
    assert refused("AccessDenied", eve.put_object_legal_hold, Bucket=bucket, Key="k", LegalHold={"Status": "ON"}) == 403
    assert refused("AccessDenied", eve.put_object_retention, **one, Retention={}, BypassGovernanceRetention=True) == 403
    assert refused("AccessDenied", eve.get_object_retention, Bucket=bucket, Key="k") == 403
    assert refused("AccessDenied", eve.get_object_tagging, Bucket=bucket, Key="k") == 403
    put = {"Bucket": bucket, "Key": "new", "Body": b"x"}
    assert refused("AccessDenied", eve.put_object, **put, ObjectLockLegalHoldStatus="ON") == 403
    assert refused("AccessDenied", eve.put_object, **put, Tagging="a=b") == 403
    for read in (eve.get_bucket_versioning, eve.get_bucket_location, eve.get_bucket_tagging, eve.get_bucket_cors):
        assert refused("AccessDenied", read, Bucket=bucket) == 403
    owner.delete_object(**one, BypassGovernanceRetention=True)


def test_a_lock_holds_whoever_writes(users: Users, owner: Any, bucket: str) -> None:
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
    owner.put_object_lock_configuration(
        Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    base, head = swift(users, owner)
    assert httpx.put(f"{base}/{bucket}/k", headers=head, content=b"1").status_code == 201
    locked = owner.head_object(Bucket=bucket, Key="k")
    assert locked["ObjectLockMode"] == "COMPLIANCE"
    one = {"Bucket": bucket, "Key": "k", "VersionId": locked["VersionId"]}
    assert refused("AccessDenied", owner.delete_object, **one, BypassGovernanceRetention=True) == 403
    off = httpx.post(f"{base}/{bucket}", headers=head | {"X-Versions-Enabled": "false"})
    assert off.status_code == 409
    assert owner.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert httpx.put(f"{base}/{bucket}/k", headers=head, content=b"2").status_code == 201
    assert (
        httpx.delete(f"{base}/{bucket}/k?version-id={int(locked['VersionId']) / 1e6:.5f}", headers=head).status_code
        == 403
    )
    assert owner.get_object(**one)["Body"].read() == b"1"
    assert httpx.delete(f"{base}/{bucket}", headers=head).status_code == 409
    owner.create_bucket(Bucket=bucket + "-free")
    copied = httpx.request("COPY", f"{base}/{bucket}/k", headers=head | {"Destination": f"{bucket}-free/k"})
    assert copied.status_code == 201
    owner.delete_object(Bucket=bucket + "-free", Key="k")
    owner.delete_bucket(Bucket=bucket + "-free")


def test_links_and_manifests_lead_nobody_in(users: Users, owner: Any, eve: Any, bucket: str) -> None:
    owner.put_object(Bucket=bucket, Key="secret", Body=b"secret")
    owner.put_bucket_acl(Bucket=bucket, ACL="public-read")
    assert refused("AccessDenied", eve.get_object, Bucket=bucket, Key="secret") == 403
    account = owner.list_buckets()["Owner"]["ID"]
    eve.create_bucket(Bucket=bucket + "-eve")
    base, head = swift(users, eve, "eve", "rivals")
    link = head | {"X-Symlink-Target": f"{bucket}/secret", "X-Symlink-Target-Account": account}
    assert httpx.put(f"{base}/{bucket}-eve/link", headers=link).status_code == 201
    where = {"Bucket": bucket + "-eve", "Key": "copy", "CopySource": f"{bucket}-eve/link"}
    assert refused("AccessDenied", eve.get_object, Bucket=bucket + "-eve", Key="link") == 403
    assert refused("AccessDenied", eve.copy_object, **where) == 403
    where["CopySource"] = f"{bucket}/secret"
    assert refused("AccessDenied", eve.copy_object, **where) == 403
    upload = eve.create_multipart_upload(Bucket=bucket + "-eve", Key="copy")["UploadId"]
    assert refused("AccessDenied", eve.upload_part_copy, **where, UploadId=upload, PartNumber=1) == 403


def test_uploads_are_theirs_who_began_them(owner: Any, eve: Any, users: Users, bucket: str) -> None:
    owner.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    mine = owner.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    where = {"Bucket": bucket, "Key": "k", "UploadId": mine}
    assert refused("AccessDenied", eve.upload_part, **where, PartNumber=1, Body=b"x") == 403
    assert refused("AccessDenied", eve.abort_multipart_upload, **where) == 403
    assert refused("AccessDenied", eve.list_parts, **where) == 403
    etag = owner.upload_part(**where, PartNumber=1, Body=b"x")["ETag"]
    done = {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": etag}]}}
    assert refused("AccessDenied", eve.complete_multipart_upload, **where, **done) == 403
    assert httpx.post(f"{users.url}/{bucket}/k?uploads").status_code == 403
    theirs = {**where, "UploadId": eve.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]}
    eve.upload_part(**theirs, PartNumber=1, Body=b"y")
    owner.abort_multipart_upload(**theirs)


def test_readers_read(owner: Any, reader: Any, bucket: str) -> None:
    owner.put_object(Bucket=bucket, Key="k", Body=b"1", Tagging="a=b")
    assert reader.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"
    assert reader.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "a", "Value": "b"}]
    assert bucket in [one["Name"] for one in reader.list_buckets()["Buckets"]]
    assert "Status" not in reader.get_bucket_versioning(Bucket=bucket)
    assert refused("AccessDenied", reader.put_object, Bucket=bucket, Key="k", Body=b"2") == 403
    assert refused("AccessDenied", reader.delete_object, Bucket=bucket, Key="k") == 403
    assert refused("AccessDenied", reader.put_object_acl, Bucket=bucket, Key="k", ACL="public-read") == 403
    assert refused("AccessDenied", reader.create_bucket, Bucket=bucket + "-2") == 403


def test_who_has_no_role_sees_no_names(users: Users, owner: Any, bucket: str) -> None:
    nobody = users.of("nora", "shop", "passer-by")
    assert refused("AccessDenied", nobody.list_buckets) == 403
    assert refused("AccessDenied", nobody.list_objects_v2, Bucket=bucket) == 403


def test_tags_of_a_source_are_its_owners(owner: Any, eve: Any, bucket: str) -> None:
    owner.put_object(Bucket=bucket, Key="k", Body=b"1", Tagging="a=b", ACL="public-read")
    eve.create_bucket(Bucket=bucket + "-eve")
    copy = {"Bucket": bucket + "-eve", "Key": "k", "CopySource": f"{bucket}/k"}
    assert refused("AccessDenied", eve.copy_object, **copy) == 403
    eve.copy_object(**copy, TaggingDirective="REPLACE", Tagging="c=d")
    assert eve.get_object_acl(Bucket=bucket + "-eve", Key="k")["Grants"][0]["Grantee"]["Type"] == "CanonicalUser"
    assert len(eve.get_object_acl(Bucket=bucket + "-eve", Key="k")["Grants"]) == 1


def test_keys_of_those_who_left(users: Users, owner: Any, bucket: str) -> None:
    gone = users.of("gina", "shop")
    gone.put_object(Bucket=bucket, Key="k", Body=b"1")
    with users.live.client("admin") as http:
        user = http.get("/identity/v3/users", params={"name": "gina"}).json()["users"][0]["id"]
        key = users.keys["gina", "shop"]["access"]
        for enabled, code in ((False, "AccessDenied"), (True, "")):
            http.patch(f"/identity/v3/users/{user}", json={"user": {"enabled": enabled}})
            if code:
                assert refused(code, gone.list_objects_v2, Bucket=bucket) == 403
        assert http.delete(f"/identity/v3/users/{user}/credentials/OS-EC2/{key}").status_code == 204
    assert refused("InvalidAccessKeyId", gone.list_objects_v2, Bucket=bucket) == 403


def test_another_owner_than_expected(owner: Any, eve: Any, bucket: str) -> None:
    owner.put_object(Bucket=bucket, Key="k", Body=b"1", ACL="public-read")
    mine, theirs = (one.list_buckets()["Owner"]["ID"] for one in (owner, eve))
    head = {"x-amz-expected-bucket-owner": theirs}

    def expect(value: str) -> None:
        owner.meta.events.register(
            "before-call.s3",
            lambda params, **_: params["headers"].update(head | {"x-amz-expected-bucket-owner": value}),
            unique_id="x",
        )

    expect(theirs)
    try:
        assert refused("AccessDenied", owner.list_objects_v2, Bucket=bucket) == 403
        assert refused("AccessDenied", owner.get_object, Bucket=bucket, Key="k") == 403
        assert refused("AccessDenied", owner.put_object, Bucket=bucket, Key="k", Body=b"2") == 403
        owner.meta.events.unregister("before-call.s3", unique_id="x")
        expect(mine)
        assert owner.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"
    finally:
        owner.meta.events.unregister("before-call.s3", unique_id="x")
