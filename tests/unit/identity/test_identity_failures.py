"""Failed logins stand in the change log: counted, bounded, without what was typed."""

from typing import Any

from identity_cloud import Cloud
from pileus.kernel.db import Tx
from pileus.kernel.events import page_events
from pileus.kernel.types import Filter, Listing
from pileus.services.identity.core.failures import MOST, Failures
from pileus.services.identity.reconcilers.failures import FailureWriter


def _failed(tx: Tx) -> list[Any]:
    return page_events(tx, Listing(filters=(Filter("kind", "eq", ("authenticate.failed",)),))).rows


async def told(cloud: Cloud) -> list[Any]:
    await FailureWriter(cloud.near).work()
    return await cloud.db.read(_failed)


async def test_one_event_tells_of_many_failures(cloud: Cloud, admin: str) -> None:
    demo = (await cloud.named("user", "demo", admin))["id"]
    for _ in range(3):
        assert (await cloud.login("demo", "wrong", None, address="192.0.2.1")).status == 401
    assert (await cloud.login("demo", "wrong", None, address="192.0.2.2")).status == 401
    found = {event.address: event for event in await told(cloud)}
    assert {a: (e.resource, e.id, e.data["count"], e.data["status"]) for a, e in found.items()} == {
        "192.0.2.1": ("user", demo, 3, 401),
        "192.0.2.2": ("user", demo, 1, 401),
    }
    assert len(await told(cloud)) == 2


async def test_what_was_typed_is_not_kept(cloud: Cloud) -> None:
    await cloud.login("my-password-by-mistake", "wrong", None)
    [event] = await told(cloud)
    assert event.id == "unknown"
    assert "mistake" not in str(event)


async def test_a_login_leaves_nothing(cloud: Cloud, admin: str) -> None:
    assert await told(cloud) == []


async def test_guessing_writes_little(cloud: Cloud) -> None:
    failures = cloud.near.guard.failures
    for number in range(5_000):
        failures.note(f"user-{number}", "192.0.2.1", 401)
    found = await told(cloud)
    assert len(found) == MOST + 1
    assert sum(event.data["count"] for event in found) == 5_000


def test_memory_is_bounded() -> None:
    failures = Failures()
    for number in range(100_000):
        failures.note(f"unknown {number}", f"address-{number}", 401)
    assert len(failures._found) <= 2_000


async def test_an_address_or_agent_of_any_length_is_kept_short(cloud: Cloud, admin: str) -> None:
    """Behind a proxy both are what somebody wrote into a header."""
    headers = {"user-agent": "a" * 5_000}
    body = {"project": {"name": "p"}}
    reply = await cloud.call("POST", "/v3/projects", body, admin, headers, address="1" * 500)
    assert reply.status == 201
