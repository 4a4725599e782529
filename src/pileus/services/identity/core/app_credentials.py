"""Application credentials."""

import secrets
from typing import Any

from pileus.kernel.db import Page, Tx
from pileus.kernel.types import Ctx, Forbidden, Invalid, Listing, NotFound, new_hex
from pileus.services.identity.core import access_rules, refusals
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.ends import read_end
from pileus.services.identity.core.finding import role_id
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.session import Session
from pileus.services.identity.db import access_rules as rule_rows
from pileus.services.identity.db import app_credentials
from pileus.services.identity.db.app_credentials import AppCredentialRow

Want = dict[str, Any]


def get(tx: Tx, id: str) -> AppCredentialRow:
    row = app_credentials.find(tx, id)
    if row is None:
        raise NotFound(f"Could not find Application Credential: {id}.")
    return row


def list_page(tx: Tx, user_id: str, listing: Listing) -> Page[AppCredentialRow]:
    return app_credentials.list_page(tx, listing.also("user_id", "eq", user_id))


def new_secret() -> str:
    return secrets.token_urlsafe(64)


def check_may_manage(session: Session) -> None:
    """A restricted application credential cannot beget others, nor do away with them."""
    if session.claims.app_credential_id and session.held is not None and not session.held.row.unrestricted:
        raise refusals.forbidden(
            "Using method 'application_credential' is not allowed for managing additional application credentials."
        )


def create(tx: Tx, near: Near, ctx: Ctx, session: Session, want: Want) -> AppCredentialRow:
    """For the caller's own user and project. `want["secret_hash"]` was made before, outside the transaction."""
    check_may_manage(session)
    expires_at = read_end(tx, want.get("expires_at"))
    if app_credentials.find_named(tx, ctx.user_id, want["name"]) is not None:
        raise refusals.conflict("application_credential", f"Duplicate entry found with name {want['name']}")
    limit = near.settings.app_credential_user_limit
    if 0 <= limit <= app_credentials.count_of_user(tx, ctx.user_id):
        raise Forbidden(
            f"Unable to create additional application credentials, maximum of {limit} already exceeded for user."
        )
    row = AppCredentialRow(
        id=new_hex(),
        user_id=ctx.user_id,
        project_id=ctx.project_id,
        name=want["name"],
        description=want.get("description"),
        secret_hash=want["secret_hash"],
        expires_at=expires_at,
        unrestricted=bool(want.get("unrestricted")),
        role_ids=_roles(tx, near, session, want.get("roles") or []),
    )
    app_credentials.add(tx, row)
    rules = access_rules.take(tx, near, ctx, row.user_id, want.get("access_rules") or [])
    rule_rows.use(tx, row.id, [rule.id for rule in rules])
    changed(tx, near, ctx, "application_credential.create", row.id, after=row, matters=False)
    return row


def delete(tx: Tx, near: Near, ctx: Ctx, row: AppCredentialRow) -> None:
    app_credentials.remove(tx, row.id)
    changed(tx, near, ctx, "application_credential.delete", row.id, before=row)


def _roles(tx: Tx, near: Near, session: Session, asked: list[dict[str, str]]) -> list[str]:
    """Ids of the roles asked for with all that they imply; those of the token when none is. One cannot give what one has not."""
    if not asked:
        return [role.id for role in session.roles]
    held = {role.id for role in session.roles}
    wanted: set[str] = set()
    for one in asked:
        wanted |= near.memory.graph(tx).closure(role_id(tx, one))
    if not wanted <= held:
        raise Invalid("Invalid application credential: Cannot create an application credential with unassigned role")
    return sorted(wanted)
