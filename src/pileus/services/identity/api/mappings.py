"""Mappings: rules that make users and groups of what identity providers say."""

from typing import Any, ClassVar

from pileus.kernel.db import Tx
from pileus.kernel.rest import Field, Request, creates, deletes, lists, nullable, obj, shows, updates
from pileus.kernel.types import Ctx
from pileus.services.identity.api import mapping_schema
from pileus.services.identity.api.chosen import Chosen
from pileus.services.identity.api.noun import ID, rules_of
from pileus.services.identity.core import mappings
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db.identity_providers import MappingRow

_VERSION = nullable({"type": "string", "maxLength": 255})
_BODY = obj({"mapping": obj({"schema_version": _VERSION}, extra=True)}, extra=True)
"""The rules are judged by `mapping_schema`, in Keystone's words for them."""


async def check_new(near: Near, ctx: Ctx, want: dict[str, Any]) -> dict[str, Any]:
    return _checked(want, mappings.FIRST_VERSION)


def _checked(want: dict[str, Any], version: str) -> dict[str, Any]:
    """The wish with its rules judged by the version that it names, or else by this one."""
    found = {"schema_version": want.get("schema_version") or version}
    if "mapping_rules" in want:
        found["rules"] = want["mapping_rules"]
    mapping_schema.check(found, found["schema_version"])
    return found


class Mappings(Chosen):
    """Rules that make users and groups of what identity providers say (a class's `rules` are those of policy)."""

    member, plural, path = "mapping", "mappings", "/v3/OS-FEDERATION/mappings"
    rules: ClassVar[dict[str, str]] = rules_of("mapping")
    id = Field(ID, on="show list")
    mapping_rules = Field({}, wire="rules", column="rules")
    schema_version = Field(_VERSION)

    get = mappings.get
    list = lists(mappings.list_page)
    show = shows()
    create = creates(mappings.create, body=_BODY, gather=check_new)
    update = updates(mappings.update, body=_BODY)
    delete = deletes(mappings.delete)

    def before(self, tx: Tx, request: Request, row: MappingRow, want: dict[str, Any] | None) -> None:
        """New rules must fit the version that is given, or else the one that stands."""
        if want is not None:
            want.update(_checked(want, row.schema_version))
