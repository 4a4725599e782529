"""Trusts, OAuth1, access rules and OAuth 2.0 through stock clients: the `openstack` command and keystoneauth's plugins."""

from __future__ import annotations

import json
from typing import Any

import pytest
from keystoneauth1 import session as sessions
from keystoneauth1.exceptions import Forbidden, NotFound, Unauthorized
from keystoneauth1.extras.oauth1 import V3OAuth1
from keystoneauth1.identity import V3ApplicationCredential, V3OAuth2ClientCredential, V3Password
from keystoneclient.v3 import client as keystone

from cloud import PASSWORD, LiveCloud

pytestmark = pytest.mark.timeout(600)


class People:
    """`ann` is a member of project `team`; `bob` has nothing."""

    def __init__(self, live: LiveCloud) -> None:
        self.url = f"http://127.0.0.1:{5000 + live.shift}/v3"
        self.admin = keystone.Client(session=self.session("admin", project_name="admin"))
        self.team = self.admin.projects.create("team", "default")
        self.ann = self.admin.users.create("ann", password=PASSWORD)
        self.bob = self.admin.users.create("bob", password=PASSWORD)
        self.roles = {role.name: role for role in self.admin.roles.list()}
        self.admin.roles.grant(self.roles["member"], user=self.ann, project=self.team)

    def session(self, user: str, **scope: Any) -> sessions.Session:
        if "project_name" in scope:
            scope["project_domain_id"] = "default"
        auth = V3Password(self.url, username=user, password=PASSWORD, user_domain_id="default", **scope)
        return sessions.Session(auth=auth)

    def as_ann(self) -> keystone.Client:
        return keystone.Client(session=self.session("ann", project_name="team"))


@pytest.fixture(scope="module")
def people(live: LiveCloud) -> People:
    return People(live)


def test_a_trust_by_keystoneclient(people: People) -> None:
    ann = people.as_ann()
    trust = ann.trusts.create(
        trustor_user=people.ann, trustee_user=people.bob, project=people.team, role_names=["member"], impersonation=True
    )
    assert [t.id for t in ann.trusts.list(trustor_user=people.ann)] == [trust.id]
    assert ann.trusts.get(trust.id).roles[0]["name"] == "member"
    session = people.session("bob", trust_id=trust.id)
    access = session.auth.get_access(session)
    assert (access.trust_id, access.trustor_user_id, access.trustee_user_id, access.user_id) == (
        trust.id, people.ann.id, people.bob.id, people.ann.id,
    )  # fmt: skip
    assert access.project_id == people.team.id
    ann.trusts.delete(trust.id)
    with pytest.raises(Unauthorized):
        people.session("bob", trust_id=trust.id).get_token()


def test_a_trust_by_command(people: People, stock: Any) -> None:
    mine = {**stock.environ, "OS_USERNAME": "ann", "OS_PROJECT_NAME": "team"}
    theirs = {name: v for name, v in mine.items() if not name.startswith("OS_PROJECT")} | {"OS_USERNAME": "bob"}
    kept, stock.environ = stock.environ, mine
    try:
        made = stock(
            "trust",
            "create",
            "--project",
            people.team.id,
            "--role",
            people.roles["reader"].id,
            people.ann.id,
            people.bob.id,
        )
        assert "reader" in str(made["roles"])
        assert stock("trust", "show", made["id"])["trustee_user_id"] == people.bob.id
        assert [t["ID"] for t in stock("trust", "list", "--trustor", people.ann.id)] == [made["id"]]
        stock.environ = theirs
        issued = stock("--os-trust-id", made["id"], "token", "issue")
        assert issued["project_id"] == people.team.id
        stock.environ = mine
        stock.say("trust", "delete", made["id"])
        assert stock("trust", "list", "--trustor", people.ann.id) == []
    finally:
        stock.environ = kept


def test_oauth1_by_keystoneclient_and_its_plugin(people: People) -> None:
    admin = people.admin
    consumer = admin.oauth1.consumers.create(description="bot")
    project = admin.projects.find(name="admin")
    asked = admin.oauth1.request_tokens.create(consumer.id, consumer.secret, project.id)
    granted = admin.oauth1.request_tokens.authorize(asked.key, [people.roles["member"]])
    access = admin.oauth1.access_tokens.create(
        consumer.id, consumer.secret, asked.key, asked.secret, granted.oauth_verifier
    )
    plugin = V3OAuth1(
        people.url,
        consumer_key=consumer.id,
        consumer_secret=consumer.secret,
        access_key=access.key,
        access_secret=access.secret,
    )
    session = sessions.Session(auth=plugin)
    seen = plugin.get_access(session)
    assert seen.oauth_access_token_id == access.key
    assert seen.oauth_consumer_id == consumer.id
    assert set(seen.role_names) == {"member", "reader"}
    assert [p.id for p in keystone.Client(session=session).auth.projects()] == [project.id]
    user = session.get_user_id()
    granting = people.session("admin", project_name="admin")
    granting.delete(f"{people.url}/users/{user}/OS-OAUTH1/access_tokens/{access.key}")
    with pytest.raises((Unauthorized, NotFound)):
        session.get(f"{people.url}/auth/projects")


def test_oauth1_by_command(people: People, stock: Any) -> None:
    consumer = stock("consumer", "create", "--description", "cli")
    stock.say("consumer", "set", "--description", "better", consumer["id"])
    assert stock("consumer", "show", consumer["id"])["description"] == "better"
    keys = ["--consumer-key", consumer["id"], "--consumer-secret", consumer["secret"]]
    asked = stock("request", "token", "create", *keys, "--project", "admin")
    granted = stock("request", "token", "authorize", "--request-key", asked["id"], "--role", "reader")
    access = stock(
        "access", "token", "create", *keys, "--request-key", asked["id"], "--request-secret", asked["secret"],
        "--verifier", granted["oauth_verifier"],
    )  # fmt: skip
    assert access["id"]
    stock.say("consumer", "delete", consumer["id"])
    assert consumer["id"] not in [c["ID"] for c in stock("consumer", "list")]


def test_access_rules_by_command(people: People, stock: Any) -> None:
    rules = [{"service": "identity", "method": "GET", "path": "/v3/auth/projects"}]
    made = stock("application", "credential", "create", "--access-rules", json.dumps(rules), "bounded")
    (rule,) = stock("access", "rule", "list")
    assert (rule["Service"], rule["Method"], rule["Path"]) == ("identity", "GET", "/v3/auth/projects")
    assert stock("access", "rule", "show", rule["ID"])["Path"] == "/v3/auth/projects"
    auth = V3ApplicationCredential(
        people.url, application_credential_id=made["ID"], application_credential_secret=made["Secret"]
    )
    session = sessions.Session(auth=auth)
    assert session.get(f"{people.url}/auth/projects").status_code == 200
    with pytest.raises(Unauthorized):
        session.get(f"{people.url}/auth/domains")
    assert "in use" in stock.say("access", "rule", "delete", rule["ID"], code=1)
    stock.say("application", "credential", "delete", "bounded")
    stock.say("access", "rule", "delete", rule["ID"])
    assert stock("access", "rule", "list") == []


def test_oauth2_by_its_plugin(people: People) -> None:
    ann = people.as_ann()
    made = ann.application_credentials.create("oauth2", user=people.ann.id)
    plugin = V3OAuth2ClientCredential(
        people.url,
        oauth2_endpoint=f"{people.url}/OS-OAUTH2/token",
        oauth2_client_id=made.id,
        oauth2_client_secret=made.secret,
    )
    session = sessions.Session(auth=plugin)
    headers = session.get_auth_headers()
    assert headers["Authorization"].startswith("Bearer ")
    bearer = {"Authorization": headers["Authorization"]}
    assert sessions.Session().get(f"{people.url}/auth/projects", headers=bearer).json()["projects"][0]["name"] == "team"
    assert session.get(f"{people.url}/auth/projects").status_code == 200
    with pytest.raises(Forbidden):
        session.get(f"{people.url}/users")
