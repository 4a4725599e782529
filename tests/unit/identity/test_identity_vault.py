"""Credentials at rest: sealed, under keys that change, and gone with whom they belong to."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from identity_cloud import Cloud, process
from pileus.kernel.db import Database, Tx
from pileus.kernel.types import DAY
from pileus.services.identity.core import vault
from pileus.services.identity.core.vault import Vault
from pileus.services.identity.db import credentials, keys
from pileus.services.identity.reconcilers.vault import VaultKeeper

SECRET = "a secret that nobody may read"


async def make(cloud: Cloud, admin: str, user_id: str, **more: Any) -> str:
    body = {"credential": {"type": "cert", "blob": SECRET, "user_id": user_id, **more}}
    return str((await cloud.ok("POST", "/v3/credentials", admin, body)).body["credential"]["id"])


def _everything(tx: Tx) -> str:
    names = ("identity_credential", "kernel_events")
    found = [str(row) for name in names for row in tx.execute(text(f"SELECT * FROM {name}")).all()]
    return "\n".join(found)


async def test_no_table_holds_the_secret(cloud: Cloud, admin: str) -> None:
    id = await make(cloud, admin, "u")
    await cloud.ok("PATCH", f"/v3/credentials/{id}", admin, {"credential": {"blob": SECRET + "!"}})
    await cloud.ok("DELETE", f"/v3/credentials/{await make(cloud, admin, 'u')}", admin)
    dump = await cloud.db.read(_everything)
    assert id in dump
    assert SECRET not in dump


async def test_keys_rotate_and_secrets_follow(cloud: Cloud, admin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "_AT_ONCE", 2)
    ids = [await make(cloud, admin, "u") for _ in range(5)]
    keeper = VaultKeeper(cloud.near)
    await keeper.work()
    assert [row.id for row in await cloud.db.read(keys.everything, "credential")] == [1]
    await cloud.db.write(cloud.near.vault.rotate, 0)
    ids.append(await make(cloud, admin, "u"))
    assert await cloud.db.read(credentials.keys_used) == {1, 2}
    await keeper.work()
    assert [row.id for row in await cloud.db.read(keys.everything, "credential")] == [2]
    assert await cloud.db.read(credentials.keys_used) == {2}
    for id in ids:
        assert (await cloud.ok("GET", f"/v3/credentials/{id}", admin)).body["credential"]["blob"] == SECRET


async def test_a_key_is_not_replaced_before_its_time(cloud: Cloud, admin: str) -> None:
    await make(cloud, admin, "u")
    await cloud.db.write(cloud.near.vault.rotate, DAY)
    assert len(await cloud.db.read(keys.everything, "credential")) == 1


async def test_another_process_opens_what_was_sealed_with_a_key_it_never_saw(database: Database) -> None:
    async with process(database) as one, process(database) as other:
        admin = await one.token()
        id = await make(one, admin, "u")
        await one.db.write(one.near.vault.rotate, 0)
        await one.db.write(one.near.vault.renew)
        assert (await other.ok("GET", f"/v3/credentials/{id}", admin)).body["credential"]["blob"] == SECRET


async def test_a_lost_key_is_said_and_not_guessed(cloud: Cloud, admin: str) -> None:
    id = await make(cloud, admin, "u")
    row = await cloud.db.read(credentials.find, id)
    assert row is not None
    with pytest.raises(RuntimeError, match="the key 9 of credential"):
        await cloud.db.read(Vault().open, replace(row, key_id=9))


ENDS: dict[str, Callable[[dict[str, str]], tuple[str, str]]] = {
    "the user": lambda ids: ("DELETE", f"/v3/users/{ids['user']}"),
    "the project": lambda ids: ("DELETE", f"/v3/projects/{ids['project']}"),
    "the domain": lambda ids: ("DELETE", f"/v3/domains/{ids['domain']}"),
}


@pytest.mark.parametrize("what", ENDS)
async def test_with_its_owner_goes_the_credential(cloud: Cloud, admin: str, what: str) -> None:
    domain = await cloud.make("domain", admin, name="d")
    user = await cloud.make("user", admin, name="u", domain_id=domain["id"])
    project = await cloud.make("project", admin, name="p", domain_id=domain["id"])
    ids = {"user": user["id"], "project": project["id"], "domain": domain["id"]}
    id = await make(cloud, admin, ids["user"], project_id=ids["project"])
    if what == "the domain":
        await cloud.ok("PATCH", f"/v3/domains/{ids['domain']}", admin, {"domain": {"enabled": False}})
    await cloud.ok(*ENDS[what](ids), admin)
    assert (await cloud.call("GET", f"/v3/credentials/{id}", None, admin)).status == 404


async def test_a_user_may_have_so_many(database: Database) -> None:
    async with process(database, credential_user_limit=1) as cloud:
        admin = await cloud.token()
        await make(cloud, admin, "u")
        body = {"credential": {"type": "cert", "blob": SECRET, "user_id": "u"}}
        reply = await cloud.call("POST", "/v3/credentials", body, admin)
        assert (reply.status, reply.error) == (
            403,
            "Unable to create additional credentials, maximum of 1 already exceeded for user.",
        )
        await make(cloud, admin, "v")
