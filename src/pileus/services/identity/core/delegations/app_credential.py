"""What an application credential delegates: some of its user's own roles in one project."""

from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.types import Reach
from pileus.services.identity.core.delegations.delegation import Entry, Held
from pileus.services.identity.core.inference import RoleGraph
from pileus.services.identity.core.tokens import Marks
from pileus.services.identity.db import access_rules, app_credentials


class ByAppCredential:
    """Implements `Delegation`."""

    def enter(self, tx: Tx, id: str, user_id: str) -> Entry | None:
        row = app_credentials.find(tx, id)
        if row is None:
            return None
        scope = "project" if row.project_id else ""
        return Entry(user_id=row.user_id, scope=scope, target_id=row.project_id, expires_at=row.expires_at)  # type: ignore[arg-type]

    def hold(self, tx: Tx, graph: RoleGraph, id: str, claims: Marks, user_id: str) -> Held | None:
        row = app_credentials.find(tx, id)
        if row is None or row.user_id != user_id or (row.expires_at is not None and tx.now >= row.expires_at):
            return None
        shown: dict[str, Any] = {"id": row.id, "name": row.name, "restricted": not row.unrestricted}
        rules = access_rules.of_credentials(tx, [id]).get(id)
        if rules:
            shown["access_rules"] = [one.shown for one in rules]
        return Held(
            user_id=row.user_id,
            role_ids=frozenset(row.role_ids),
            view={"application_credential": shown},
            row=row,
            reach=tuple(Reach(one.service, one.method, one.path) for one in rules) if rules else None,
        )
