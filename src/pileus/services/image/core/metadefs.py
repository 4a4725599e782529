"""Metadata definitions: a catalogue of properties that images and other things may have, for people to choose from.

All of it is text for clients to show; nothing here changes how an image or a server behaves.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from pileus.kernel.db import Tx
from pileus.kernel.types import Conflict, Ctx, Forbidden, Listing, NotFound
from pileus.services.image.core.access import is_admin, refused
from pileus.services.image.core.neighbours import Neighbours
from pileus.services.image.db import metadefs
from pileus.services.image.db.metadefs import DefinitionRow, NamespaceRow, ResourceTypeRow


class Kind(Struct, frozen=True):
    """One kind of definition, and the words that the API has for it."""

    name: str
    plural: str
    show: str
    many: str
    add: str
    modify: str
    remove: str
    missing: str
    taken: str
    clash: str = (
        "Invalid update. It would result in a duplicate metadata definition {kind} with the same name={name}"
        " in namespace={namespace}."
    )


OBJECT = Kind(
    "object", "objects", "get_metadef_object", "get_metadef_objects", "add_metadef_object", "modify_metadef_object",
    "delete_metadef_object", "Could not find metadata object {name}",
    "A metadata definition object with name={name} already exists in namespace={namespace}.",
)  # fmt: skip
PROPERTY = Kind(
    "property", "properties", "get_metadef_property", "get_metadef_properties", "add_metadef_property",
    "modify_metadef_property", "remove_metadef_property", "Could not find property {name}",
    "A metadata definition property with name={name} already exists in namespace={namespace}.",
)  # fmt: skip
_TAG_TAKEN = (
    "A metadata tag with name={name} already exists in namespace={namespace}. (Please note that metadata tag names are"
    " case insensitive)."
)
TAG = Kind(
    "tag", "tags", "get_metadef_tag", "get_metadef_tags", "add_metadef_tag", "modify_metadef_tag", "delete_metadef_tag",
    "Could not find metadata tag {name}",
    _TAG_TAKEN, _TAG_TAKEN,
)  # fmt: skip
RESOURCE_TYPE = Kind(
    "resource_type", "resource_type_associations", "get_metadef_resource_type", "get_metadef_resource_type",
    "add_metadef_resource_type_association", "add_metadef_resource_type_association",
    "remove_metadef_resource_type_association", "Failed to find resource type {name} to delete",
    "The metadata definition resource-type association of resource-type={name} to namespace={namespace} already exists.",
)  # fmt: skip
KINDS = (OBJECT, PROPERTY, TAG, RESOURCE_TYPE)


class Namespace(Struct, frozen=True):
    """A namespace and what is defined in it."""

    row: NamespaceRow
    parts: list[DefinitionRow]


class Wanted(Struct, frozen=True):
    """A namespace as a body asks for it: its own fields, and the definitions that come along, `(kind, name, content)`."""

    fields: dict[str, Any]
    parts: tuple[tuple[Kind, str, dict[str, object]], ...] = ()


def find(tx: Tx, near: Neighbours, ctx: Ctx, name: str, rule: str = "get_metadef_namespace") -> NamespaceRow:
    """Raises `NotFound` when it is not there or not for this caller, `Forbidden` by `rule`."""
    row = metadefs.find(tx, name)
    if row is None:
        raise NotFound(f"Metadata definition namespace={name} was not found.")
    about = {"project_id": row.owner, "visibility": row.visibility}
    if not near.policy.allows("get_metadef_namespace", ctx, about):
        raise NotFound(f"Metadata definition namespace={name} was not found.")
    if not near.policy.allows(rule, ctx, about):
        raise refused(rule, about)
    return row


def whole(tx: Tx, near: Neighbours, ctx: Ctx, name: str) -> Namespace:
    row = find(tx, near, ctx, name)
    return Namespace(row, metadefs.defined(tx, [name], [kind.name for kind in KINDS]))


def page(tx: Tx, near: Neighbours, ctx: Ctx, types: Sequence[str], listing: Listing) -> tuple[list[Namespace], bool]:
    """Namespaces with their resource types."""
    _permit(near, ctx, "get_metadef_namespaces")
    if listing.marker is not None:
        find(tx, near, ctx, listing.marker)
    found = metadefs.search(tx, ctx.project_id, is_admin(near, ctx), types, listing)
    parts = metadefs.defined(tx, [row.namespace for row in found.rows], [RESOURCE_TYPE.name])
    return [
        Namespace(row, [part for part in parts if part.namespace == row.namespace]) for row in found.rows
    ], found.more


def create(tx: Tx, near: Neighbours, ctx: Ctx, want: Wanted) -> Namespace:
    """Raises `Forbidden`, and `Conflict` for names that are taken."""
    _permit(near, ctx, "add_metadef_namespace")
    for rule in sorted({kind.add for kind, _, _ in want.parts}):
        _permit(near, ctx, rule)
    row = NamespaceRow(**_fields(ctx, want.fields), created_at=tx.now, updated_at=tx.now)
    if metadefs.find(tx, row.namespace) is not None:
        raise Conflict(f"The metadata definition namespace={row.namespace} already exists.")
    metadefs.add(tx, row)
    return Namespace(row, [_add(tx, row, kind, name, content) for kind, name, content in want.parts])


def change(tx: Tx, near: Neighbours, ctx: Ctx, name: str, want: Wanted) -> NamespaceRow:
    """All fields are replaced; those not given get their defaults."""
    before = _editable(tx, near, ctx, name, "modify_metadef_namespace")
    row = NamespaceRow(**_fields(ctx, want.fields), created_at=before.created_at, updated_at=tx.now)
    if row.namespace != name and metadefs.find(tx, row.namespace) is not None:
        raise Conflict(
            "Invalid update. It would result in a duplicate metadata definition namespace with the same name of"
            f" {row.namespace}"
        )
    metadefs.change(tx, name, row)
    return row


def delete(tx: Tx, near: Neighbours, ctx: Ctx, name: str) -> None:
    row = _editable(tx, near, ctx, name, "delete_metadef_namespace")
    _unprotected(row)
    metadefs.remove(tx, name)


def parts(tx: Tx, near: Neighbours, ctx: Ctx, name: str, kind: Kind) -> list[DefinitionRow]:
    find(tx, near, ctx, name, kind.many)
    return metadefs.defined(tx, [name], [kind.name])


def part(tx: Tx, near: Neighbours, ctx: Ctx, namespace: str, kind: Kind, name: str) -> DefinitionRow:
    find(tx, near, ctx, namespace, kind.show)
    return _part(tx, namespace, kind, name)


def add_part(
    tx: Tx, near: Neighbours, ctx: Ctx, namespace: str, kind: Kind, name: str, content: Mapping[str, object]
) -> DefinitionRow:
    return _add(tx, _editable(tx, near, ctx, namespace, kind.add), kind, name, content)


def change_part(
    tx: Tx, near: Neighbours, ctx: Ctx, namespace: str, kind: Kind, name: str, to: str, content: Mapping[str, object]
) -> DefinitionRow:
    _editable(tx, near, ctx, namespace, kind.modify)
    row = _part(tx, namespace, kind, name)
    if to != name and _is_taken(tx, namespace, kind, to, but=name):
        raise Conflict(kind.clash.format(kind=kind.name, name=to, namespace=namespace))
    metadefs.change_one(tx, row, to, content)
    return replace(row, name=to, content=dict(content), updated_at=tx.now)


def remove_part(tx: Tx, near: Neighbours, ctx: Ctx, namespace: str, kind: Kind, name: str) -> None:
    row = _editable(tx, near, ctx, namespace, kind.remove)
    _part(tx, namespace, kind, name)
    if row.protected:
        word = "resource-type-association" if kind is RESOURCE_TYPE else kind.name
        raise Forbidden(f"Metadata definition {word} {name} is protected and cannot be deleted.")
    metadefs.remove_one(tx, namespace, kind.name, name)


def remove_parts(tx: Tx, near: Neighbours, ctx: Ctx, namespace: str, kind: Kind) -> None:
    """All of one kind."""
    row = _editable(tx, near, ctx, namespace, "delete_metadef_namespace")
    _unprotected(row)
    if kind is TAG:
        _permit(near, ctx, "delete_metadef_tags")
    metadefs.remove_kind(tx, namespace, kind.name)


def set_tags(tx: Tx, near: Neighbours, ctx: Ctx, namespace: str, names: Sequence[str], append: bool) -> None:
    """Replace the tags, or add to them."""
    row = _editable(tx, near, ctx, namespace, "add_metadef_tags")
    if not append:
        metadefs.remove_kind(tx, namespace, TAG.name)
    for name in names:
        _add(tx, row, TAG, name, {})


def resource_types(tx: Tx, near: Neighbours, ctx: Ctx) -> list[ResourceTypeRow]:
    _permit(near, ctx, "list_metadef_resource_types")
    return metadefs.all_types(tx)


def prefix(tx: Tx, namespace: str, resource_type: str) -> str:
    """What names begin with when they are used for that resource type."""
    found = metadefs.find_one(tx, namespace, RESOURCE_TYPE.name, resource_type)
    return str(found.content.get("prefix") or "") if found is not None else ""


def _editable(tx: Tx, near: Neighbours, ctx: Ctx, name: str, rule: str) -> NamespaceRow:
    try:
        return find(tx, near, ctx, name, rule)
    except NotFound:
        raise NotFound(f"Namespace {name} not found") from None


def _unprotected(row: NamespaceRow) -> None:
    if row.protected:
        raise Forbidden(f"Metadata definition namespace {row.namespace} is protected and cannot be deleted.")


def _part(tx: Tx, namespace: str, kind: Kind, name: str) -> DefinitionRow:
    row = metadefs.find_one(tx, namespace, kind.name, name)
    if row is None:
        raise NotFound(kind.missing.format(name=name))
    return row


def _add(tx: Tx, row: NamespaceRow, kind: Kind, name: str, content: Mapping[str, object]) -> DefinitionRow:
    if _is_taken(tx, row.namespace, kind, name):
        raise Conflict(kind.taken.format(name=name, namespace=row.namespace))
    if kind is RESOURCE_TYPE:
        metadefs.ensure_type(tx, name)
    made = DefinitionRow(row.namespace, kind.name, name, dict(content), tx.now, tx.now)
    metadefs.add_one(tx, made)
    return made


def _is_taken(tx: Tx, namespace: str, kind: Kind, name: str, but: str = "") -> bool:
    """Names of tags are alike whatever their case; `but` is the one that is about to change."""
    if kind is not TAG:
        return metadefs.find_one(tx, namespace, kind.name, name) is not None
    there = {one.name.lower() for one in metadefs.defined(tx, [namespace], [TAG.name]) if one.name != but}
    return name.lower() in there


def _permit(near: Neighbours, ctx: Ctx, rule: str) -> None:
    """Rules that are not about one namespace."""
    about = {"project_id": ctx.project_id, "visibility": "private"}
    if not near.policy.allows(rule, ctx, about):
        raise refused(rule, about)


def _fields(ctx: Ctx, given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "namespace": given["namespace"],
        "display_name": given.get("display_name"),
        "description": given.get("description"),
        "visibility": given.get("visibility", "private"),
        "protected": given.get("protected", False),
        "owner": given.get("owner") or ctx.project_id,
    }
