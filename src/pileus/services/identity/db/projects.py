"""Projects and domains: one table, because a domain is a project that acts as one."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from sqlalchemy import Column, Index, String, Table, Text, and_, bindparam, delete, insert, select
from sqlalchemy.sql import ColumnElement

from pileus.kernel.db import Flag, Json, Page, Query, Tx, metadata
from pileus.kernel.types import Listing
from pileus.services.identity.db.filters import by_name
from pileus.services.identity.db.keyed import Keyed

projects = Table(
    "identity_project",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("domain_id", String(64), nullable=False),
    Column("parent_id", String(64), nullable=False),
    Column("path", Text, nullable=False),
    Column("name", String(64), nullable=False),
    Column("description", Text),
    Column("enabled", Flag, nullable=False),
    Column("is_domain", Flag, nullable=False),
    Column("tags", Json, nullable=False),
    Column("options", Json, nullable=False),
    Column("extra", Json, nullable=False),
    Index("identity_project_name", "domain_id", "name", unique=True),
    Index("identity_project_parent", "parent_id"),
)
tag_index = Table(
    "identity_project_tag",
    metadata,
    Column("project_id", String(64), primary_key=True),
    Column("name", String(255), primary_key=True),
)
"""A row shows its tags itself, in order; this finds rows by them."""


class ProjectRow(Struct, frozen=True):
    """A project or a domain.

    `domain_id`  empty for a domain.
    `parent_id`  the parent project, the domain for a project at the top, empty for a domain.
    `path`       ids from the domain down to this row, `/domain/parent/self/`: parents never change, so ancestors need
                 no recursion and a subtree is a prefix.
    """

    id: str
    domain_id: str
    parent_id: str
    path: str
    name: str
    description: str | None
    enabled: bool
    is_domain: bool
    tags: list[str]
    options: dict[str, Any]
    extra: dict[str, Any]

    @property
    def ancestors(self) -> list[str]:
        """Ids above this row, the domain first."""
        return self.path.strip("/").split("/")[:-1]

    @property
    def immutable(self) -> bool:
        return bool(self.options.get("immutable"))


_c = projects.c
FIELDS = by_name(projects, "id", "domain_id", "parent_id", "name", "description", "enabled", "is_domain")
_keyed = Keyed(projects, ProjectRow, FIELDS)
find, find_many, change = _keyed.find, _keyed.find_many, _keyed.change
_FIND_NAMED = Query(
    select(projects).where(
        _c.domain_id == bindparam("domain_id"), _c.name == bindparam("name"), _c.is_domain == bindparam("is_domain")
    ),
    into=ProjectRow,
)
_NAMES = Query(select(_c.id, _c.name).where(_c.id.in_(bindparam("ids", expanding=True))))
_SUBTREE = Query(
    select(projects).where(_c.path.like(bindparam("below")), _c.id != bindparam("id")).order_by(_c.path),
    into=ProjectRow,
)
_ALL = Query(select(projects), into=ProjectRow)
_CHILDREN = Query(select(_c.id).where(_c.parent_id == bindparam("id")))
_INSERT_TAG = Query(insert(tag_index))
_DELETE_TAGS = Query(delete(tag_index).where(tag_index.c.project_id == bindparam("id")))


_FEW = 8
"""Up to so many subtrees are read one by one; beyond, all projects at once."""


def find_named(tx: Tx, name: str, domain_id: str) -> ProjectRow | None:
    """A project by name in its domain."""
    return tx.row(_FIND_NAMED, name=name, domain_id=domain_id, is_domain=False)


def find_domain_named(tx: Tx, name: str) -> ProjectRow | None:
    return tx.row(_FIND_NAMED, name=name, domain_id="", is_domain=True)


def names(tx: Tx, ids: Iterable[str]) -> dict[str, str]:
    """Names by id; unknown ids are left out."""
    wanted = list(set(ids))
    return {row[0]: row[1] for row in tx.rows(_NAMES, ids=wanted)} if wanted else {}


def subtree(tx: Tx, row: ProjectRow) -> list[ProjectRow]:
    """All below a row, parents before children."""
    return tx.rows(_SUBTREE, below=row.path + "%", id=row.id)


def below(tx: Tx, paths: Iterable[str]) -> list[ProjectRow]:
    """All projects strictly below any of the paths, in a handful of queries however many the paths are."""
    tops = _topmost(paths)
    if len(tops) > _FEW:
        ids = {_last(path) for path in tops}
        return [row for row in tx.rows(_ALL) if not ids.isdisjoint(row.ancestors)]
    return [row for path in tops for row in tx.rows(_SUBTREE, below=path + "%", id=_last(path))]


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _topmost(paths: Iterable[str]) -> list[str]:
    """Those of the paths that are not below another of them."""
    found: list[str] = []
    for path in sorted(set(paths)):
        if not found or not path.startswith(found[-1]):
            found.append(path)
    return found


def deeper(tx: Tx, levels: int) -> list[ProjectRow]:
    """Projects with more than so many levels of projects from the domain down to them. Reads all."""
    return [row for row in tx.rows(_ALL) if len(row.ancestors) > levels]


def has_children(tx: Tx, id: str) -> bool:
    return tx.row(_CHILDREN, id=id) is not None


def list_page(tx: Tx, listing: Listing, conditions: Mapping[str, list[str]]) -> Page[ProjectRow]:
    """A page of projects; `conditions` are the four tag filters, from the query's name to the tags asked for."""
    wanted = [_tagged(name, names) for name, names in conditions.items() if names]
    return _keyed.page(tx, listing, *wanted)


def list_among(tx: Tx, listing: Listing, ids: Iterable[str]) -> Page[ProjectRow]:
    """A page of the projects with these ids."""
    return _keyed.page(tx, listing, _c.id.in_(list(ids)))


def _tagged(name: str, asked: list[str]) -> ColumnElement[bool]:
    def has(tag_names: list[str]) -> ColumnElement[bool]:
        return _c.id.in_(select(tag_index.c.project_id).where(tag_index.c.name.in_(tag_names)))

    every = and_(*(has([one]) for one in asked))
    match name:
        case "tags":
            return every
        case "tags-any":
            return has(asked)
        case "not-tags":
            return ~every
        case _:
            return ~has(asked)


def add(tx: Tx, row: ProjectRow) -> None:
    _keyed.add(tx, row)
    _index_tags(tx, row.id, row.tags)


def remove(tx: Tx, ids: Iterable[str]) -> None:
    for id in ids:
        tx.run(_DELETE_TAGS, id=id)
        _keyed.remove(tx, id)


def set_tags(tx: Tx, id: str, wanted: list[str]) -> None:
    change(tx, id, {"tags": wanted})
    _index_tags(tx, id, wanted)


def _index_tags(tx: Tx, id: str, wanted: list[str]) -> None:
    tx.run(_DELETE_TAGS, id=id)
    tx.run_many(_INSERT_TAG, [{"project_id": id, "name": name} for name in wanted])
