"""Models of enforcement: how the limits of a project and those of its parents must go together."""

from collections.abc import Sequence
from typing import ClassVar, Protocol

from pileus.kernel.db import Tx
from pileus.kernel.types import Forbidden
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import limits, projects
from pileus.services.identity.db.limits import LimitRow
from pileus.services.identity.db.projects import ProjectRow


class Model(Protocol):
    """`levels` is how many levels of projects may stand below a domain; None: as many as the cloud allows."""

    name: ClassVar[str]
    description: ClassVar[str]
    levels: ClassVar[int | None]

    def check(self, tx: Tx, wanted: Sequence[LimitRow]) -> None:
        """Raises `Forbidden` for limits that would break the tree."""
        ...


class Flat:
    name: ClassVar[str] = "flat"
    description: ClassVar[str] = "Limit enforcement and validation does not take project hierarchy into consideration."
    levels: ClassVar[int | None] = None

    def check(self, tx: Tx, wanted: Sequence[LimitRow]) -> None:
        """Every limit stands alone."""


class StrictTwoLevel:
    """A project's limit is not above its parent's, a domain's not below one of its projects'. (-1 is above everything.)"""

    name: ClassVar[str] = "strict_two_level"
    description: ClassVar[str] = "This model requires project hierarchy never exceeds a depth of two"
    levels: ClassVar[int | None] = 2

    def check(self, tx: Tx, wanted: Sequence[LimitRow]) -> None:
        for row in wanted:
            fits = self._below_parent(tx, row, wanted) if row.project_id else self._above_projects(tx, row)
            if not fits:
                raise _unfit(row)

    def _below_parent(self, tx: Tx, row: LimitRow, wanted: Sequence[LimitRow]) -> bool:
        """A parent that is in the same request counts as it will be; one without a limit has what is registered."""
        project = projects.find(tx, row.project_id)
        parent_id = project.parent_id if project else ""
        for other in wanted:
            if other.domain_id == parent_id and other.registered_limit_id == row.registered_limit_id:
                return _height(row.resource_limit) <= _height(other.resource_limit)
        parent = limits.find_on(tx, row.registered_limit_id, "", parent_id)
        if parent is not None:
            return _height(row.resource_limit) <= _height(parent.resource_limit)
        registered = limits.find_registered(tx, row.registered_limit_id)
        return registered is None or _height(row.resource_limit) <= _height(registered.default_limit)

    def _above_projects(self, tx: Tx, row: LimitRow) -> bool:
        domain = projects.find(tx, row.domain_id)
        inside = projects.subtree(tx, domain) if domain else []
        found = limits.of_projects(tx, row.registered_limit_id, (project.id for project in inside))
        return all(_height(row.resource_limit) >= _height(one.resource_limit) for one in found)


_MODELS: dict[str, Model] = {"flat": Flat(), "strict_two_level": StrictTwoLevel()}


def chosen(near: Near) -> Model:
    return _MODELS[near.settings.limit_model]


def most_levels(near: Near) -> int:
    """Levels of projects that may stand below a domain."""
    levels = chosen(near).levels
    most = near.settings.max_project_depth
    return most if levels is None else min(most, levels)


def too_deep(tx: Tx, near: Near) -> list[ProjectRow]:
    """Projects that stand deeper than the model allows: the cloud does not start with them."""
    levels = chosen(near).levels
    return [] if levels is None else projects.deeper(tx, levels)


def _height(limit: int) -> float:
    return float("inf") if limit == -1 else limit


def _unfit(row: LimitRow) -> Forbidden:
    level, id = ("project_id", row.project_id) if row.project_id else ("domain_id", row.domain_id)
    return Forbidden(
        f"Invalid resource limit: The resource limit ({level}: {id}, resource_name: {row.resource_name}, "
        f"resource_limit: {row.resource_limit}, service_id: {row.service_id}, region_id: {row.region_id or None}) "
        "doesn't satisfy current hierarchy model.."
    )
