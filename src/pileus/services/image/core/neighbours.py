"""What decisions about images need beyond their transaction."""

from collections.abc import Mapping
from dataclasses import dataclass

from pileus.drivers.blob.protocol import BlobStore
from pileus.kernel.db import Database
from pileus.kernel.policy import Policy
from pileus.kernel.quota import Quotas
from pileus.services.image.core.settings import ImageSettings
from pileus.services.image.core.uploads import Uploads


@dataclass(frozen=True)
class Neighbours:
    settings: ImageSettings
    policy: Policy
    quotas: Quotas
    db: Database
    """For the streams alone: they decide twice, before and after the bytes."""
    stores: Mapping[str, BlobStore]
    """By the name that clients know; the first is the default one, where staged data lie as well."""
    uploads: Uploads

    @property
    def store(self) -> str:
        """The default one's name."""
        return next(iter(self.stores))

    async def remove(self, blob_id: str, *stores: str) -> None:
        """From those stores, or from every one; absent is success."""
        for name in stores or self.stores:
            await self.stores[name].remove(blob_id)
