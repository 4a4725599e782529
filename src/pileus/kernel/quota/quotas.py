"""Quotas of one service: limits are kept, usages are counted.

Nothing is reserved and nothing is added up on the side: `check` and the insert that it allows stand in one
transaction, and writes are serial on both databases, so that a usage cannot drift.
"""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from sqlalchemy import BigInteger, Column, String, Table, bindparam, delete, insert, select, update

from pileus.kernel.db import Query, Tx, metadata
from pileus.kernel.types import Invalid, OverQuota

UNLIMITED = -1
HIGHEST = 2**31 - 1
DEFAULTS = ""
"""In the place of a project's id: the defaults that an operator set."""

kernel_quotas = Table(
    "kernel_quotas",
    metadata,
    Column("service", String(32), primary_key=True),
    Column("project_id", String(160), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("limit", BigInteger, nullable=False),
)


class Quota(Struct, frozen=True):
    """One limited thing. `usage(tx, project_id)` counts rows; `default` is the limit until an operator sets another."""

    name: str
    default: int
    usage: Callable[[Tx, str], int]


class _Limit(Struct, frozen=True):
    project_id: str
    name: str
    limit: int


_t = kernel_quotas.c
_of_service = _t.service == bindparam("service")
_of_project = _t.project_id == bindparam("project_id")
_of_name = _t.name == bindparam("name")
_FIND = Query(
    select(_t.project_id, _t.name, _t.limit).where(_of_service, _t.project_id.in_([bindparam("project_id"), DEFAULTS])),
    into=_Limit,
)
_PROJECTS = Query(
    select(_t.project_id).where(_of_service, _t.project_id != DEFAULTS).distinct().order_by(_t.project_id)
)
_INSERT = Query(insert(kernel_quotas))
_UPDATE = Query(update(kernel_quotas).where(_of_service, _of_project, _of_name))
_DELETE = Query(delete(kernel_quotas).where(_of_service, _of_project))


class Quotas:
    """`project_id` may be any id that the usages count by. -1 is unlimited."""

    def __init__(self, service: str, quotas: Sequence[Quota]) -> None:
        self.service = service
        self.quotas = {quota.name: quota for quota in quotas}
        if len(self.quotas) < len(quotas):
            raise ValueError(f"{service}: two quotas of one name")

    def check(self, tx: Tx, project_id: str, asked: Mapping[str, int]) -> None:
        """Raises `OverQuota` when the project would have more of anything than its limit; asking for nothing is free."""
        wanted = {name: amount for name, amount in asked.items() if amount > 0}
        if unknown := [name for name in wanted if name not in self.quotas]:
            raise KeyError(f"{self.service} has no quota {', '.join(unknown)}")
        if not wanted:
            return
        limits = self.limits(tx, project_id)
        wanted = {name: amount for name, amount in wanted.items() if limits[name] != UNLIMITED}
        usages = {name: self.quotas[name].usage(tx, project_id) for name in wanted}
        over = sorted(name for name, amount in wanted.items() if usages[name] + amount > limits[name])
        if over:
            told = (f"{name} (asked for {asked[name]}, {usages[name]} of {limits[name]} used)" for name in over)
            raise OverQuota(
                f"Quota exceeded for {', '.join(told)}.",
                details={
                    "resources": over,
                    "limits": {name: limits[name] for name in asked},
                    "usages": usages,
                    "asked": dict(asked),
                },
            )

    def limits(self, tx: Tx, project_id: str) -> dict[str, int]:
        """The limits that hold for the project, of every quota."""
        found = tx.rows(_FIND, service=self.service, project_id=project_id)
        limits = {name: quota.default for name, quota in self.quotas.items()}
        limits.update({row.name: row.limit for row in found if row.project_id == DEFAULTS and row.name in limits})
        limits.update({row.name: row.limit for row in found if row.project_id != DEFAULTS and row.name in limits})
        return limits

    def usages(self, tx: Tx, project_id: str) -> dict[str, int]:
        """What the project has now, of every quota."""
        return {name: quota.usage(tx, project_id) for name, quota in self.quotas.items()}

    def defaults(self, tx: Tx) -> dict[str, int]:
        """The limits of a project for which nobody set any."""
        return self.limits(tx, DEFAULTS)

    def projects(self, tx: Tx) -> list[str]:
        """Ids of the projects that have limits of their own."""
        return [project_id for (project_id,) in tx.rows(_PROJECTS, service=self.service)]

    def set(self, tx: Tx, project_id: str, name: str, limit: int) -> None:
        """Raises `Invalid` for an unknown name, or a limit that is neither -1 nor from 0 to 2147483647.

        A limit below the usage is allowed: it stops growth and takes nothing away.
        """
        if not project_id:
            raise ValueError("a project's id is missing; set_default sets defaults")
        self._put(tx, project_id, name, limit)

    def set_default(self, tx: Tx, name: str, limit: int) -> None:
        """Set the limit of every project that has none of its own. Raises as `set` does."""
        self._put(tx, DEFAULTS, name, limit)

    def reset(self, tx: Tx, project_id: str) -> None:
        """Forget the project's own limits: the defaults hold again."""
        if not project_id:
            raise ValueError("a project's id is missing")
        tx.run(_DELETE, service=self.service, project_id=project_id)

    def _put(self, tx: Tx, project_id: str, name: str, limit: int) -> None:
        if name not in self.quotas:
            raise Invalid(f"{name} is not a known quota.", details={"field": name})
        if isinstance(limit, bool) or not isinstance(limit, int) or not UNLIMITED <= limit <= HIGHEST:
            raise Invalid(f"{name}: {limit!r} is not a limit from -1 to {HIGHEST}.", details={"field": name})
        row = {"service": self.service, "project_id": project_id, "name": name, "limit": limit}
        if not tx.run(_UPDATE, **row):
            tx.run(_INSERT, **row)
