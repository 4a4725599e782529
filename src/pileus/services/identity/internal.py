"""What identity does for its neighbours."""

from collections.abc import Sequence

from msgspec.structs import replace

from pileus.contracts.identity import AccessKey, CatalogService
from pileus.kernel.config import ConfigError
from pileus.kernel.db import Tx
from pileus.kernel.types import SECOND, Ctx, Forbidden
from pileus.services.identity.core import access_keys, keys, limit_models, refusals
from pileus.services.identity.core.bootstrap import Bootstrap
from pileus.services.identity.core.memory import Known
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.session import Session, context
from pileus.services.identity.core.validation import open_session
from pileus.services.identity.db import limits, projects

_SERVICE_ROLE = "service"


class Internal:
    """Implements `contracts.identity.Identity`."""

    def __init__(self, near: Near) -> None:
        self._near = near
        self._access_keys: dict[str, AccessKey] = {}

    async def authenticate(self, token: str, service_token: str = "") -> Ctx:
        """The caller behind a token; a known one costs a look into a dictionary.

        With a service's own token beside it, a user's token may have ended a while ago: long work goes on in its name.
        """
        known = self._near.memory.recall(token)
        if not service_token:
            return (known or await self._look(token, 0)).ctx
        service = self._near.memory.recall(service_token) or await self._look(service_token, 0)
        grace = self._near.settings.allow_expired_window * SECOND if _SERVICE_ROLE in service.ctx.roles else 0
        if known is None:
            known = await self._look(token, grace)
        reach = None if _SERVICE_ROLE in service.ctx.roles else known.ctx.reach
        return replace(known.ctx, service_roles=service.ctx.roles, reach=reach)

    async def session(self, token: str) -> Known:
        """The same with all that is known of the token."""
        return self._near.memory.recall(token) or await self._look(token, 0)

    async def _look(self, token: str, grace: int) -> Known:
        near = self._near
        claims = await keys.open_claims(near, token)
        if claims is None:
            raise refusals.unauthorized()
        revision = near.memory.revision
        session = await near.db.read(open_session, near, claims, grace)
        return near.memory.remember(token, session, context(session, token), revision)

    async def access_key(self, access: str) -> AccessKey:
        """Remembered until anything changes that tokens are worth, or the session that it opened has ended."""
        near = self._near
        found = self._access_keys.get(access)
        if found is not None and near.memory.recall(found.ctx.token) is not None:
            return found
        revision = near.memory.revision
        try:
            secret, session = await near.db.read(_signer, near, access)
        except Forbidden:
            raise refusals.unauthorized() from None
        token = near.keyring.seal(session.claims)
        known = near.memory.remember(token, session, context(session, token), revision)
        if len(self._access_keys) >= near.settings.cache_tokens:
            self._access_keys.clear()
        found = self._access_keys[access] = AccessKey(secret, known.ctx)
        return found

    def project_exists(self, tx: Tx, project_id: str) -> bool:
        row = projects.find(tx, project_id)
        return row is not None and not row.is_domain

    def project_names(self, tx: Tx, project_ids: Sequence[str]) -> dict[str, str]:
        return projects.names(tx, project_ids)

    def project_limits(self, tx: Tx, service_type: str, project_id: str) -> dict[str, int]:
        return limits.of_service(tx, service_type, self._near.settings.region, project_id)

    def bootstrap(self, tx: Tx, services: Sequence[CatalogService]) -> dict[str, str]:
        run = Bootstrap(tx, self._near)
        run.run(services)
        return run.new_passwords

    def recover(self, tx: Tx) -> None:
        """For `pileus bootstrap`, with the cloud down: admin and demo can log in again with the settings' passwords."""
        Bootstrap(tx, self._near).recover()

    async def start(self) -> None:
        """Keys are there and in use before the first request. Raises `ConfigError` for a model that the projects do not fit."""
        deep = await self._near.db.read(limit_models.too_deep, self._near)
        if deep:
            names = ", ".join(row.id for row in deep[:5])
            model = self._near.settings.limit_model
            raise ConfigError([f"[identity] limit_model: {len(deep)} projects are too deep for {model}: {names}"])
        await self._near.db.write(keys.rotate, self._near)
        await self._near.db.read(keys.load, self._near)


def _signer(tx: Tx, near: Near, access: str) -> tuple[str, Session]:
    key = access_keys.find(tx, near, access)
    return key.secret, access_keys.enter_store(tx, near, key)
