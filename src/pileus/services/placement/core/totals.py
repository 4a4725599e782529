"""Sums of what projects hold."""

from collections.abc import Mapping

from pileus.kernel.db import Tx
from pileus.services.placement.db import allocations

ALL = "all"


def of_project(tx: Tx, project_id: str, user_id: str | None) -> dict[str, int]:
    """Class -> amount."""
    return _summed(allocations.usages(tx, project_id, user_id))


def _summed(rows: list[tuple[str, str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for _, name, total in rows:
        found[name] = found.get(name, 0) + total
    return found


def by_type(tx: Tx, project_id: str, user_id: str | None, wanted: str | None) -> Mapping[str, dict[str, int]]:
    """Consumer type -> class -> amount, with `consumer_count`. `wanted`: one type, or `all` for one sum of all."""
    rows = allocations.usages(tx, project_id, user_id)
    counts = allocations.consumer_counts(tx, project_id, user_id)
    if wanted == ALL:
        return {ALL: {**_summed(rows), "consumer_count": sum(counts.values())}} if rows else {}
    found: dict[str, dict[str, int]] = {}
    for kind, name, total in rows:
        if wanted in (None, kind):
            found.setdefault(kind, {"consumer_count": counts[kind]})[name] = total
    return found
