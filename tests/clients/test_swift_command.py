"""The `swift` command, its library, and `openstack object`: real work on a live cloud."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from cloud import PASSWORD, LiveCloud

MIB = 1 << 20


class Swift:
    """`swift("list", "box")` as demo; what it prints."""

    def __init__(self, live: LiveCloud, folder: Path) -> None:
        self.live, self.folder = live, folder
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OS_", "ST_"))}
        self.environ = {
            **kept, "OS_AUTH_URL": f"http://127.0.0.1:{5000 + live.shift}/v3", "OS_USERNAME": "demo", "OS_PASSWORD": PASSWORD,
            "OS_PROJECT_NAME": "demo", "OS_USER_DOMAIN_ID": "default", "OS_PROJECT_DOMAIN_ID": "default",
            "OS_IDENTITY_API_VERSION": "3", "NO_PROXY": "*",
        }  # fmt: skip

    def __call__(self, *words: str, code: int = 0) -> str:
        command = [str(Path(sys.executable).with_name("swift")), *words]
        done = subprocess.run(
            command, env=self.environ, cwd=self.folder, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == code, f"{words}\n{done.stdout}\n{done.stderr}"
        return done.stdout + (done.stderr if code else "")


@pytest.fixture
def swift(live: LiveCloud, tmp_path: Path) -> Swift:
    return Swift(live, tmp_path)


def test_up_and_down(swift: Swift) -> None:
    (swift.folder / "tree" / "ä & b").mkdir(parents=True)
    files = {"small": b"hello", "empty": b"", "big": os.urandom(3 * MIB), "ä & b/c.txt": b"deep"}
    for name, data in files.items():
        (swift.folder / "tree" / name).write_bytes(data)
    swift("upload", "--changed", "box", "tree", "-S", str(MIB))
    assert sorted(swift("list", "box").splitlines()) == sorted(f"tree/{name}" for name in files)
    swift("download", "box", "-D", "back")
    for name, data in files.items():
        assert (swift.folder / "back" / "tree" / name).read_bytes() == data
    swift("delete", "box")
    assert "box" not in swift("list").splitlines()
    assert not swift("list", "box_segments")


@pytest.mark.parametrize("kind", ["--use-slo", "--use-dlo"])
def test_segments(swift: Swift, kind: str) -> None:
    data = os.urandom(2 * MIB + 17)
    (swift.folder / "big").write_bytes(data)
    swift("upload", "large", "big", "-S", str(MIB), kind, "-H", "x-object-meta-colour: red")
    shown = swift("stat", "large", "big")
    assert f"Content Length: {len(data)}" in shown
    assert "Meta Colour: red" in shown
    assert len(swift("list", "large_segments").splitlines()) == 3
    swift("download", "large", "big", "-o", "back")
    assert (swift.folder / "back").read_bytes() == data
    swift("upload", "large", "big", "-S", str(MIB), kind, "--skip-identical")
    swift("delete", "large", "big")
    assert not swift("list", "large_segments")


def test_metadata_and_rights(swift: Swift) -> None:
    (swift.folder / "note").write_text("for all")
    swift("upload", "public", "note")
    swift("post", "public", "-r", ".r:*,.rlistings", "-m", "Colour:blue")
    assert "Read ACL: .r:*,.rlistings" in swift("stat", "public")
    url = next(line.split()[1] for line in swift("stat", "-v").splitlines() if "StorageURL" in line)
    assert httpx.get(f"{url}/public/note").text == "for all"
    assert httpx.get(f"{url}/public").text == "note\n"
    swift("post", "public", "-r", "", "-m", "Colour:")
    assert httpx.get(f"{url}/public/note").status_code == 401
    assert "Colour" not in swift("stat", "public")
    assert "not found" in swift("stat", "nowhere", code=1).lower()
    swift("copy", "public", "note", "-d", "/other/same")
    assert "for all" in swift("download", "other", "same", "-o", "-")


def test_a_temporary_url(swift: Swift) -> None:
    (swift.folder / "note").write_text("for a while")
    swift("upload", "signed", "note")
    swift("post", "-m", "Temp-URL-Key:secret")
    url = next(line.split()[1] for line in swift("stat", "-v").splitlines() if "StorageURL" in line)
    host, path = url.split("/v1/")
    given = swift("tempurl", "GET", "60", f"/v1/{path}/signed/note", "secret").strip()
    assert httpx.get(host + given).text == "for a while"
    assert httpx.put(host + given, content=b"x").status_code == 401
    assert httpx.get(host + given.replace("note", "other")).status_code == 401
    assert "tempurl" in swift("capabilities")


def test_the_library(swift: Swift) -> None:
    from swiftclient.client import ClientException, Connection

    e = swift.environ
    options: dict[str, Any] = {"user_domain_id": "default", "project_domain_id": "default"}
    it = Connection(e["OS_AUTH_URL"], "demo", PASSWORD, tenant_name="demo", auth_version="3", os_options=options)
    it.put_container("lib", headers={"X-Versions-Enabled": "true"})
    etag = it.put_object("lib", "a/b", contents=iter([b"one", b"two"]), content_type="text/plain")
    assert etag == hashlib.md5(b"onetwo").hexdigest()
    it.put_object("lib", "a/b", contents=b"three")
    _, rows = it.get_container("lib", query_string="versions")
    assert [row["is_latest"] for row in rows] == [True, False]
    assert it.get_object("lib", "a/b", query_string=f"version-id={rows[1]['version_id']}")[1] == b"onetwo"
    assert it.get_container("lib", delimiter="/")[1] == [{"subdir": "a/"}]
    for row in rows:
        it.delete_object("lib", "a/b", query_string=f"version-id={row['version_id']}")
    it.delete_container("lib")
    with pytest.raises(ClientException) as gone:
        it.head_container("lib")
    assert gone.value.http_status == 404


@pytest.mark.timeout(300)
def test_openstack_object(stock: Any, tmp_path: Path) -> None:
    file = tmp_path / "note"
    file.write_text("by openstack")
    stock("container", "create", "shelf")
    stock("object", "create", "shelf", str(file), "--name", "note")
    assert [row["Name"] for row in stock("object", "list", "shelf")] == ["note"]
    assert stock("object", "show", "shelf", "note")["content-length"] == "12"
    stock.say("object", "set", "--property", "colour=red", "shelf", "note")
    assert stock("object", "show", "shelf", "note")["properties"] == {"Colour": "red"}
    stock.say("object", "save", "shelf", "note", "--file", str(tmp_path / "back"))
    assert (tmp_path / "back").read_text() == "by openstack"
    stock.say("container", "set", "--property", "owner=me", "shelf")
    assert stock("container", "show", "shelf")["object_count"] == "1"
    assert stock("object", "store", "account", "show")["Containers"]
    stock.say("container", "delete", "--recursive", "shelf")
    assert "shelf" not in [row["Name"] for row in stock("container", "list")]
