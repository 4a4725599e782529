"""Metadata definitions: namespaces, and what is defined in them."""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Column, ColumnElement, Table, Text, bindparam, delete, exists, insert, or_, select, update

from pileus.kernel.db import Flag, Json, Page, Query, Time, Tx, metadata, page
from pileus.kernel.types import Listing, Micros

namespaces = Table(
    "image_namespaces",
    metadata,
    Column("namespace", Text, primary_key=True),
    Column("display_name", Text),
    Column("description", Text),
    Column("visibility", Text, nullable=False),
    Column("protected", Flag, nullable=False),
    Column("owner", Text, nullable=False, index=True),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
)
definitions = Table(
    "image_definitions",
    metadata,
    Column("namespace", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("content", Json(dict), nullable=False),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
)
resource_types = Table(
    "image_resource_types",
    metadata,
    Column("name", Text, primary_key=True),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
)


class NamespaceRow(Struct, frozen=True):
    namespace: str
    display_name: str | None
    description: str | None
    visibility: str
    """public or private."""
    protected: bool
    owner: str
    created_at: Micros
    updated_at: Micros


class DefinitionRow(Struct, frozen=True):
    """One object, property, tag or association with a resource type."""

    namespace: str
    kind: str
    name: str
    content: dict[str, object]
    """All of its body but the name."""
    created_at: Micros
    updated_at: Micros


class ResourceTypeRow(Struct, frozen=True):
    name: str
    created_at: Micros
    updated_at: Micros


FIELDS: Mapping[str, ColumnElement[object]] = {column.name: column for column in namespaces.c}
_d = definitions.c
_of_kind = (_d.namespace == bindparam("b_namespace"), _d.kind == bindparam("b_kind"))
_one = (*_of_kind, _d.name == bindparam("b_name"))
_FIND = Query(select(namespaces).where(namespaces.c.namespace == bindparam("namespace")), into=NamespaceRow)
_INSERT = Query(insert(namespaces))
_UPDATE = Query(update(namespaces).where(namespaces.c.namespace == bindparam("b_namespace")))
_MOVE = Query(update(definitions).where(_d.namespace == bindparam("b_namespace")))
_DELETE = Query(delete(namespaces).where(namespaces.c.namespace == bindparam("namespace")))
_DELETE_ALL = Query(delete(definitions).where(_d.namespace == bindparam("b_namespace")))
_ALL = Query(
    select(definitions)
    .where(_d.namespace.in_(bindparam("names", expanding=True)), _d.kind.in_(bindparam("kinds", expanding=True)))
    .order_by(_d.namespace, _d.kind, _d.created_at, _d.name),
    into=DefinitionRow,
)
_FIND_ONE = Query(select(definitions).where(*_one), into=DefinitionRow)
_INSERT_ONE = Query(insert(definitions))
_UPDATE_ONE = Query(update(definitions).where(*_one))
_DELETE_ONE = Query(delete(definitions).where(*_one))
_DELETE_KIND = Query(delete(definitions).where(*_of_kind))
_TYPES = Query(select(resource_types).order_by(resource_types.c.name), into=ResourceTypeRow)
_TYPE = Query(select(resource_types).where(resource_types.c.name == bindparam("name")), into=ResourceTypeRow)
_INSERT_TYPE = Query(insert(resource_types))


def find(tx: Tx, namespace: str) -> NamespaceRow | None:
    return tx.row(_FIND, namespace=namespace)


def add(tx: Tx, row: NamespaceRow) -> None:
    tx.run(_INSERT, **asdict(row))


def change(tx: Tx, namespace: str, row: NamespaceRow) -> None:
    """Also under a new name: what is defined in it goes along."""
    tx.run(_UPDATE, b_namespace=namespace, **asdict(row))
    if row.namespace != namespace:
        tx.run(_MOVE, b_namespace=namespace, namespace=row.namespace)


def remove(tx: Tx, namespace: str) -> None:
    tx.run(_DELETE, namespace=namespace)
    tx.run(_DELETE_ALL, b_namespace=namespace)


def search(tx: Tx, project_id: str, everything: bool, types: Sequence[str], listing: Listing) -> Page[NamespaceRow]:
    """Public ones and the project's own, or all; with an association to one of `types` when any are given."""
    statement = select(namespaces)
    if not everything:
        statement = statement.where(or_(namespaces.c.visibility == "public", namespaces.c.owner == project_id))
    if types:
        there = exists().where(_d.namespace == namespaces.c.namespace, _d.kind == "resource_type", _d.name.in_(types))
        statement = statement.where(there.correlate(namespaces))
    return page(tx, statement, FIELDS, listing, into=NamespaceRow, unique="namespace", scope=())


def defined(tx: Tx, names: Sequence[str], kinds: Sequence[str]) -> list[DefinitionRow]:
    """What is defined in these namespaces, oldest first."""
    return tx.rows(_ALL, names=list(names), kinds=list(kinds)) if names else []


def find_one(tx: Tx, namespace: str, kind: str, name: str) -> DefinitionRow | None:
    return tx.row(_FIND_ONE, b_namespace=namespace, b_kind=kind, b_name=name)


def add_one(tx: Tx, row: DefinitionRow) -> None:
    tx.run(_INSERT_ONE, **asdict(row))


def change_one(tx: Tx, row: DefinitionRow, name: str, content: Mapping[str, object]) -> None:
    key = {"b_namespace": row.namespace, "b_kind": row.kind, "b_name": row.name}
    tx.run(_UPDATE_ONE, **key, name=name, content=dict(content), updated_at=tx.now)


def remove_one(tx: Tx, namespace: str, kind: str, name: str) -> bool:
    return tx.run(_DELETE_ONE, b_namespace=namespace, b_kind=kind, b_name=name) > 0


def remove_kind(tx: Tx, namespace: str, kind: str) -> None:
    tx.run(_DELETE_KIND, b_namespace=namespace, b_kind=kind)


def all_types(tx: Tx) -> list[ResourceTypeRow]:
    return tx.rows(_TYPES)


def ensure_type(tx: Tx, name: str) -> None:
    """A resource type is known from its first association on, for ever."""
    if tx.row(_TYPE, name=name) is None:
        tx.run(_INSERT_TYPE, name=name, created_at=tx.now, updated_at=tx.now)
