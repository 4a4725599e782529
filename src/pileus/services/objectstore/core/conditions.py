"""What a writer or reader may demand of what is there, judged inside the transaction."""

from msgspec import Struct

from pileus.kernel.types import Micros, Stale
from pileus.services.objectstore.core.faults import NotModified
from pileus.services.objectstore.db.objects import ObjectRow


class Conditions(Struct, frozen=True, kw_only=True):
    """ETags without quotes; `*` stands for anything. Times are whole seconds in microseconds, as HTTP has them."""

    if_match: tuple[str, ...] = ()
    if_none_match: tuple[str, ...] = ()
    modified_since: Micros | None = None
    unmodified_since: Micros | None = None
    size: int | None = None
    """What is there has so many bytes (of writers); `modified_at`: and was changed in that second. Both pass where nothing is."""
    modified_at: Micros | None = None


ANYTHING = Conditions()


def check_write(wanted: Conditions, row: ObjectRow | None) -> None:
    """Raises `Stale` of type `Precondition`."""
    if wanted is ANYTHING:
        return
    there = _tags(row)
    refused = (
        (bool(wanted.if_match) and not there.intersection(wanted.if_match))
        or bool(there.intersection(wanted.if_none_match))
        or (row is not None and _has_changed(wanted, row))
    )
    if refused:
        raise Stale("A precondition does not hold.", type="Precondition")


def _has_changed(wanted: Conditions, row: ObjectRow) -> bool:
    at = _seconds(row)
    return (
        (wanted.unmodified_since is not None and at > wanted.unmodified_since)
        or (wanted.modified_since is not None and at <= wanted.modified_since)
        or (wanted.modified_at is not None and at != wanted.modified_at)
        or (wanted.size is not None and row.size != wanted.size)
    )


def check_read(wanted: Conditions, row: ObjectRow) -> None:
    """In HTTP's order: a match of tags decides before times do. Raises `Stale` or `NotModified`."""
    if wanted is ANYTHING:
        return
    there = _tags(row)
    if wanted.if_match:
        if not there.intersection(wanted.if_match):
            raise Stale("A precondition does not hold.", type="Precondition")
    elif wanted.unmodified_since is not None and _seconds(row) > wanted.unmodified_since:
        raise Stale("A precondition does not hold.", type="Precondition")
    if wanted.if_none_match:
        if there.intersection(wanted.if_none_match):
            raise NotModified("Not modified.")
    elif wanted.modified_since is not None and _seconds(row) <= wanted.modified_since:
        raise NotModified("Not modified.")


def _tags(row: ObjectRow | None) -> set[str]:
    return set() if row is None else {"*", row.etag}


def _seconds(row: ObjectRow) -> Micros:
    """As `Last-Modified` says it: rounded up."""
    return -(-row.modified_at // 1_000_000) * 1_000_000
