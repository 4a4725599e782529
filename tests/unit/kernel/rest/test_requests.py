"""A toy service over real sockets: what clients see."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
import websockets

from pileus.kernel.db import Database
from pileus.kernel.rest import Answer, Dialect, Door, Entry, EntrySettings, Face, Operation, Request
from unit.kernel.rest import widgets


async def make(client: httpx.AsyncClient, name: str, **more: object) -> dict[str, object]:
    answer = await client.post("/v1/widgets", json={"widget": {"name": name, **more}})
    assert answer.status_code == 201, answer.text
    return answer.json()["widget"]  # type: ignore[no-any-return]


async def test_create_answers_the_view_and_where_it_is(anna: httpx.AsyncClient) -> None:
    answer = await anna.post("/v1/widgets", json={"widget": {"name": "w"}})
    made = answer.json()["widget"]
    assert answer.status_code == 201
    assert set(made) == {"id", "name", "size", "project_id", "tenant_id", "created"}
    assert (made["size"], made["project_id"], made["tenant_id"]) == (1, "p1", "p1")
    assert answer.headers["location"] == f"{anna.base_url}/v1/widgets/{made['id']}"
    assert answer.headers["x-openstack-request-id"] == answer.headers["x-toy-request-id"]
    assert answer.headers["x-openstack-request-id"].startswith("req-")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"widget": {"name": "\xff"}}', "not valid JSON"),
        (b"[]", "is not of type 'object'"),
        (b"{}", "'widget' is a required property"),
        (b'{"widget": {}}', "'name' is a required property"),
        (rb'{"widget": {"name": "a\u0000"}}', "has the character NUL"),
        (b'{"widget": {"name": 7}}', "name. Value: 7. 7 is not of type 'string'"),
        (b'{"widget": {"name": "", "size": 3}}', "'' is too short"),
        (b'{"widget": {"name": "123456789012345678901"}}', "is too long"),
        (b'{"widget": {"name": "a", "size": 1001}}', "1001 is greater than the maximum of 1000"),
        (
            b'{"widget": {"name": "a", "colour": "red"}}',
            "Additional properties are not allowed ('colour' was unexpected)",
        ),
        (b'{"widget": {"name": "a", "shiny": true}}', "'shiny' was unexpected"),
    ],
)
async def test_a_bad_body_is_400_and_names_the_field(anna: httpx.AsyncClient, body: bytes, says: str) -> None:
    answer = await anna.post("/v1/widgets", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert says in answer.json()["error"]["message"]
    assert (await anna.get("/v1/widgets")).json() == {"widgets": []}


async def test_bulk_makes_all_or_none(anna: httpx.AsyncClient) -> None:
    answer = await anna.post("/v1/widgets", json={"widgets": [{"name": "a"}, {"name": "taken"}]})
    assert answer.status_code == 409
    assert (await anna.get("/v1/widgets")).json() == {"widgets": []}
    answer = await anna.post("/v1/widgets", json={"widgets": [{"name": "a"}, {"name": "b"}]})
    assert [w["name"] for w in answer.json()["widgets"]] == ["a", "b"]


async def test_fields_follow_the_version(anna: httpx.AsyncClient) -> None:
    new = {"OpenStack-API-Version": "other 3.1, toy 1.5"}
    answer = await anna.post("/v1/widgets", json={"widget": {"name": "a", "shiny": True}}, headers=new)
    assert answer.json()["widget"]["shiny"] is True
    assert answer.headers["openstack-api-version"] == "toy 1.5"
    assert answer.headers["x-toy-version"] == "1.5"
    assert answer.headers["vary"] == "OpenStack-API-Version, X-Toy-Version"
    old = await anna.get(f"/v1/widgets/{answer.json()['widget']['id']}", headers={"X-Toy-Version": "1.4"})
    assert "shiny" not in old.json()["widget"]
    assert (await anna.post("/v1/widgets", json={"widget": {"name": "a", "note": "x"}})).status_code == 201
    late = await anna.post(
        "/v1/widgets", json={"widget": {"name": "a", "note": "x"}}, headers={"X-Toy-Version": "latest"}
    )
    assert late.status_code == 400


@pytest.mark.parametrize(("asked", "status"), [("1.10", 406), ("0.9", 400), ("x", 400), ("2.0", 406), ("latest", 200)])
async def test_versions_out_of_range_are_refused(anna: httpx.AsyncClient, asked: str, status: int) -> None:
    answer = await anna.get("/v1/widgets", headers={"OpenStack-API-Version": f"toy {asked}"})
    assert answer.status_code == status
    assert "vary" in answer.headers


async def test_paging_walks_all_rows_once(anna: httpx.AsyncClient) -> None:
    for i in range(12):
        await make(anna, f"w{i:02}", size=i % 3)
    seen: list[str] = []
    url = "/v1/widgets?sort_key=size&sort_dir=desc&sort_key=name&limit=5"
    while True:
        body = (await anna.get(url)).json()
        seen += [w["name"] for w in body["widgets"]]
        if "widgets_links" not in body:
            break
        url = body["widgets_links"][0]["href"]
    assert len(seen) == len(set(seen)) == 12
    assert seen[:4] == ["w11", "w08", "w05", "w02"]
    assert len((await anna.get("/v1/widgets")).json()["widgets"]) == 5, "the service's own page size"


async def test_filters(anna: httpx.AsyncClient) -> None:
    for name in "abc":
        await make(anna, name)

    async def names(query: str) -> list[str]:
        return [w["name"] for w in (await anna.get("/v1/widgets?" + query)).json()["widgets"]]

    assert await names("name=a&name=c") == ["a", "c"] or await names("name=a&name=c&sort_key=name") == ["a", "c"]
    assert await names("size=2") == []
    assert await names("tenant_id=p1&name=b") == ["b"]
    assert len(await names("whatever=1")) == 3
    assert (await anna.get("/v1/widgets?size=many")).status_code == 400
    assert (await anna.get("/v1/widgets?limit=-1")).status_code == 400
    assert (await anna.get("/v1/widgets?sort_key=secret")).status_code == 400
    assert (await anna.get("/v1/widgets?marker=nobody")).status_code == 400
    assert (await anna.get("/strict?n=1234")).status_code == 400
    assert (await anna.get("/strict?m=1")).status_code == 400


async def test_policy_hides_foreign_rows_and_fields(anna: httpx.AsyncClient) -> None:
    made = await make(anna, "a")
    url = f"/v1/widgets/{made['id']}"
    assert (await anna.get(url, headers={"X-Auth-Token": "bert"})).status_code == 404
    admin = await anna.get(url, headers={"X-Auth-Token": "admin"})
    assert admin.json()["widget"]["OS-SECRET:secret"] == "s3cret"
    assert (await anna.post("/v1/widgets", json={"widget": {"name": "x", "project_id": "p2"}})).status_code == 403
    assert (
        await anna.post("/v1/widgets", json={"widget": {"name": "x", "project_id": "p1", "tenant_id": "p2"}})
    ).status_code == 400
    assert (await anna.delete(url, headers={"X-Auth-Token": "bert"})).status_code == 404
    assert (await anna.delete(url)).status_code == 204
    assert (await anna.delete(url)).status_code == 404


async def test_update_and_actions(anna: httpx.AsyncClient) -> None:
    made = await make(anna, "a")
    url = f"/v1/widgets/{made['id']}"
    assert (await anna.put(url, json={"widget": {"size": 9}})).json()["widget"]["size"] == 9
    answer = await anna.post(url + "/action", json={"polish": None})
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (202, b"", "0")
    assert (await anna.get(url)).json()["widget"]["name"] == "a polished"
    assert (await anna.post(url + "/action", json={"polish": None, "grow": None})).status_code == 400
    assert "no such action: fly" in (await anna.post(url + "/action", json={"fly": None})).text
    assert (await anna.post(url + "/action", json={"grow": {"by": 1}})).status_code == 404
    grown = await anna.post(url + "/action", json={"grow": {"by": 1}}, headers={"X-Toy-Version": "1.3"})
    assert grown.json() == {"size": 10}
    assert (await anna.get(url + "/extra")).json() == {"extra": {}}


async def test_routes_and_methods(anna: httpx.AsyncClient) -> None:
    assert (await anna.get("/v1/nothing")).status_code == 404
    assert (await anna.get("/v1/nothing", headers={"X-Auth-Token": "nobody"})).status_code == 401
    refused = await anna.put("/v1/widgets")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, POST")
    assert (await anna.get("/v1/gadgets")).status_code == 501
    head = await anna.head("/v1/widgets")
    assert (head.status_code, head.content) == (200, b"")
    assert (await anna.get("/v1/widgets.json")).status_code == 200
    assert (await anna.get("/tail/a/b%2Fc/d/")).status_code == 200
    assert (await anna.get("/toys/", headers={"X-Auth-Token": ""})).json()["self"].endswith("/toys/v1")
    assert (await anna.get("/?a=%ff")).status_code == 400


async def test_a_failure_is_a_fault_without_detail(anna: httpx.AsyncClient) -> None:
    answer = await anna.post("/v1/widgets", json={"widget": {"name": "boom"}})
    assert answer.status_code == 500
    assert "secret detail" not in answer.text


async def test_streams_both_ways(anna: httpx.AsyncClient) -> None:
    async def chunks():  # type: ignore[no-untyped-def]
        for _ in range(32):
            yield b"y" * 65536

    assert (await anna.put("/v1/widgets/x/file", content=chunks())).json() == {"bytes": 32 * 65536}
    assert len((await anna.get("/v1/widgets/x/file")).content) == 64 * 65536


async def test_too_large_a_body_is_413_and_the_connection_closes(anna: httpx.AsyncClient) -> None:
    answer = await anna.post("/v1/widgets", content=b" " * (2 << 20), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")
    assert (await anna.post("/v1/widgets", content=b"<a/>", headers={"Content-Type": "text/xml"})).status_code == 415


async def test_an_early_refusal_stops_an_expected_body(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"PUT /v1/widgets/x/file HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    assert head.startswith(b"http/1.1 401")
    assert b"connection: close" in head
    writer.close()


async def test_header_bombs_and_missing_host(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: %s\r\n" % (i, b"v" * 1000) for i in range(80)) + b"\r\n"
    )
    assert (await reader.readline()).startswith(b"HTTP/1.1 431")
    writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 400")
    writer.close()


async def test_cors(anna: httpx.AsyncClient) -> None:
    preflight = {
        "Origin": "https://gui.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-auth-token",
    }
    answer = await anna.options("/v1/widgets", headers=preflight)
    assert answer.headers["access-control-allow-origin"] == "https://gui.example"
    assert "POST" in answer.headers["access-control-allow-methods"]
    other = await anna.get("/", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers


async def test_a_face_beside_takes_what_is_its_own(tmp_path: Path) -> None:
    class OwnOrigins(Dialect):
        own_origins = True

    async def say(request: Request) -> Answer:
        return Answer(200, {"method": request.method})

    def takes(method: str, path: str, query: str, headers: Mapping[str, str]) -> bool:
        return "other" in query or "x-other" in headers

    db = Database(f"sqlite:///{tmp_path}/toy.db", synchronous="OFF")
    await db.start()
    mine = [Operation(method=method, path="/v1/widgets", handle=say, public=True) for method in ("GET", "OPTIONS")]
    face = widgets.face(db)
    face.beside.append((takes, Face("other", OwnOrigins(), face.policy, db, mine)))
    entry = Entry({0: Door(root=face)}, EntrySettings(origins=("*",)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(entry), base_url="http://toy") as client:
        assert (await client.get("/v1/widgets")).status_code == 401
        assert (await client.get("/v1/widgets?other")).json() == {"method": "GET"}
        asked = {"x-other": "1", "Origin": "https://a.example", "Access-Control-Request-Method": "PUT"}
        preflight = await client.options("/v1/widgets", headers=asked)
        assert preflight.json() == {"method": "OPTIONS"}
        assert "access-control-allow-origin" not in preflight.headers
        assert (await client.get("/openapi/other.json")).status_code == 200
    await db.close()


async def test_health_metrics_and_openapi(anna: httpx.AsyncClient) -> None:
    await make(anna, "a")
    assert (await anna.get("/healthcheck")).text == "OK"
    assert 'pileus_requests_total{service="toy",method="POST",status="201"} 1' in (await anna.get("/metrics")).text
    document = (await anna.get("/openapi/toy.json")).json()
    assert set(document["paths"]["/v1/widgets/{widget_id}"]) == {"get", "put", "delete"}
    actions = document["paths"]["/v1/widgets/{widget_id}/action"]["post"]["requestBody"]["content"]["application/json"]
    assert len(actions["schema"]["anyOf"]) == 2
    json.dumps(document)


async def test_websockets(port: int) -> None:
    async with websockets.connect(f"ws://127.0.0.1:{port}/echo") as socket:
        await socket.send(b"hi")
        assert await socket.recv() == b"hi"
    with pytest.raises(websockets.exceptions.InvalidStatus):
        await websockets.connect(f"ws://127.0.0.1:{port}/nothing")


async def test_a_kept_answer_is_as_true_as_a_new_one(anna: httpx.AsyncClient) -> None:
    made = await make(anna, "a")
    url = f"/v1/widgets/{made['id']}"
    first = await anna.get(url)
    again = await anna.get(url)
    assert again.content == first.content
    assert again.headers["x-openstack-request-id"] != first.headers["x-openstack-request-id"]
    assert again.headers["openstack-api-version"] == "toy 1.0"
    await anna.put(url, json={"widget": {"size": 5}})
    assert (await anna.get(url)).json()["widget"]["size"] == 5
    assert (await anna.get("/v1/widgets")).json()["widgets"][0]["size"] == 5
    assert "OS-SECRET:secret" in (await anna.get(url, headers={"X-Auth-Token": "admin"})).json()["widget"]
    assert (await anna.get(url, headers={"X-Auth-Token": "bert"})).status_code == 404
    assert "OS-SECRET:secret" not in (await anna.get(url)).json()["widget"]
    await anna.delete(url)
    assert (await anna.get(url)).status_code == 404


async def test_nobody_says_where_he_comes_from(anna: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    """Without a proxy that is trusted, its headers are words of the caller."""
    with caplog.at_level("INFO", "pileus.access"):
        said = {"X-Forwarded-For": "192.0.2.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
        answer = await anna.post("/v1/widgets", json={"widget": {"name": "w"}}, headers=said)
    assert answer.headers["location"].startswith(str(anna.base_url))
    assert [record.address for record in caplog.records if record.name == "pileus.access"] == ["127.0.0.1"]
