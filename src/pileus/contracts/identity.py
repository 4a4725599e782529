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


class AccessKey(Struct, frozen=True):
    """Whose an access key is.

    `secret`  for computing signatures with; never to be logged, stored or shown.
    `ctx`     the caller that a well signed request comes from, as a token of the key's project would make it; with a token.
    """

    secret: str
    ctx: Ctx


class Identity(Protocol):
    async def authenticate(self, token: str, service_token: str = "") -> Ctx:
        """The caller behind a token, from memory when it can. Raises `Unauthorized` for an expired, revoked or foreign one."""
        ...

    async def access_key(self, access: str) -> AccessKey:
        """The EC2 credential behind an access key, from memory when it can: whoever asks verifies the signature himself.

        Raises `NotFound` for a key that nobody has and `Unauthorized` when its user may not enter its project (any more).
        """
        ...

    def project_exists(self, tx: Any, project_id: str) -> bool: ...

    def project_names(self, tx: Any, project_ids: Sequence[str]) -> dict[str, str]: ...

    def project_limits(self, tx: Any, service_type: str, project_id: str) -> dict[str, int]:
        """Unified limits of a project by resource, for what is registered with services of that type; -1 is no bound.

        What is registered for the cloud's own region goes before what is registered for none.
        """
        ...

    def bootstrap(self, tx: Any, services: Sequence[CatalogService]) -> dict[str, str]:
        """Make domain, roles, projects, users and catalog be there. Called at every start; never undoes what an operator changed.

        Returns the passwords that were made up just now, by user name: to be shown once, for nobody can read them later.
        """
        ...
