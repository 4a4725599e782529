"""Every subcommand of the classic keystone command: `python old_keystone.py AUTH_URL PASSWORD`.

Run by `test_old_clients.py` with a Python that has python-keystoneclient 2.3.2.
"""

import contextlib
import io
import re
import sys

import keystoneclient.v2_0.client
from keystoneclient import shell

WALKED = set()


class Command:
    def __init__(self, *more):
        self.more = list(more)

    def __call__(self, *words):
        """Runs one command; gives what it printed as rows of cells."""
        WALKED.add(words[0])
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            shell.OpenStackIdentityShell().main([*self.more, *words])
        rows = [line.strip("|").split("|") for line in said.getvalue().splitlines() if line.startswith("|")]
        return [[cell.strip() for cell in row] for row in rows] or said.getvalue()


def main(auth_url, password):
    def as_user(name, secret, tenant):
        return Command(
            "--os-username", name, "--os-password", secret, "--os-tenant-name", tenant, "--os-auth-url", auth_url
        )

    keystone = as_user("admin", password, "admin")
    tokens_and_catalog(keystone)
    tenants_users_roles(keystone, as_user)
    services_and_endpoints(keystone)
    keys(keystone)
    the_rest(keystone, auth_url)
    known = set(re.findall(r"^    ([a-z][a-z0-9-]+) ", keystone("help"), re.M))
    missed = known - WALKED - {"bash-completion"}
    assert not missed, f"never run: {sorted(missed)}"
    library(auth_url, password)


def tokens_and_catalog(keystone):
    assert dict(keystone("token-get"))["id"].startswith("gAAA")
    assert ["publicURL", auth_url_of(keystone)] in keystone("catalog", "--service", "identity")
    assert keystone("endpoint-get", "--service", "identity", "--endpoint-type", "adminURL")[1][1].endswith("/v2.0")


def auth_url_of(keystone):
    return keystone("endpoint-get", "--service", "identity")[1][1]


def tenants_users_roles(keystone, as_user):
    keystone("tenant-create", "--name", "classic", "--description", "of old")
    keystone("tenant-update", "--name", "old", "--description", "older", "classic")
    assert dict(keystone("tenant-get", "old"))["description"] == "older"
    assert {"admin", "demo", "old"} <= {row[1] for row in keystone("tenant-list")}
    keystone("user-create", "--name", "ada", "--pass", "secret-1", "--tenant", "old", "--email", "ada@example.org")
    keystone("user-update", "--email", "ada@example.net", "--enabled", "true", "ada")
    assert dict(keystone("user-get", "ada"))["email"] == "ada@example.net"
    assert "ada" in [row[1] for row in keystone("user-list")]
    assert [row[1] for row in keystone("user-list", "--tenant", "old")] == ["name", "ada"]
    keystone("user-password-update", "--pass", "secret-2", "ada")
    as_user("ada", "secret-2", "old")("password-update", "--current-password", "secret-2", "--new-password", "secret-3")
    assert as_user("ada", "secret-3", "old")("token-get")
    keystone("role-create", "--name", "poet")
    assert dict(keystone("role-get", "poet"))["name"] == "poet"
    assert "poet" in [row[1] for row in keystone("role-list")]
    keystone("user-role-add", "--user", "ada", "--role", "poet", "--tenant", "old")
    assert "poet" in [row[1] for row in keystone("user-role-list", "--user", "ada", "--tenant", "old")]
    keystone("user-role-remove", "--user", "ada", "--role", "poet", "--tenant", "old")
    assert "poet" not in [row[1] for row in keystone("user-role-list", "--user", "ada", "--tenant", "old")]
    keystone("role-delete", "poet")
    keystone("user-delete", "ada")
    keystone("tenant-delete", "old")
    assert "old" not in [row[1] for row in keystone("tenant-list")]


def services_and_endpoints(keystone):
    keystone("service-create", "--name", "gramophone", "--type", "music", "--description", "plays")
    assert dict(keystone("service-get", "gramophone"))["type"] == "music"
    assert "gramophone" in [row[1] for row in keystone("service-list")]
    place = (
        "--region",
        "RegionOne",
        "--service",
        "gramophone",
        "--publicurl",
        "http://music.example.org/%(tenant_id)s",
    )
    made = dict(
        keystone("endpoint-create", *place, "--internalurl", "http://in.example", "--adminurl", "http://ad.example")
    )
    assert made["internalurl"] == "http://in.example"
    assert made["id"] in [row[0] for row in keystone("endpoint-list")]
    assert "deleted" in keystone("endpoint-delete", made["id"])
    assert made["id"] not in [row[0] for row in keystone("endpoint-list")]
    keystone("service-delete", "gramophone")


def keys(keystone):
    access = dict(keystone("ec2-credentials-create"))["access"]
    assert dict(keystone("ec2-credentials-get", "--access", access))["access"] == access
    assert ["admin", access] in [row[:2] for row in keystone("ec2-credentials-list")]
    assert "deleted" in keystone("ec2-credentials-delete", "--access", access)
    assert access not in str(keystone("ec2-credentials-list"))


def the_rest(keystone, auth_url):
    assert "v2.0" in Command("--os-auth-url", auth_url)("discover")
    token = dict(keystone("token-get"))["id"]
    direct = Command("--os-token", token, "--os-endpoint", auth_url)
    direct("bootstrap", "--user-name", "boot", "--role-name", "booter", "--tenant-name", "boots", "--pass", "secret")
    assert "boot" in [row[1] for row in direct("user-list")]
    for noun, name in (("user", "boot"), ("role", "booter"), ("tenant", "boots")):
        keystone(f"{noun}-delete", name)


def library(auth_url, password):
    conn = keystoneclient.v2_0.client.Client(
        auth_url=auth_url, username="admin", password=password, tenant_name="admin"
    )
    assert conn.auth_token
    assert conn.tokens.validate(conn.auth_token).tenant["name"] == "admin"
    again = keystoneclient.v2_0.client.Client(auth_url=auth_url, token=conn.auth_token, tenant_name="admin")
    assert {tenant.name for tenant in again.tenants.list()} >= {"admin", "demo"}
    conn.tokens.delete(again.auth_token)


if __name__ == "__main__":
    main(*sys.argv[1:])
