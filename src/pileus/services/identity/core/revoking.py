"""Making tokens worthless before their time."""

from pileus.kernel.db import Tx
from pileus.kernel.types import Ctx
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.tokens import Claims
from pileus.services.identity.db import revocations, users
from pileus.services.identity.db.users import UserRow


def revoke(tx: Tx, near: Near, ctx: Ctx, claims: Claims, chain: bool = True) -> None:
    """Revoke one token and (`chain`) those that were made from it."""
    row = revocations.RevocationRow(claims.audit_id, chain, tx.now, claims.expires_at)
    revocations.add(tx, row)
    changed(tx, near, ctx, "token.revoke", claims.audit_id, data={"user_id": claims.user_id, "chain": chain})


def revoke_all(tx: Tx, near: Near, ctx: Ctx, user: UserRow) -> None:
    """Revoke every token of a user."""
    users.change(tx, user.id, {"epoch": user.epoch + 1})
    changed(tx, near, ctx, "user.revoke_tokens", user.id)
