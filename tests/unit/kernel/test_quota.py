"""Quotas: limits that hold under every race, usages that are never kept."""

import asyncio

import pytest
from sqlalchemy import BigInteger, Column, String, Table, bindparam, func, insert, select

from pileus.kernel.db import Database, Query, Tx, metadata
from pileus.kernel.quota import Quota, Quotas
from pileus.kernel.types import Invalid, OverQuota, new_id

boxes = Table(
    "test_boxes",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("project_id", String(64), nullable=False, index=True),
    Column("weight", BigInteger, nullable=False),
)
_of_project = boxes.c.project_id == bindparam("project_id")
INSERT = Query(insert(boxes))
COUNT = Query(select(func.count()).where(_of_project), into=int)
WEIGH = Query(select(func.coalesce(func.sum(boxes.c.weight), 0)).where(_of_project), into=int)


def count(tx: Tx, project_id: str) -> int:
    return tx.row(COUNT, project_id=project_id) or 0


def weigh(tx: Tx, project_id: str) -> int:
    return tx.row(WEIGH, project_id=project_id) or 0


quotas = Quotas("store", [Quota("boxes", 10, count), Quota("weight", 100, weigh)])


def create(tx: Tx, project_id: str, weight: int = 1) -> None:
    quotas.check(tx, project_id, {"boxes": 1, "weight": weight})
    tx.run(INSERT, id=new_id(), project_id=project_id, weight=weight)


async def test_fifty_at_once_make_exactly_ten(database: Database) -> None:
    outcomes = await asyncio.gather(*(database.write(create, "p") for _ in range(50)), return_exceptions=True)
    assert [o for o in outcomes if o is not None and not isinstance(o, OverQuota)] == []
    assert sum(isinstance(o, OverQuota) for o in outcomes) == 40
    assert await database.read(count, "p") == 10


async def test_over_quota_tells_what_when_and_how_much(database: Database) -> None:
    await database.write(create, "p", 95)
    with pytest.raises(OverQuota) as caught:
        await database.write(create, "p", 6)
    assert caught.value.details == {
        "resources": ["weight"],
        "limits": {"boxes": 10, "weight": 100},
        "usages": {"boxes": 1, "weight": 95},
        "asked": {"boxes": 1, "weight": 6},
    }
    await database.write(create, "p", 5)
    await database.write(create, "another", 100)


async def test_own_limits_before_defaults_before_built_in(database: Database) -> None:
    def story(tx: Tx) -> None:
        assert quotas.defaults(tx) == quotas.limits(tx, "p") == {"boxes": 10, "weight": 100}
        quotas.set_default(tx, "boxes", 20)
        quotas.set(tx, "p", "boxes", 0)
        quotas.set(tx, "p", "weight", -1)
        assert quotas.defaults(tx) == quotas.limits(tx, "another") == {"boxes": 20, "weight": 100}
        assert quotas.limits(tx, "p") == {"boxes": 0, "weight": -1}
        quotas.set(tx, "p", "boxes", 3)
        create(tx, "p", 2**31)
        assert quotas.usages(tx, "p") == {"boxes": 1, "weight": 2**31}
        quotas.reset(tx, "p")
        assert quotas.limits(tx, "p") == {"boxes": 20, "weight": 100}
        quotas.check(tx, "p", {"weight": 0, "boxes": -1})
        with pytest.raises(OverQuota):
            quotas.check(tx, "p", {"weight": 1})

    await database.write(story)


@pytest.mark.parametrize(
    ("name", "limit"), [("nothing", 1), ("boxes", -2), ("boxes", 2**31), ("boxes", True), ("boxes", "5")]
)
async def test_bad_limits_are_invalid_and_named(database: Database, name: str, limit: int) -> None:
    with pytest.raises(Invalid, match=name):
        await database.write(quotas.set, "p", name, limit)
