"""Tags of any resource."""

from collections.abc import Sequence

from pileus.kernel.db import Tx
from pileus.services.network.core.refusals import bad_input, bad_request, missing
from pileus.services.network.db import tags

MOST = 50
LONGEST = 255


def of(tx: Tx, resource: str, resource_id: str) -> tuple[str, ...]:
    return tuple(t for (t,) in tx.rows(tags.OF, resource=resource, resource_id=resource_id))


def replace(tx: Tx, resource: str, resource_id: str, wanted: Sequence[str]) -> tuple[str, ...]:
    """Exactly these from now on. Raises `Invalid` for a tag that is none and for too many."""
    judge_all(wanted, resource)
    tx.run(tags.DELETE_ALL, resource=resource, resource_id=resource_id)
    tx.run_many(tags.INSERT, [{"resource": resource, "resource_id": resource_id, "tag": t} for t in wanted])
    return tuple(sorted(wanted))


def add(tx: Tx, resource: str, resource_id: str, more: Sequence[str]) -> tuple[str, ...]:
    there = of(tx, resource, resource_id)
    judge_all(more, resource)
    new = [t for t in dict.fromkeys(more) if t not in there]
    if len(there) + len(new) > MOST:
        raise _too_many(resource)
    tx.run_many(tags.INSERT, [{"resource": resource, "resource_id": resource_id, "tag": t} for t in new])
    return tuple(sorted([*there, *new]))


def drop(tx: Tx, resource: str, resource_id: str, tag: str) -> None:
    if not tx.run(tags.DELETE_ONE, resource=resource, resource_id=resource_id, tag=tag):
        raise missing("Tag", tag)


def drop_all(tx: Tx, resource: str, resource_id: str) -> None:
    tx.run(tags.DELETE_ALL, resource=resource, resource_id=resource_id)


def judge_all(wanted: object, resource: str) -> None:
    if not isinstance(wanted, list | tuple):
        raise bad_input(f"'{wanted}' is not a list")
    seen: set[str] = set()
    for tag in wanted:
        judge(tag)
        if tag in seen:
            raise bad_input(f"Duplicate items in the list: '{tag}'")
        seen.add(tag)
    if len(wanted) > MOST:
        raise _too_many(resource)


def judge(tag: object) -> None:
    if not isinstance(tag, str):
        raise bad_input(f"'{tag}' is not a valid string")
    if len(tag) > LONGEST:
        raise bad_input(f"'{tag}' exceeds maximum length of {LONGEST}")


def _too_many(resource: str) -> Exception:
    return bad_request(resource, f"The number of tags exceed the per-resource limit of {MOST}")
