"""Federated users: made by a provider's word, bounded by it, gone with it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from identity_cloud import Cloud, Reply, process
from pileus.drivers.federation.protocol import OidcProvider, Refused, Said, SamlProvider, Silent, Visit
from pileus.kernel.db import Database
from pileus.services.identity.core.federation import Federation
from pileus.services.identity.core.federation_settings import FederationSettings, problems

ISSUER = "https://op.example"
DASHBOARD = "https://dash.example/auth/websso/"
BOTH = [{"type": "REMOTE_USER"}, {"type": "OIDC-groups"}]
RULES = [
    {
        "local": [{"user": {"name": "{0}", "email": "{0}@x"}}, {"groups": "{1}", "domain": {"id": "default"}}],
        "remote": BOTH,
    }
]


class Op:
    """A provider that says what the test told it to say of each token and code."""

    def __init__(self) -> None:
        self.says: dict[str, dict[str, Any]] = {}
        self.silent = False
        self.visit: Visit | None = None

    async def authorization_url(self, provider: OidcProvider, visit: Visit) -> str:
        self.visit = visit
        return f"{provider.issuer}/authorize?state={visit.state}"

    async def redeem(self, provider: OidcProvider, visit: Visit, code: str) -> Said:
        assert visit == self.visit
        return await self.inspect(provider, code)

    async def inspect(self, provider: OidcProvider, access_token: str) -> Said:
        if self.silent:
            raise Silent("no route to host")
        if access_token not in self.says:
            raise Refused("no such token")
        return Said(remote_id=provider.issuer, attributes=self.says[access_token])

    async def close(self) -> None: ...


class Federated:
    def __init__(self, cloud: Cloud, op: Op, admin: str) -> None:
        self.cloud, self.op, self.admin = cloud, op, admin

    async def provider(self, rules: Any = RULES, id: str = "corp", version: str = "1.0", **more: Any) -> str:
        """Makes (or makes again) a provider with one protocol; its domain."""
        token, below = self.admin, "/v3/OS-FEDERATION"
        mapping = {"mapping": {"rules": rules, "schema_version": version}}
        await self.cloud.ok("PUT", f"{below}/mappings/{id}", token, mapping)
        wish = {"identity_provider": {"enabled": True, "remote_ids": [ISSUER], **more}}
        made = await self.cloud.ok("PUT", f"{below}/identity_providers/{id}", token, wish)
        protocol = {"protocol": {"mapping_id": id}}
        await self.cloud.ok("PUT", f"{below}/identity_providers/{id}/protocols/openid", token, protocol)
        return made.body["identity_provider"]["domain_id"]

    async def remap(self, rules: Any) -> None:
        await self.cloud.ok("PATCH", "/v3/OS-FEDERATION/mappings/corp", self.admin, {"mapping": {"rules": rules}})

    async def login(self, user: str, groups: Any = (), token: str = "t", **more: Any) -> Reply:
        self.op.says[token] = {"REMOTE_USER": [user], "OIDC-groups": list(groups) or ["none"], **more}
        path = "/v3/OS-FEDERATION/identity_providers/corp/protocols/openid/auth"
        return await self.cloud.call("GET", path, headers={"authorization": f"Bearer {token}"})

    async def change(self, **wish: Any) -> None:
        path = "/v3/OS-FEDERATION/identity_providers/corp"
        await self.cloud.ok("PATCH", path, self.admin, {"identity_provider": wish})


@pytest.fixture
async def fed(database: Database) -> Any:
    async with process(database) as cloud:
        op = Op()
        settings = FederationSettings(
            oidc={"corp": OidcProvider(issuer=ISSUER, client_id="pileus", title="<Corp> & Co")},
            trusted_dashboards=(DASHBOARD,),
        )
        object.__setattr__(cloud.near, "federation", Federation(settings, op))
        yield Federated(cloud, op, await cloud.token())


async def grant(fed: Federated, group: dict[str, Any], role: str = "member") -> str:
    """The role on project `admin` for a group; the project's id."""
    role_id = (await fed.cloud.named("role", role, fed.admin))["id"]
    project_id = (await fed.cloud.named("project", "admin", fed.admin))["id"]
    await fed.cloud.ok("PUT", f"/v3/projects/{project_id}/groups/{group['id']}/roles/{role_id}", fed.admin)
    return project_id


async def rescope(fed: Federated, token: str, project_id: str, method: str = "token") -> Reply:
    identity = {"methods": [method], method: {"id": token}}
    body = {"auth": {"identity": identity, "scope": {"project": {"id": project_id}}}}
    return await fed.cloud.call("POST", "/v3/auth/tokens", body)


async def test_an_unscoped_token_tells_who_vouched(fed: Federated) -> None:
    domain_id = await fed.provider()
    staff = await fed.cloud.make("group", fed.admin, name="staff")
    reply = await fed.login("alice", ["staff", "unheard of"])
    assert reply.status == 201, reply.body
    token = reply.body["token"]
    assert token["methods"] == ["openid"]
    assert token["user"]["name"] == "alice"
    assert token["user"]["domain"]["id"] == domain_id
    assert len(token["user"]["id"]) == 64
    assert token["user"]["OS-FEDERATION"] == {
        "groups": [{"id": staff["id"]}],
        "identity_provider": {"id": "corp"},
        "protocol": {"id": "openid"},
    }
    assert set(token) == {"methods", "user", "audit_ids", "expires_at", "issued_at"}
    assert set(token["user"]) == {"domain", "id", "name", "OS-FEDERATION"}
    shown = await fed.cloud.call("GET", "/v3/auth/tokens", None, fed.admin, {"x-subject-token": reply.token})
    assert shown.body == reply.body


async def test_groups_of_the_token_open_projects(fed: Federated) -> None:
    await fed.provider()
    staff = await fed.cloud.make("group", fed.admin, name="staff")
    project_id = await grant(fed, staff)
    unscoped = (await fed.login("alice", ["staff"])).token
    for path in ("/v3/auth/projects", "/v3/OS-FEDERATION/projects"):
        listed = await fed.cloud.ok("GET", path, unscoped)
        assert [p["id"] for p in listed.body["projects"]] == [project_id]
    scoped = await rescope(fed, unscoped, project_id)
    assert scoped.status == 201, scoped.body
    assert scoped.body["token"]["methods"] == ["openid", "token"] or set(scoped.body["token"]["methods"]) == {
        "openid",
        "token",
    }
    assert {r["name"] for r in scoped.body["token"]["roles"]} == {"member", "reader"}
    assert scoped.body["token"]["user"]["OS-FEDERATION"]["groups"] == [{"id": staff["id"]}]
    assert "catalog" in scoped.body["token"]
    mapped = await rescope(fed, unscoped, project_id, "mapped")
    assert mapped.body["token"]["methods"] == ["mapped"]
    stranger = (await fed.login("bob", ["others"])).token
    assert (await rescope(fed, stranger, project_id)).status == 401
    assert (await fed.cloud.ok("GET", "/v3/auth/projects", stranger)).body["projects"] == []


async def test_the_same_person_is_the_same_user_under_a_new_name(fed: Federated) -> None:
    rules = [
        {
            "local": [{"user": {"id": "{0}", "name": "{1}", "email": "{1}@x"}}],
            "remote": [{"type": "SUB"}, {"type": "REMOTE_USER"}],
        }
    ]
    await fed.provider(rules)
    first = (await fed.login("alice", SUB=["42"])).body["token"]["user"]
    second = (await fed.login("alice married", SUB=["42"])).body["token"]["user"]
    other = (await fed.login("alice married", SUB=["43"])).body["token"]["user"]
    assert second["id"] == first["id"] != other["id"]
    assert second["name"] == "alice married"
    assert other["name"].startswith("alice married (")
    shown = (await fed.cloud.ok("GET", f"/v3/users/{first['id']}", fed.admin)).body["user"]
    assert shown["email"] == "alice married@x"
    assert shown["federated"] == [{"idp_id": "corp", "protocols": [{"protocol_id": "openid", "unique_id": "42"}]}]
    for query in ("idp_id=corp&unique_id=42", "unique_id=42", "protocol_id=openid&unique_id=42"):
        listed = (await fed.cloud.ok("GET", f"/v3/users?{query}", fed.admin)).body["users"]
        assert [u["id"] for u in listed] == [first["id"]]
        assert "federated" not in listed[0]
    assert (await fed.cloud.ok("GET", "/v3/users?idp_id=nobody", fed.admin)).body["users"] == []


async def test_a_newcomer_in_many_tabs_is_one_user(fed: Federated) -> None:
    project = {"name": "Lab", "roles": [{"name": "member"}]}
    await fed.provider([{"local": [{"user": {"name": "{0}"}, "projects": [project]}], "remote": BOTH}])
    replies = await asyncio.gather(*(fed.login("alice", token=f"t{n}") for n in range(8)))
    assert {reply.status for reply in replies} == {201}
    assert len({reply.body["token"]["user"]["id"] for reply in replies}) == 1
    assert len((await fed.cloud.ok("GET", "/v3/projects?name=Lab", fed.admin)).body["projects"]) == 1


async def test_disabling_the_provider_ends_its_tokens_at_once(fed: Federated) -> None:
    await fed.provider()
    token = (await fed.login("alice")).token
    assert (await fed.cloud.call("GET", "/v3/auth/projects", None, token)).status == 200
    await fed.change(enabled=False)
    assert (await fed.cloud.call("GET", "/v3/auth/projects", None, token)).status == 401
    refused = await fed.login("alice")
    assert (refused.status, refused.error) == (403, "You are not authorized to perform the requested action.")
    await fed.change(enabled=True)
    assert (await fed.login("alice")).status == 201


async def test_deleting_the_provider_takes_its_users_along(fed: Federated) -> None:
    await fed.provider()
    reply = await fed.login("alice")
    user_id = reply.body["token"]["user"]["id"]
    await fed.cloud.ok("DELETE", "/v3/OS-FEDERATION/identity_providers/corp", fed.admin)
    assert (await fed.cloud.call("GET", "/v3/auth/projects", None, reply.token)).status == 401
    assert (await fed.cloud.call("GET", f"/v3/users/{user_id}", None, fed.admin)).status == 404
    assert (await fed.login("alice")).error == "Could not find Identity Provider: corp."


async def test_a_disabled_user_stays_out(fed: Federated) -> None:
    await fed.provider()
    reply = await fed.login("alice")
    user_id = reply.body["token"]["user"]["id"]
    await fed.cloud.ok("PATCH", f"/v3/users/{user_id}", fed.admin, {"user": {"enabled": False}})
    assert (await fed.cloud.call("GET", "/v3/auth/projects", None, reply.token)).status == 401
    assert (await fed.login("alice")).status == 401


async def test_refusals(fed: Federated) -> None:
    path = "/v3/OS-FEDERATION/identity_providers/corp/protocols/openid/auth"
    assert (await fed.cloud.call("GET", path)).status == 404
    await fed.provider()
    assert (await fed.cloud.call("GET", path)).status == 401
    assert (await fed.cloud.call("GET", path, headers={"authorization": "Basic YTpi"})).status == 401
    assert (await fed.cloud.call("GET", path, headers={"authorization": "Bearer unknown"})).status == 401
    other = path.replace("openid", "saml2")
    assert (await fed.cloud.call("GET", other, headers={"authorization": "Bearer t"})).status == 401
    fed.op.silent = True
    assert (await fed.login("alice")).status == 503
    fed.op.silent = False
    await fed.change(remote_ids=["https://another.example"])
    assert (await fed.login("alice")).status == 403


@pytest.mark.parametrize(
    ("local", "status"),
    [
        ([{"user": {"name": "{7}"}}], 401),
        ([], 401),
        ([{"user": {"name": "{0}"}}, {"groups": "{1}"}], 401),
        ([{"user": {"name": "{0}"}}, {"group": {"id": "gone"}}], 401),
        ([{"user": {"name": "{0}"}}, {"group": {"name": "gone", "domain": {"id": "default"}}}], 201),
        ([{"user": {"name": "{0}"}}, {"group": {"name": "g", "domain": {"name": "nowhere"}}}], 404),
        ([{"user": {"name": "{0}"}, "projects": [{"name": "p", "roles": [{"name": "gone"}]}]}], 404),
        ([{"user": {"name": "admin", "type": "local"}}], 400),
        ([{"user": {"name": "gone", "type": "local", "domain": {"id": "default"}}}], 401),
        ([{"user": {"name": "x" * 256}}], 401),
        ([{}], 201),
    ],
)
async def test_mappings_that_lead_nowhere(fed: Federated, local: Any, status: int) -> None:
    await fed.provider([{"local": local, "remote": BOTH}])
    reply = await fed.login("alice")
    assert reply.status == status, reply.body
    if status != 201:
        assert (await fed.cloud.ok("GET", "/v3/users?idp_id=corp", fed.admin)).body["users"] == []


async def test_a_local_user_is_itself(fed: Federated) -> None:
    await fed.provider(
        [{"local": [{"user": {"name": "{0}", "type": "local", "domain": {"name": "Default"}}}], "remote": BOTH}]
    )
    user = (await fed.login("demo")).body["token"]["user"]
    assert user["name"] == "demo"
    assert "OS-FEDERATION" not in user
    assert "password_expires_at" in user


async def test_projects_are_made_at_the_first_login(fed: Federated) -> None:
    project = {"name": "Lab of {0}", "roles": [{"name": "member"}]}
    domain_id = await fed.provider([{"local": [{"user": {"name": "{0}"}, "projects": [project]}], "remote": BOTH}])
    for _ in range(2):
        token = (await fed.login("alice")).token
        (made,) = (await fed.cloud.ok("GET", "/v3/auth/projects", token)).body["projects"]
        assert (made["name"], made["domain_id"]) == ("Lab of alice", domain_id)
    assert (await rescope(fed, token, made["id"])).status == 201


async def test_memberships_last_as_long_as_the_provider_lets_them(fed: Federated) -> None:
    await fed.provider(authorization_ttl=60)
    staff = await fed.cloud.make("group", fed.admin, name="staff")
    guests = await fed.cloud.make("group", fed.admin, name="guests")
    project_id = await grant(fed, staff)
    reply = await fed.login("alice", ["staff"])
    user_id = reply.body["token"]["user"]["id"]
    (shown,) = (await fed.cloud.ok("GET", f"/v3/users/{user_id}/groups", fed.admin)).body["groups"]
    assert shown["id"] == staff["id"]
    assert shown["membership_expires_at"] is not None
    assert (await fed.cloud.call("HEAD", f"/v3/groups/{staff['id']}/users/{user_id}", None, fed.admin)).status == 204
    assert (await fed.cloud.ok("GET", f"/v3/groups/{staff['id']}/users", fed.admin)).body["users"] == []
    found = await fed.cloud.ok("GET", f"/v3/role_assignments?effective&user.id={user_id}", fed.admin)
    assert {a["scope"]["project"]["id"] for a in found.body["role_assignments"]} == {project_id}
    await fed.cloud.db.write(_expire)
    assert (await fed.cloud.ok("GET", f"/v3/users/{user_id}/groups", fed.admin)).body["groups"] == []
    await fed.login("alice", ["guests"])
    (left,) = (await fed.cloud.ok("GET", f"/v3/users/{user_id}/groups", fed.admin)).body["groups"]
    assert left["id"] == guests["id"]
    await fed.cloud.ok("PUT", f"/v3/groups/{guests['id']}/users/{user_id}", fed.admin)
    (stays,) = (await fed.cloud.ok("GET", f"/v3/users/{user_id}/groups", fed.admin)).body["groups"]
    assert stays["membership_expires_at"] is None
    await fed.login("alice", ["guests"])
    (still,) = (await fed.cloud.ok("GET", f"/v3/users/{user_id}/groups", fed.admin)).body["groups"]
    assert still["membership_expires_at"] is None


async def test_what_is_remembered_of_a_token_ends_with_the_membership(fed: Federated) -> None:
    """An application credential outlives the login, not the membership that its roles come from."""
    await fed.provider(authorization_ttl=60)
    staff = await fed.cloud.make("group", fed.admin, name="staff")
    project_id = await grant(fed, staff)
    scoped = (await rescope(fed, (await fed.login("alice", ["staff"])).token, project_id)).body["token"]
    user_id, token = (
        scoped["user"]["id"],
        (await rescope(fed, (await fed.login("alice", ["staff"])).token, project_id)).token,
    )
    made = await fed.cloud.ok(
        "POST", f"/v3/users/{user_id}/application_credentials", token, {"application_credential": {"name": "robot"}}
    )
    credential = made.body["application_credential"]
    payload = {"id": credential["id"], "secret": credential["secret"]}
    body = {"auth": {"identity": {"methods": ["application_credential"], "application_credential": payload}}}
    robot = await fed.cloud.call("POST", "/v3/auth/tokens", body)
    assert robot.status == 201, robot.body
    known = fed.cloud.near.memory.recall(robot.token)
    assert known is not None
    assert known.session.until is not None
    assert known.good_until <= known.session.until
    await fed.cloud.db.write(_expire)
    fed.cloud.near.memory.bump()
    assert (await fed.cloud.call("GET", "/v3/auth/projects", None, robot.token)).status == 401
    assert (await fed.cloud.call("POST", "/v3/auth/tokens", body)).status == 401


def _expire(tx: Any) -> None:
    from pileus.services.identity.db.groups import memberships

    tx.execute(memberships.update().where(memberships.c.expires_at.is_not(None)).values(expires_at=tx.now - 1))


async def test_a_user_may_be_expected(fed: Federated) -> None:
    await fed.provider()
    name = {"protocol_id": "openid", "unique_id": "carol"}
    user = await fed.cloud.make(
        "user", fed.admin, name="carol-here", federated=[{"idp_id": "corp", "protocols": [name]}]
    )
    assert user["federated"] == [{"idp_id": "corp", "protocols": [name]}]
    token = (await fed.login("carol")).body["token"]
    assert (token["user"]["id"], token["user"]["name"]) == (user["id"], "carol-here")
    path = f"/v3/users/{user['id']}"
    again = {"user": {"name": "x", "federated": [{"idp_id": "corp", "protocols": [name]}]}}
    twice = await fed.cloud.call("POST", "/v3/users", again, fed.admin)
    assert (twice.status, twice.error) == (
        409,
        "Conflict occurred attempting to store federated_user - Duplicate entry.",
    )
    for wrong, error in (
        ({"idp_id": "zz", "protocols": [name]}, "Could not find Identity Provider: zz"),
        (
            {"idp_id": "corp", "protocols": [{**name, "protocol_id": "zz"}]},
            "Could not find federated protocol zz for Identity Provider: corp.",
        ),
    ):
        refused = await fed.cloud.call("PATCH", path, {"user": {"federated": [wrong]}}, fed.admin)
        assert (refused.status, refused.error) == (400, error)
    for malformed in (
        [{"idp_id": "corp"}],
        [{"idp_id": "corp", "protocols": []}],
        "x",
        [{"idp_id": "corp", "protocols": [{}]}],
    ):
        assert (await fed.cloud.call("PATCH", path, {"user": {"federated": malformed}}, fed.admin)).status == 400
    cleared = await fed.cloud.ok("PATCH", path, fed.admin, {"user": {"federated": []}})
    assert "federated" not in cleared.body["user"]
    await fed.cloud.ok("DELETE", "/v3/OS-FEDERATION/identity_providers/corp", fed.admin)
    assert (await fed.cloud.call("GET", path, None, fed.admin)).status == 200


async def test_login_by_method(fed: Federated) -> None:
    await fed.provider()
    fed.op.says["t"] = {"REMOTE_USER": ["alice"], "OIDC-groups": ["x"]}
    for method in ("mapped", "openid"):
        identity = {"methods": [method], method: {"identity_provider": "corp", "protocol": "openid"}}
        body = {"auth": {"identity": identity}}
        reply = await fed.cloud.call("POST", "/v3/auth/tokens", body, headers={"authorization": "Bearer t"})
        assert reply.body["token"]["methods"] == [method]
        assert (await fed.cloud.call("POST", "/v3/auth/tokens", body)).status == 401
    body = {"auth": {"identity": {"methods": ["mapped"], "mapped": {}}}}
    assert (await fed.cloud.call("POST", "/v3/auth/tokens", body)).error.startswith(
        "Expecting to find identity_provider in mapped."
    )
    body = {"auth": {"identity": {"methods": ["mapped"], "mapped": {"id": fed.admin}}}}
    assert (await fed.cloud.call("POST", "/v3/auth/tokens", body)).status == 401


# --- browsers ---------------------------------------------------------------------------------------------------------

WEBSSO = "/v3/auth/OS-FEDERATION/websso/openid"
OF_ONE = "/v3/auth/OS-FEDERATION/identity_providers/corp/protocols/openid/websso"


async def begin(fed: Federated, path: str = WEBSSO) -> tuple[str, str]:
    """Where the browser is sent, and the cookie that it takes along."""
    reply = await fed.cloud.call("GET", f"{path}?origin={DASHBOARD}")
    assert reply.status == 302, reply.body
    cookie = reply.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    return reply.headers["location"], cookie.partition(";")[0]


async def come_back(fed: Federated, cookie: str, **query: str) -> Reply:
    asked = "&".join(f"{k}={v}" for k, v in query.items())
    path = f"/v3/auth/OS-FEDERATION/oidc/callback?{asked}"
    return await fed.cloud.call("GET", path, headers={"cookie": cookie})


@pytest.mark.parametrize("path", [WEBSSO, OF_ONE])
async def test_a_browser_comes_home_with_a_token(fed: Federated, path: str) -> None:
    await fed.provider()
    location, cookie = await begin(fed, path)
    assert fed.op.visit is not None
    assert location == f"{ISSUER}/authorize?state={fed.op.visit.state}"
    assert fed.op.visit.redirect_uri == "http://cloud:5000/v3/auth/OS-FEDERATION/oidc/callback"
    fed.op.says["code"] = {"REMOTE_USER": ["alice"], "OIDC-groups": ["x"]}
    back = await come_back(fed, cookie, state=fed.op.visit.state, code="code")
    headers, page = back.headers, back.body
    assert back.status == 200
    assert headers["cache-control"] == "no-store"
    assert "form-action https://dash.example" in headers["content-security-policy"]
    assert f'action="{DASHBOARD}"' in page
    token = page.partition('name="token" value="')[2].partition('"')[0]
    shown = await fed.cloud.call("GET", "/v3/auth/tokens", None, fed.admin, {"x-subject-token": token})
    assert shown.body["token"]["user"]["name"] == "alice"


async def test_nobody_puts_an_answer_into_another_browser(fed: Federated) -> None:
    await fed.provider()
    _, cookie = await begin(fed)
    assert fed.op.visit is not None
    state = fed.op.visit.state
    fed.op.says["code"] = {"REMOTE_USER": ["mallory"], "OIDC-groups": ["x"]}
    for jar, query in (
        ("", {"state": state, "code": "code"}),
        (cookie, {"state": state[:-1] + "!", "code": "code"}),
        (cookie[:-3] + "abc", {"state": state, "code": "code"}),
        (cookie.partition("=")[0] + "=" + fed.admin, {"state": state, "code": "code"}),
        (cookie, {"state": state}),
        (cookie, {"code": "code"}),
        (cookie, {"state": state, "error": "access_denied"}),
        (cookie, {"state": state, "code": "wrong"}),
    ):
        refused = await come_back(fed, jar, **query)
        assert refused.status == 401, refused.body


async def test_only_trusted_dashboards_get_tokens(fed: Federated) -> None:
    await fed.provider()
    for path in (WEBSSO, OF_ONE):
        assert (await fed.cloud.call("GET", path)).error == "Request must have an origin query parameter"
        for origin in ("https://evil.example/", DASHBOARD + "x", "https://dash.example", "javascript:alert(1)"):
            assert (await fed.cloud.call("GET", f"{path}?origin={origin}")).status == 401
    unknown = await fed.cloud.call("GET", f"/v3/auth/OS-FEDERATION/websso/zz?origin={DASHBOARD}")
    assert unknown.status == 401


async def test_several_providers_are_chosen_among(fed: Federated) -> None:
    federation = fed.cloud.near.federation
    federation.settings.oidc["other"] = OidcProvider(issuer="https://other.example", client_id="c")
    asked = await fed.cloud.call("GET", f"{WEBSSO}?origin={DASHBOARD}")
    headers, page = asked.headers, asked.body
    assert asked.status == 200
    assert "script" not in headers["content-security-policy"]
    assert "&lt;Corp&gt; &amp; Co" in page
    assert "/identity_providers/other/protocols/openid/websso?origin=https%3A%2F%2Fdash.example" in page


def test_settings_that_cannot_be_meant() -> None:
    op = OidcProvider(issuer="http://op.example", client_id="c")
    settings = FederationSettings(
        oidc={"a": op, "b": OidcProvider(issuer=ISSUER, client_id="c", protocol="saml2")},
        saml={"b": SamlProvider(metadata=Path("/x"))},
        client_secrets={"z": "s"},
        key=Path("/key"),
    )
    found = "\n".join(problems(settings))
    for words in (
        "client_secrets: 'z'",
        "[federation.oidc.a] issuer",
        "[federation.saml.b] protocol",
        "certificate and key",
    ):
        assert words in found
    assert problems(FederationSettings(oidc={"a": OidcProvider(issuer=ISSUER, client_id="c")})) == []
