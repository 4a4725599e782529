"""What is used is what is held, whatever happened; and nobody gets more than there is, however many ask at once."""

import asyncio
import random
from collections.abc import Mapping

import pytest
from sqlalchemy import func, select

from pileus.contracts.placement import Candidates, Claim, Inventory, Provider
from pileus.kernel.db import Database, Tx
from pileus.kernel.types import Conflict, Fault
from pileus.services.placement.core import consumers, stocks
from pileus.services.placement.core.consumers import Asked
from pileus.services.placement.db import providers
from pileus.services.placement.db.allocations import allocations
from pileus.services.placement.db.inventories import inventories
from pileus.services.placement.internal import Internal

CLASSES = ("VCPU", "MEMORY_MB")
internal = Internal()


def provider(n: int, cpus: int = 8) -> Provider:
    stock = {"VCPU": Inventory(total=cpus, max_unit=64), "MEMORY_MB": Inventory(total=64, max_unit=64, step_size=8)}
    return Provider(provider_id=f"p{n}", name=f"host{n}", inventories=stock, traits=frozenset({"HW_CPU_X86_AVX"}))


def claim(consumer: str, resources: Mapping[str, Mapping[str, int]]) -> Claim:
    held = {p: dict(amounts) for p, amounts in resources.items()}
    return Claim(consumer_id=consumer, project_id="p", user_id="u", resources=held)


def sums(tx: Tx) -> dict[tuple[str, str], int]:
    held = select(allocations.c.provider_id, allocations.c.resource_class, func.sum(allocations.c.used))
    rows = tx.execute(held.group_by(allocations.c.provider_id, allocations.c.resource_class))
    return {(p, c): int(total) for p, c, total in rows}


def used(tx: Tx) -> dict[tuple[str, str], tuple[int, int]]:
    i = inventories.c
    return {
        (p, c): (u, cap) for p, c, u, cap in tx.execute(select(i.provider_id, i.resource_class, i.used, i.capacity))
    }


async def holds(db: Database) -> None:
    """Every inventory's `used` is the sum of its allocations."""
    held, there = await db.read(sums), await db.read(used)
    assert {key: total for key, (total, _) in there.items() if total} == held


def wish(rng: random.Random) -> dict[str, dict[str, int]]:
    chosen = rng.sample(range(3), rng.randint(0, 2))
    return {
        f"p{n}": {c: rng.choice((1, 2, 5, 8)) * (8 if c == "MEMORY_MB" else 1) for c in rng.sample(CLASSES, 1)}
        for n in chosen
    }


def step(tx: Tx, rng: random.Random) -> None:
    """One thing that somebody does."""
    who = f"c{rng.randrange(6)}"
    kind = rng.randrange(6)
    if kind == 0:
        internal.release(tx, who)
    elif kind == 1:
        n = rng.randrange(3)
        internal.ensure_providers(tx, [provider(n, cpus=rng.choice((4, 8, 16)))])
    elif kind == 2:
        others = rng.sample(range(6), 2)
        consumers.replace(tx, [Asked(consumer_id=f"c{n}", resources=wish(rng)) for n in others])
    elif kind == 3:
        stocks.delete(tx, f"p{rng.randrange(3)}", rng.choice(CLASSES))
    else:
        internal.claim(tx, claim(who, wish(rng)))


@pytest.mark.parametrize("seed", range(5))
async def test_used_is_the_sum_of_allocations_after_any_history(database: Database, seed: int) -> None:
    await database.write(internal.ensure_providers, [provider(n) for n in range(3)])
    refused = 0
    for number in range(100):
        try:
            await database.write(lambda tx, n=number: step(tx, random.Random(f"{seed}-{n}")))
        except Fault:
            refused += 1
        if number % 10 == 0:
            await holds(database)
    await holds(database)
    assert 0 < refused < 95


async def test_a_crowd_gets_what_there_is_and_no_more(database: Database) -> None:
    await database.write(internal.ensure_providers, [provider(0, cpus=20)])

    async def one(n: int) -> bool:
        try:
            await database.write(internal.claim, claim(f"c{n}", {"p0": {"VCPU": 1}}))
        except Conflict:
            return False
        return True

    answers = await asyncio.gather(*(one(n) for n in range(50)))
    assert sum(answers) == 20
    assert (await database.read(used))["p0", "VCPU"] == (20, 20)
    await holds(database)


async def test_an_overcommitted_host_lets_go_but_takes_nothing(database: Database) -> None:
    await database.write(internal.ensure_providers, [provider(0, cpus=8)])
    await database.write(internal.claim, claim("c0", {"p0": {"VCPU": 8}}))
    await database.write(internal.ensure_providers, [provider(0, cpus=4)])
    with pytest.raises(Conflict):
        await database.write(internal.claim, claim("c1", {"p0": {"VCPU": 1}}))
    await database.write(internal.claim, claim("c0", {"p0": {"VCPU": 8}}))
    moved = [Asked(consumer_id="c0", resources={}), Asked(consumer_id="c1", resources={"p0": {"VCPU": 8}})]
    await database.write(consumers.replace, moved)
    await database.write(internal.claim, claim("c1", {"p0": {"VCPU": 6}}))
    with pytest.raises(Conflict):
        await database.write(internal.claim, claim("c1", {"p0": {"VCPU": 7}}))
    await holds(database)


async def test_what_is_right_is_not_written_again(database: Database) -> None:
    fleet = [provider(n) for n in range(3)]
    await database.write(internal.ensure_providers, fleet)
    generations = await database.read(_generations)
    await database.write(internal.ensure_providers, fleet)
    assert await database.read(_generations) == generations
    await database.write(internal.ensure_providers, [provider(1, cpus=9), provider(2)])
    after = await database.read(_generations)
    assert [after[f"p{n}"] - generations[f"p{n}"] for n in range(3)] == [0, 1, 0]


def _generations(tx: Tx) -> dict[str, int]:
    return {row.id: row.generation for row in providers.everyone(tx)}


async def test_owned_traits_go_and_others_stay(database: Database) -> None:
    await database.write(internal.ensure_providers, [provider(0)])
    await database.write(providers.set_traits, "p0", {"HW_CPU_X86_AVX", "CUSTOM_BY_HAND"})
    bare = Provider(provider_id="p0", name="host0", inventories={}, owned_traits=frozenset({"HW_CPU_X86_AVX"}))
    await database.write(internal.ensure_providers, [bare])
    assert (await database.read(providers.traits_of, ["p0"]))["p0"] == {"CUSTOM_BY_HAND"}


async def test_candidates_have_room_and_traits(database: Database) -> None:
    await database.write(internal.ensure_providers, [provider(n) for n in range(3)])
    await database.write(internal.claim, claim("c0", {"p0": {"VCPU": 7}}))

    async def ask(**more: object) -> set[str]:
        asked = Candidates(resources={"VCPU": 2, "MEMORY_MB": 8}, **more)  # type: ignore[arg-type]
        return {c.provider_id for c in await database.read(internal.candidates, asked)}

    assert await ask() == {"p1", "p2"}
    assert await ask(required=frozenset({"HW_CPU_X86_AVX"})) == {"p1", "p2"}
    assert await ask(forbidden=frozenset({"HW_CPU_X86_AVX"})) == set()
    assert await ask(in_tree="p1") == {"p1"}
    assert len(await ask(limit=1)) == 1
    await database.write(internal.set_aggregates, "p2", frozenset({"agg"}))
    assert await ask(member_of=(frozenset({"agg", "other"}),)) == {"p2"}
    assert await ask(not_member_of=frozenset({"agg"})) == {"p1"}


async def test_reshaping_moves_stock_with_those_who_hold_it_or_nothing(database: Database) -> None:
    await database.write(internal.ensure_providers, [provider(0), provider(1)])
    await database.write(internal.claim, claim("c0", {"p0": {"VCPU": 3}}))
    full = stocks.full({"total": 8})
    generations = await database.read(_generations)
    stock = {
        "p0": (generations["p0"], {"MEMORY_MB": full}),
        "p1": (generations["p1"], {"VCPU": full, "MEMORY_MB": full}),
    }
    with pytest.raises(Conflict, match="in use"):
        await database.write(consumers.reshape, stock, [])
    assert "VCPU" in (await database.read(stocks.of, "p0"))
    await database.write(consumers.reshape, stock, [Asked(consumer_id="c0", resources={"p1": {"VCPU": 3}})])
    assert await database.read(internal.claimed, "c0") == {"p1": {"VCPU": 3}}
    assert "VCPU" not in (await database.read(stocks.of, "p0"))
    await holds(database)
