"""Everything that runs in this process."""

import asyncio
import os
import secrets
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from pileus import agent
from pileus.app import listening
from pileus.app.addresses import Addresses
from pileus.app.settings import CloudSettings, PortSettings
from pileus.app.street import MODULES, blobs, federation, stores
from pileus.contracts.identity import CatalogService
from pileus.drivers.directory.ldap import LdapDirectory
from pileus.kernel.config import Settings
from pileus.kernel.db import Database
from pileus.kernel.events import EventsSettings, Followers
from pileus.kernel.nodes import Nodes
from pileus.kernel.policy import load_overrides
from pileus.kernel.reconcile import Reconcilers
from pileus.kernel.rest import Entry, EntrySettings, Listeners, Service
from pileus.kernel.saga import Runner, SagaSettings

_STARTED = time.monotonic()


class Cloud:
    """Everything that runs in this process."""

    def __init__(self, settings: Settings, state: Path) -> None:
        self.settings, self.state = settings, state
        self.own = settings.of(CloudSettings)
        self.addresses = Addresses(self.own, settings.of(PortSettings))
        self.db = database(settings, state)
        self.nodes = Nodes(socket.gethostname())
        self.services: dict[str, Service] = {}
        self.runner = Runner(self.db, settings.of(SagaSettings))
        self.reconcilers = Reconcilers()
        self.blobs = blobs(settings, state, state / "images")
        self.stores = stores(settings, state)
        self.node: agent.Node | None = None
        self.tasks: list[asyncio.Task[Any]] = []
        self.listeners: list[Listeners] = []

    # --- building -------------------------------------------------------------------------------------------------

    def build(self) -> None:
        """Services in the order of the street; each gets those before it by name."""
        contracts: dict[str, Any] = {}
        for name, module in MODULES.items():
            service: Service = module.build(
                db=self.db,
                settings=self.settings,
                nodes=self.nodes,
                blobs=self.blobs,
                open_directory=LdapDirectory,
                **federation(self.settings),
                stores=self.stores,
                metadata_secret=secret(self.state, "metadata"),
                authenticate=contracts["identity"].authenticate if contracts else None,
                policy_overrides=self._overrides(name),
                host=self.own.host,
                ports=self.addresses.ports(),
                **contracts,
            )
            self.services[name] = service
            for face in (service.face, *service.faces.values()):
                face.call_it([c.type for c in module.CATALOG])
            contracts[name] = service.internal
            for saga, world in service.sagas:
                self.runner.add(saga, world)
            for reconciler in service.reconcilers:
                self.reconcilers.add(reconciler)

    def _overrides(self, name: str) -> Mapping[str, Any] | None:
        path = Path(self.own.policy_dir) / f"{name}.yaml" if self.own.policy_dir else None
        return load_overrides(path) if path is not None and path.exists() else None

    def catalog(self) -> list[CatalogService]:
        return [
            CatalogService(
                type=c.type, name=c.name, url=c.url.format(base=self.addresses.base(name)), description=c.description
            )
            for name, module in MODULES.items()
            for c in (module.catalog(self.settings) if hasattr(module, "catalog") else module.CATALOG)
        ]

    # --- running --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listeners are taken first: a second cloud on these ports changes nothing before it fails."""
        self.build()
        own, doors = self.own, listening.doors(self.services, self.addresses)
        believed = EntrySettings(
            own.origins, own.trust_forwarded, own.certificate_header.lower(), own.certificate_peers
        )
        entry = Entry(doors, believed, self._ill, self._gauges)
        self.listeners = listening.listen(entry, doors, own, self.addresses.port("tls"))
        await self.db.start()
        for store in (self.blobs, *self.stores.values()):
            await store.start()
        await self.services["identity"].start()
        await self.db.write(self.services["identity"].internal.bootstrap, self.catalog())
        self.node = agent.Node(node_settings(self.settings), self.wiring())
        await self.node.start()
        for host, offers in self.node.offers().items():
            self.nodes.add(host, offers)
        for name, service in self.services.items():
            if name != "identity":
                await service.start()
        await self.runner.start()
        self.reconcilers.start()
        keep = self.settings.of(EventsSettings).keep
        followers = [f for s in self.services.values() for f in s.followers]
        self.tasks.append(asyncio.create_task(Followers(followers, keep).run(self.db), name="followers"))
        for listeners in self.listeners:
            await listeners.start()

    async def close(self) -> None:
        """In the reverse order; guests and networks stay as they are."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for listeners in self.listeners:
            await listeners.close()
        await self.reconcilers.stop()
        await self.runner.close()
        for service in reversed(self.services.values()):
            await service.close()
        if self.node is not None:
            await self.node.close()
        for store in (self.blobs, *self.stores.values()):
            await store.close()
        await self.db.close()

    def wiring(self) -> agent.Wiring:
        return agent.Wiring(
            local=self.nodes.local,
            state=self.state,
            images=self.services["image"].internal.data,
            metadata_url=f"http://127.0.0.1:{self.addresses.port('metadata')}",
            metadata_secret=secret(self.state, "metadata"),
        )

    def _ill(self) -> list[str]:
        return [f"{t.get_name()} has stopped" for t in self.tasks if t.done()]

    def _gauges(self) -> Mapping[str, float]:
        flat = {
            f'pileus_{k}{{name="{n}"}}': float(v)
            for k, by in self.reconcilers.counters().items()
            for n, v in by.items()
        }
        sagas = {f"pileus_{name}": float(value) for name, value in self.runner.counters().items()}
        return {**flat, **sagas, "pileus_up_seconds": time.monotonic() - _STARTED}

    def facts(self) -> dict[str, object]:
        """What `pileus up` tells."""
        assert self.node is not None
        where = self.addresses
        return {
            "listeners": {n: where.url(n) for n in MODULES if where.port(n) and self.services[n].listens},
            "drivers": self.node.told,
            "notes": self.node.notes,
        }


def node_settings(settings: Settings) -> agent.NodeSettings:
    """`[node]`, with the number of simulated hosts that the command line gave."""
    own, count = settings.of(agent.NodeSettings), settings.of(CloudSettings).simulate
    return msgspec.structs.replace(own, simulate=count) if count else own


def database(settings: Settings, state: Path) -> Database:
    own = settings.of(CloudSettings)
    url = own.database or f"sqlite:///{state / 'pileus.db'}"
    return Database(url, synchronous=own.synchronous, reserve=own.reserve_mib << 20)


def secret(state: Path, name: str) -> str:
    """A random secret of this cloud, made at first use, readable by its owner only."""
    path = state / "run" / f"{name}.secret"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
    return path.read_text(encoding="ascii")
