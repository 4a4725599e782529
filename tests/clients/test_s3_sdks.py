"""Other makers' clients of S3 at their work: MinIO's SDK, Rust's object_store, Amazon's command and its native transfers."""

from __future__ import annotations

import filecmp
import io
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import obstore
import pytest
from botocore.client import Config
from minio import Minio
from minio.commonconfig import GOVERNANCE, REPLACE, ComposeSource, CopySource, Tags
from minio.datatypes import PostPolicy
from minio.deleteobjects import DeleteObject
from minio.retention import Retention
from obstore.store import S3Store

from clients.s3_users import Users
from cloud import LiveCloud

BIG = random.Random(1).randbytes(12 << 20)
NAMES = [
    "with space", "ünï/cödé", "a//b", "//lead", "%2F", "a%20b", "plus+plus", "trail/", "dots..", "?q=1&x=2#frag", "quote'\"",
    "<xml>&amp;", "a;b=c,d", "emoji😀", "tab\there", "back\\slash", "(paren)[br]{c}", "@:$!*~", " lead", "end ", "a" * 1024,
]  # fmt: skip


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Users]:
    live = LiveCloud(tmp_path_factory.mktemp("s3-sdks")).start()
    made = Users(live)
    made.of("owen", "shop")
    yield made
    live.stop()


@pytest.fixture(scope="module")
def keys(users: Users) -> dict[str, str]:
    return users.keys["owen", "shop"]


@pytest.fixture(scope="module")
def minio(users: Users, keys: dict[str, str]) -> Minio:
    host = users.url.removeprefix("http://")
    return Minio(host, keys["access"], keys["secret"], secure=False, region="us-east-1")


def read(minio: Minio, bucket: str, name: str, **more: Any) -> bytes:
    answer = minio.get_object(bucket, name, **more)
    try:
        return bytes(answer.read())
    finally:
        answer.close()
        answer.release_conn()


def test_minio_works(minio: Minio, users: Users) -> None:
    minio.make_bucket("locked", object_lock=True)
    put = minio.put_object("locked", "big", io.BytesIO(BIG), -1, part_size=5 << 20, num_parallel_uploads=3)
    assert (read(minio, "locked", "big"), read(minio, "locked", "big", offset=9, length=4)) == (BIG, BIG[9:13])
    assert minio.stat_object("locked", "big").version_id == put.version_id
    minio.copy_object("locked", "copy", CopySource("locked", "big"), metadata={"a": "b"}, metadata_directive=REPLACE)
    assert minio.stat_object("locked", "copy").metadata["x-amz-meta-a"] == "b"
    minio.compose_object("locked", "both", [ComposeSource("locked", "big"), ComposeSource("locked", "copy")])
    assert read(minio, "locked", "both") == BIG + BIG
    tags = Tags.new_object_tags()
    tags["k"] = "v"
    minio.set_object_tags("locked", "big", tags)
    assert dict(minio.get_object_tags("locked", "big") or {}) == {"k": "v"}
    kept = Retention(GOVERNANCE, datetime.now(UTC) + timedelta(hours=1))
    minio.put_object("locked", "held", io.BytesIO(b"1"), 1, retention=kept, legal_hold=True)
    assert minio.is_object_legal_hold_enabled("locked", "held")
    minio.disable_object_legal_hold("locked", "held")
    there = list(minio.list_objects("locked", include_version=True, recursive=True))
    gone = [DeleteObject(one.object_name or "", one.version_id) for one in there]
    assert [one.name for one in minio.remove_objects("locked", gone)] == ["held"]
    assert list(minio.remove_objects("locked", gone, bypass_governance_mode=True)) == []
    minio.remove_bucket("locked")


def test_minio_signs_for_others(minio: Minio, users: Users) -> None:
    minio.make_bucket("signed")
    minio.put_object("signed", "ü x", io.BytesIO(b"123"), 3)
    assert httpx.get(minio.presigned_get_object("signed", "ü x")).content == b"123"
    policy = PostPolicy("signed", datetime.now(UTC) + timedelta(minutes=10))
    policy.add_equals_condition("key", "form")
    policy.add_content_length_range_condition(1, 100)
    fields = {**minio.presigned_post_policy(policy), "key": "form"}
    for body, status in ((b"123", 204), (b"1" * 101, 400)):
        assert httpx.post(f"{users.url}/signed", data=fields, files={"file": body}).status_code == status


@pytest.mark.parametrize("kind", ["s3v4", "s3", "minio"])
def test_odd_names(minio: Minio, users: Users, kind: str) -> None:
    bucket = f"names-{kind}"
    if kind == "minio":
        minio.make_bucket(bucket)
        for name in NAMES:
            minio.put_object(bucket, name, io.BytesIO(b"hello"), 5)
            assert read(minio, bucket, name, offset=1, length=2) == b"el", name
            assert httpx.get(minio.presigned_get_object(bucket, name)).content == b"hello", name
        assert sorted(one.object_name or "" for one in minio.list_objects(bucket, recursive=True)) == sorted(NAMES)
        return
    s3 = users.of("owen", "shop", signature_version=kind)
    s3.create_bucket(Bucket=bucket)
    for name in [*NAMES, "../up", "a/../b", "./dot", ".", "..", "/", "x/."]:
        s3.put_object(Bucket=bucket, Key=name, Body=b"hello")
        assert s3.list_objects_v2(Bucket=bucket, Prefix=name)["Contents"][0]["Key"] == name
        s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": name})
        assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"hello"
        removed = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": name}]})
        assert "Errors" not in removed, name


@pytest.mark.parametrize("more", [{}, {"checksum_algorithm": "sha256"}, {"unsigned_payload": True}])
def test_object_store(users: Users, keys: dict[str, str], more: dict[str, Any]) -> None:
    users.of("owen", "shop").create_bucket(Bucket="rust")
    store = S3Store(
        "rust", endpoint=users.url, access_key_id=keys["access"], secret_access_key=keys["secret"], region="us-east-1",
        client_options={"allow_http": True}, **more,
    )  # fmt: skip
    obstore.put(store, "big", BIG, chunk_size=5 << 20, max_concurrency=4)
    found = obstore.get_ranges(store, "big", starts=[0, 5_000_000], ends=[5, 5_000_009])
    assert [bytes(one) for one in found] == [BIG[:5], BIG[5_000_000:5_000_009]]
    obstore.put(store, "dir/a", b"1", attributes={"Content-Type": "text/x", "colour": "red"})
    assert obstore.get(store, "dir/a").attributes["colour"] == "red"
    obstore.rename(store, "dir/a", "dir/b")
    assert [one["path"] for one in obstore.list(store, "dir").collect()] == ["dir/b"]
    assert obstore.list_with_delimiter(store)["common_prefixes"] == ["dir"]
    obstore.put(store, "once", b"1", mode="create")
    with pytest.raises(obstore.exceptions.AlreadyExistsError):
        obstore.put(store, "once", b"1", mode="create")
    obstore.put(store, "once", b"2", mode={"e_tag": obstore.head(store, "once")["e_tag"]})
    with pytest.raises(obstore.exceptions.PreconditionError):
        obstore.put(store, "once", b"3", mode={"e_tag": '"other"'})
    assert httpx.get(obstore.sign(store, "GET", "once", timedelta(minutes=10))).content == b"2"
    obstore.delete(store, ["big", "dir/b", "once"])
    assert obstore.list(store).collect() == []


def test_amazons_command(users: Users, keys: dict[str, str], tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    told = {
        "AWS_ACCESS_KEY_ID": keys["access"], "AWS_SECRET_ACCESS_KEY": keys["secret"], "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": users.url, "AWS_PAGER": "", "HOME": str(tmp_path), "NO_PROXY": "*",
    }  # fmt: skip

    def aws(*words: str) -> str:
        command = [str(Path(sys.executable).with_name("aws")), *words]
        done = subprocess.run(command, env=kept | told, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    tree = tmp_path / "tree"
    for name, body in {"big": BIG, "empty": b"", "sub/a b": b"1", "sub/é%41+": b"2"}.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(body)
    aws("s3", "mb", "s3://command")
    aws("s3", "sync", str(tree), "s3://command/tree", "--checksum-algorithm", "CRC64NVME")
    assert aws("s3", "sync", str(tree), "s3://command/tree") == ""
    aws("s3", "sync", "s3://command/tree", "s3://command/copy")
    aws("s3", "sync", "s3://command/copy", str(tmp_path / "back"))
    for folder, _, names in os.walk(tree):
        beside = tmp_path / "back" / Path(folder).relative_to(tree)
        assert filecmp.cmpfiles(folder, beside, names, shallow=False)[1:] == ([], [])
    assert httpx.get(aws("s3", "presign", "s3://command/tree/sub/a b").strip()).content == b"1"
    aws("s3", "rb", "--force", "s3://command")


def test_amazons_native_transfers(users: Users, keys: dict[str, str], tmp_path: Path) -> None:
    import botocore.session
    from s3transfer.crt import (
        BotocoreCRTCredentialsWrapper,
        BotocoreCRTRequestSerializer,
        CRTTransferManager,
        create_s3_crt_client,
    )

    users.of("owen", "shop").create_bucket(Bucket="native")
    session = botocore.session.get_session()
    session.set_credentials(keys["access"], keys["secret"])
    provider = BotocoreCRTCredentialsWrapper(session.get_credentials()).to_crt_credentials_provider()
    client = create_s3_crt_client("us-east-1", crt_credentials_provider=provider, use_ssl=False)
    where = {"region_name": "us-east-1", "endpoint_url": users.url, "config": Config(s3={"addressing_style": "path"})}
    there, back = tmp_path / "there", tmp_path / "back"
    there.write_bytes(BIG * 2)
    with CRTTransferManager(client, BotocoreCRTRequestSerializer(session, where)) as moves:
        moves.upload(str(there), "native", "ü big").result()
        moves.download("native", "ü big", str(back)).result()
    assert filecmp.cmp(there, back, shallow=False)  # once it has ended: a file gets its name after its result
