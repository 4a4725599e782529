"""Manifests and links over Swift's face: copied, read by strangers, deleted in one version."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from object_server import running
from pileus.services.objectstore.core.manifests import DEPTH

OWNER, OTHER = {"X-Auth-Token": "u:p:member"}, {"X-Auth-Token": "v:q:member"}
NOTHING = "d41d8cd98f00b204e9800998ecf8427e"


@pytest.fixture
async def http(tmp_path: Path, ready_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """`p` has container `c` with object `o`; `q` has `d`, into which `p` may write."""
    async with (
        running(tmp_path, url=ready_url) as it,
        httpx.AsyncClient(base_url=f"{it.url}/v1/", headers=OWNER) as client,
    ):
        await client.put("AUTH_p/c")
        await client.put("AUTH_p/c/o", content=b"own")
        await client.put("AUTH_q/d", headers={**OTHER, "X-Container-Write": "p:u"})
        yield client


async def manifest(http: httpx.AsyncClient, path: str, *segments: str, **query: str) -> httpx.Response:
    body = json.dumps([{"path": segment} for segment in segments])
    headers = {"Accept": "application/json"}
    return await http.put(path, params={"multipart-manifest": "put", **query}, content=body, headers=headers)


async def test_a_manifest_copied_to_another_account_names_what_is_there(http: httpx.AsyncClient) -> None:
    assert (await manifest(http, "AUTH_p/c/big", "/c/o")).status_code == 201

    async def copied() -> httpx.Response:
        headers = {"Destination": "d/big", "Destination-Account": "AUTH_q", "Accept": "application/json"}
        return await http.request("COPY", "AUTH_p/c/big?multipart-manifest=get", headers=headers)

    async def refused() -> Any:
        answer = await copied()
        assert answer.status_code == 400
        return answer.json()["Errors"]

    assert await refused() == [["/c/o", "403 Forbidden"]]
    await http.put("AUTH_q/c", headers=OTHER)
    assert await refused() == [["/c/o", "403 Forbidden"]]  # no stranger learns whether a container is there
    await http.post("AUTH_q/c", headers={**OTHER, "X-Container-Read": "p:u"})
    assert await refused() == [["/c/o", "404 Not Found"]]
    await http.put("AUTH_q/c/o", headers=OTHER, content=b"bad")
    assert await refused() == [["/c/o", "Etag Mismatch"]]
    await http.put("AUTH_q/c/o", headers=OTHER, content=b"own")
    assert (await copied()).status_code == 201
    assert (await http.get("AUTH_q/d/big", headers=OTHER)).text == "own"


async def test_segments_are_told_of_as_they_were_named(http: httpx.AsyncClient) -> None:
    for path, told in (("/c/no", "/c/no"), ("c/no", "c/no"), ("//c/n o☃", "//c/n%20o%E2%98%83")):
        assert (await manifest(http, "AUTH_p/c/big", path)).json() == {"Errors": [[told, "404 Not Found"]]}
        assert (await manifest(http, "AUTH_p/c/big", path, heartbeat="on")).json()["Errors"] == [
            [told, "404 Not Found"]
        ]


async def test_how_deep_manifests_go(http: httpx.AsyncClient) -> None:
    await http.put("AUTH_p/c/m0", content=b"x")
    for n in range(1, DEPTH + 2):
        assert (await manifest(http, f"AUTH_p/c/m{n}", f"/c/m{n - 1}")).status_code == 201
    assert (await http.get(f"AUTH_p/c/m{DEPTH}")).text == "x"
    assert (await http.get(f"AUTH_p/c/m{DEPTH + 1}")).status_code == 409


async def test_one_version_of_a_manifest_goes_with_its_segments(http: httpx.AsyncClient) -> None:
    await http.put("AUTH_p/v", headers={"X-Versions-Enabled": "true"})
    first = (await manifest(http, "AUTH_p/v/big", "/c/o")).headers["X-Object-Version-Id"]
    await http.put("AUTH_p/v/big", content=b"plain")
    answer = await http.delete(
        "AUTH_p/v/big",
        params={"multipart-manifest": "delete", "version-id": first},
        headers={"Accept": "application/json"},
    )
    assert (answer.json()["Number Deleted"], answer.json()["Errors"]) == (2, [])
    assert (await http.get("AUTH_p/v/big")).text == "plain"
    assert (await http.head("AUTH_p/c/o")).status_code == 404
    assert [row["is_latest"] for row in (await http.get("AUTH_p/v?versions")).json()] == [True]


async def test_a_dynamic_manifest_says_where_its_segments_are_as_it_was_told(http: httpx.AsyncClient) -> None:
    for told in ("c/o", "c/%6f", "c/ö"):
        await http.put("AUTH_p/c/all", headers=[(b"X-Object-Manifest", told.encode())], content=b"")  # type: ignore[list-item]
        for query in ("", "?multipart-manifest=get"):
            answer = await http.get(f"AUTH_p/c/all{query}")
            assert (b"X-Object-Manifest", told.encode()) in answer.headers.raw
    await http.put("AUTH_p/c/all", headers={"X-Object-Manifest": "c/%6f"}, content=b"")
    assert (await http.get("AUTH_p/c/all")).text == "own"


async def test_where_a_link_led_that_may_not_be_followed(http: httpx.AsyncClient) -> None:
    target = {"X-Symlink-Target": "c/o", "X-Symlink-Target-Account": "AUTH_p"}
    assert (await http.put("AUTH_q/d/link", headers={**OTHER, **target}, content=b"")).status_code == 201
    for method in ("GET", "HEAD"):
        answer = await http.request(method, "AUTH_q/d/link", headers=OTHER)
        assert (answer.status_code, answer.headers["Content-Location"]) == (403, "/v1/AUTH_p/c/o")


async def test_a_link_copied_leads_where_the_copier_says(http: httpx.AsyncClient) -> None:
    await http.put("AUTH_p/c/link", headers={"X-Symlink-Target": "c/o", "Content-Type": "text/own"}, content=b"")
    away = {"Destination": "d/link", "Destination-Account": "AUTH_q"}

    async def target() -> tuple[str | None, str | None, str]:
        headers = (await http.head("AUTH_q/d/link?symlink=get", headers=OTHER)).headers
        return headers.get("X-Symlink-Target"), headers.get("X-Symlink-Target-Account"), headers["Content-Type"]

    assert (await http.request("COPY", "AUTH_p/c/link?symlink=get", headers=away)).status_code == 201
    assert await target() == ("c/o", None, "text/own")  # within its own account
    away["X-Symlink-Target-Account"] = "AUTH_p"
    assert (await http.request("COPY", "AUTH_p/c/link?symlink=get", headers=away)).status_code == 201
    assert await target() == ("c/o", "AUTH_p", "text/own")


async def test_a_copy_becomes_a_link_where_nothing_is_copied(http: httpx.AsyncClient) -> None:
    await http.put("AUTH_p/c/none", headers={"X-Object-Meta-A": "1", "Content-Type": "text/x"}, content=b"")
    link = {"X-Symlink-Target": "c/o"}
    for source, status in (("o", 400), ("none", 201)):
        copied = await http.request("COPY", f"AUTH_p/c/{source}", headers={"Destination": f"c/to-{source}", **link})
        asked = await http.put(f"AUTH_p/c/at-{source}", headers={"X-Copy-From": f"c/{source}", **link}, content=b"")
        assert (copied.status_code, asked.status_code) == (status, status)
        for name in (f"to-{source}", f"at-{source}"):
            there = await http.head(f"AUTH_p/c/{name}?symlink=get")
            assert there.status_code == (404 if status == 400 else 200)
            if status == 201:
                told = [there.headers[one] for one in ("X-Symlink-Target", "Content-Type", "X-Object-Meta-A")]
                assert told == ["c/o", "text/x", "1"]
    nowhere = {"Destination": "c/to", "X-Symlink-Target": ""}
    assert (await http.request("COPY", "AUTH_p/c/none", headers=nowhere)).status_code == 412
    part = {"Destination": "c/to", "Range": "bytes=0-0", **link}
    assert (await http.request("COPY", "AUTH_p/c/o", headers=part)).status_code == 400
    assert (await http.head("AUTH_p/c/to")).status_code == 404


async def test_a_static_link_to_a_manifest_in_a_listing(http: httpx.AsyncClient) -> None:
    etag = (await manifest(http, "AUTH_p/c/big", "/c/o")).headers["Etag"]
    own = (await http.head("AUTH_p/c/big")).headers["X-Manifest-Etag"]
    link = {"X-Symlink-Target": "c/big", "X-Symlink-Target-Etag": own}
    assert (await http.put("AUTH_p/c/link", headers=link, content=b"")).status_code == 201
    (row,) = (await http.get("AUTH_p/c?format=json&prefix=link")).json()
    assert (row["slo_etag"], row["symlink_etag"], row["symlink_bytes"], row["hash"]) == (etag, own, 3, NOTHING)


async def test_header_lines_have_their_bound(http: httpx.AsyncClient) -> None:
    longest = 8192 - len("X-Nothing: \r\n")
    assert (await http.head("AUTH_p/c", headers={"X-Nothing": "x" * longest})).status_code == 204
    answer = await http.get("AUTH_p/c", headers={"X-Nothing": "x" * (longest + 1)})
    assert (answer.status_code, answer.text, answer.headers["Connection"]) == (400, "", "close")
    answer = await http.get("AUTH_p/c?format=json&nothing=" + "x" * 8192)
    assert (answer.status_code, answer.text, answer.headers["Connection"]) == (414, "", "close")
    said = (await http.get("../info")).json()
    assert said["swift"]["max_request_line"] == said["swift"]["max_header_size"] == 8192


async def test_s3_is_told_of(http: httpx.AsyncClient) -> None:
    said = (await http.get("../info")).json()["s3api"]
    assert (said["max_upload_part_num"], said["min_segment_size"], said["s3_acl"]) == (10_000, 5 << 20, True)


async def test_the_domain_of_an_accounts_project(http: httpx.AsyncClient) -> None:
    """Known as soon as somebody of the project comes, whoever made the account."""
    reseller = {"X-Auth-Token": "w:r:ResellerAdmin"}
    await http.put("AUTH_z/made", headers=reseller)
    assert "X-Account-Project-Domain-Id" not in (await http.head("AUTH_z", headers=reseller)).headers
    await http.put("AUTH_z/own", headers={"X-Auth-Token": "z:z:member"})
    assert (await http.head("AUTH_z", headers=reseller)).headers["X-Account-Project-Domain-Id"] == "default"
    await http.post("AUTH_z/own", headers={"X-Auth-Token": "z:z:member", "X-Container-Read": "p-name:u-name"})
    assert (await http.get("AUTH_z/own")).status_code == 204  # names count in the default domain


async def test_null_in_a_container_that_keeps_versions_elsewhere(http: httpx.AsyncClient) -> None:
    await http.put("AUTH_p/old")
    await http.put("AUTH_p/l", headers={"X-Versions-Location": "old"})
    for text in (b"1", b"2"):
        await http.put("AUTH_p/l/o", content=text)
    assert (await http.delete("AUTH_p/l/o?version-id=null")).status_code == 204
    assert (await http.get("AUTH_p/l/o")).text == "1"


async def test_the_end_of_a_version_is_its_names(http: httpx.AsyncClient) -> None:
    await http.put("AUTH_p/v", headers={"X-Versions-Enabled": "true"})
    made = await http.put("AUTH_p/v/o", content=b"x", headers={"X-Delete-At": "1999999999"})
    for query in ("", f"?version-id={made.headers['X-Object-Version-Id']}"):
        assert "X-Delete-At" not in (await http.head(f"AUTH_p/v/o{query}")).headers
