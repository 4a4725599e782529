"""Every event that revokes, against every kind of token: what must end has ended at the next request, all else lives."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from identity_cloud import Cloud
from pileus.kernel.types import Fault
from unit.identity.test_identity_access_keys import Pair
from unit.identity.test_identity_oauth1 import Consumer

ON_OWN = {"project", "rescoped", "app_credential", "trust_lent", "ec2", "oauth1"}
"""Tokens on project `own`, whatever they came from."""
SELF = {"unscoped", "domain", "system", "group", "inherited", "trust_borrowed", *ON_OWN}
"""Every token of ann, or by her leave."""


class Scene:
    """`ann` with a token of every kind; `bob`, in a domain of his own, borrows from her and lends to her."""

    def __init__(self, cloud: Cloud, admin: str) -> None:
        self.cloud, self.admin = cloud, admin
        self.ids: dict[str, str] = {}
        self.tokens: dict[str, str] = {}

    async def does(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        return (await self.cloud.ok(method, f"/v3/{path}".format(**self.ids), token or self.admin, body)).body

    async def make(self, noun: str, key: str, **body: Any) -> None:
        self.ids[key] = (await self.cloud.make(noun, self.admin, name=key, **body))["id"]

    async def login(self, user: str, scope: Any, **more: Any) -> str:
        auth = {"identity": {"methods": ["password"], "password": {"user": {"id": self.ids[user], "password": user}}}}
        return await self.enter({**auth, **({"scope": scope} if scope else {}), **more})

    async def enter(self, auth: Any) -> str:
        reply = await self.cloud.call("POST", "/v3/auth/tokens", {"auth": auth})
        assert reply.status == 201, reply.body
        return reply.token

    async def alive(self, token: str) -> bool:
        try:
            await self.cloud.internal.authenticate(token)
        except Fault:
            return False
        return True

    # --- the making of it -------------------------------------------------------------------------------------------

    async def prepare(self) -> None:
        await self.make("domain", "home")
        await self.make("domain", "away")
        await self.make("user", "ann", password="ann", domain_id=self.ids["home"])
        await self.make("user", "bob", password="bob", domain_id=self.ids["away"])
        for project in ("own", "shared", "top"):
            await self.make("project", project, domain_id=self.ids["home"])
        await self.make("project", "below", domain_id=self.ids["home"], parent_id=self.ids["top"])
        await self.make("project", "bobs", domain_id=self.ids["away"])
        await self.make("group", "team", domain_id=self.ids["home"])
        for role in ("member", "admin"):
            self.ids[role] = (await self.cloud.named("role", role, self.admin))["id"]
        for grant in (
            "projects/{own}/users/{ann}/roles/{admin}",
            "domains/{home}/users/{ann}/roles/{member}",
            "system/users/{ann}/roles/{member}",
            "groups/{team}/users/{ann}",
            "projects/{shared}/groups/{team}/roles/{member}",
            "OS-INHERIT/projects/{top}/users/{ann}/roles/{member}/inherited_to_projects",
            "projects/{bobs}/users/{bob}/roles/{member}",
        ):
            await self.does("PUT", grant)

    async def collect(self) -> None:
        """One token of every kind."""
        on = {name: {"project": {"id": self.ids[name]}} for name in ("own", "shared", "below", "bobs")}
        tokens = self.tokens
        tokens["unscoped"] = await self.login("ann", None)
        tokens["project"] = await self.login("ann", on["own"])
        tokens["domain"] = await self.login("ann", {"domain": {"id": self.ids["home"]}})
        tokens["system"] = await self.login("ann", {"system": {"all": True}})
        tokens["group"] = await self.login("ann", on["shared"])
        tokens["inherited"] = await self.login("ann", on["below"])
        shown = {"identity": {"methods": ["token"], "token": {"id": tokens["unscoped"]}}, "scope": on["own"]}
        tokens["rescoped"] = await self.enter(shown)
        await self._app_credential()
        tokens["trust_lent"] = await self._trust("lent", "ann", "bob", "own", True)
        tokens["trust_borrowed"] = await self._trust("borrowed", "bob", "ann", "bobs", False)
        await self._ec2()
        await self._oauth1()
        tokens["stranger"] = await self.login("bob", on["bobs"])

    async def _app_credential(self) -> None:
        body = {"application_credential": {"name": "tool", "secret": "tool"}}
        made = await self.does("POST", "users/{ann}/application_credentials", body, self.tokens["project"])
        self.ids["tool"] = made["application_credential"]["id"]
        part = {"id": self.ids["tool"], "secret": "tool"}
        identity = {"methods": ["application_credential"], "application_credential": part}
        self.tokens["app_credential"] = await self.enter({"identity": identity})

    async def _trust(self, key: str, giver: str, taker: str, project: str, impersonation: bool) -> str:
        body = {
            "trustor_user_id": self.ids[giver],
            "trustee_user_id": self.ids[taker],
            "project_id": self.ids[project],
            "impersonation": impersonation,
            "roles": [{"name": "member"}],
        }
        token = await self.login(giver, {"project": {"id": self.ids[project]}})
        self.ids[key] = (await self.does("POST", "OS-TRUST/trusts", {"trust": body}, token))["trust"]["id"]
        return await self.login(taker, {"OS-TRUST:trust": {"id": self.ids[key]}})

    async def _ec2(self) -> None:
        body = {"tenant_id": self.ids["own"]}
        made = await self.does("POST", "users/{ann}/credentials/OS-EC2", body)
        self.ids["access"] = made["credential"]["access"]
        self.tokens["ec2"] = (await Pair(self.cloud, self.admin, made["credential"]).ec2()).token

    async def _oauth1(self) -> None:
        made = (await self.does("POST", "OS-OAUTH1/consumers", {"consumer": {}}))["consumer"]
        consumer = Consumer(self.cloud, self.tokens["project"], made, self.ids["own"], self.ids["ann"])
        access = await consumer.access("member")
        self.ids |= {"consumer": made["id"], "access_token": access["oauth_token"]}
        self.tokens["oauth1"] = (await consumer.login(access)).token

    async def revokes(self, kind: str) -> None:
        token = self.tokens[kind]
        reply = await self.cloud.call("DELETE", "/v3/auth/tokens", None, self.admin, {"x-subject-token": token})
        assert reply.status == 204, reply.body

    async def changes_own_password(self) -> None:
        await self.does(
            "POST",
            "users/{ann}/password",
            {"user": {"original_password": "ann", "password": "new"}},
            self.tokens["project"],
        )


@pytest.fixture
async def scene(cloud: Cloud, admin: str) -> Scene:
    made = Scene(cloud, admin)
    await made.prepare()
    await made.collect()
    assert {kind for kind, token in made.tokens.items() if await made.alive(token)} == {*SELF, "stranger"}
    return made


def patch(path: str, noun: str, **body: Any) -> Callable[[Scene], Awaitable[Any]]:
    return lambda scene: scene.does("PATCH", path, {noun: body})


def delete(path: str) -> Callable[[Scene], Awaitable[Any]]:
    return lambda scene: scene.does("DELETE", path)


async def domain_goes(scene: Scene) -> None:
    await scene.does("PATCH", "domains/{home}", {"domain": {"enabled": False}})
    await scene.does("DELETE", "domains/{home}")


EVENTS: dict[str, tuple[Callable[[Scene], Awaitable[Any]], set[str]]] = {
    "ann is disabled": (patch("users/{ann}", "user", enabled=False), SELF),
    "ann is deleted": (delete("users/{ann}"), SELF),
    "ann's password is reset": (patch("users/{ann}", "user", password="new"), SELF),
    "ann changes her password": (Scene.changes_own_password, SELF),
    "ann's tokens are revoked": (delete("users/{ann}/tokens"), SELF),
    "ann's domain is disabled": (patch("domains/{home}", "domain", enabled=False), SELF),
    "ann's domain is deleted": (domain_goes, SELF),
    "ann is renamed": (patch("users/{ann}", "user", name="anna"), set()),
    "bob is disabled": (patch("users/{bob}", "user", enabled=False), {"trust_lent", "trust_borrowed", "stranger"}),
    "bob is deleted": (delete("users/{bob}"), {"trust_lent", "trust_borrowed", "stranger"}),
    "bob's domain is disabled": (
        patch("domains/{away}", "domain", enabled=False),
        {"trust_lent", "trust_borrowed", "stranger"},
    ),
    "the project is disabled": (patch("projects/{own}", "project", enabled=False), ON_OWN),
    "the project is deleted": (delete("projects/{own}"), ON_OWN),
    "the role on the project is taken": (delete("projects/{own}/users/{ann}/roles/{admin}"), ON_OWN),
    "the role on the domain is taken": (delete("domains/{home}/users/{ann}/roles/{member}"), {"domain"}),
    "the role on the system is taken": (delete("system/users/{ann}/roles/{member}"), {"system"}),
    "the inherited role is taken": (
        delete("OS-INHERIT/projects/{top}/users/{ann}/roles/{member}/inherited_to_projects"),
        {"inherited"},
    ),
    "the group's role is taken": (delete("projects/{shared}/groups/{team}/roles/{member}"), {"group"}),
    "ann leaves the group": (delete("groups/{team}/users/{ann}"), {"group"}),
    "the group is deleted": (delete("groups/{team}"), {"group"}),
    "what bob lent is taken from him": (
        delete("projects/{bobs}/users/{bob}/roles/{member}"),
        {"trust_borrowed", "stranger"},
    ),
    "a token is revoked": (lambda scene: scene.revokes("project"), {"project"}),
    "a token and its chain are revoked": (lambda scene: scene.revokes("unscoped"), {"unscoped", "rescoped"}),
    "a token of a chain is revoked": (lambda scene: scene.revokes("rescoped"), {"rescoped"}),
    "the application credential is deleted": (
        delete("users/{ann}/application_credentials/{tool}"),
        {"app_credential"},
    ),
    "the access key is deleted": (delete("users/{ann}/credentials/OS-EC2/{access}"), set()),
    "the consumer is deleted": (delete("OS-OAUTH1/consumers/{consumer}"), {"oauth1"}),
}


@pytest.mark.parametrize("event", EVENTS)
async def test_what_ends_and_what_lives(scene: Scene, event: str) -> None:
    act, ends = EVENTS[event]
    await act(scene)
    dead = {kind for kind, token in scene.tokens.items() if not await scene.alive(token)}
    assert dead == ends


OWN_EVENTS: dict[str, tuple[str, str, set[str]]] = {
    "ann calls a trust back": ("OS-TRUST/trusts/{lent}", "project", {"trust_lent"}),
    "ann takes an access token back": ("users/{ann}/OS-OAUTH1/access_tokens/{access_token}", "project", {"oauth1"}),
}


@pytest.mark.parametrize("event", OWN_EVENTS)
async def test_what_ann_ends_herself(scene: Scene, event: str) -> None:
    path, by, ends = OWN_EVENTS[event]
    await scene.does("DELETE", path, None, scene.tokens[by])
    assert {kind for kind, token in scene.tokens.items() if not await scene.alive(token)} == ends
