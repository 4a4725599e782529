"""A domain whose users and groups come from a real OpenLDAP, on either database."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from identity_cloud import Cloud, Reply, process
from pileus.drivers.directory.ldap import connections
from pileus.drivers.directory.ldap.connections import Connections
from pileus.drivers.directory.protocol import DirectoryDown
from pileus.kernel.db import Database
from pileus.services.identity.core import consulting
from slapd import ADMIN, ADMIN_PASSWORD, SUFFIX, UNIX, Slapd

NOT_IN = "The request you have made requires authentication."
READ_ONLY = "You are not authorized to perform the requested action."
PEOPLE = f"ou=people,{SUFFIX}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Slapd]:
    running = Slapd(tmp_path / "ldap", UNIX).start()
    yield running
    running.stop()


@pytest.fixture
def options(server: Slapd) -> dict[str, Any]:
    return {
        "url": server.url, "user": ADMIN, "password": ADMIN_PASSWORD, "suffix": SUFFIX, "user_tree_dn": PEOPLE,
        "user_id_attribute": "uid", "user_name_attribute": "uid", "user_enabled_attribute": "employeeType",
        "group_tree_dn": f"ou=groups,{SUFFIX}", "group_name_attribute": "cn", "connection_timeout": 30,
    }  # fmt: skip


@pytest.fixture
async def corp(cloud: Cloud, admin: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The domain, configured by the API. Lists read it anew every time."""
    monkeypatch.setattr(consulting, "_FRESH", 0)
    domain = await cloud.make("domain", admin, name="corp")
    config = {"config": {"identity": {"driver": "ldap"}, "ldap": options}}
    await cloud.ok("PUT", f"/v3/domains/{domain['id']}/config", admin, config)
    return domain


async def log_in(cloud: Cloud, corp: dict[str, Any], name: str, password: str, scope: Any = None) -> Reply:
    return await cloud.login(name, password, scope, corp["id"])


async def listed(cloud: Cloud, token: str, path: str, plural: str = "users") -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in (await cloud.ok("GET", path, token)).body[plural]}


async def test_people_and_groups_are_listed_shown_and_filtered(cloud: Cloud, admin: str, corp: dict[str, Any]) -> None:
    users = await listed(cloud, admin, f"/v3/users?domain_id={corp['id']}")
    assert sorted(users) == ["alice", "bob", "carol"]
    alice = users["alice"]
    assert alice["id"] == hashlib.sha256(f"{corp['id']}useralice".encode()).hexdigest(), "Keystone's own ids"
    assert (alice["email"], alice["description"], alice["enabled"]) == ("alice@corp.example", "first of all", True)
    assert (alice["domain_id"], alice["password_expires_at"], alice["options"]) == (corp["id"], None, {})
    assert users["carol"]["enabled"] is False
    assert (await cloud.ok("GET", f"/v3/users/{alice['id']}", admin)).body["user"] == alice
    assert list(await listed(cloud, admin, f"/v3/users?domain_id={corp['id']}&name=bob")) == ["bob"]
    assert list(await listed(cloud, admin, f"/v3/users?domain_id={corp['id']}&name=BOB")) == ["bob"], "as it writes it"
    groups = await listed(cloud, admin, f"/v3/groups?domain_id={corp['id']}", "groups")
    assert sorted(groups) == ["bosses", "staff"]
    staff = groups["staff"]["id"]
    assert sorted(await listed(cloud, admin, f"/v3/groups/{staff}/users")) == ["alice", "bob"]
    assert list(await listed(cloud, admin, f"/v3/users/{alice['id']}/groups", "groups")) == ["staff"]
    assert (await cloud.call("HEAD", f"/v3/groups/{staff}/users/{alice['id']}", None, admin)).status == 204


async def test_logging_in(cloud: Cloud, admin: str, corp: dict[str, Any]) -> None:
    good = await log_in(cloud, corp, "alice", "alice-Secret-1")
    assert good.status == 201
    assert good.body["token"]["user"]["domain"]["name"] == "corp"
    assert (await log_in(cloud, corp, "ALICE", "alice-Secret-1")).status == 201, "names are the directory's"
    by_id = {"id": good.body["token"]["user"]["id"], "password": "alice-Secret-1"}
    identity = {"methods": ["password"], "password": {"user": by_id}}
    assert (await cloud.call("POST", "/v3/auth/tokens", {"auth": {"identity": identity}})).status == 201
    for name, password in (
        ("alice", "wrong"), ("alice", ""), ("carol", "carol-Secret-3"), ("nobody", "x"), ("*", "alice-Secret-1"), ("", "x"),
    ):  # fmt: skip
        refused = await log_in(cloud, corp, name, password)
        assert (refused.status, refused.error) == (401, NOT_IN), name
    assert (await cloud.login("alice", "alice-Secret-1", None)).status == 401, "of that domain only"


async def test_roles_of_people_and_groups(cloud: Cloud, admin: str, corp: dict[str, Any], server: Slapd) -> None:
    users = await listed(cloud, admin, f"/v3/users?domain_id={corp['id']}")
    groups = await listed(cloud, admin, f"/v3/groups?domain_id={corp['id']}", "groups")
    project = await cloud.make("project", admin, name="work", domain_id=corp["id"])
    member, reader = [await cloud.named("role", name, admin) for name in ("member", "reader")]
    path = f"/v3/projects/{project['id']}"
    await cloud.ok("PUT", f"{path}/users/{users['bob']['id']}/roles/{member['id']}", admin)
    await cloud.ok("PUT", f"{path}/groups/{groups['bosses']['id']}/roles/{reader['id']}", admin)
    scope = {"project": {"id": project["id"]}}
    bob = await log_in(cloud, corp, "bob", "bob-Secret-2", scope)
    assert {role["name"] for role in bob.body["token"]["roles"]} == {"member", "reader"}
    assert (await log_in(cloud, corp, "alice", "alice-Secret-1", scope)).status == 401
    server.change(f"dn: cn=bosses,ou=groups,{SUFFIX}\nchangetype: modify\nadd: member\nmember: uid=alice,{PEOPLE}\n")
    alice = await log_in(cloud, corp, "alice", "alice-Secret-1", scope)
    assert [role["name"] for role in alice.body["token"]["roles"]] == ["reader"]
    server.change(f"dn: cn=bosses,ou=groups,{SUFFIX}\nchangetype: modify\ndelete: member\nmember: uid=alice,{PEOPLE}\n")
    await consulting.read_all(cloud.near)
    assert (await cloud.call("GET", "/v3/auth/projects", None, alice.token)).status == 401, "at the next reading"
    named = await cloud.ok("GET", f"/v3/role_assignments?include_names&scope.project.id={project['id']}", admin)
    assert {a["user"]["name"] for a in named.body["role_assignments"] if "user" in a} == {"bob"}


async def test_nothing_is_written(cloud: Cloud, admin: str, corp: dict[str, Any]) -> None:
    users = await listed(cloud, admin, f"/v3/users?domain_id={corp['id']}")
    groups = await listed(cloud, admin, f"/v3/groups?domain_id={corp['id']}", "groups")
    alice, staff = f"/v3/users/{users['alice']['id']}", f"/v3/groups/{groups['staff']['id']}"
    change = {"user": {"original_password": "alice-Secret-1", "password": "new"}}
    for method, path, body in (
        ("POST", "/v3/users", {"user": {"name": "new", "domain_id": corp["id"]}}),
        ("PATCH", alice, {"user": {"description": "x"}}),
        ("PATCH", alice, {"user": {"password": "x"}}),
        ("DELETE", alice, None),
        ("POST", f"{alice}/password", change),
        ("POST", "/v3/groups", {"group": {"name": "new", "domain_id": corp["id"]}}),
        ("PATCH", staff, {"group": {"description": "x"}}),
        ("DELETE", staff, None),
        ("PUT", f"{staff}/users/{users['carol']['id']}", None),
        ("DELETE", f"{staff}/users/{users['alice']['id']}", None),
    ):
        refused = await cloud.call(method, path, body, admin)
        assert (refused.status, refused.error) == (403, READ_ONLY), (method, path)
    own = await cloud.make("group", admin, name="own")
    for group, member, ids in (
        (own["id"], users["alice"]["id"], (own["id"], "alice")),
        (groups["staff"]["id"], (await cloud.named("user", "demo", admin))["id"], ("staff", None)),
    ):
        refused = await cloud.call("PUT", f"/v3/groups/{group}/users/{member}", None, admin)
        assert (refused.status, refused.error) == (
            403,
            "Group membership across backend boundaries is not allowed. "
            f"Group in question is {ids[0]}, user is {ids[1] or member}.",
        )
    change["user"]["original_password"] = "wrong"
    assert (await cloud.call("POST", f"{alice}/password", change)).status == 401


async def test_who_is_disabled_or_gone_there_is_so_here(
    cloud: Cloud, admin: str, corp: dict[str, Any], server: Slapd
) -> None:
    alice, bob = [await log_in(cloud, corp, n, f"{n}-Secret-{i}") for i, n in ((1, "alice"), (2, "bob"))]
    server.change(f"dn: uid=alice,{PEOPLE}\nchangetype: modify\nreplace: employeeType\nemployeeType: FALSE\n")
    server.change(f"dn: uid=bob,{PEOPLE}\nchangetype: delete\n")
    await consulting.read_all(cloud.near)
    for reply in (alice, bob):
        assert (await cloud.call("GET", "/v3/auth/projects", None, reply.token)).status == 401
    assert (await cloud.call("GET", f"/v3/users/{bob.body['token']['user']['id']}", None, admin)).status == 404
    server.change(f"dn: uid=alice,{PEOPLE}\nchangetype: modify\nreplace: employeeType\nemployeeType: TRUE\n")
    server.change(
        f"dn: uid=bob,{PEOPLE}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: bob\ncn: Bob\nsn: Bob\n"
        "employeeType: TRUE\nuserPassword: bob-Secret-2\n"
    )
    again = await log_in(cloud, corp, "bob", "bob-Secret-2")
    assert again.body["token"]["user"]["id"] == bob.body["token"]["user"]["id"], "ids are for ever"
    assert (await log_in(cloud, corp, "alice", "alice-Secret-1")).status == 201
    for reply in (alice, bob):
        assert (await cloud.call("GET", "/v3/auth/projects", None, reply.token)).status == 401, "old tokens stay dead"


async def test_names_that_change_hands(cloud: Cloud, admin: str, corp: dict[str, Any], server: Slapd) -> None:
    """Two people swap their names between two readings."""
    config = {"config": {"ldap": {"user_name_attribute": "sn"}}}
    await cloud.ok("PATCH", f"/v3/domains/{corp['id']}/config", admin, config)
    before = await listed(cloud, admin, f"/v3/users?domain_id={corp['id']}")
    assert sorted(before) == ["Builder", "Carol", "Jones"]
    for uid, name in (("alice", "Builder"), ("bob", "Jones"), ("carol", "Jones")):
        server.change(f"dn: uid={uid},{PEOPLE}\nchangetype: modify\nreplace: sn\nsn: {name}\n")
    for _ in range(2):
        after = await listed(cloud, admin, f"/v3/users?domain_id={corp['id']}")
        assert sorted(after) == ["Builder", "Jones"], "of two with one name the first counts"
        assert after["Builder"]["id"] == before["Jones"]["id"]
        assert after["Jones"]["id"] == before["Builder"]["id"]


async def test_a_dead_directory_is_nobody_elses_trouble(
    cloud: Cloud, admin: str, corp: dict[str, Any], server: Slapd, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await log_in(cloud, corp, "alice", "alice-Secret-1")
    server.stop()
    tried = 0
    bind = Connections._bind

    def counted(self: Connections, *args: Any) -> Any:
        nonlocal tried
        tried += 1
        return bind(self, *args)

    monkeypatch.setattr(Connections, "_bind", counted)
    now = time.monotonic()
    monkeypatch.setattr(connections, "time", SimpleNamespace(monotonic=lambda: now, sleep=time.sleep))
    dead = [log_in(cloud, corp, "alice", "alice-Secret-1") for _ in range(20)]
    replies, own = await asyncio.gather(asyncio.gather(*dead), cloud.login())
    assert own.status == 201
    assert {reply.status for reply in replies} == {503}
    assert replies[0].body["error"] == {
        "code": 503, "title": "Service Unavailable", "message": "The directory of this domain does not answer.",
    }  # fmt: skip
    before = tried
    assert (await cloud.call("GET", f"/v3/users?domain_id={corp['id']}", None, admin)).status == 503
    assert tried == before > 0, "nobody asks a directory that is known to be dead"
    assert (await cloud.call("GET", "/v3/users?domain_id=default", None, admin)).status == 200
    assert (await cloud.call("GET", "/v3/auth/projects", None, alice.token)).status == 200, "tokens ask no directory"
    with pytest.raises(DirectoryDown, match="corp"):
        await consulting.read_all(cloud.near)
    server.start()
    now += 2.1
    assert (await log_in(cloud, corp, "alice", "alice-Secret-1")).status == 201


async def test_options_count_at_once(cloud: Cloud, admin: str, corp: dict[str, Any], options: dict[str, Any]) -> None:
    path = f"/v3/domains/{corp['id']}/config"
    assert (await log_in(cloud, corp, "alice", "alice-Secret-1")).status == 201
    await cloud.ok("PATCH", path, admin, {"config": {"ldap": {"user_filter": "(sn=Builder)"}}})
    assert (await log_in(cloud, corp, "alice", "alice-Secret-1")).status == 401
    assert list(await listed(cloud, admin, f"/v3/users?domain_id={corp['id']}")) == ["bob"]
    await cloud.ok("DELETE", f"{path}/ldap/user_filter", admin)
    substituted = {"user": ADMIN.replace("cn=admin", "cn=%(password)s"), "password": "admin"}
    await cloud.ok("PATCH", path, admin, {"config": {"ldap": substituted}})
    refused = await log_in(cloud, corp, "alice", "alice-Secret-1")
    assert refused.status == 503
    assert "refuses" in refused.error
    await cloud.ok("PATCH", path, admin, {"config": {"ldap": {k: options[k] for k in ("user", "password")}}})
    await cloud.ok("PATCH", path, admin, {"config": {"identity": {"list_limit": 1}}})
    assert len(await listed(cloud, admin, f"/v3/users?domain_id={corp['id']}")) == 1
    await cloud.ok("DELETE", path, admin)
    assert (await log_in(cloud, corp, "alice", "alice-Secret-1")).status == 401, "without its directory nobody fits"


async def test_configured_by_the_file(database: Database, options: dict[str, Any]) -> None:
    domains = {"corp": {"identity": {"driver": "ldap"}, "ldap": options}}
    async with process(database, domains=domains) as cloud:
        admin = await cloud.token()
        domain = await cloud.make("domain", admin, name="corp")
        assert (await cloud.login("bob", "bob-Secret-2", None, domain["id"])).status == 201


async def test_a_second_process_knows_at_once(
    database: Database, cloud: Cloud, admin: str, corp: dict[str, Any]
) -> None:
    if not database.multi_process:
        pytest.skip("SQLite has one process")
    async with process(database) as other:
        assert (await log_in(other, corp, "alice", "alice-Secret-1")).status == 201
        await cloud.ok(
            "PATCH", f"/v3/domains/{corp['id']}/config", admin, {"config": {"ldap": {"user_filter": "sn=x"}}}
        )
        assert (await log_in(other, corp, "alice", "alice-Secret-1")).status == 401


async def test_first_logins_at_once(database: Database, cloud: Cloud, corp: dict[str, Any]) -> None:
    """The same person, seen for the first time by many logins in two processes."""
    async with process(database) if database.multi_process else nullcontext(cloud) as other:
        logins = [log_in(one, corp, "alice", "alice-Secret-1") for _ in range(8) for one in (cloud, other)]
        readings = [consulting.read_all(one.near) for one in (cloud, other)]
        replies = await asyncio.gather(*logins, *readings)
        assert [reply.status for reply in replies[:16]] == [201] * 16


async def test_guessing_is_bounded(cloud: Cloud, corp: dict[str, Any], database: Database) -> None:
    statuses = [(await log_in(cloud, corp, "alice", "wrong")).status for _ in range(31)]
    assert statuses[-1] == 429


async def test_the_domain_goes_with_all_in_it(cloud: Cloud, admin: str, corp: dict[str, Any]) -> None:
    await listed(cloud, admin, f"/v3/users?domain_id={corp['id']}")
    await cloud.ok("PATCH", f"/v3/domains/{corp['id']}", admin, {"domain": {"enabled": False}})
    assert (await log_in(cloud, corp, "alice", "alice-Secret-1")).status == 401
    await cloud.ok("DELETE", f"/v3/domains/{corp['id']}", admin)
    everybody = await listed(cloud, admin, "/v3/users")
    assert "alice" not in everybody


async def test_our_own_come_first(cloud: Cloud, admin: str, options: dict[str, Any]) -> None:
    """A user whom the domain had before keeps the name; the directory's is left out and may not log in."""
    domain = await cloud.make("domain", admin, name="mixed")
    own = await cloud.make("user", admin, name="alice", domain_id=domain["id"], password="own")
    config = {"config": {"identity": {"driver": "ldap"}, "ldap": options}}
    await cloud.ok("PUT", f"/v3/domains/{domain['id']}/config", admin, config)
    users = await listed(cloud, admin, f"/v3/users?domain_id={domain['id']}")
    assert users["alice"]["id"] == own["id"]
    assert sorted(users) == ["alice", "bob", "carol"]
    for password in ("own", "alice-Secret-1"):
        assert (await log_in(cloud, domain, "alice", password)).status == 401
