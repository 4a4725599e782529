"""The image service: its name, its settings, and how it is put together."""

from collections.abc import Mapping
from typing import Any

from pileus.contracts.identity import CatalogService
from pileus.contracts.objectstore import Objects
from pileus.drivers.blob.protocol import BlobStore
from pileus.kernel.config import Settings
from pileus.kernel.db import Database
from pileus.kernel.policy import Policy
from pileus.kernel.reconcile import Reconciler
from pileus.kernel.rest import Authenticate, Face, Service
from pileus.kernel.types import MINUTE
from pileus.services.image.api.data import Data
from pileus.services.image.api.dialect import ImageDialect
from pileus.services.image.api.images import Images
from pileus.services.image.api.info import Info
from pileus.services.image.api.members import Members
from pileus.services.image.api.metadefs import Metadefs
from pileus.services.image.api.tasks import Tasks
from pileus.services.image.core.limits import quotas
from pileus.services.image.core.neighbours import Neighbours
from pileus.services.image.core.object_blobs import ObjectBlobs
from pileus.services.image.core.rules import RULES
from pileus.services.image.core.settings import ImageSettings
from pileus.services.image.core.uploads import Uploads
from pileus.services.image.internal import Internal
from pileus.services.image.reconcilers.blobs import HEARTBEAT, Blobs
from pileus.services.image.sagas.copy_image import copy_image

SECTION = ("image", ImageSettings)
CATALOG = [CatalogService(type="image", name="glance", url="{base}", description="Images")]
PORT = 9292


def build(
    *,
    db: Database,
    settings: Settings,
    blobs: BlobStore,
    objectstore: Objects | None = None,
    authenticate: Authenticate | None = None,
    policy_overrides: Mapping[str, Any] | None = None,
    **_: object,
) -> Service:
    """`blobs`: a store of the images' own, started and closed by whoever made it. Without `objectstore` it is the only one."""
    section = settings.of(ImageSettings)
    policy = Policy(RULES, policy_overrides)
    offered: dict[str, BlobStore] = {"file": blobs}
    if objectstore is not None:
        offered["swift"] = ObjectBlobs(objectstore)
    stores: dict[str, BlobStore] = {name: offered[name] for name in section.stores if name in offered}
    near = Neighbours(section, policy, quotas(section), db, stores or offered, Uploads())
    operations = [
        operation
        for noun in (Images(near), Data(near), Members(near), Tasks(near), Metadefs(near), Info(near))
        for operation in noun.operations()
    ]
    work = Blobs(near)
    return Service(
        name="image",
        face=Face("image", ImageDialect(), policy, db, operations, authenticate),
        internal=Internal(near),
        sagas=[(copy_image, near)],
        reconcilers=[
            Reconciler("image.rescue", work.rescue, every=HEARTBEAT),
            Reconciler("image.sweep", work.sweep, every=10 * MINUTE),
        ],
    )


__all__ = ["CATALOG", "PORT", "RULES", "SECTION", "build"]
