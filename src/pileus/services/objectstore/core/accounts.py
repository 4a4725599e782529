"""Accounts: what a project keeps. One exists from its first container on; before, it reads as an empty one."""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from pileus.kernel import events
from pileus.kernel.db import Tx
from pileus.kernel.types import Ctx, Gone
from pileus.services.objectstore.core import limits
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db import accounts, counters
from pileus.services.objectstore.db.accounts import AccountRow
from pileus.services.objectstore.db.columns import Settings
from pileus.services.objectstore.db.counters import Count


class Account(Struct, frozen=True):
    """An account as readers see it. `row` is None before its first container."""

    name: str
    row: AccountRow | None
    counts: Sequence[Count]
    """By storage policy."""

    @property
    def containers(self) -> int:
        return sum(count.containers for count in self.counts)

    @property
    def objects(self) -> int:
        return sum(count.objects for count in self.counts)

    @property
    def bytes(self) -> int:
        return sum(count.bytes for count in self.counts)

    @property
    def kept(self) -> Settings:
        return (self.row and self.row.settings) or Settings()


def name_of(near: Neighbours, project_id: str) -> str:
    return near.settings.reseller_prefix + project_id


def project_of(near: Neighbours, account: str) -> str:
    """The project's id; empty for a name with another prefix."""
    prefix = near.settings.reseller_prefix
    return account[len(prefix) :] if account.startswith(prefix) else ""


def find(tx: Tx, name: str) -> Account:
    """With its counters. Raises `Gone` while a deleted one is being taken away."""
    row = _find(tx, name)
    return Account(name, row, counters.sums(tx, counters.of_account(name)))


def settings(tx: Tx, name: str) -> Settings:
    """What is set on it, without the counters. Raises `Gone`."""
    return settings_of(accounts.find(tx, name))


def settings_of(row: AccountRow | None) -> Settings:
    """The same, of a row that was read already."""
    row = _standing(row)
    return (row and row.settings) or Settings()


def ensure(tx: Tx, name: str) -> AccountRow:
    """The row, made when missing. Raises `Gone`."""
    row = _find(tx, name)
    if row is None:
        row = AccountRow(name, tx.now, tx.now, 0, Settings())
        accounts.add(tx, row)
    return row


def _find(tx: Tx, name: str) -> AccountRow | None:
    return _standing(accounts.find(tx, name))


def _standing(row: AccountRow | None) -> AccountRow | None:
    if row is not None and row.deleted_at:
        raise Gone("This account is being deleted.", type="NoSuchAccount")
    return row


def update(
    tx: Tx, near: Neighbours, ctx: Ctx, name: str, meta: Mapping[str, str], system: Mapping[str, str]
) -> AccountRow:
    """Set metadata; an empty value removes. Limits are checked on the result. Raises `Invalid`, `Gone`."""
    row = ensure(tx, name)
    before = row.settings or Settings()
    after = msgspec.structs.replace(before, meta=merged(before.meta, meta), system=merged(before.system, system))
    limits.check_meta(near, after.meta)
    accounts.change(tx, name, settings=after, modified_at=tx.now)
    _note(tx, near, ctx, "objectstore.account.update", name)
    return msgspec.structs.replace(row, settings=after, modified_at=tx.now)


def delete(tx: Tx, near: Neighbours, ctx: Ctx, name: str) -> None:
    """Gone for everybody at once; what it holds is taken away by a reconciler. Raises `Gone`."""
    ensure(tx, name)
    accounts.change(tx, name, deleted_at=tx.now)
    _note(tx, near, ctx, "objectstore.account.delete", name)
    tx.wake(DELETED)


DELETED = "objectstore:accounts"
"""Woken when an account was deleted."""


def merged(before: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    """`before` with `changes`; an empty value removes."""
    return {name: value for name, value in {**before, **changes}.items() if value != ""}


def _note(tx: Tx, near: Neighbours, ctx: Ctx, kind: str, name: str) -> None:
    events.record(tx, ctx, kind, "account", name, project_id=project_of(near, name))
