"""What hosts have not been told yet: one row per change, taken away once it stands."""

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Integer, Table, Text, bindparam, delete, insert, select

from pileus.kernel.db import Query, metadata
from pileus.services.network.db.groups import groups
from pileus.services.network.db.networks import networks
from pileus.services.network.db.ports import ports
from pileus.services.network.db.routers import routers

changes = Table(
    "network_changes",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("object_id", Text, nullable=False),
)


class Change(Struct, frozen=True):
    """`kind` is network, group, port or router; the row of `object_id` may be gone."""

    seq: int
    kind: str
    object_id: str


INSERT = Query(insert(changes))
NEXT = Query(select(changes).order_by(changes.c.seq).limit(2000), into=Change)
GENERATIONS = {
    kind: Query(select(table.c.generation).where(table.c.id == bindparam("id")))
    for kind, table in (("network", networks), ("group", groups), ("port", ports), ("router", routers))
}
DONE = Query(delete(changes).where(changes.c.seq == bindparam("seq")))
