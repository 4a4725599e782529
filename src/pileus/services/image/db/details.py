"""What an image may have many of: properties and tags."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Column, Table, Text, bindparam, delete, insert, select

from pileus.kernel.db import Query, Tx, metadata

properties = Table(
    "image_properties",
    metadata,
    Column("image_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
tags = Table(
    "image_tags",
    metadata,
    Column("image_id", Text, primary_key=True),
    Column("tag", Text, primary_key=True, index=True),
)

_PROPERTIES = Query(
    select(properties.c.image_id, properties.c.name, properties.c.value)
    .where(properties.c.image_id.in_(bindparam("ids", expanding=True)))
    .order_by(properties.c.image_id, properties.c.name)
)
_TAGS = Query(
    select(tags.c.image_id, tags.c.tag)
    .where(tags.c.image_id.in_(bindparam("ids", expanding=True)))
    .order_by(tags.c.image_id, tags.c.tag)
)
_INSERT_PROPERTY = Query(insert(properties))
_DELETE_PROPERTY = Query(
    delete(properties).where(properties.c.image_id == bindparam("image_id"), properties.c.name == bindparam("name"))
)
_DELETE_PROPERTIES = Query(delete(properties).where(properties.c.image_id == bindparam("image_id")))
_INSERT_TAG = Query(insert(tags))
_DELETE_TAG = Query(delete(tags).where(tags.c.image_id == bindparam("image_id"), tags.c.tag == bindparam("tag")))
_DELETE_TAGS = Query(delete(tags).where(tags.c.image_id == bindparam("image_id")))


def properties_of(tx: Tx, image_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """By image, then by name; an image without any is there with none."""
    found: dict[str, dict[str, str]] = {image_id: {} for image_id in image_ids}
    if found:
        for image_id, name, value in tx.rows(_PROPERTIES, ids=list(found)):
            found[image_id][name] = value
    return found


def tags_of(tx: Tx, image_ids: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {image_id: [] for image_id in image_ids}
    if found:
        for image_id, tag in tx.rows(_TAGS, ids=list(found)):
            found[image_id].append(tag)
    return found


def save_properties(tx: Tx, image_id: str, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Write what differs."""
    gone = [name for name in before if after.get(name) != before[name]]
    tx.run_many(_DELETE_PROPERTY, [{"image_id": image_id, "name": name} for name in gone])
    fresh = [(name, value) for name, value in after.items() if before.get(name) != value]
    tx.run_many(_INSERT_PROPERTY, [{"image_id": image_id, "name": name, "value": value} for name, value in fresh])


def save_tags(tx: Tx, image_id: str, before: Iterable[str], after: Iterable[str]) -> None:
    """Write what differs."""
    old, new = set(before), set(after)
    tx.run_many(_DELETE_TAG, [{"image_id": image_id, "tag": tag} for tag in sorted(old - new)])
    tx.run_many(_INSERT_TAG, [{"image_id": image_id, "tag": tag} for tag in sorted(new - old)])


def forget(tx: Tx, image_id: str) -> None:
    tx.run(_DELETE_PROPERTIES, image_id=image_id)
    tx.run(_DELETE_TAGS, image_id=image_id)
