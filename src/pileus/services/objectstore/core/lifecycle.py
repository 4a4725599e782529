"""Lifecycle of objects: rules of a container by which objects, versions and uploads end.

Rules are kept as JSON in the container's `system`. Days are counted as S3 does: from the midnight (UTC) that follows.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.types import DAY, Forbidden, Micros, Stale, cloud
from pileus.services.objectstore.core import multipart, objects, version_listings
from pileus.services.objectstore.core.listings import Subdir, Wanted
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.stock import NULL
from pileus.services.objectstore.core.version_listings import Version
from pileus.services.objectstore.db import containers
from pileus.services.objectstore.db import objects as db_objects
from pileus.services.objectstore.db import versions as db_versions
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import MARKER, ItemRow, ObjectRow
from pileus.services.objectstore.db.uploads import UploadRow

KEPT = "lifecycle"
SLICE = 1000
"""Versions, and uploads, looked at together."""
AT_ONCE = 100
"""Those that end in one transaction: others wait for their turn meanwhile."""


class Rule(Struct, frozen=True, omit_defaults=True):
    """One rule. Numbers that are 0 say nothing; `tags` must all be there; sizes are in bytes, both ends excluded."""

    id: str
    enabled: bool
    prefix: str = ""
    tags: dict[str, str] = {}
    larger: int = -1
    smaller: int = -1
    days: int = 0
    date: Micros = 0
    markers: bool = False
    """Delete markers go when nothing older is left under them."""
    noncurrent_days: int = 0
    noncurrent_kept: int = 0
    """So many of the newest versions that are not current stay, whatever their age."""
    upload_days: int = 0
    plain: bool = False
    """Whether its prefix was written beside the actions, as the first form of rules had it, and not in a filter."""

    def covers(self, row: ItemRow | ObjectRow, tags: Mapping[str, str]) -> bool:
        return self.names(row) and self.tags.items() <= tags.items()

    def names(self, row: ItemRow | ObjectRow) -> bool:
        """Whether it covers it, tags aside."""
        return (
            row.name.startswith(self.prefix)
            and (self.larger < 0 or row.size > self.larger)
            and (self.smaller < 0 or row.size < self.smaller)
        )

    def end(self, since: Micros) -> Micros:
        """When a current object made then has had its time; 0: never."""
        return self.date or (due(since, self.days) if self.days else 0)

    def ends(self, since: Micros, now: Micros) -> bool:
        """Whether it has."""
        return 0 < self.end(since) <= now


class Place(Struct, frozen=True):
    """Where the walk through a container stands: behind that version of that name."""

    name: str = ""
    stamp: Micros | None = None
    left_at: Micros = 0
    """When the version after which the walk goes on came: the next one of the name stopped being current then."""
    kept: int = 0
    """Noncurrent versions of the name met so far."""


def due(since: Micros, days: int) -> Micros:
    return (since // DAY + 1 + days) * DAY


def read(system: Mapping[str, str]) -> list[Rule]:
    text = system.get(KEPT)
    return msgspec.json.decode(text, type=list[Rule]) if text else []


def kept(rules: Sequence[Rule]) -> str:
    return msgspec.json.encode(rules).decode()


def ruled(tx: Tx, after: int, limit: int = 1000) -> list[ContainerRow]:
    """Containers behind that id, those with rules among them."""
    return containers.by_id(tx, after, limit)


class Due(Struct, frozen=True):
    """A version whose time has come, as it was when that was seen."""

    name: str
    stamp: Micros
    latest: bool


class Seen(Struct, frozen=True):
    """One slice of a container."""

    rules: str
    """As they stood; what is carried out by others would be another owner's wish."""
    due: Sequence[Due]
    place: Place | None
    """Where to go on; None: this was the end."""


def look(tx: Tx, container_id: int, place: Place) -> Seen:
    """What has had its time among the versions behind `place`. Only looks: nobody waits meanwhile."""
    container = containers.get(tx, container_id)
    rules = _enabled(container)
    if container is None or not rules:
        return Seen("", (), None)
    wanted = Wanted(marker=place.name, limit=SLICE)
    found = version_listings.of_container(tx, container, wanted, version_marker=place.stamp)
    ones = [one for one in found.items if not isinstance(one, Subdir)]
    tagged = any(rule.tags for rule in rules)
    current = db_objects.some(tx, container_id, [one.name for one in ones if one.latest]) if tagged else {}
    due = []
    for one in ones:
        same = one.name == place.name
        nth = (place.kept if same else 0) + (0 if one.latest else 1)
        left_at = place.left_at if same else one.row.stamp
        ending = [rule for rule in rules if rule.names(one.row) and _over(tx, container, rule, one, left_at, nth)]
        if any(not rule.tags for rule in ending) or (ending and _has_tags(tx, container, ending, one, current)):
            due.append(Due(one.name, one.row.stamp, one.latest))
        place = Place(one.name, one.row.stamp, one.row.stamp, nth)
    return Seen(container.kept.system[KEPT], due, place if found.more else None)


def carry_out(tx: Tx, near: Neighbours, container_id: int, rules: str, due: Sequence[Due]) -> None:
    """End what was seen to be due, if it still is what it was, and the rules are. What is locked stays."""
    container = containers.get(tx, container_id)
    if container is None or container.kept.system.get(KEPT) != rules:
        return
    for one in due:
        try:
            with tx.savepoint():
                _end(tx, near, container, one)
        except (Forbidden, Stale):
            pass  # it goes when its lock has ended


def _end(tx: Tx, near: Neighbours, container: ContainerRow, one: Due) -> None:
    current = db_objects.find(tx, container.id, one.name)
    is_current = current is not None and current.stamp == one.stamp
    row = current if is_current else db_versions.find(tx, container.id, one.name, one.stamp)
    if row is None or (row.kind != MARKER and is_current != one.latest):
        return  # overwritten, brought back or gone meanwhile
    if row.kind == MARKER and one.latest and not _alone(tx, container, row.name, row.stamp):
        return
    tags = read_tags(row.kept.system)
    if not any(rule.covers(row, tags) for rule in _enabled(container)):
        return  # it was given other tags meanwhile
    if is_current:
        objects.delete(tx, near, cloud(), container, row.name)
    else:
        version = row.stamp if row.versioned else NULL
        objects.delete_version(tx, near, cloud(), container, row.name, version, promote=False)


def _enabled(container: ContainerRow | None) -> list[Rule]:
    return [rule for rule in read(container.kept.system) if rule.enabled] if container is not None else []


def _over(tx: Tx, container: ContainerRow, rule: Rule, one: Version, left_at: Micros, nth: int) -> bool:
    """Whether a rule would end it, tags aside."""
    row = one.row
    if one.latest and row.kind == MARKER:
        return (rule.markers or rule.ends(row.stamp, tx.now)) and _alone(tx, container, row.name, row.stamp)
    if one.latest:
        return rule.ends(row.stamp, tx.now)
    return bool(rule.noncurrent_days) and nth > rule.noncurrent_kept and tx.now >= due(left_at, rule.noncurrent_days)


def _has_tags(
    tx: Tx, container: ContainerRow, rules: Sequence[Rule], one: Version, current: Mapping[str, ObjectRow]
) -> bool:
    row = current.get(one.name) if one.latest else db_versions.find(tx, container.id, one.name, one.row.stamp)
    tags = read_tags(row.kept.system) if row is not None else {}
    return any(rule.tags.items() <= tags.items() for rule in rules)


def read_tags(system: Mapping[str, str]) -> dict[str, str]:
    """Tags are kept as a query string."""
    return dict(parse_qsl(system.get("tags", ""), keep_blank_values=True))


def _alone(tx: Tx, container: ContainerRow, name: str, stamp: Micros) -> bool:
    """Whether nothing older lies under a delete marker."""
    if db_objects.item(tx, container.id, name) is not None:
        return False
    return not db_versions.ahead(tx, container.id, f"{name}\x01", (name, -stamp), 1)


def old_uploads(tx: Tx, container_id: int, place: tuple[str, str]) -> tuple[list[UploadRow], tuple[str, str] | None]:
    """Uploads behind that name and id that were begun too long ago for a rule; and where to go on, None at the end."""
    container = containers.get(tx, container_id)
    rules = [rule for rule in _enabled(container) if rule.upload_days]
    if container is None or not rules:
        return [], None
    found = multipart.under_way(tx, container, limit=SLICE, place=place)
    old = [
        upload
        for upload in found
        if any(
            upload.name.startswith(rule.prefix) and tx.now >= due(upload.created_at, rule.upload_days) for rule in rules
        )
    ]
    return old, (found[-1].name, found[-1].id) if len(found) == SLICE else None
