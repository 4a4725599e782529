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
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import MARKER, ItemRow, ObjectRow

KEPT = "lifecycle"
SLICE = 200
"""Versions looked at in one transaction."""


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
        return (
            row.name.startswith(self.prefix)
            and (self.larger < 0 or row.size > self.larger)
            and (self.smaller < 0 or row.size < self.smaller)
            and self.tags.items() <= tags.items()
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


def apply(tx: Tx, near: Neighbours, container_id: int, place: Place) -> Place | None:
    """One slice of a container; where to go on, None at its end."""
    container = containers.get(tx, container_id)
    rules = [rule for rule in read(container.kept.system) if rule.enabled] if container is not None else []
    if container is None or not rules:
        return None
    wanted = Wanted(marker=place.name, limit=SLICE)
    found = version_listings.of_container(tx, container, wanted, version_marker=place.stamp)
    for one in found.items:
        if isinstance(one, Subdir):
            continue
        same = one.name == place.name
        nth = (place.kept if same else 0) + (0 if one.latest else 1)
        left_at = place.left_at if same else one.row.stamp
        try:
            with tx.savepoint():
                _judge(tx, near, container, rules, one, left_at, nth)
        except (Forbidden, Stale):
            pass  # locked: it goes when its lock has ended
        place = Place(one.name, one.row.stamp, one.row.stamp, nth)
    return place if found.more else None


def _judge(
    tx: Tx, near: Neighbours, container: ContainerRow, rules: Sequence[Rule], one: Version, left_at: Micros, nth: int
) -> None:
    row = one.row
    version = row.stamp if row.versioned else NULL
    tags = _tags(tx, container, row, version) if any(rule.tags for rule in rules) else {}
    for rule in rules:
        if not rule.covers(row, tags):
            continue
        if one.latest and row.kind == MARKER:
            if (rule.markers or rule.ends(row.stamp, tx.now)) and _alone(tx, container, row):
                objects.delete_version(tx, near, cloud(), container, row.name, version, promote=False)
                return
        elif one.latest:
            if rule.ends(row.stamp, tx.now):
                objects.delete(tx, near, cloud(), container, row.name)
                return
        elif rule.noncurrent_days and nth > rule.noncurrent_kept and tx.now >= due(left_at, rule.noncurrent_days):
            objects.delete_version(tx, near, cloud(), container, row.name, version, promote=False)
            return


def _tags(tx: Tx, container: ContainerRow, row: ItemRow, version: Micros) -> dict[str, str]:
    found = objects.find_version(tx, container, row.name, version)
    return read_tags(found.kept.system) if found is not None else {}


def read_tags(system: Mapping[str, str]) -> dict[str, str]:
    """Tags are kept as a query string."""
    return dict(parse_qsl(system.get("tags", ""), keep_blank_values=True))


def _alone(tx: Tx, container: ContainerRow, row: ItemRow) -> bool:
    """Whether nothing older lies under a delete marker."""
    wanted = Wanted(prefix=row.name, marker=row.name, limit=1)
    found = version_listings.of_container(tx, container, wanted, version_marker=row.stamp)
    return not found.items or found.items[0].name != row.name


def drop_uploads(tx: Tx, container_id: int) -> bool:
    """Uploads begun too long ago for a rule: one slice; whether there may be more."""
    container = containers.get(tx, container_id)
    rules = [rule for rule in read(container.kept.system) if rule.enabled and rule.upload_days] if container else []
    dropped = False
    for rule in rules:
        assert container is not None
        found = multipart.under_way(tx, container, rule.prefix, limit=SLICE)
        for upload in found:
            if tx.now >= due(upload.created_at, rule.upload_days):
                multipart.drop(tx, container, upload)
                dropped = True
    return dropped
