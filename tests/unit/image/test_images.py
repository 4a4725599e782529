"""Images without data: bodies, changes, lists, members, tenants."""

import itertools
from typing import Any

import pytest

from image_callers import PATCH, RAW, Caller
from image_server import Running, running
from pileus.kernel.db import Tx
from pileus.kernel.rest import Query
from pileus.kernel.types import Invalid
from pileus.services.image.api.dialect import preferred
from pileus.services.image.api.queries import image_search
from pileus.services.image.core.settings import ImageSettings


async def test_a_new_image(user: Caller) -> None:
    new = await user.create(name="n", x="1", tags=["b", "a", "b"], min_ram=5, os_hidden=True, **RAW)
    assert {key: new[key] for key in ("name", "x", "tags", "min_ram", "min_disk", "os_hidden", "protected")} == {
        "name": "n", "x": "1", "tags": ["a", "b"], "min_ram": 5, "min_disk": 0, "os_hidden": True, "protected": False,
    }  # fmt: skip
    assert (new["owner"], new["visibility"], new["status"]) == ("p1", "shared", "queued")
    assert new["file"] == f"/v2/images/{new['id']}/file"
    assert await user.show(new["id"]) == new


async def test_an_id_of_the_callers_own(user: Caller, stranger: Caller) -> None:
    given = "6b2d7a52-7f0a-4a07-9a41-1f1b5b0f0c11"
    assert (await user.create(id=given))["id"] == given
    for one in (user, stranger):
        told = await one.create(id=given, status=409)
        assert told["message"].startswith(f"Image ID {given} already exists!")


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"name": 5}, 400, "name"),
        ({"name": "x" * 256}, 400, "name"),
        ({"id": "abc"}, 400, "id"),
        ({"disk_format": "foo"}, 400, "disk_format"),
        ({"container_format": []}, 400, "container_format"),
        ({"min_ram": -1}, 400, "min_ram"),
        ({"min_disk": 2**31}, 400, "min_disk"),
        ({"min_disk": 2**70}, 400, "min_disk"),
        ({"protected": "yes"}, 400, "protected"),
        ({"tags": ["x" * 256]}, 400, "tags"),
        ({"prop": 5}, 400, "prop"),
        ({"p" * 256: "x"}, 400, "255"),
        ({"": "x"}, 400, "empty"),
        ({"visibility": "secret"}, 400, "visibility"),
        ({"visibility": "public"}, 403, "publicize_image"),
        ({"owner": "p2"}, 403, "owned by 'p2'"),
        ({"owner": None}, 403, "owned by 'None'"),
        ({"self": "x"}, 403, "'self' is read-only"),
        ({"status": "active"}, 403, "'status' is read-only"),
        ({"deleted": "x"}, 403, "'deleted' is reserved"),
        ({"locations": []}, 403, "'locations' is reserved"),
        ({"os_glance_task": "x"}, 403, "'os_glance_task' is reserved"),
        ({f"p{n}": "" for n in range(129)}, 413, "Attempted: 129, Maximum: 128"),
        ({"tags": [str(n) for n in range(129)]}, 413, "Attempted: 129, Maximum: 128"),
    ],
)
async def test_bad_bodies(user: Caller, body: dict[str, Any], status: int, said: str) -> None:
    told = await user.ask("POST", "/v2/images", json=body, status=status)
    assert said in told["message"]
    assert await user.ids() == []


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'"text"', b"[1]", b"null"])
async def test_bodies_that_are_none(user: Caller, content: bytes) -> None:
    await user.ask("POST", "/v2/images", content=content, headers={"Content-Type": "application/json"}, status=400)


async def test_changes(user: Caller) -> None:
    image_id = (await user.create(name="n", x="1", tags=["t"], **RAW))["id"]
    shown = await user.patch(
        image_id, ("replace", "name", None), ("remove", "x"), ("add", "y", "2"), ("replace", "tags", ["q"])
    )
    assert (shown["name"], shown["y"], shown["tags"], "x" in shown) == (None, "2", ["q"], False)
    assert await user.show(image_id) == shown
    assert shown["updated_at"] >= shown["created_at"]


async def test_changes_are_all_or_nothing(user: Caller) -> None:
    before = await user.create(name="n", **RAW)
    await user.patch(before["id"], ("replace", "name", "m"), ("replace", "nope", "x"), status=409)
    assert await user.show(before["id"]) == before


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        (("replace", "status", "x"), 403, "read-only"),
        (("add", "id", "x"), 403, "read-only"),
        (("remove", "size"), 403, "read-only"),
        (("replace", "deleted", "x"), 403, "reserved"),
        (("add", "os_glance_x", "x"), 403, "reserved"),
        (("replace", "owner", "p2"), 403, "Owner can't be updated by non admin."),
        (("add", "owner", "p2"), 403, "Owner can't be updated by non admin."),
        (("remove", "name"), 403, "may not be removed"),
        (("remove", "nope"), 409, "Property nope does not exist."),
        (("replace", "visibility", "public"), 403, "publicize_image"),
        (("replace", "min_ram", -1), 400, "Cannot be a negative value"),
        (("replace", "min_ram", "x"), 400, "min_ram"),
        (("add", "y", 5), 400, "y"),
        (("replace", "locations", []), 403, "Cannot set locations to empty list."),
        (("add", "locations/-", {"url": "x", "metadata": {}}), 403, "set_image_location|locations are invisible"),
        (("remove", "locations/0"), 403, "delete_image_location"),
        (("add", "a/b", "x"), 400, "Invalid JSON pointer"),
        (("move", "a", "x"), 400, "Invalid operation"),
    ],
)
async def test_changes_that_are_refused(user: Caller, change: tuple[Any, ...], status: int, said: str) -> None:
    image_id = (await user.create(**RAW))["id"]
    told = await user.patch(image_id, change, status=status)
    assert any(part in told["message"] for part in said.split("|"))


async def test_formats_are_fixed_once_there_are_data(user: Caller) -> None:
    image_id = (await user.create(**RAW))["id"]
    await user.patch(image_id, ("replace", "disk_format", "qcow2"), ("replace", "disk_format", "raw"))
    await user.upload(image_id, b"x")
    told = await user.patch(image_id, ("replace", "disk_format", "qcow2"), status=403)
    assert "can be only replaced for a queued image" in told["message"]


async def test_media_types_of_patches(user: Caller) -> None:
    image_id = (await user.create(x="1"))["id"]
    path = f"/v2/images/{image_id}"
    answer = await user.http.patch(path, content=b"[]", headers={"Content-Type": "application/json"})
    assert (answer.status_code, PATCH in answer.headers["accept-patch"]) == (415, True)
    old = {"Content-Type": "application/openstack-images-v2.0-json-patch"}
    await user.ask("PATCH", path, json=[{"replace": "/x", "value": "2"}], headers=old, status=200)
    await user.ask("PATCH", path, json=[{"add": "/x", "value": "3"}], headers=old, status=409)
    await user.ask("PATCH", path, json=[{"add": "/x", "remove": "/y"}], headers=old, status=400)
    assert (await user.show(image_id))["x"] == "2"


async def test_protected(user: Caller) -> None:
    image_id = (await user.create(protected=True))["id"]
    told = await user.ask("DELETE", f"/v2/images/{image_id}", status=403)
    assert f"Image {image_id} is protected and cannot be deleted." in told["message"]
    await user.patch(image_id, ("replace", "protected", False))
    await user.ask("DELETE", f"/v2/images/{image_id}", status=204)
    told = await user.ask("DELETE", f"/v2/images/{image_id}", status=404)
    assert f"Failed to find image {image_id} to delete" in told["message"]


async def test_tags(user: Caller, stranger: Caller) -> None:
    path = f"/v2/images/{(await user.create())['id']}"
    for _ in range(2):
        await user.ask("PUT", f"{path}/tags/a%20b", status=204)
    assert (await user.ask("GET", path, status=200))["tags"] == ["a b"]
    await stranger.ask("PUT", f"{path}/tags/x", status=404)
    await user.ask("DELETE", f"{path}/tags/a%20b", status=204)
    await user.ask("DELETE", f"{path}/tags/a%20b", status=404)
    await user.ask("PUT", f"{path}/tags/{'x' * 256}", status=400)


async def test_who_sees_what(user: Caller, reader: Caller, stranger: Caller, admin: Caller) -> None:
    ids = {}
    for visibility in ("private", "shared", "community"):
        ids[visibility] = (await user.create(visibility=visibility))["id"]
    ids["public"] = (await admin.create(visibility="public", owner="p1"))["id"]
    for visibility, image_id in ids.items():
        for one in (user, reader, admin):
            await one.show(image_id)
        await stranger.show(image_id, 200 if visibility in {"public", "community"} else 404)
    assert set(await user.ids()) == set(ids.values())
    assert set(await stranger.ids()) == {ids["public"]}
    assert set(await stranger.ids("?visibility=community")) == {ids["community"]}
    assert set(await stranger.ids("?visibility=all")) == {ids["public"], ids["community"]}
    assert set(await stranger.ids("?owner=p1")) == {ids["public"]}
    assert set(await stranger.ids("?visibility=private")) == set()
    assert set(await admin.ids()) == set(ids.values()) - {ids["community"]}
    assert set(await admin.ids("?visibility=all")) == set(ids.values())


async def test_what_others_may_do(user: Caller, reader: Caller, stranger: Caller) -> None:
    private = (await user.create(**RAW))["id"]
    community = (await user.create(visibility="community", **RAW))["id"]
    await user.upload(community, b"data")
    for image_id, one, status in ((private, stranger, 404), (community, stranger, 403), (private, reader, 403)):
        path = f"/v2/images/{image_id}"
        await one.patch(image_id, ("replace", "name", "mine"), status=status)
        await one.ask("DELETE", path, status=status)
        await one.upload(image_id, b"x", status=status)
        await one.upload(image_id, b"x", where="stage", status=status)
        await one.ask("PUT", f"{path}/tags/x", status=status)
        await one.ask("POST", f"{path}/actions/deactivate", status=status)
    assert (await stranger.download(community)).content == b"data"
    await reader.download(community, status=403)
    await reader.create(status=403)


async def test_sharing(user: Caller, stranger: Caller, reader: Caller) -> None:
    image_id = (await user.create(**RAW))["id"]
    path = f"/v2/images/{image_id}/members"
    made = await user.ask("POST", path, json={"member": "p2"}, status=200)
    assert (made["member_id"], made["image_id"], made["status"]) == ("p2", image_id, "pending")
    await user.ask("POST", path, json={"member": "p2"}, status=409)
    await user.ask("POST", path, json={"member": "p3"}, status=200)
    await stranger.show(image_id)
    assert await stranger.ids() == []
    assert await stranger.ids("?member_status=pending&visibility=shared") == [image_id]
    assert [m["member_id"] for m in (await stranger.ask("GET", path, status=200))["members"]] == ["p2"]
    assert [m["member_id"] for m in (await reader.ask("GET", path, status=200))["members"]] == ["p2", "p3"]
    await stranger.ask("GET", f"{path}/p3", status=404)
    await stranger.ask("PUT", f"{path}/p3", json={"status": "accepted"}, status=404)
    await user.ask("PUT", f"{path}/p2", json={"status": "accepted"}, status=403)
    await stranger.ask("PUT", f"{path}/p2", json={"status": "maybe"}, status=400)
    await stranger.ask("PUT", f"{path}/p2", json={"status": "accepted"}, status=200)
    assert await stranger.ids() == [image_id]
    await stranger.ask("POST", path, json={"member": "p4"}, status=403)
    await stranger.ask("DELETE", f"{path}/p2", status=403)
    await user.ask("DELETE", f"{path}/p2", status=204)
    await user.ask("DELETE", f"{path}/p2", status=404)
    await stranger.show(image_id, 404)


async def test_only_shared_images_have_members(user: Caller, stranger: Caller) -> None:
    image_id = (await user.create())["id"]
    path = f"/v2/images/{image_id}/members"
    await user.ask("POST", path, json={"member": "p2"}, status=200)
    await user.patch(image_id, ("replace", "visibility", "private"))
    await stranger.show(image_id, 404)
    await user.ask("GET", path, status=403)
    await user.ask("POST", path, json={"member": "p3"}, status=403)
    for body in ({}, [], {"member": ""}, {"member": 5}):
        await user.ask("POST", path, json=body, status=400)


@pytest.mark.parametrize("key", ["name", "size", "status", "created_at", "id", "disk_format"])
@pytest.mark.parametrize("direction", ["asc", "desc"])
async def test_pages_meet(ready_url: str, tmp_path: Any, key: str, direction: str) -> None:
    """Whatever the order, pages of two end to end are the whole list; also where values are equal or missing."""
    async with running(tmp_path, url=ready_url) as image:
        user = Caller(image.url, "u:p1:member")
        names = ["a", "b", None, "b", "c", None, "a"]
        for number, name in enumerate(names):
            body = {"name": name, **(RAW if number % 2 else {})}
            image_id = (await user.create(**body))["id"]
            if number % 2:
                await user.upload(image_id, bytes(number // 2))
        order = f"sort={key}:{direction}"
        whole = await user.ids(f"?{order}")
        assert len(whole) == len(names)
        pages, path = [], f"/v2/images?{order}&limit=2"
        while path:
            body = await user.ask("GET", path, status=200)
            pages.append([one["id"] for one in body["images"]])
            path = body.get("next", "")
        assert list(itertools.chain(*pages)) == whole
        assert [len(page) for page in pages] == [2, 2, 2, 1]
        await user.http.aclose()


async def test_filters(ready_url: str, tmp_path: Any) -> None:
    async with running(tmp_path, url=ready_url) as image:
        user = Caller(image.url, "u:p1:member")
        ids = {}
        for name, size, more in (
            ("one", 10, {"tags": ["x", "y"], "color": "red", "min_ram": 3}),
            ("two,too", 20, {"tags": ["x"], "color": "red", "os_hidden": True}),
            ("three", None, {"protected": True}),
        ):
            ids[name] = (await user.create(name=name, **RAW, **more))["id"]
            if size:
                await user.upload(ids[name], bytes(size))
        backwards = {image_id: name for name, image_id in ids.items()}
        for query, names in {
            "": {"one", "three"},
            "os_hidden=true": {"two,too"},
            "name=one": {"one"},
            "name=in:one,three,nope": {"one", "three"},
            'name=in:"two,too",one&os_hidden=true': {"two,too"},
            f"id=in:{ids['one']}": {"one"},
            "size_min=10": {"one"},
            "size_max=9": set(),
            "min_ram_min=3": {"one"},
            "status=queued": {"three"},
            "status=in:queued,active": {"one", "three"},
            "protected=true": {"three"},
            "tag=x": {"one"},
            "tag=x&tag=y": {"one"},
            "tag=x&tag=z": set(),
            "color=red": {"one"},
            "color=red&nope=x": set(),
            "created_at=gt:2020-01-01T00:00:00Z": {"one", "three"},
            "created_at=lt:2020-01-01T00:00:00Z": set(),
            "updated_at=neq:2020-01-01T00:00:00": {"one", "three"},
            "visibility=public": set(),
            "limit=0": set(),
        }.items():
            assert {backwards[one] for one in await user.ids(f"?{query}")} == names, query
        shown = await user.show(ids["one"])
        for query in (f"checksum={shown['checksum']}", f"os_hash_value={shown['os_hash_value']}"):
            assert await user.ids(f"?{query}") == [ids["one"]]
        for operator, there in (
            ("eq", True),
            ("gte", True),
            ("lte", True),
            ("gt", False),
            ("lt", False),
            ("neq", False),
        ):
            found = await user.ids(f"?name=one&created_at={operator}:{shown['created_at']}")
            assert (found == [ids["one"]]) is there, operator
        await user.http.aclose()


@pytest.mark.parametrize(
    "query",
    [
        "limit=x", "limit=-1", "marker=none", "sort=foo", "sort=name:up", "sort=name&sort_key=name", "sort_key=foo",
        "sort_dir=up", "sort_key=name&sort_dir=asc&sort_dir=desc", "visibility=foo", "member_status=foo", "os_hidden=x",
        "protected=x", "size_min=x", "name=gt:x", "created_at=x", "created_at=foo:2020-01-01T00:00:00Z", "changes-since=x",
        'name=in:"x', "size=x", "min_ram=99999999999999999999999",
    ],
)  # fmt: skip
async def test_bad_queries(user: Caller, query: str) -> None:
    await user.ask("GET", f"/v2/images?{query}", status=400)


def test_a_page_has_a_bound() -> None:
    assert image_search(Query("limit=5000"), ImageSettings()).listing.limit == 1000
    assert image_search(Query(""), ImageSettings()).listing.limit == 25
    with pytest.raises(Invalid):
        image_search(Query("limit=a"), ImageSettings())


async def test_a_list_costs_the_same_whatever_its_length(
    image: Running, user: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []
    for name in ("_run", "execute"):
        whole = getattr(Tx, name)

        def watched(self: Tx, *args: Any, _whole: Any = whole, **kw: Any) -> Any:
            counted.append(args[0])
            return _whole(self, *args, **kw)

        monkeypatch.setattr(Tx, name, watched)
    costs = []
    for _ in range(2):
        for _ in range(5):
            await user.create(tags=["a"], x="y")
        asked = []
        for _ in range(5):
            counted.clear()
            await user.ids()
            asked.append(len(counted))
        costs.append(min(asked))  # a reconciler that runs beside may have asked as well
    assert costs == [4, 4]


async def test_errors_in_the_form_that_is_asked_for(image: Running, user: Caller) -> None:
    for accept, media, begins in (
        ("application/json", "application/json", '{"message":"No image found with ID zz'),
        ("*/*", "text/html; charset=UTF-8", "<html>\n <head>\n  <title>404 Not Found</title>"),
        ("text/html", "text/html; charset=UTF-8", "<html>"),
        ("text/plain", "text/plain; charset=UTF-8", "404 Not Found\n\nNo image found with ID zz"),
    ):
        answer = await user.http.get("/v2/images/zz", headers={"Accept": accept})
        assert answer.headers["content-type"] == media
        assert answer.text.startswith(begins)
    nobody = await user.http.get("/v2/images", headers={"X-Auth-Token": ""})
    assert nobody.status_code == 401
    assert nobody.json()["error"]["message"] == "The request you have made requires authentication."


async def test_what_is_shown_is_escaped(user: Caller) -> None:
    answer = await user.http.get("/v2/images/<script>", headers={"Accept": "text/html"})
    assert "<script>" not in answer.text


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, "plain"), ("", "html"), ("*/*", "html"), ("application/json", "json"), ("text/html;q=0.5, application/json", "json"),
        ("text/*", "html"), ("image/png", "plain"), ("application/json;q=0, */*", "html"), ("*/*;q=0.1, application/json", "json"),
    ],
)  # fmt: skip
def test_preferred(accept: str | None, form: str) -> None:
    assert preferred(accept) == form


async def test_versions(image: Running, user: Caller) -> None:
    for path, status in (("/", 300), ("/versions", 200)):
        answer = await user.http.get(path, headers={"X-Auth-Token": ""})
        assert answer.status_code == status
        found = answer.json()["versions"]
        assert [one["id"] for one in found if one["status"] == "CURRENT"] == ["v2.17"]
        assert found[0]["links"] == [{"rel": "self", "href": f"{image.url}/v2/"}]


async def test_what_is_not_there_says_so(user: Caller, admin: Caller) -> None:
    assert "Caching via API is not supported" in (await admin.ask("GET", "/v2/cache", status=404))["message"]
    await admin.ask("POST", "/v2/tasks", json={}, status=501)
    image_id = (await user.create())["id"]
    told = await user.ask("POST", f"/v2/images/{image_id}/locations", json={"url": "http://x/y"}, status=403)
    assert "http store must be enabled" in told["message"]
    assert (await user.ask("GET", "/v2/info/import", status=200))["import-methods"]["value"] == [
        "glance-direct",
        "copy-image",
    ]
    assert (await user.ask("GET", "/v2/info/stores", status=200))["stores"] == [{"id": "file", "default": "true"}]
    await user.ask("GET", "/v2/info/stores/detail", status=403)
    assert (await admin.ask("GET", "/v2/info/stores/detail", status=200))["stores"][0]["type"] == "file"
