"""Bounds: changes and listings a second on both faces, and quotas with many clients at their edge."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.client import Config
from botocore.exceptions import ClientError

from object_server import Running, running
from pileus.kernel.config import ConfigError
from pileus.kernel.db import Tx
from pileus.kernel.types import TooLarge, TooMany
from pileus.services.objectstore.core import accounts, containers, intake, multipart, objects, pacing
from pileus.services.objectstore.core.accounts import Account
from pileus.services.objectstore.core.containers import Usage
from pileus.services.objectstore.core.intake import Body
from pileus.services.objectstore.core.pacing import Pace, Work
from pileus.services.objectstore.core.settings import ObjectSettings
from pileus.services.objectstore.db.columns import Details

from .conftest import ACCOUNT, Shelf, chunked

ME, EVE = {"X-Auth-Token": "u:p:member"}, {"X-Auth-Token": "eve:q:member"}
CLIENTS = 16


# --- how many a second ----------------------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_turns_credit_and_patience() -> None:
    clock = Clock()
    pace = Pace(ObjectSettings(container_changes=2.0), clock)
    key = ("container", "a", "c")
    assert [pace._turn(key, 2.0) for _ in range(4)] == [0.0, 0.5, 1.0, 1.5]
    clock.now += 100
    waits = [pace._turn(key, 2.0) for _ in range(13)]
    assert (waits[:10], waits[11:]) == ([-5 + n / 2 for n in range(10)], [0.5, 1.0]), "five seconds are made up for"
    for _ in range(117):
        pace._turn(key, 2.0)
    with pytest.raises(TooMany):
        pace._turn(key, 2.0)
    clock.now += 0.5
    assert pace._turn(key, 2.0) < pacing.PATIENCE, "who was refused has taken nobody's turn"
    assert pace._turn(("container", "a", "other"), 2.0) == 0.0


def test_what_waits_for_what() -> None:
    rates = {"AUTH_vip": "unlimited", "AUTH_slow": "3", "AUTH_bad": "refused"}
    pace = Pace(
        ObjectSettings(account_changes=1, container_changes=2, container_listings=4, account_rates=rates), Clock()
    )
    claims = {work: [rate for _, rate in pace.claims("AUTH_p", "c", work)] for work in Work}
    assert claims == {Work.CONTAINER: [1], Work.OBJECT: [2], Work.LISTING: [4], Work.OTHER: []}
    slow = {work: [rate for _, rate in pace.claims("AUTH_slow", "c", work)] for work in Work}
    assert slow == {Work.CONTAINER: [1, 3], Work.OBJECT: [2, 3], Work.LISTING: [4], Work.OTHER: [3]}
    assert [pace.claims("AUTH_vip", "c", work) for work in Work] == [(), (), (), ()]
    assert [pace.refuses(one) for one in ("AUTH_bad", "AUTH_p")] == [True, False]
    assert not Pace(ObjectSettings()).needed


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "some", ""])
def test_rules_of_accounts_that_cannot_be(text: str) -> None:
    with pytest.raises(ConfigError):
        pacing.check_settings(ObjectSettings(account_rates={"AUTH_p": text}))


def test_those_long_quiet_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "KEPT", 10)
    clock = Clock()
    pace = Pace(ObjectSettings(container_changes=1), clock)
    for n in range(100):
        clock.now += 1
        pace._turn(("container", "a", str(n)), 1.0)
    assert len(pace._next) <= 12


async def test_swift_hears_498_and_497(tmp_path: Path) -> None:
    rates = {"AUTH_q": "refused"}
    bounds = {"container_changes": 0.01, "account_changes": 0.01, "container_listings": 0.01}
    async with running(tmp_path, account_rates=rates, **bounds) as it, httpx.AsyncClient(base_url=it.url) as http:
        assert (await http.put("/v1/AUTH_p/c", headers=ME)).status_code == 201
        for url, method in (("/v1/AUTH_p/c/o", "PUT"), ("/v1/AUTH_p/c", "GET")):
            for _ in range(20):  # nobody slows down another's container
                assert (await http.request(method, url, headers=EVE)).status_code == 403
                assert (await http.request(method, url)).status_code == 401
            assert (await http.request(method, url, headers=ME)).status_code in (200, 201)
            refused = await http.request(method, url, headers=ME)
            assert (refused.status_code, refused.text) == (498, "Slow down")
        assert (await http.put("/v1/AUTH_p/d", headers=ME)).status_code == 498
        assert (await http.post("/v1/AUTH_p/c", headers=ME)).status_code == 204, "settings are another matter"
        assert (await http.get("/v1/AUTH_p/c/o", headers=ME)).status_code == 200, "reading is free"
        shut = await http.get("/v1/AUTH_q", headers=EVE)
        assert (shut.status_code, shut.text) == (497, "Your account has been blacklisted")
        info = (await http.get("/info")).json()["ratelimit"]
        assert info == {
            "account_ratelimit": 0.01, "max_sleep_time_seconds": 60.0,
            "container_ratelimits": [[0, 0.01]], "container_listing_ratelimits": [[0, 0.01]],
        }  # fmt: skip


def s3(it: Running, access: str) -> Any:
    return boto3.client(
        "s3", endpoint_url=it.url, region_name="us-east-1", aws_access_key_id=access, aws_secret_access_key="secret",
        config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
    )  # fmt: skip


def code(call: Callable[..., Any], **given: Any) -> str:
    try:
        call(**given)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


async def test_s3_hears_slow_down_and_shares_the_bound(tmp_path: Path) -> None:
    bounds = {"container_changes": 0.01, "container_listings": 0.01}
    async with running(tmp_path, **bounds) as it, httpx.AsyncClient(base_url=it.url) as http:
        await http.put("/v1/AUTH_p/c", headers=ME)
        await http.put("/v1/AUTH_p/c/o", headers=ME, content=b"x")
        mine = s3(it, "u.p.member")
        asked: list[tuple[Callable[..., Any], dict[str, Any], str]] = [
            (mine.put_object, {"Bucket": "c", "Key": "k", "Body": b"x"}, "SlowDown"),
            (mine.delete_object, {"Bucket": "c", "Key": "o"}, "SlowDown"),
            (mine.delete_objects, {"Bucket": "c", "Delete": {"Objects": [{"Key": "o"}]}}, "SlowDown"),
            (mine.list_objects_v2, {"Bucket": "c"}, ""),
            (mine.list_objects, {"Bucket": "c"}, "SlowDown"),
            (mine.list_object_versions, {"Bucket": "c"}, "SlowDown"),
            (mine.get_object, {"Bucket": "c", "Key": "o"}, ""),
            (mine.get_bucket_location, {"Bucket": "c"}, ""),
        ]
        for call, given, wanted in asked:
            assert await asyncio.to_thread(code, call, **given) == wanted, call


async def test_who_is_early_waits(tmp_path: Path) -> None:
    async with running(tmp_path, account_rates={"AUTH_p": "20"}) as it, httpx.AsyncClient(base_url=it.url) as http:
        began = time.monotonic()
        await http.put("/v1/AUTH_p/c", headers=ME)
        said = await asyncio.gather(*(http.put(f"/v1/AUTH_p/c/{n}", headers=ME, content=b"x") for n in range(14)))
        assert {one.status_code for one in said} == {201}
        assert time.monotonic() - began >= 14 / 20


# --- quotas ---------------------------------------------------------------------------------------------------------------


async def crowd(works: list[Awaitable[Any]]) -> tuple[int, int]:
    """How many succeeded, and how many were over their quota."""
    said = await asyncio.gather(*works, return_exceptions=True)
    refused = sum(isinstance(one, TooLarge) for one in said)
    wrong = [one for one in said if isinstance(one, BaseException) and not isinstance(one, TooLarge)]
    assert wrong == []
    return len(said) - refused, refused


async def account(shelf: Shelf) -> Account:
    return await shelf.db.read(accounts.find, ACCOUNT)


@pytest.mark.parametrize("kind", ["bytes", "count"])
@pytest.mark.parametrize("whose", ["container", "account"])
async def test_sixteen_clients_at_the_edge(shelf: Shelf, whose: str, kind: str) -> None:
    """Each puts, overwrites, copies and takes away, many times, all at once: never a byte or an object too many."""
    most = {"bytes": 1000, "count": 10}[kind]
    mark = {f"quota-{kind}": str(most)}
    room = await shelf.room(meta=mark if whose == "container" else {})
    await shelf.room("d")
    if whose == "account":
        await shelf.db.write(accounts.update, shelf.near, shelf.ctx, ACCOUNT, mark, {})
    rooms = ["c"] if whose == "container" else ["c", "d"]
    seen: list[int] = []

    async def client(n: int) -> None:
        for turn in range(6):
            where = rooms[(n + turn) % len(rooms)]
            with contextlib.suppress(TooLarge):
                await shelf.put(f"o{n % 12}-{turn % 3}", b"x" * (70 + 10 * turn), where)
            if turn == 3:
                row = await shelf.room(where)
                await shelf.db.write(objects.delete, shelf.near, shelf.ctx, row, f"o{n % 12}-{turn % 3}")
            found = await shelf.db.read(containers.usage, room) if whose == "container" else await account(shelf)
            seen.append(found.bytes if kind == "bytes" else found.objects)

    await asyncio.gather(*(client(n) for n in range(CLIENTS)))
    assert max(seen) <= most
    assert max(seen) > most * 0.7, "it was used"
    _, refused = await crowd([shelf.put(f"new{n}", b"y" * 100) for n in range(CLIENTS)])
    assert refused > 0
    found = await shelf.db.read(containers.usage, room) if whose == "container" else await account(shelf)
    assert (found.bytes if kind == "bytes" else found.objects) <= most


async def test_parts_count_before_they_are_one(shelf: Shelf) -> None:
    room = await shelf.room(meta={"quota-bytes": "1000"})
    upload = await shelf.db.write(multipart.begin, shelf.near, shelf.ctx, room, "k", "x/y", Details())

    def part(number: int) -> Awaitable[Any]:
        def decide(tx: Tx, body: Body) -> object:
            return multipart.put_part(tx, shelf.near, room, "k", upload.id, number, body)

        return intake.store(shelf.near, "standard", chunked(b"p" * 150), decide)

    assert await crowd([part(n) for n in range(1, CLIENTS + 1)]) == (6, 10)
    assert await shelf.db.read(containers.usage, room) == Usage(0, 900)
    there, _ = await shelf.db.read(multipart.parts, upload)
    chosen = [(one.number, one.etag) for one in there]
    await shelf.db.write(multipart.complete, shelf.near, shelf.ctx, room, "k", upload.id, chosen)
    assert await shelf.db.read(containers.usage, room) == Usage(1, 900)


async def test_what_an_archive_keeps_counts(shelf: Shelf) -> None:
    """An overwritten object is not gone: it moves into the archive, on the same account."""
    await shelf.room("old", meta={"quota-count": "3"})
    await shelf.room("c", archive="old")
    await shelf.db.write(accounts.update, shelf.near, shelf.ctx, ACCOUNT, {"quota-bytes": "1000"}, {})
    for _ in range(2):
        await shelf.put("a", b"x" * 400)
    with pytest.raises(TooLarge):
        await shelf.put("a", b"x" * 400)
    for _ in range(2):
        await shelf.put("a", b"x")
    with pytest.raises(TooLarge):
        await shelf.put("a", b"")
    assert (await account(shelf)).bytes == 802


async def test_a_version_brought_back_is_one_more(shelf: Shelf) -> None:
    room = await shelf.room(versioning="enabled", meta={"quota-count": "1"})
    made = await shelf.put("a", b"x")
    await shelf.db.write(objects.delete, shelf.near, shelf.ctx, room, "a")
    await shelf.put("b", b"x")
    with pytest.raises(TooLarge):
        await shelf.db.write(objects.restore, shelf.near, shelf.ctx, room, "a", made.stamp)
    await shelf.db.write(objects.delete, shelf.near, shelf.ctx, room, "b")
    await shelf.db.write(objects.restore, shelf.near, shelf.ctx, room, "a", made.stamp)
    assert (await shelf.db.read(containers.usage, room)).objects == 1
