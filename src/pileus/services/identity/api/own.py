"""`/v3/auth/…`: what the caller may reach."""

from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Operation, Request
from pileus.services.identity.api.dialect import KeystoneDialect, own_url
from pileus.services.identity.api.domains import Domains
from pileus.services.identity.api.projects import Projects
from pileus.services.identity.core import access, places, refusals
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db.projects import ProjectRow

_OLD = "/v3/OS-FEDERATION"


class Own:
    """What a federated token's groups may reach counts as well; the older paths below OS-FEDERATION say the same."""

    def __init__(self, near: Near, dialect: KeystoneDialect, projects: Projects, domains: Domains) -> None:
        self.near, self.dialect, self.projects, self.domains = near, dialect, projects, domains

    def all_operations(self) -> list[Operation]:
        return [
            _op("catalog", "Where everything is, for the caller's project.", self._catalog),
            _op("projects", "Projects that the caller could get a token for.", self._projects, self._view_projects),
            _op("domains", "Domains that the caller could get a token for.", self._domains, self._view_domains),
            _op("system", "Whether the caller could get a token for the system.", self._system),
            _op("projects", "The same, as federated clients once asked.", self._projects, self._view_projects, _OLD),
            _op("domains", "The same, as federated clients once asked.", self._domains, self._view_domains, _OLD),
        ]

    def _groups(self, request: Request) -> tuple[str, ...]:
        """Groups that the caller's token bears."""
        claims = self.near.keyring.open(request.ctx.token)
        return claims.group_ids if claims is not None else ()

    def _catalog(self, tx: Tx, request: Request) -> Any:
        ctx = request.ctx
        if not ctx.project_id:
            raise refusals.not_authorized()
        found = places.catalog(tx, self.near, ctx.user_id, ctx.project_id)
        return {"catalog": found, "links": {"self": own_url(request)}}

    def _projects(self, tx: Tx, request: Request) -> list[ProjectRow]:
        return access.enterable(tx, self.near, request.ctx.user_id, self._groups(request))

    def _view_projects(self, request: Request, rows: list[ProjectRow]) -> Any:
        views = [self.projects.view(request, row, "list") for row in rows]
        return self.dialect.collection(request, "projects", views)

    def _domains(self, tx: Tx, request: Request) -> list[ProjectRow]:
        return access.domains_of(tx, self.near, request.ctx.user_id, self._groups(request))

    def _view_domains(self, request: Request, rows: list[ProjectRow]) -> Any:
        views = [self.domains.view(request, row, "list") for row in rows]
        return self.dialect.collection(request, "domains", views)

    def _system(self, tx: Tx, request: Request) -> Any:
        found = [{"all": True}] if access.may_system(tx, self.near, request.ctx.user_id, self._groups(request)) else []
        return {"system": found, "links": {"self": own_url(request)}}


def _op(name: str, summary: str, decide: Any, view: Any = None, below: str = "/v3/auth") -> Operation:
    return Operation(
        method="GET",
        path=f"{below}/{name}",
        name=name,
        resource="auth",
        summary=summary,
        rule=f"identity:get_auth_{name}",
        decide=decide,
        view=view,
    )
