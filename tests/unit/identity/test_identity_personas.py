"""Who may what: personas of every role and scope, against rows of their own domain and of another.

The table was compared, cell by cell, with Keystone 30.
"""

import pytest

from identity_cloud import Cloud

ROLES = ("reader", "member", "manager", "admin")
HOMES = ("project", "domain", "system")
Personas = dict[str, str]


class Town:
    """Two domains, each with a project, a user, a group and a role; personas live in the first."""

    def __init__(self, cloud: Cloud, admin: str) -> None:
        self.cloud, self.admin = cloud, admin
        self.ids: dict[str, str] = {}
        self.personas: Personas = {}

    async def build(self) -> "Town":
        cloud, admin = self.cloud, self.admin
        roles = (await cloud.call("GET", "/v3/roles", None, admin)).body["roles"]
        self.ids.update({r["name"]: r["id"] for r in roles})
        for n in ("1", "2"):
            domain = (await cloud.make("domain", admin, name=f"d{n}"))["id"]
            self.ids["d" + n] = domain
            self.ids["p" + n] = (await cloud.make("project", admin, name="p", domain_id=domain))["id"]
            self.ids["u" + n] = (await cloud.make("user", admin, name="u", domain_id=domain))["id"]
            self.ids["g" + n] = (await cloud.make("group", admin, name="g", domain_id=domain))["id"]
            secret = await cloud.make("credential", admin, type="x", blob="x", user_id=self.ids["u" + n])
            keys = f"/v3/users/{self.ids['u' + n]}/credentials/OS-EC2"
            pair = await cloud.ok("POST", keys, admin, {"tenant_id": self.ids["p" + n]})
            self.ids["c" + n], self.ids["e" + n] = secret["id"], pair.body["credential"]["access"]
            self.ids["r" + n] = (await cloud.make("role", admin, name="r", domain_id=domain))["id"]
        for role in ROLES:
            for home in HOMES:
                await self._settle(role, home)
        await cloud.make("user", admin, name="nobody", password="pw", domain_id=self.ids["d1"])
        self.personas["nobody"] = await cloud.token("nobody", "pw", scope=None, domain=self.ids["d1"])
        return self

    async def _settle(self, role: str, home: str) -> None:
        name = f"{home} {role}"
        user = await self.cloud.make("user", self.admin, name=name, password="pw", domain_id=self.ids["d1"])
        where = {"project": f"/v3/projects/{self.ids['p1']}", "domain": f"/v3/domains/{self.ids['d1']}"}
        path = f"{where.get(home, '/v3/system')}/users/{user['id']}/roles/{self.ids[role]}"
        await self.cloud.ok("PUT", path, self.admin)
        scopes = {"project": {"id": self.ids["p1"]}, "domain": {"id": self.ids["d1"]}, "system": {"all": True}}
        self.personas[name] = await self.cloud.token(name, "pw", {home: scopes[home]}, self.ids["d1"])

    async def allowed(self, method: str, path: str, body: object = None) -> set[str]:
        found = set()
        for number, (name, token) in enumerate(self.personas.items()):
            filled = _fill(body, {**self.ids, "n": str(number)})
            reply = await self.cloud.call(method, path.format(**self.ids), filled, token)
            assert reply.status in (200, 201, 204, 403), (name, method, path, reply.body)
            if reply.status != 403:
                found.add(name)
        return found


def _fill(body: object, ids: dict[str, str]) -> object:
    if isinstance(body, dict):
        return {key: _fill(value, ids) for key, value in body.items()}
    return body.format(**ids) if isinstance(body, str) else body


ADMINS = {"project admin", "domain admin", "system admin"}
NO_DOMAIN_ADMINS = {"project admin", "system admin"}
SYSTEM_READERS = {"system reader", "system member", "system manager"}
DOMAIN_READERS = {"domain reader", "domain member", "domain manager"}
PROJECT = {"project reader", "project member", "project manager"}
LOOK, LOOK_NO_DOMAIN = ADMINS | SYSTEM_READERS, NO_DOMAIN_ADMINS | SYSTEM_READERS
EVERYBODY = LOOK | DOMAIN_READERS | PROJECT | {"nobody"}

TABLE: list[tuple[str, str, object, set[str]]] = [
    ("GET", "/v3/users", None, LOOK | DOMAIN_READERS),
    ("GET", "/v3/users/{u1}", None, LOOK | DOMAIN_READERS),
    ("GET", "/v3/users/{u2}", None, LOOK),
    ("PATCH", "/v3/users/{u1}", {"user": {"email": "x"}}, ADMINS | {"domain manager"}),
    ("PATCH", "/v3/users/{u2}", {"user": {"email": "x"}}, ADMINS),
    ("POST", "/v3/users", {"user": {"name": "n{n}", "domain_id": "{d1}"}}, ADMINS | {"domain manager"}),
    ("POST", "/v3/users", {"user": {"name": "n{n}", "domain_id": "{d2}"}}, ADMINS),
    ("GET", "/v3/users/{u1}/groups", None, LOOK | DOMAIN_READERS),
    ("GET", "/v3/users/{u2}/projects", None, LOOK),
    ("GET", "/v3/projects", None, LOOK | DOMAIN_READERS),
    ("GET", "/v3/projects/{p1}", None, LOOK | DOMAIN_READERS | PROJECT),
    ("GET", "/v3/projects/{p2}", None, LOOK),
    ("PATCH", "/v3/projects/{p1}", {"project": {"description": "x"}}, ADMINS | {"domain manager"}),
    ("PATCH", "/v3/projects/{p2}", {"project": {"description": "x"}}, ADMINS),
    ("POST", "/v3/projects", {"project": {"name": "n{n}", "domain_id": "{d1}"}}, ADMINS | {"domain manager"}),
    ("POST", "/v3/projects", {"project": {"name": "n{n}", "domain_id": "{d2}"}}, ADMINS),
    ("GET", "/v3/projects/{p1}/tags", None, LOOK | DOMAIN_READERS | PROJECT),
    ("PUT", "/v3/projects/{p1}/tags/x", None, ADMINS | {"domain manager"}),
    ("GET", "/v3/domains", None, LOOK | DOMAIN_READERS),
    ("GET", "/v3/domains/{d1}", None, LOOK | DOMAIN_READERS | PROJECT),
    ("GET", "/v3/domains/{d2}", None, LOOK),
    ("PATCH", "/v3/domains/{d1}", {"domain": {"description": "x"}}, NO_DOMAIN_ADMINS),
    ("GET", "/v3/groups", None, LOOK | DOMAIN_READERS),
    ("GET", "/v3/groups/{g1}", None, LOOK | DOMAIN_READERS),
    ("PATCH", "/v3/groups/{g1}", {"group": {"description": "x"}}, ADMINS | {"domain manager"}),
    ("PATCH", "/v3/groups/{g2}", {"group": {"description": "x"}}, ADMINS),
    ("PUT", "/v3/groups/{g1}/users/{u1}", None, ADMINS | {"domain manager"}),
    ("PUT", "/v3/groups/{g1}/users/{u2}", None, ADMINS),
    ("GET", "/v3/groups/{g1}/users", None, LOOK | DOMAIN_READERS),
    ("GET", "/v3/roles", None, LOOK | {"domain manager"}),
    ("GET", "/v3/roles?domain_id={d1}", None, LOOK_NO_DOMAIN),
    ("GET", "/v3/roles/{member}", None, LOOK | {"domain manager", "project manager"}),
    ("GET", "/v3/roles/{admin}", None, LOOK),
    ("GET", "/v3/roles/{r1}", None, LOOK_NO_DOMAIN),
    ("PATCH", "/v3/roles/{r1}", {"role": {"description": "x"}}, NO_DOMAIN_ADMINS),
    ("GET", "/v3/roles/{admin}/implies", None, LOOK_NO_DOMAIN),
    ("GET", "/v3/role_inferences", None, LOOK_NO_DOMAIN),
    ("PUT", "/v3/projects/{p1}/users/{u1}/roles/{member}", None, ADMINS | {"domain manager"}),
    ("PUT", "/v3/projects/{p1}/users/{u1}/roles/{admin}", None, ADMINS),
    ("PUT", "/v3/projects/{p1}/users/{u1}/roles/{r1}", None, ADMINS),
    ("PUT", "/v3/projects/{p1}/users/{u2}/roles/{member}", None, ADMINS),
    ("PUT", "/v3/domains/{d1}/groups/{g1}/roles/{reader}", None, ADMINS | {"domain manager"}),
    ("GET", "/v3/projects/{p1}/users/{u1}/roles", None, LOOK | DOMAIN_READERS),
    ("GET", "/v3/projects/{p2}/users/{u2}/roles", None, LOOK),
    ("PUT", "/v3/system/users/{u1}/roles/{reader}", None, NO_DOMAIN_ADMINS),
    ("GET", "/v3/system/users/{u1}/roles", None, LOOK_NO_DOMAIN),
    ("GET", "/v3/role_assignments", None, LOOK | DOMAIN_READERS),
    ("GET", "/v3/role_assignments?scope.project.id={p2}&include_subtree", None, LOOK),
    ("GET", "/v3/services", None, LOOK_NO_DOMAIN),
    ("POST", "/v3/services", {"service": {"type": "n{n}"}}, NO_DOMAIN_ADMINS),
    ("GET", "/v3/endpoints", None, LOOK_NO_DOMAIN),
    ("GET", "/v3/regions", None, EVERYBODY),
    ("POST", "/v3/regions", {"region": {}}, NO_DOMAIN_ADMINS),
    ("GET", "/v3/auth/projects", None, EVERYBODY),
    ("GET", "/v3/users/{u1}/application_credentials", None, LOOK_NO_DOMAIN),
    ("GET", "/v3/credentials", None, EVERYBODY),
    ("POST", "/v3/credentials", {"credential": {"type": "x", "blob": "x", "user_id": "{u1}"}}, ADMINS),
    ("GET", "/v3/credentials/{c1}", None, LOOK),
    ("PATCH", "/v3/credentials/{c1}", {"credential": {"blob": "y"}}, ADMINS),
    ("GET", "/v3/users/{u1}/credentials/OS-EC2", None, LOOK_NO_DOMAIN),
    ("GET", "/v3/users/{u1}/credentials/OS-EC2/{e1}", None, LOOK_NO_DOMAIN),
    ("POST", "/v3/users/{u1}/credentials/OS-EC2", {"tenant_id": "{p1}"}, NO_DOMAIN_ADMINS),
]


async def test_the_table(cloud: Cloud, admin: str) -> None:
    town = await Town(cloud, admin).build()
    wrong = []
    for method, path, body, expected in TABLE:
        allowed = await town.allowed(method, path, body)
        if allowed != expected:
            wrong.append((method, path, {"too many": allowed - expected, "too few": expected - allowed}))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v3/users/zz", 403),
        ("DELETE", "/v3/projects/zz", 403),
        ("GET", "/v3/domains/zz", 403),
        ("DELETE", "/v3/domains/zz", 404),
        ("GET", "/v3/groups/zz", 403),
        ("DELETE", "/v3/groups/zz", 404),
        ("GET", "/v3/roles/zz", 404),
        ("GET", "/v3/services/zz", 403),
        ("PUT", "/v3/projects/zz/users/zz/roles/zz", 404),
        ("GET", "/v3/users/zz/application_credentials/zz", 403),
    ],
)
async def test_what_is_not_there(cloud: Cloud, method: str, path: str, status: int) -> None:
    """As Keystone: most things are not told apart from what one may not see."""
    demo = await cloud.token("demo", scope="demo")
    assert (await cloud.call(method, path, None, demo)).status == status
    assert (await cloud.call(method, path, None, await cloud.token())).status == 404


async def test_a_domains_manager_names_the_domain(cloud: Cloud, admin: str) -> None:
    town = await Town(cloud, admin).build()
    for noun in ("user", "group", "project"):
        body = {noun: {"name": "somewhere"}}
        assert (await cloud.call("POST", f"/v3/{noun}s", body, town.personas["domain manager"])).status == 403


async def test_a_domains_reader_sees_no_foreign_members(cloud: Cloud, admin: str) -> None:
    town = await Town(cloud, admin).build()
    for user in ("u1", "u2"):
        for group in ("g1", "g2"):
            await cloud.ok("PUT", f"/v3/groups/{town.ids[group]}/users/{town.ids[user]}", admin)
    token = town.personas["domain reader"]
    members = (await cloud.call("GET", f"/v3/groups/{town.ids['g1']}/users", None, token)).body["users"]
    groups = (await cloud.call("GET", f"/v3/users/{town.ids['u1']}/groups", None, token)).body["groups"]
    assert [one["id"] for one in members] == [town.ids["u1"]]
    assert [one["id"] for one in groups] == [town.ids["g1"]]


async def test_a_domains_reader_sees_that_domain_only(cloud: Cloud, admin: str) -> None:
    town = await Town(cloud, admin).build()
    token = town.personas["domain reader"]
    for plural in ("users", "groups", "projects"):
        rows = (await cloud.call("GET", f"/v3/{plural}", None, token)).body[plural]
        assert rows
        assert {row["domain_id"] for row in rows} == {town.ids["d1"]}
    domains = (await cloud.call("GET", "/v3/domains", None, token)).body["domains"]
    assert [row["id"] for row in domains] == [town.ids["d1"]]
    scopes = [
        one["scope"] for one in (await cloud.call("GET", "/v3/role_assignments", None, token)).body["role_assignments"]
    ]
    assert {s.get("domain", s.get("project", {})).get("id") for s in scopes} <= {town.ids["d1"], town.ids["p1"]}
