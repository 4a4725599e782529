"""What a trust delegates: some of the trustor's roles in one project, to the trustee."""

from pileus.kernel.db import Tx
from pileus.kernel.types import Fault
from pileus.services.identity.core import lending, refusals
from pileus.services.identity.core.delegations.delegation import Entry, Held
from pileus.services.identity.core.inference import RoleGraph
from pileus.services.identity.core.tokens import Marks
from pileus.services.identity.db import projects, trusts, users
from pileus.services.identity.db.trusts import TrustRow
from pileus.services.identity.db.users import UserRow


class ByTrust:
    """Implements `Delegation`. Either party's new password, disabling or end ends the token; the mark `other_epoch` tells."""

    def enter(self, tx: Tx, id: str, user_id: str) -> Entry | None:
        """Takes one of the uses that remain. Raises `Forbidden` where Keystone does."""
        row = trusts.find(tx, id)
        if row is None:
            return None
        try:
            lending.find_live(tx, id)
        except Fault as fault:
            if fault.status == 404:
                return None
            raise
        trustor, trustee = users.find(tx, row.trustor_user_id), users.find(tx, row.trustee_user_id)
        if trustor is None or trustee is None:
            return None
        if user_id != trustee.id or not trustor.enabled:
            raise refusals.not_authorized()
        if row.project_id is None:
            raise refusals.missing("project", "None")
        if row.remaining_uses is not None and not trusts.use(tx, id):
            raise refusals.not_authorized()
        shown, other = (trustor, trustee) if row.impersonation else (trustee, trustor)
        return Entry(
            user_id=shown.id,
            scope="project",
            target_id=row.project_id,
            expires_at=row.expires_at,
            marks={"other_epoch": str(other.epoch)},
        )

    def hold(self, tx: Tx, graph: RoleGraph, id: str, claims: Marks, user_id: str) -> Held | None:
        row = trusts.find(tx, id)
        project = projects.find(tx, row.project_id) if row is not None and row.project_id else None
        if row is None or project is None or not _parties_stand(tx, row, claims, user_id):
            return None
        try:
            giver = lending.pedigree(tx, row)[-1].trustor_user_id
        except Fault:
            return None
        lent = frozenset(implied for role_id in row.role_ids for implied in graph.closure(role_id))
        if giver != row.trustor_user_id and not lent <= lending.held_roles(tx, graph, row.trustor_user_id, project):
            raise refusals.not_authorized()
        return Held(user_id=giver, role_ids=lent, view={"OS-TRUST:trust": _shown(row)}, row=row, every=True)


def _parties_stand(tx: Tx, row: TrustRow, claims: Marks, user_id: str) -> bool:
    """The party that the token shows is looked at with every token; here it is the other one."""
    shown, other_id = (
        (row.trustor_user_id, row.trustee_user_id) if row.impersonation else (row.trustee_user_id, row.trustor_user_id)
    )
    other = users.find(tx, other_id)
    return user_id == shown and other is not None and str(other.epoch) == claims.other_epoch and _may_act(tx, other)


def _may_act(tx: Tx, user: UserRow) -> bool:
    home = projects.find(tx, user.domain_id)
    return user.enabled and home is not None and home.enabled


def _shown(row: TrustRow) -> dict[str, object]:
    return {
        "id": row.id,
        "trustor_user": {"id": row.trustor_user_id},
        "trustee_user": {"id": row.trustee_user_id},
        "impersonation": row.impersonation,
    }
