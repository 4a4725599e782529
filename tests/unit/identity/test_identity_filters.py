"""Endpoint filters in the catalogs of several processes, and the setting for projects without one."""

import asyncio

import pytest

from identity_cloud import Cloud, process
from pileus.kernel.db import Database, Tx, signals
from pileus.services.identity.core import memory
from pileus.services.identity.db.catalog import Offer
from pileus.services.identity.reconcilers.memory import Forgetter


async def types(cloud: Cloud, token: str) -> list[str]:
    shown = await cloud.call("GET", "/v3/auth/tokens", None, token, headers={"x-subject-token": token})
    assert shown.status == 200, shown.body
    return sorted(entry["type"] for entry in shown.body["token"]["catalog"])


async def only_identity(cloud: Cloud, admin: str, project_id: str) -> str:
    """Let a project see nothing but identity's public endpoint; its path among the filters."""
    found = await cloud.call("GET", "/v3/endpoints?interface=public", None, admin)
    url = "http://cloud:5000/v3"
    endpoint = next(one["id"] for one in found.body["endpoints"] if one["url"] == url)
    path = f"/v3/OS-EP-FILTER/projects/{project_id}/endpoints/{endpoint}"
    assert (await cloud.call("PUT", path, None, admin)).status == 204
    return path


async def test_what_is_remembered_follows_at_once(cloud: Cloud, admin: str) -> None:
    project = (await cloud.named("project", "admin", admin))["id"]
    assert await types(cloud, admin) == ["identity", "volumev3"]
    path = await only_identity(cloud, admin, project)
    assert await types(cloud, admin) == ["identity"]
    demo = await cloud.token("demo", scope="demo")
    assert await types(cloud, demo) == ["identity", "volumev3"], "another project sees it all"
    await cloud.call("DELETE", path, None, admin)
    assert await types(cloud, admin) == ["identity", "volumev3"]


async def test_a_filter_with_nothing_enabled_is_an_empty_catalog(cloud: Cloud, admin: str) -> None:
    project = (await cloud.named("project", "admin", admin))["id"]
    path = await only_identity(cloud, admin, project)
    endpoint = path.rpartition("/")[2]
    await cloud.call("PATCH", f"/v3/endpoints/{endpoint}", {"endpoint": {"enabled": False}}, admin)
    assert await types(cloud, admin) == []


@pytest.mark.postgresql
async def test_other_processes_hear_of_it(ready_url: str, product: str) -> None:
    if product != "postgresql":
        pytest.skip("SQLite has one process")
    first_db, second_db = Database(ready_url), Database(ready_url)
    await first_db.start()
    await second_db.start()
    async with process(first_db) as first, process(second_db, cache_seconds=3600) as second:
        heard = asyncio.create_task(_forget(second))
        admin = await first.token()
        project = (await first.named("project", "admin", admin))["id"]
        assert await types(second, admin) == ["identity", "volumev3"]
        await only_identity(first, admin, project)
        async with asyncio.timeout(60):
            while await types(second, admin) != ["identity"]:
                await asyncio.sleep(0.02)
        heard.cancel()
    await first_db.close()
    await second_db.close()


async def _forget(cloud: Cloud) -> None:
    """What the reconciler does: it is woken by the signal of a change."""
    signal = signals.subscribe(memory.CHANGED)
    while True:
        await signal.wait()
        await Forgetter(cloud.near.memory).work()


async def test_nothing_without_a_filter_when_so_set(database: Database) -> None:
    async with process(database, whole_catalog_if_unfiltered=False) as cloud:
        admin = await cloud.token()
        assert await types(cloud, admin) == []
        project = (await cloud.named("project", "admin", admin))["id"]
        await only_identity(cloud, admin, project)
        assert await types(cloud, admin) == ["identity"]
        system = await cloud.token(scope={"system": {"all": True}})
        assert await types(cloud, system) == []


async def test_disabled_services_stay_out_of_filtered_catalogs(cloud: Cloud, admin: str) -> None:
    project = (await cloud.named("project", "admin", admin))["id"]
    await only_identity(cloud, admin, project)
    service = next(
        one["id"]
        for one in (await cloud.call("GET", "/v3/services", None, admin)).body["services"]
        if one["type"] == "identity"
    )
    await cloud.call("PATCH", f"/v3/services/{service}", {"service": {"enabled": False}}, admin)
    assert await types(cloud, admin) == []


async def test_what_an_old_snapshot_told_is_not_remembered(cloud: Cloud, admin: str) -> None:
    """A change that is heard of while a transaction is open may not be in what it reads."""
    near = cloud.near
    await cloud.db.read(near.memory.offers)

    def look(tx: Tx) -> list[Offer]:
        before = near.memory.offers(tx)
        near.memory.bump()
        assert near.memory.offers(tx) is not before
        return near.memory.offers(tx)

    told = await cloud.db.read(look)
    kept = await cloud.db.read(near.memory.offers)
    assert kept is not told, "read again by a transaction that began after the change"
    assert await cloud.db.read(near.memory.offers) is kept
