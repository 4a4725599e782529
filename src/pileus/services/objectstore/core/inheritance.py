"""What a copy takes over of what a face keeps of an object (`details.system`)."""

from collections.abc import Mapping

from pileus.services.objectstore.core.locks import HOLD, MODE, UNTIL

_OWN = frozenset({MODE, UNTIL, HOLD, "grants", "owner", "upload"})
"""Of one object only: a copy is not locked because its source is, nor open to those who may read the source."""


def inherited(system: Mapping[str, str]) -> dict[str, str]:
    """Checksums are left out as well: a copy may be of a range only."""
    return {name: value for name, value in system.items() if name not in _OWN and not name.startswith("checksum-")}
