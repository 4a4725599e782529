"""The forms in which a project shows what stands above and below it."""

from typing import Any

from pileus.kernel.db import Tx
from pileus.services.identity.db import projects
from pileus.services.identity.db.projects import ProjectRow


def parents_as_ids(row: ProjectRow) -> dict[str, Any] | None:
    """`{parent: {grandparent: {domain: null}}}`."""
    found: dict[str, Any] | None = None
    for id in row.ancestors:
        found = {id: found}
    return found


def subtree_as_ids(tx: Tx, row: ProjectRow) -> dict[str, Any] | None:
    """`{child: {grandchild: null}}`; null for a leaf."""
    children: dict[str, list[str]] = {}
    for below in projects.subtree(tx, row):
        children.setdefault(below.parent_id, []).append(below.id)

    def nest(id: str) -> dict[str, Any] | None:
        return {child: nest(child) for child in children[id]} if id in children else None

    return nest(row.id)


def parents(tx: Tx, row: ProjectRow) -> list[ProjectRow]:
    """Projects above, the nearest first; the domain is not among them."""
    above = projects.find_many(tx, row.ancestors)
    return [above[id] for id in reversed(row.ancestors) if not above[id].is_domain]


def below(tx: Tx, row: ProjectRow) -> list[ProjectRow]:
    return projects.subtree(tx, row)
