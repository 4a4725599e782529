"""Keys of credentials: a new one in time, all secrets sealed with it, the old ones gone."""

from pileus.kernel.types import SECOND
from pileus.services.identity.core.neighbours import Near


class VaultKeeper:
    def __init__(self, near: Near) -> None:
        self._near = near

    async def work(self) -> None:
        near = self._near
        await near.db.write(near.vault.rotate, near.settings.credential_key_rotation * SECOND)
        while await near.db.write(near.vault.renew):
            pass
