"""Trusts as they stand: whether one may be used, whose rights it passes on, and who is between."""

from pileus.kernel.db import Tx
from pileus.kernel.types import NotFound
from pileus.services.identity.core import refusals
from pileus.services.identity.core.inference import RoleGraph
from pileus.services.identity.db import assignments, trusts, users
from pileus.services.identity.db.projects import ProjectRow
from pileus.services.identity.db.trusts import TrustRow


def missing(id: str) -> NotFound:
    return refusals.missing("trust", id)


def find_live(tx: Tx, id: str) -> TrustRow:
    """A trust that has neither ended nor been used up, and whose way back to the first trustor stands.

    Raises `NotFound`, and `Forbidden` when somebody on that way may act no more.
    """
    row = trusts.find(tx, id)
    if row is None or _is_over(tx, row) or row.remaining_uses == 0:
        raise missing(id)
    pedigree(tx, row)
    return row


def find_any(tx: Tx, id: str) -> TrustRow:
    """As it was made: used up or ended, it can still be taken back."""
    row = trusts.find(tx, id)
    if row is None:
        raise missing(id)
    return row


def pedigree(tx: Tx, row: TrustRow) -> list[TrustRow]:
    """The trust, that from which it was made, and so on to the first one. Raises as `find_live` does."""
    chain = [row]
    while (above := chain[-1].redelegated_trust_id) is not None:
        parent = trusts.find(tx, above)
        if parent is None or _is_over(tx, parent):
            raise missing(above)
        agent = users.find(tx, parent.trustee_user_id)
        if agent is None or not agent.enabled:
            raise refusals.not_authorized()
        chain.append(parent)
    return chain


def held_roles(tx: Tx, graph: RoleGraph, user_id: str, project: ProjectRow) -> set[str]:
    """Ids of all roles that a user has there, a domain's own ones included."""
    granted = assignments.roles_on(tx, user_id, "project", project.id, project.ancestors)
    return {implied for id in granted for implied in graph.closure(id)}


def _is_over(tx: Tx, row: TrustRow) -> bool:
    return row.expires_at is not None and tx.now > row.expires_at
