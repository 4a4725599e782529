"""Containers, and the global names under which S3 knows some of them."""

from typing import Any

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Column, Index, Table, Text, UniqueConstraint, bindparam, delete, insert, select, update

from pileus.kernel.db import Json, Query, Time, Tx, metadata
from pileus.kernel.types import Micros
from pileus.services.objectstore.db.accounts import AccountRow, accounts
from pileus.services.objectstore.db.columns import Id, Name, Settings
from pileus.services.objectstore.db.spans import Span, ranges

containers = Table(
    "objectstore_containers",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("account", Name, nullable=False),
    Column("name", Name, nullable=False),
    Column("place", Text, nullable=False),
    Column("versioning", Text, nullable=False, default=""),
    Column("created_at", Time, nullable=False),
    Column("modified_at", Time, nullable=False),
    Column("settings", Json(Settings)),
    Column("policy", Text, nullable=False, default=""),
    UniqueConstraint("account", "name"),
    sqlite_autoincrement=True,
)
buckets = Table(
    "objectstore_buckets",
    metadata,
    Column("name", Name, primary_key=True),
    Column("container_id", Id, nullable=False),
    Column("account", Name, nullable=False),
    Column("created_at", Time, nullable=False),
    Index(None, "container_id"),
)


class ContainerRow(Struct, frozen=True):
    id: int
    account: str
    name: str
    place: str
    """Its storage policy; fixed at creation."""
    versioning: str
    """Empty: never versioned. `enabled` or `suspended`."""
    created_at: Micros
    modified_at: Micros
    settings: Settings | None = None
    policy: str = ""
    """S3's bucket policy as it was put; empty: none. Listings of an account do without."""

    @property
    def kept(self) -> Settings:
        return self.settings or _PLAIN


class BucketRow(Struct, frozen=True):
    name: str
    container_id: int
    account: str
    created_at: Micros


_PLAIN = Settings()
_FIND = Query(
    select(containers).where(containers.c.account == bindparam("account"), containers.c.name == bindparam("name")),
    into=ContainerRow,
)
_ROOM = len(ContainerRow.__struct_fields__)


def _standing(*values: Any) -> tuple[ContainerRow, AccountRow | None]:
    owner = AccountRow(*values[_ROOM:]) if values[_ROOM] is not None else None
    return ContainerRow(*values[:_ROOM]), owner


_STANDING = Query(
    select(
        *(column.label(f"room_{column.name}") for column in containers.columns),
        *(column.label(f"owner_{column.name}") for column in accounts.columns),
    )
    .select_from(containers.outerjoin(accounts, accounts.c.name == containers.c.account))
    .where(containers.c.account == bindparam("account"), containers.c.name == bindparam("name")),
    into=_standing,
)
_GET = Query(select(containers).where(containers.c.id == bindparam("id")), into=ContainerRow)
_BY_ID = Query(
    select(containers)
    .where(containers.c.id > bindparam("after"))
    .order_by(containers.c.id)
    .limit(bindparam("b_limit")),
    into=ContainerRow,
)
_INSERT = Query(insert(containers).returning(containers.c.id), into=int)
_UPDATE = Query(update(containers).where(containers.c.id == bindparam("b_id")))
_DELETE = Query(delete(containers).where(containers.c.id == bindparam("id")))
_LISTED = [column for column in containers.columns if column.name != "policy"]
_BY_NAME = ranges(containers, containers.c.account == bindparam("owner"), _LISTED, ContainerRow)
_BUCKET = Query(select(buckets).where(buckets.c.name == bindparam("name")), into=BucketRow)
_BUCKET_INSERT = Query(insert(buckets))
_BUCKET_DELETE = Query(delete(buckets).where(buckets.c.container_id == bindparam("container_id")))


def find(tx: Tx, account: str, name: str) -> ContainerRow | None:
    return tx.row(_FIND, account=account, name=name)


def standing(tx: Tx, account: str, name: str) -> tuple[ContainerRow, AccountRow | None] | None:
    """With its account, in one query."""
    return tx.row(_STANDING, account=account, name=name)


def get(tx: Tx, container_id: int) -> ContainerRow | None:
    return tx.row(_GET, id=container_id)


def by_id(tx: Tx, after: int, limit: int) -> list[ContainerRow]:
    """All containers, in the order in which they were made."""
    return tx.rows(_BY_ID, after=after, b_limit=limit)


def add(tx: Tx, account: str, name: str, place: str, settings: Settings) -> ContainerRow:
    values = {"account": account, "name": name, "place": place, "versioning": "", "settings": settings}
    found = tx.row(_INSERT, **values, created_at=tx.now, modified_at=tx.now)
    assert found is not None
    return ContainerRow(found, account, name, place, "", tx.now, tx.now, settings)


def change(tx: Tx, container_id: int, /, **values: object) -> None:
    tx.run(_UPDATE, b_id=container_id, **values)


def remove(tx: Tx, container_id: int) -> None:
    tx.run(_BUCKET_DELETE, container_id=container_id)
    tx.run(_DELETE, id=container_id)


def between(tx: Tx, account: str, span: Span, limit: int) -> list[ContainerRow]:
    return _BY_NAME.rows(tx, account, span, limit)


def bucket(tx: Tx, name: str) -> BucketRow | None:
    return tx.row(_BUCKET, name=name)


def add_bucket(tx: Tx, row: BucketRow) -> None:
    tx.run(_BUCKET_INSERT, **asdict(row))
