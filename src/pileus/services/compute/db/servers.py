"""Servers: one row each, with all that its guest is made of."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Index,
    Integer,
    String,
    Table,
    Text,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from pileus.kernel.db import Flag, Json, Page, Query, Time, Tx, metadata, page
from pileus.kernel.types import Listing

servers = Table(
    "compute_servers",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(255), nullable=False),
    Column("project_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("vm_state", String(32), nullable=False),
    Column("task_state", String(32)),
    Column("power_state", Integer, nullable=False, default=0),
    Column("host", String(255)),
    Column("node_id", String(36)),
    Column("zone", String(255), nullable=False, default=""),
    Column("pinned_zone", String(255)),
    Column("image_id", String(36)),
    Column("image", Json(dict[str, Any])),
    Column("flavor_id", String(255), nullable=False),
    Column("flavor", Json(dict[str, Any]), nullable=False),
    Column("vcpus", Integer, nullable=False),
    Column("ram_mb", BigInteger, nullable=False),
    Column("key_name", String(255)),
    Column("public_key", Text),
    Column("user_data", Text),
    Column("config_drive", Flag, nullable=False, default=False),
    Column("metadata", Json(dict[str, str]), nullable=False),
    Column("hostname", String(255), nullable=False),
    Column("description", Text),
    Column("locked_by", String(16)),
    Column("locked_reason", Text),
    Column("disk_config", String(8), nullable=False, default="MANUAL"),
    Column("admin_pass", Text),
    Column("access_ipv4", String(64), nullable=False, default=""),
    Column("access_ipv6", String(64), nullable=False, default=""),
    Column("root_device", String(64), nullable=False, default="/dev/vda"),
    Column("reservation_id", String(32), nullable=False),
    Column("launch_index", Integer, nullable=False, default=0),
    Column("security_groups", Json(list[str]), nullable=False),
    Column("files", Json(list[dict[str, str]]), nullable=False),
    Column("hints", Json(dict[str, Any]), nullable=False),
    Column("progress", Integer, nullable=False, default=0),
    Column("fault", Json(dict[str, Any])),
    Column("wanted_power", String(16), nullable=False, default="on"),
    Column("boots", Integer, nullable=False, default=0),
    Column("reboot", String(8), nullable=False, default="soft"),
    Column("generation", BigInteger, nullable=False, default=1),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
    Column("launched_at", Time),
    Column("terminated_at", Time),
    Index("ix_compute_servers_project", "project_id", "created_at"),
    Index("ix_compute_servers_host", "host"),
    Index("ix_compute_servers_usage", "project_id", "vcpus", "ram_mb"),
    Index("ix_compute_servers_created", "created_at", "id"),
)

tags = Table(
    "compute_server_tags",
    metadata,
    Column("server_id", String(36), primary_key=True),
    Column("tag", String(60), primary_key=True),
)


class ServerRow(Struct, frozen=True):
    """`vm_state`, `task_state` and `power_state` in Nova's words and numbers; sizes in MiB; times in microseconds."""

    id: str
    name: str
    project_id: str
    user_id: str
    vm_state: str
    task_state: str | None
    power_state: int
    host: str | None
    node_id: str | None
    zone: str
    pinned_zone: str | None
    image_id: str | None
    image: dict[str, Any] | None
    flavor_id: str
    flavor: dict[str, Any]
    vcpus: int
    ram_mb: int
    key_name: str | None
    public_key: str | None
    user_data: str | None
    config_drive: bool
    metadata: dict[str, str]
    hostname: str
    description: str | None
    locked_by: str | None
    locked_reason: str | None
    disk_config: str
    admin_pass: str | None
    access_ipv4: str
    access_ipv6: str
    root_device: str
    reservation_id: str
    launch_index: int
    security_groups: list[str]
    files: list[dict[str, str]]
    hints: dict[str, Any]
    progress: int
    fault: dict[str, Any] | None
    wanted_power: str
    boots: int
    reboot: str
    generation: int
    created_at: int
    updated_at: int
    launched_at: int | None
    terminated_at: int | None


class Resident(Struct, frozen=True):
    """A server as its host's neighbours are told of it."""

    id: str
    name: str
    host: str
    task_state: str | None


class Usage(Struct, frozen=True):
    instances: int
    cores: int
    ram: int


FIELDS: Mapping[str, ColumnElement[Any]] = {
    **{c.name: c for c in servers.columns if not isinstance(c.type, Json)},
    "display_name": servers.c.name,
    "uuid": servers.c.id,
}
_INSERT = Query(insert(servers))
_FIND = Query(select(servers).where(servers.c.id == bindparam("id")), into=ServerRow)
_DELETE = Query(delete(servers).where(servers.c.id == bindparam("id")))
_USAGE = Query(
    select(
        func.count(), func.coalesce(func.sum(servers.c.vcpus), 0), func.coalesce(func.sum(servers.c.ram_mb), 0)
    ).where(servers.c.project_id == bindparam("project_id")),
    into=Usage,
)
_USAGE_OF_USER = Query(
    select(
        func.count(), func.coalesce(func.sum(servers.c.vcpus), 0), func.coalesce(func.sum(servers.c.ram_mb), 0)
    ).where(servers.c.project_id == bindparam("project_id"), servers.c.user_id == bindparam("user_id")),
    into=Usage,
)
_ON_HOST = Query(select(servers).where(servers.c.host == bindparam("host")), into=ServerRow)
_ON_HOSTS = Query(select(servers).where(servers.c.host.in_(bindparam("hosts", expanding=True))), into=ServerRow)
_RESIDENTS = Query(
    select(servers.c.id, servers.c.name, servers.c.host, servers.c.task_state)
    .where(servers.c.host.in_(bindparam("hosts", expanding=True)))
    .order_by(servers.c.created_at, servers.c.id),
    into=Resident,
)
_COUNTS = Query(select(servers.c.host, func.count()).where(servers.c.host.is_not(None)).group_by(servers.c.host))
_KNOWN = Query(select(servers.c.id).where(servers.c.id.in_(bindparam("ids", expanding=True))))
_HOSTS_OF = Query(
    select(servers.c.host).where(servers.c.id.in_(bindparam("ids", expanding=True)), servers.c.host.is_not(None))
)
_TAGS = Query(
    select(tags.c.server_id, tags.c.tag)
    .where(tags.c.server_id.in_(bindparam("ids", expanding=True)))
    .order_by(tags.c.tag)
)
_TAG_IN = Query(insert(tags))
_TAGS_OUT = Query(delete(tags).where(tags.c.server_id == bindparam("server_id")))
_TAG_OUT = Query(delete(tags).where(tags.c.server_id == bindparam("server_id"), tags.c.tag == bindparam("tag")))
_UPDATE = Query(update(servers).where(servers.c.id == bindparam("server_id")))


def insert_server(tx: Tx, values: Mapping[str, Any]) -> None:
    tx.run(_INSERT, **values)


def find(tx: Tx, server_id: str) -> ServerRow | None:
    return tx.row(_FIND, id=server_id)


def change(tx: Tx, server_id: str, **values: Any) -> None:
    """Set columns of one server; `updated_at` becomes now."""
    tx.run(_UPDATE, server_id=server_id, **{"updated_at": tx.now, **values})


def remove(tx: Tx, server_id: str) -> None:
    tx.run(_TAGS_OUT, server_id=server_id)
    tx.run(_DELETE, id=server_id)


def usage(tx: Tx, project_id: str) -> Usage:
    """What the project's servers take, from their rows."""
    return tx.rows(_USAGE, project_id=project_id)[0]


def usage_of_user(tx: Tx, project_id: str, user_id: str) -> Usage:
    """What one user's servers in the project take."""
    return tx.rows(_USAGE_OF_USER, project_id=project_id, user_id=user_id)[0]


def on_host(tx: Tx, host: str) -> list[ServerRow]:
    return tx.rows(_ON_HOST, host=host)


def on_hosts(tx: Tx, hosts: Sequence[str]) -> list[ServerRow]:
    return tx.rows(_ON_HOSTS, hosts=list(hosts)) if hosts else []


def residents(tx: Tx, hosts: Sequence[str]) -> dict[str, list[Resident]]:
    """The servers on each of these hosts; one query for any number of hosts."""
    found: dict[str, list[Resident]] = {}
    for row in tx.rows(_RESIDENTS, hosts=list(hosts)) if hosts else ():
        found.setdefault(row.host, []).append(row)
    return found


def counts_by_host(tx: Tx) -> dict[str, int]:
    return dict(tx.rows(_COUNTS))


def known(tx: Tx, ids: Sequence[str]) -> set[str]:
    """Those of `ids` that have a row."""
    return {i for (i,) in tx.rows(_KNOWN, ids=list(ids))} if ids else set()


def hosts_of(tx: Tx, ids: Sequence[str]) -> list[str]:
    """The host of each of these servers that has one."""
    return [host for (host,) in tx.rows(_HOSTS_OF, ids=list(ids))] if ids else []


def listing(
    tx: Tx,
    asked: Listing,
    tags_all: Sequence[str] = (),
    tags_any: Sequence[str] = (),
    not_all: Sequence[str] = (),
    not_any: Sequence[str] = (),
) -> Page[ServerRow]:
    """A page of servers; tag conditions as in Nova: all of, any of, not all of, not any of."""
    statement = select(servers)
    for tag in tags_all:
        statement = statement.where(_tagged(tag))
    if tags_any:
        statement = statement.where(_tagged(*tags_any))
    if not_all:
        carried = (
            select(func.count()).select_from(tags).where(tags.c.server_id == servers.c.id, tags.c.tag.in_(not_all))
        )
        statement = statement.where(carried.scalar_subquery() < len(set(not_all)))
    if not_any:
        statement = statement.where(~_tagged(*not_any))
    return page(tx, statement, FIELDS, asked, into=ServerRow, unique="id")


def _tagged(*any_of: str) -> ColumnElement[bool]:
    return exists().where(tags.c.server_id == servers.c.id, tags.c.tag.in_(any_of))


def tags_of(tx: Tx, ids: Sequence[str]) -> dict[str, list[str]]:
    """Tags by server, sorted; one query for any number of servers."""
    found: dict[str, list[str]] = {i: [] for i in ids}
    for server_id, tag in tx.rows(_TAGS, ids=list(ids)) if ids else ():
        found[server_id].append(tag)
    return found


def set_tags(tx: Tx, server_id: str, wanted: Sequence[str]) -> None:
    tx.run(_TAGS_OUT, server_id=server_id)
    if wanted:
        tx.run_many(_TAG_IN, [{"server_id": server_id, "tag": t} for t in dict.fromkeys(wanted)])


def add_tag(tx: Tx, server_id: str, tag: str) -> None:
    tx.run(_TAG_IN, server_id=server_id, tag=tag)


def drop_tag(tx: Tx, server_id: str, tag: str) -> int:
    return tx.run(_TAG_OUT, server_id=server_id, tag=tag)
