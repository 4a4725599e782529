"""Tags of any resource: rows of their own, found from both sides."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Column, ColumnElement, Index, Table, Text, bindparam, delete, func, insert, select

from pileus.kernel.db import Query, Tx, metadata
from pileus.kernel.types import Listing

tags = Table(
    "network_tags",
    metadata,
    Column("resource", Text, primary_key=True),
    Column("resource_id", Text, primary_key=True),
    Column("tag", Text, primary_key=True),
    Index("ix_network_tags_tag", "resource", "tag"),
)

OF = Query(
    select(tags.c.tag)
    .where(tags.c.resource == bindparam("resource"), tags.c.resource_id == bindparam("resource_id"))
    .order_by(tags.c.tag)
)
OF_SOME = Query(
    select(tags.c.resource_id, tags.c.tag)
    .where(tags.c.resource == bindparam("resource"), tags.c.resource_id.in_(bindparam("ids", expanding=True)))
    .order_by(tags.c.tag)
)
INSERT = Query(insert(tags))
DELETE_ONE = Query(
    delete(tags).where(
        tags.c.resource == bindparam("resource"),
        tags.c.resource_id == bindparam("resource_id"),
        tags.c.tag == bindparam("tag"),
    )
)
DELETE_ALL = Query(
    delete(tags).where(tags.c.resource == bindparam("resource"), tags.c.resource_id == bindparam("resource_id"))
)

FILTERS = ("tags", "tags_any", "not_tags", "not_tags_any")


def tags_of(tx: Tx, resource: str, ids: list[str]) -> dict[str, tuple[str, ...]]:
    """Tags in order, by the id of their resource; ids without tags are left out."""
    found: dict[str, list[str]] = {}
    if ids:
        for resource_id, tag in tx.rows(OF_SOME, resource=resource, ids=ids):
            found.setdefault(resource_id, []).append(tag)
    return {k: tuple(v) for k, v in found.items()}


def tag_conditions(
    listing: Listing, resource: str, id_column: ColumnElement[Any]
) -> tuple[Listing, list[ColumnElement[bool]]]:
    """The listing without its tag filters, and what they ask for as conditions on `id_column`."""
    conditions: list[ColumnElement[bool]] = []
    for one in listing.filters:
        if one.field in FILTERS:
            words = sorted({w for v in one.values for w in str(v).split(",")})
            conditions.append(_WORDINGS[one.field](resource, id_column, words))
    return (listing.without(*FILTERS), conditions) if conditions else (listing, conditions)


def _with_all(resource: str, id_column: ColumnElement[Any], words: list[str]) -> ColumnElement[bool]:
    having = (
        select(tags.c.resource_id)
        .where(tags.c.resource == resource, tags.c.tag.in_(words))
        .group_by(tags.c.resource_id)
        .having(func.count() == len(words))
    )
    return id_column.in_(having)


def _with_any(resource: str, id_column: ColumnElement[Any], words: list[str]) -> ColumnElement[bool]:
    return id_column.in_(select(tags.c.resource_id).where(tags.c.resource == resource, tags.c.tag.in_(words)))


_WORDINGS: dict[str, Callable[[str, ColumnElement[Any], list[str]], ColumnElement[bool]]] = {
    "tags": _with_all,
    "tags_any": _with_any,
    "not_tags": lambda r, c, w: ~_with_all(r, c, w),
    "not_tags_any": lambda r, c, w: ~_with_any(r, c, w),
}
