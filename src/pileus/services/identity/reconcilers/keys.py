"""Keys of tokens: made in time, taken into use everywhere, dropped when nothing needs them; and what has ended with its time."""

from pileus.services.identity.core import keys, oauth_tokens
from pileus.services.identity.core.neighbours import Near


class KeyKeeper:
    """Rotates when it is time; every process takes what the database has."""

    def __init__(self, near: Near) -> None:
        self._near = near

    async def work(self) -> None:
        near = self._near
        await near.db.write(keys.rotate, near)
        await near.db.read(keys.load, near)
        await near.db.write(keys.purge, near)
        await near.db.write(oauth_tokens.purge)
