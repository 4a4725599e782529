"""The services in the order of the street, the options of all, and the drivers that they are handed."""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from pileus import agent
from pileus.app.settings import CloudSettings, PortSettings
from pileus.drivers.blob.file import FileBlobs
from pileus.kernel.config import Section, Settings
from pileus.kernel.events import EventsSettings
from pileus.kernel.saga import SagaSettings
from pileus.services.compute import service as compute
from pileus.services.identity import service as identity
from pileus.services.identity.core.federation_settings import FederationSettings
from pileus.services.image import service as image
from pileus.services.network import service as network
from pileus.services.objectstore import service as objectstore
from pileus.services.objectstore.core.settings import ObjectSettings
from pileus.services.placement import service as placement

MODULES: Mapping[str, ModuleType] = {
    "identity": identity, "objectstore": objectstore, "placement": placement, "image": image, "network": network, "compute": compute,
}  # fmt: skip
"""Each may call those before it."""
SECTIONS: dict[str, type[Section]] = {
    "cloud": CloudSettings, "ports": PortSettings, "events": EventsSettings, "sagas": SagaSettings, **agent.SECTIONS,
    **{m.SECTION[0]: m.SECTION[1] for m in MODULES.values() if hasattr(m, "SECTION")},
    **{name: section for m in MODULES.values() for name, section in getattr(m, "SECTIONS", {}).items()},
}  # fmt: skip


def federation(settings: Settings) -> dict[str, Any]:
    """What speaks to identity providers; libraries are loaded only where there is one."""
    mine, found = settings.of(FederationSettings), dict[str, Any]()
    if mine.oidc:
        from pileus.drivers.federation.oidc import RelyingParty  # noqa: PLC0415

        secrets_of = mine.client_secrets
        found["oidc"] = RelyingParty(
            {(p.issuer, p.client_id): secrets_of[id] for id, p in mine.oidc.items() if id in secrets_of}
        )
    if mine.saml or mine.certificate is not None:
        from pileus.drivers.federation.saml import PySaml  # noqa: PLC0415

        found["saml"] = PySaml()
    return found


def stores(settings: Settings, state: Path) -> dict[str, FileBlobs]:
    """Where objects lie, by storage policy."""
    own = settings.of(ObjectSettings).policies
    return {name: blobs(settings, state, Path(folder or state / "objects" / name)) for name, folder in own.items()}


def blobs(settings: Settings, state: Path, folder: Path) -> FileBlobs:
    """A store in `folder`. On the disk where the database grows it leaves some room; a disk of its own it may fill."""
    reserve = settings.of(CloudSettings).reserve_mib << 20
    return FileBlobs(folder, reserve=reserve if _device(folder) == _device(state) else 0)


def _device(path: Path) -> int:
    """On which file system it is, or will be made."""
    while not path.exists():
        path = path.parent
    return path.stat().st_dev
