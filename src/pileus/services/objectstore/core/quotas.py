"""Quotas that containers and accounts carry in their metadata, as Swift has them."""

from pileus.kernel.db import Tx
from pileus.kernel.types import TooLarge
from pileus.services.objectstore.db import containers, counters
from pileus.services.objectstore.db.columns import Settings
from pileus.services.objectstore.db.containers import ContainerRow

BYTES, COUNT = "quota-bytes", "quota-count"
BY_POLICY = "quota-bytes-policy-"


def check(tx: Tx, container: ContainerRow, account: Settings, objects: int, size: int) -> None:
    """Whether so many objects and bytes more fit. Raises `TooLarge` of type `QuotaExceeded`. Costs nothing without quotas."""
    _check_container(tx, container, objects, size)
    _check_account(tx, container, account, objects, size)


def check_archive(tx: Tx, container: ContainerRow, account: Settings, size: int, kept: int) -> None:
    """The same where what is overwritten moves to an archive: nothing is lost, and the archive gets `kept` bytes."""
    archive = containers.find(tx, container.account, container.kept.archive)
    if archive is not None:
        _check_container(tx, archive, 1, kept)
        _check_account(tx, container, account, 1, size)


def _check_container(tx: Tx, container: ContainerRow, objects: int, size: int) -> None:
    kept = container.kept.meta
    if BYTES in kept or COUNT in kept:
        found = counters.sums(tx, counters.of_container(container.id))
        _within(kept.get(BYTES), sum(one.bytes for one in found), size)
        _within(kept.get(COUNT), sum(one.objects for one in found), objects)


def _check_account(tx: Tx, container: ContainerRow, account: Settings, objects: int, size: int) -> None:
    if not account.meta and not account.system:
        return
    marks = {**account.meta, **account.system}
    by_policy = marks.get(BY_POLICY + container.place.lower())
    if BYTES in marks or COUNT in marks or by_policy is not None:
        found = counters.sums(tx, counters.of_account(container.account))
        _within(marks.get(BYTES), sum(one.bytes for one in found), size)
        _within(marks.get(COUNT), sum(one.objects for one in found), objects)
        _within(by_policy, sum(one.bytes for one in found if one.place == container.place), size)


def _within(limit: str | None, used: int, more: int) -> None:
    """A quota that is no number is none; what takes nothing away never fails."""
    if limit is not None and is_number(limit) and more > 0 and used + more > int(limit):
        raise TooLarge("Upload exceeds quota.", type="QuotaExceeded")


def is_number(text: str) -> bool:
    """Whether a quota can be read: digits of ASCII, no more of them than Python turns into a number."""
    return text.isascii() and text.isdigit() and len(text) <= 256
