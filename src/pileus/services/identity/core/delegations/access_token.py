"""What an access token of OAuth1 delegates: roles in one project that a user granted to a consumer."""

from pileus.kernel.db import Tx
from pileus.services.identity.core.delegations.delegation import Entry, Held
from pileus.services.identity.core.inference import RoleGraph
from pileus.services.identity.core.tokens import Marks
from pileus.services.identity.db import oauth_tokens


class ByAccessToken:
    """Implements `Delegation`."""

    def enter(self, tx: Tx, id: str, user_id: str) -> Entry | None:
        row = oauth_tokens.find_access(tx, id)
        if row is None or row.user_id != user_id:
            return None
        return Entry(user_id=user_id, scope="project", target_id=row.project_id, expires_at=row.expires_at)

    def hold(self, tx: Tx, graph: RoleGraph, id: str, claims: Marks, user_id: str) -> Held | None:
        row = oauth_tokens.find_access(tx, id)
        if row is None or row.user_id != user_id:
            return None
        granted = frozenset(implied for role_id in row.role_ids for implied in graph.closure(role_id))
        shown = {"access_token_id": row.id, "consumer_id": row.consumer_id}
        return Held(user_id=user_id, role_ids=granted, view={"OS-OAUTH1": shown}, row=row)
