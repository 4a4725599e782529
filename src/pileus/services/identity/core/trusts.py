"""Trusts: who may lend what to whom, and how far it may be passed on."""

from typing import Any

from pileus.kernel.db import Page, Tx
from pileus.kernel.types import SECOND, Ctx, Invalid, Listing, new_hex
from pileus.services.identity.core import lending, refusals
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.ends import read_end
from pileus.services.identity.core.finding import role_id
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import projects, trusts, users
from pileus.services.identity.db.trusts import TrustRow

Want = dict[str, Any]
_OWN = frozenset({"id", "roles_links", "links", "deleted_at", "redelegated_trust_id"})
"""Keys of a view that a body may repeat; they are facts, not wishes."""


def list_page(tx: Tx, listing: Listing) -> Page[TrustRow]:
    return trusts.list_page(tx, listing)


def create(tx: Tx, near: Near, ctx: Ctx, want: Want) -> TrustRow:
    """By its trustor, who must hold what he lends; by a trust's token out of that trust. Raises as Keystone does."""
    if want.get("project_id") and not want.get("roles"):
        raise refusals.forbidden("At least one role should be specified")
    if users.find(tx, want["trustee_user_id"]) is None:
        raise refusals.missing("user", want["trustee_user_id"])
    role_ids = list(dict.fromkeys(role_id(tx, one) for one in want.get("roles") or []))
    source = lending.find_live(tx, ctx.trust_id) if ctx.trust_id else None
    giver = lending.pedigree(tx, source)[-1].trustor_user_id if source else want["trustor_user_id"]
    _check_held(tx, near, giver, want.get("project_id"), role_ids)
    ends = read_end(tx, want.get("expires_at"))
    row = TrustRow(
        id=new_hex(),
        trustor_user_id=want["trustor_user_id"],
        trustee_user_id=want["trustee_user_id"],
        project_id=want.get("project_id"),
        impersonation=want["impersonation"],
        expires_at=_end(ends, source),
        remaining_uses=want.get("remaining_uses"),
        redelegated_trust_id=source.id if source else None,
        redelegation_count=_count(near, want, source),
        role_ids=role_ids,
        extra={key: value for key, value in want.get("extra", {}).items() if key not in _OWN},
    )
    if source is not None:
        _check_within(near, row, lending.pedigree(tx, source))
    if trusts.same_exists(tx, row):
        raise refusals.conflict("trust", f"Duplicate entry found with ID {row.id}")
    trusts.add(tx, row)
    changed(tx, near, ctx, "trust.create", row.id, after=row, matters=False)
    return row


def delete(tx: Tx, near: Near, ctx: Ctx, row: TrustRow) -> None:
    """With it go those that were made out of it."""
    gone = trusts.with_children(tx, [row.id])
    trusts.remove(tx, gone)
    for id in gone:
        changed(tx, near, ctx, "trust.delete", id, before=row if id == row.id else None)


def _check_held(tx: Tx, near: Near, giver: str, project_id: str | None, role_ids: list[str]) -> None:
    held: set[str] = set()
    if project_id:
        project = projects.find(tx, project_id)
        if project is None:
            raise refusals.missing("project", project_id)
        held = lending.held_roles(tx, near.memory.graph(tx), giver, project)
    for id in role_ids:
        if id not in held:
            raise refusals.missing("role", id)


def _count(near: Near, want: Want, source: TrustRow | None) -> int:
    """How often the new trust may be given on."""
    asked = want.get("redelegation_count")
    if not want.get("allow_redelegation") or asked == 0:
        return 0
    most = near.settings.trust_redelegations
    if asked and asked > most:
        raise refusals.not_authorized()
    if want.get("remaining_uses") is not None:
        raise Invalid("remaining_uses must not be set if redelegation is allowed")
    if source is None:
        return asked or most
    if asked and asked != source.redelegation_count - 1:
        raise refusals.not_authorized()
    return source.redelegation_count - 1


def _end(asked: int | None, source: TrustRow | None) -> int | None:
    """On a whole second; what was lent on ends with the loan when nothing else is said."""
    if asked is not None:
        return asked // SECOND * SECOND
    return source.expires_at if source else None


def _check_within(near: Near, row: TrustRow, chain: list[TrustRow]) -> None:
    """What is lent on may be no more than what was lent. Keystone says no more than that it is forbidden."""
    for above in chain:
        later = above.expires_at is not None and (row.expires_at is None or row.expires_at > above.expires_at)
        if (
            not 0 < above.redelegation_count <= near.settings.trust_redelegations
            or row.remaining_uses is not None
            or later
            or not set(row.role_ids) <= set(above.role_ids)
            or (row.impersonation and not above.impersonation)
            or row.project_id != above.project_id
        ):
            raise refusals.not_authorized()
