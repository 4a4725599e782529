"""Access rules: made with the application credentials that they bound, and kept until nobody uses them."""

from collections.abc import Iterable
from typing import Any

from pileus.kernel.db import Page, Tx
from pileus.kernel.types import Ctx, Forbidden, Invalid, Listing, NotFound, new_hex
from pileus.services.identity.core import refusals
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import access_rules
from pileus.services.identity.db.access_rules import AccessRuleRow

_WHAT = ("service", "path", "method")


def get(tx: Tx, id: str, user_id: str) -> AccessRuleRow:
    row = access_rules.find(tx, id)
    if row is None or row.user_id != user_id:
        raise missing(id)
    return row


def missing(id: str) -> NotFound:
    return NotFound(f"Could not find Access Rule: {id}.")


def list_page(tx: Tx, user_id: str, listing: Listing) -> Page[AccessRuleRow]:
    return access_rules.list_page(tx, listing.also("user_id", "eq", user_id))


def take(tx: Tx, near: Near, ctx: Ctx, user_id: str, wanted: Iterable[dict[str, Any]]) -> list[AccessRuleRow]:
    """The user's rules that are wanted: by id, the same one that there is, or a new one. Raises `NotFound` for another's id."""
    found: dict[str, AccessRuleRow] = {}
    for one in wanted:
        row = _there(tx, user_id, one)
        if row is None:
            row = AccessRuleRow(one.get("id") or new_hex(), user_id, one["service"], one["path"], one["method"])
            access_rules.add(tx, row)
            changed(tx, near, ctx, "access_rule.create", row.id, after=row, matters=False)
        found[row.id] = row
    return list(found.values())


def _there(tx: Tx, user_id: str, wanted: dict[str, Any]) -> AccessRuleRow | None:
    given = [key for key in _WHAT if key in wanted]
    if "id" in wanted:
        row = access_rules.find(tx, wanted["id"])
        if row is not None and row.user_id == user_id:
            if any(getattr(row, key) != wanted[key] for key in given):
                raise Invalid(f"Invalid input for field access_rules: the rule {row.id} is another one.")
            return row
        if row is not None or len(given) < len(_WHAT):
            raise missing(wanted["id"])
    for key in _WHAT:
        if key not in wanted:
            raise refusals.expected(key, "access_rules")
    return access_rules.find_same(tx, user_id, wanted["service"], wanted["path"], wanted["method"])


def delete(tx: Tx, near: Near, ctx: Ctx, row: AccessRuleRow) -> None:
    """Raises `Forbidden` while an application credential uses it: that one would be free to do anything."""
    if access_rules.in_use(tx, row.id):
        raise Forbidden("May not delete access rule in use")
    access_rules.remove(tx, row.id)
    changed(tx, near, ctx, "access_rule.delete", row.id, before=row, matters=False)
