"""What decisions about images need beyond their transaction."""

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
    blobs: BlobStore
    uploads: Uploads
