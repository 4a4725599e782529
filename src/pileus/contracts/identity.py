"""What the services may ask of identity."""

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct

from pileus.kernel.types import Ctx


class CatalogService(Struct, frozen=True, kw_only=True):
    """One service as bootstrap enters it into the catalog. `{project_id}` in a URL stands for the token's project."""

    type: str
    name: str
    url: str
    description: str = ""


class Identity(Protocol):
    async def authenticate(self, token: str, service_token: str = "") -> Ctx:
        """The caller behind a token, from memory when it can. Raises `Unauthorized` for an expired, revoked or foreign one."""
        ...

    def project_exists(self, tx: Any, project_id: str) -> bool: ...

    def project_names(self, tx: Any, project_ids: Sequence[str]) -> dict[str, str]: ...

    def bootstrap(self, tx: Any, services: Sequence[CatalogService]) -> dict[str, str]:
        """Make domain, roles, projects, users and catalog be there. Called at every start; never undoes what an operator changed.

        Returns the passwords that were made up just now, by user name: to be shown once, for nobody can read them later.
        """
        ...
