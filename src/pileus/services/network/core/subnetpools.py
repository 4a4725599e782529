"""Subnet pools: what makes one, and how subnets are cut from it."""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import structs

from pileus.kernel.db import Page, Tx
from pileus.kernel.events import record
from pileus.kernel.types import Ctx, Listing, new_id
from pileus.services.network.core import tags
from pileus.services.network.core.access import scope, sees
from pileus.services.network.core.addresses import block_of
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.networks import columns
from pileus.services.network.core.refusals import bad_input, bad_request, conflict, missing, refused
from pileus.services.network.core.subnet_rules import Block
from pileus.services.network.db import subnetpools
from pileus.services.network.db.subnetpools import PoolRow
from pileus.services.network.db.tags import tags_of

_SMALLEST, _LARGEST = {4: 8, 6: 64}, {4: 32, 6: 128}


def find(tx: Tx, near: Near, ctx: Ctx, id: str) -> PoolRow:
    row = tx.row(subnetpools.GET, id=id)
    if row is None or not (row.shared or sees(near, ctx, row.project_id)):
        raise missing("SubnetPool", id)
    return row


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> PoolRow:
    return structs.replace(find(tx, near, ctx, id), tags=tags.of(tx, "subnetpools", id))


def page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[PoolRow]:
    """Pools that the caller may see."""
    found = subnetpools.list_pools(tx, listing, scope(near, ctx))
    tagged = tags_of(tx, "subnetpools", [r.id for r in found.rows])
    return Page([structs.replace(r, tags=tagged[r.id]) if r.id in tagged else r for r in found.rows], found.more)


def create(tx: Tx, near: Near, ctx: Ctx, want: dict[str, Any]) -> PoolRow:
    """Make a pool of prefixes of one IP version."""
    project_id = want.get("project_id", ctx.project_id)
    near.quotas.check(tx, project_id, {"subnetpool": 1})
    prefixes = judge_prefixes(want["prefixes"])
    version = block_of(prefixes[0]).version
    if want["is_default"] and tx.row(subnetpools.DEFAULT, ip_version=version) is not None:
        raise _second_default()
    lowest = _given(want, "min_prefixlen", _SMALLEST[version])
    row = PoolRow(
        id=new_id(),
        project_id=project_id,
        name=want["name"],
        description=want["description"],
        prefixes=prefixes,
        ip_version=version,
        min_prefixlen=lowest,
        max_prefixlen=_given(want, "max_prefixlen", _LARGEST[version]),
        default_prefixlen=_given(want, "default_prefixlen", lowest),
        default_quota=want.get("default_quota"),
        shared=want["shared"],
        is_default=want["is_default"],
        revision_number=0,
        created_at=tx.now,
        updated_at=tx.now,
    )
    _judge_bounds(row)
    tx.run(subnetpools.INSERT, **columns(row, "tags"))
    record(tx, ctx, "subnetpool.create.end", "subnetpool", row.id, project_id=project_id, after=row)
    return row


def _given(want: dict[str, Any], name: str, otherwise: int) -> int:
    value = want.get(name)
    return otherwise if value is None else int(value)


def update(tx: Tx, near: Near, ctx: Ctx, row: PoolRow, want: dict[str, Any]) -> PoolRow:
    """Change a pool; prefixes may only become more."""
    names = (
        "name",
        "description",
        "min_prefixlen",
        "max_prefixlen",
        "default_prefixlen",
        "default_quota",
        "is_default",
    )
    changed: dict[str, Any] = {k: want[k] for k in names if k in want}
    if "prefixes" in want:
        changed["prefixes"] = judge_prefixes(want["prefixes"], row.ip_version)
        if not all(_covered(old, changed["prefixes"]) for old in row.prefixes):
            raise _bad_update("Existing prefixes must be a subset of the new prefixes")
    if changed.get("is_default") and not row.is_default:
        there = tx.row(subnetpools.DEFAULT, ip_version=row.ip_version)
        if there is not None:
            raise _second_default()
    changed = {k: v for k, v in changed.items() if v != getattr(row, k)}
    return _changed(tx, ctx, row, changed) if changed else row


def _changed(tx: Tx, ctx: Ctx, row: PoolRow, changed: dict[str, Any]) -> PoolRow:
    new = structs.replace(row, **changed, revision_number=row.revision_number + 1, updated_at=tx.now)
    _judge_bounds(new)
    tx.run(subnetpools.UPDATE, the_id=row.id, revision_number=new.revision_number, updated_at=tx.now, **changed)
    record(tx, ctx, "subnetpool.update.end", "subnetpool", row.id, project_id=row.project_id, before=row, after=new)
    return new


def delete(tx: Tx, near: Near, ctx: Ctx, row: PoolRow) -> None:
    """Delete a pool from which nothing is cut."""
    if tx.row(subnetpools.CUT, id=row.id) is not None:
        raise refused("SubnetPoolDeleteError", "Unable to delete subnet pool: Subnet pool has existing allocations.")
    tags.drop_all(tx, "subnetpools", row.id)
    tx.run(subnetpools.DELETE, id=row.id)
    record(tx, ctx, "subnetpool.delete.end", "subnetpool", row.id, project_id=row.project_id, before=row)


def add_prefixes(tx: Tx, ctx: Ctx, row: PoolRow, more: Sequence[str]) -> PoolRow:
    prefixes = judge_prefixes([*row.prefixes, *more], row.ip_version)
    return _changed(tx, ctx, row, {"prefixes": prefixes}) if prefixes != row.prefixes else row


def drop_prefixes(tx: Tx, ctx: Ctx, row: PoolRow, less: Sequence[str]) -> PoolRow:
    """Take prefixes away. Raises `Invalid` when a subnet was cut from one."""
    gone = [block_of(p) for p in judge_prefixes(less, row.ip_version)]
    for cidr, _ in tx.rows(subnetpools.CUT, id=row.id):
        if any(_overlap(block_of(cidr), g) for g in gone):
            raise _bad_update("One or more the prefixes to be removed is in use by a subnet")
    left = [block_of(p) for p in row.prefixes]
    for one in gone:
        left = list(_without(left, one))
    prefixes = tuple(str(b) for b in _collapsed(left))
    return _changed(tx, ctx, row, {"prefixes": prefixes}) if prefixes != row.prefixes else row


# --- cutting --------------------------------------------------------------------------------------------------------


def pool_of(tx: Tx, near: Near, ctx: Ctx, want: dict[str, Any]) -> PoolRow | None:
    """The pool that a new subnet is to be cut from; None: it brings its own block."""
    pool_id, ip_version = want.get("subnetpool_id"), want["ip_version"]
    if want.get("use_default_subnetpool"):
        if pool_id is not None:
            raise bad_request("subnets", "subnetpool_id and use_default_subnetpool cannot both be specified")
        found = tx.row(subnetpools.DEFAULT, ip_version=ip_version)
        if found is None:
            raise bad_request("subnets", f"No default subnetpool found for IPv{ip_version}")
        return found
    if pool_id is None:
        return None
    pool = find(tx, near, ctx, pool_id)
    if pool.ip_version != ip_version:
        raise bad_request("subnets", f"Cannot allocate IPv{ip_version} subnet from IPv{pool.ip_version} subnet pool")
    return pool


def cut(tx: Tx, pool: PoolRow, project_id: str, cidr: str | None, prefixlen: int | None) -> str:
    """A block of the pool: the one that is asked for, or any of this length. Raises `Invalid`, `Conflict`."""
    length = (
        block_of(cidr).prefixlen if cidr is not None else pool.default_prefixlen if prefixlen is None else prefixlen
    )
    if length > pool.max_prefixlen:
        raise refused(
            "MaxPrefixSubnetAllocationError",
            f"Unable to allocate subnet with prefix length {length}, maximum allowed prefix is {pool.max_prefixlen}.",
        )
    if length < pool.min_prefixlen:
        raise refused(
            "MinPrefixSubnetAllocationError",
            f"Unable to allocate subnet with prefix length {length}, minimum allowed prefix is {pool.min_prefixlen}.",
        )
    there = tx.rows(subnetpools.CUT, id=pool.id)
    _judge_quota(pool, [c for c, owner in there if owner == project_id], length)
    free: Iterable[Block] = [block_of(p) for p in pool.prefixes]
    for taken, _ in there:
        free = list(_without(free, block_of(taken)))
    return str(_chosen(list(free), cidr, length))


def _chosen(free: list[Block], cidr: str | None, length: int) -> Block:
    if cidr is not None:
        asked = block_of(cidr)
        if not any(_inside(asked, f) for f in free):
            raise _no_room("Cannot allocate requested subnet from the available set of prefixes")
        return asked
    fit = [f for f in free if f.prefixlen <= length]
    if not fit:
        raise _no_room(f"Insufficient prefix space to allocate subnet size /{length}")
    tightest = min(fit, key=lambda f: (-f.prefixlen, int(f.network_address)))
    start = tightest.network_address
    return block_of(f"{start}/{length}")


def _judge_quota(pool: PoolRow, own: Sequence[str], length: int) -> None:
    if pool.default_quota is None:
        return
    used = sum(_weight(pool, block_of(c).prefixlen) for c in own)
    if used + _weight(pool, length) > pool.default_quota:
        raise conflict("SubnetPoolQuotaExceeded", "Per-project subnet pool prefix quota exceeded.")


def _weight(pool: PoolRow, length: int) -> int:
    whole = 32 if pool.ip_version == 4 else 64
    return 1 << max(0, whole - length)


def judge_prefixes(asked: Sequence[str], ip_version: int | None = None) -> tuple[str, ...]:
    """Prefixes of one IP version, joined where they touch."""
    if not asked:
        raise refused("EmptySubnetPoolPrefixList", "Empty subnet pool prefix list.")
    blocks = [block_of(p) for p in asked]
    if len({b.version for b in blocks} | ({ip_version} if ip_version else set())) > 1:
        raise refused("PrefixVersionMismatch", "Cannot mix IPv4 and IPv6 prefixes in a subnet pool.")
    return tuple(str(b) for b in _collapsed(blocks))


def _judge_bounds(row: PoolRow) -> None:
    for small, large in (
        ("min_prefixlen", "max_prefixlen"),
        ("min_prefixlen", "default_prefixlen"),
        ("default_prefixlen", "max_prefixlen"),
    ):
        if getattr(row, small) > getattr(row, large):
            raise _bad_bounds(row, small, large)
    if row.max_prefixlen > _LARGEST[row.ip_version]:
        raise refused(
            "IllegalSubnetPoolPrefixBounds",
            f"Illegal prefix bounds: max_prefixlen={row.max_prefixlen}, base_prefixlen={_LARGEST[row.ip_version]}.",
        )


def _bad_bounds(row: PoolRow, small: str, large: str) -> Exception:
    first, second = (large, small) if large == "default_prefixlen" else (small, large)
    return refused(
        "IllegalSubnetPoolPrefixBounds",
        f"Illegal prefix bounds: {first}={getattr(row, first)}, {second}={getattr(row, second)}.",
    )


def _collapsed(blocks: Iterable[Block]) -> list[Block]:
    merged: Iterable[Any] = ipaddress.collapse_addresses(blocks)
    return list(merged)


def _covered(prefix: str, by: Sequence[str]) -> bool:
    return any(_inside(block_of(prefix), block_of(p)) for p in by)


def _inside(small: Block, large: Block) -> bool:
    return small.version == large.version and small.subnet_of(large)  # type: ignore[arg-type]


def _overlap(one: Block, other: Block) -> bool:
    return one.version == other.version and one.overlaps(other)


def _without(blocks: Iterable[Block], taken: Block) -> Iterable[Block]:
    """What is left of blocks when one is taken out of them."""
    for block in blocks:
        if not _overlap(block, taken):
            yield block
        elif _inside(taken, block) and taken != block:
            yield from block.address_exclude(taken)  # type: ignore[arg-type]


def _no_room(reason: str) -> Exception:
    return conflict("SubnetAllocationError", f"Failed to allocate subnet: {reason}.")


def _bad_update(reason: str) -> Exception:
    return refused("IllegalSubnetPoolPrefixUpdate", f"Illegal update to prefixes: {reason}.")


def _second_default() -> Exception:
    return bad_input(
        "A default subnetpool for this IP family has already been set. Only one default may exist per IP family"
    )
