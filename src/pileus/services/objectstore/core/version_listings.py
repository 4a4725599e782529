"""Listings of all versions: two tables walked side by side, by name and the newest first."""

from collections.abc import Sequence

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.types import Micros
from pileus.services.objectstore.core.listings import Listed, Subdir, Wanted
from pileus.services.objectstore.db import objects, versions
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import ObjectRow


class Version(Struct, frozen=True):
    row: ObjectRow
    """`kind` is `marker` for a delete marker."""
    latest: bool

    @property
    def name(self) -> str:
        return self.row.name


def of_container(
    tx: Tx, container: ContainerRow, wanted: Wanted, *, version_marker: Micros | None = None
) -> Listed[Version]:
    """Every version and delete marker. `wanted.marker` with `version_marker`: behind that version of that name.

    `wanted.path` and `reverse` do not apply.
    """
    raise NotImplementedError


__all__ = ["Sequence", "Version", "objects", "of_container", "versions"]
_ = Subdir
