"""The strict model of limits: a tree in which nobody has more than what stands above."""

from typing import Any

import pytest

from identity_cloud import Cloud, Reply, process
from pileus.kernel.config import ConfigError
from pileus.kernel.db import Database, Tx


class Tree:
    """A domain with projects, and one thing that is counted: ten of it by default."""

    def __init__(self, cloud: Cloud, token: str) -> None:
        self.cloud, self.token = cloud, token

    async def grow(self) -> None:
        self.service = (await self.cloud.make("service", self.token, type="counted", name="x"))["id"]
        registered = {"service_id": self.service, "resource_name": "apples", "default_limit": 10}
        made = await self.cloud.call("POST", "/v3/registered_limits", {"registered_limits": [registered]}, self.token)
        assert made.status == 201, made.body
        self.domain = (await self.cloud.make("domain", self.token, name="grove"))["id"]
        self.project = (await self.cloud.make("project", self.token, name="tree", domain_id=self.domain))["id"]

    async def limit(self, *wanted: tuple[str, str, int]) -> Reply:
        """Each is a kind, an id and a number."""
        limits = [
            {"service_id": self.service, "resource_name": "apples", f"{kind}_id": id, "resource_limit": number}
            for kind, id, number in wanted
        ]
        return await self.cloud.call("POST", "/v3/limits", {"limits": limits}, self.token)

    async def change(self, id: str, number: int) -> Reply:
        return await self.cloud.call("PATCH", f"/v3/limits/{id}", {"limit": {"resource_limit": number}}, self.token)


async def _tree(cloud: Cloud) -> Tree:
    tree = Tree(cloud, await cloud.token())
    await tree.grow()
    return tree


async def test_a_project_stays_below_its_domain(database: Database) -> None:
    async with process(database, limit_model="strict_two_level") as cloud:
        tree = await _tree(cloud)
        refused = await tree.limit(("project", tree.project, 11))
        assert refused.status == 403, "the domain has what is registered: ten"
        assert refused.error == (
            f"Invalid resource limit: The resource limit (project_id: {tree.project}, resource_name: apples, "
            f"resource_limit: 11, service_id: {tree.service}, region_id: None) doesn't satisfy current hierarchy model.."
        )
        both = await tree.limit(("domain", tree.domain, 20), ("project", tree.project, 15))
        assert both.status == 201, both.body
        domain, project = (one["id"] for one in both.body["limits"])
        assert (await tree.change(project, 21)).status == 403
        assert (await tree.change(project, -1)).status == 403, "no bound at all is above every bound"
        assert (await tree.change(domain, 14)).status == 403
        assert (await tree.change(domain, -1)).status == 200
        assert (await tree.change(project, 1000)).status == 200


async def test_all_of_a_request_or_nothing(database: Database) -> None:
    async with process(database, limit_model="strict_two_level") as cloud:
        tree = await _tree(cloud)
        refused = await tree.limit(("domain", tree.domain, 5), ("project", tree.project, 6))
        assert refused.status == 403
        left = await cloud.call("GET", "/v3/limits", None, tree.token)
        assert left.body["limits"] == []


async def test_the_tree_has_two_levels(database: Database) -> None:
    async with process(database, limit_model="strict_two_level") as cloud:
        tree = await _tree(cloud)
        model = await cloud.call("GET", "/v3/limits/model", None, tree.token)
        assert model.body["model"]["name"] == "strict_two_level"
        child = await cloud.make("project", tree.token, name="twig", domain_id=tree.domain, parent_id=tree.project)
        body = {"project": {"name": "leaf", "domain_id": tree.domain, "parent_id": child["id"]}}
        refused = await cloud.call("POST", "/v3/projects", body, tree.token)
        assert refused.status == 403
        assert refused.error == f"Max hierarchy depth reached for {child['id']} branch."


async def test_a_cloud_with_deeper_trees_does_not_start_with_it(database: Database) -> None:
    async with process(database) as cloud:
        token, parent = await cloud.token(), "default"
        for name in ("one", "two", "three"):
            parent = (await cloud.make("project", token, name=name, parent_id=parent))["id"]
        strict = Cloud(database, limit_model="strict_two_level")
        with pytest.raises(ConfigError, match="1 projects are too deep for strict_two_level"):
            await strict.service.start()


async def test_limits_go_with_their_project(cloud: Cloud, admin: str) -> None:
    tree = Tree(cloud, admin)
    await tree.grow()
    made = await tree.limit(("project", tree.project, 5), ("domain", tree.domain, 5))
    await cloud.call("DELETE", f"/v3/projects/{tree.project}", None, admin)
    left = await cloud.call("GET", "/v3/limits", None, admin)
    assert [one["id"] for one in left.body["limits"]] == [made.body["limits"][1]["id"]]
    await cloud.call("PATCH", f"/v3/domains/{tree.domain}", {"domain": {"enabled": False}}, admin)
    await cloud.call("DELETE", f"/v3/domains/{tree.domain}", None, admin)
    assert (await cloud.call("GET", "/v3/limits", None, admin)).body["limits"] == []


async def test_a_domain_sees_its_own_and_its_projects(cloud: Cloud, admin: str) -> None:
    tree = Tree(cloud, admin)
    await tree.grow()
    demo = (await cloud.named("project", "demo", admin))["id"]
    made = await tree.limit(("project", tree.project, 5), ("domain", tree.domain, 6), ("project", demo, 7))
    user = await cloud.make("user", admin, name="gardener", domain_id=tree.domain, password="gardener")
    reader = (await cloud.named("role", "reader", admin))["id"]
    await cloud.call("PUT", f"/v3/domains/{tree.domain}/users/{user['id']}/roles/{reader}", None, admin)
    scope: dict[str, Any] = {"domain": {"id": tree.domain}}
    token = await cloud.token("gardener", domain=tree.domain, scope=scope)
    seen = await cloud.call("GET", "/v3/limits", None, token)
    assert sorted(one["resource_limit"] for one in seen.body["limits"]) == [5, 6]
    ids = [one["id"] for one in made.body["limits"]]
    answers = [(await cloud.call("GET", f"/v3/limits/{id}", None, token)).status for id in ids]
    assert answers == [200, 200, 403]


async def test_services_may_ask(cloud: Cloud, admin: str) -> None:
    """What the contract tells: the project's own limit, else what is registered; the region's goes before no region's."""
    tree = Tree(cloud, admin)
    await tree.grow()
    wanted = [
        {"service_id": tree.service, "resource_name": name, "default_limit": number, "region_id": region}
        for name, number, region in (("pears", 3, "RegionOne"), ("pears", 2, None), ("plums", -1, None))
    ]
    await cloud.call("POST", "/v3/registered_limits", {"registered_limits": wanted}, admin)
    await tree.limit(("project", tree.project, 25), ("domain", tree.domain, 99))

    def ask(tx: Tx, kind: str) -> dict[str, int]:
        return cloud.internal.project_limits(tx, kind, tree.project)

    assert await cloud.db.read(ask, "counted") == {"apples": 25, "pears": 3, "plums": -1}
    assert await cloud.db.read(ask, "other") == {}


async def test_a_tree_shows_its_limits_when_asked(cloud: Cloud, admin: str) -> None:
    tree = Tree(cloud, admin)
    await tree.grow()
    child = await cloud.make("project", admin, name="twig", domain_id=tree.domain, parent_id=tree.project)
    user, role = await cloud.named("user", "admin", admin), await cloud.named("role", "reader", admin)
    await cloud.call("PUT", f"/v3/projects/{child['id']}/users/{user['id']}/roles/{role['id']}", None, admin)
    await tree.limit(("project", child["id"], 5))
    path = f"/v3/projects/{tree.project}?subtree_as_list"
    (shown,) = (await cloud.call("GET", f"{path}&include_limits", None, admin)).body["project"]["subtree"]
    (limit,) = shown["project"]["limits"]
    assert (limit["project_id"], limit["resource_name"], limit["resource_limit"]) == (child["id"], "apples", 5)
    (plain,) = (await cloud.call("GET", path, None, admin)).body["project"]["subtree"]
    assert "limits" not in plain["project"]
