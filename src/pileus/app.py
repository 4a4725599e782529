"""The control plane put together: the only file that knows every service and every driver."""

import asyncio
import os
import secrets
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import msgspec

from pileus import agent
from pileus.contracts.identity import CatalogService
from pileus.drivers.blob.file import FileBlobs
from pileus.drivers.directory.ldap import LdapDirectory
from pileus.kernel.config import ConfigError, Section, Settings, doc
from pileus.kernel.db import Database
from pileus.kernel.events import EventsSettings, Followers
from pileus.kernel.nodes import Nodes
from pileus.kernel.policy import load_overrides
from pileus.kernel.reconcile import Reconcilers
from pileus.kernel.rest import Door, Entry, EntrySettings, Face, Front, Listeners, PortTaken, Service, Tls
from pileus.kernel.saga import Runner, SagaSettings
from pileus.services.compute import service as compute
from pileus.services.identity import service as identity
from pileus.services.identity.core.federation_settings import FederationSettings
from pileus.services.image import service as image
from pileus.services.network import service as network
from pileus.services.objectstore import service as objectstore
from pileus.services.objectstore.core.settings import ObjectSettings
from pileus.services.placement import service as placement


class CloudSettings(Section, frozen=True):
    """Options of `[cloud]`."""

    host: Annotated[str, doc("Address that all listeners bind to.")] = "127.0.0.1"
    public_host: Annotated[str, doc("Name or address in the catalog's URLs; the listeners' own when empty.")] = ""
    public_url: Annotated[
        str,
        doc(
            "URL under which clients reach all services by path (`https://cloud.example.org:8998`): a proxy's, or the port with TLS. "
            "It then stands in the catalog instead of addresses and ports."
        ),
    ] = ""
    database: Annotated[str, doc("URL of the database; SQLite in the state directory when empty.", secret=True)] = ""
    synchronous: Annotated[str, doc("FULL survives power loss, NORMAL only a killed process (SQLite).")] = "FULL"
    simulate: Annotated[
        int, doc("Number of simulated hypervisors, as `pileus up --simulate` sets it; 0: as [node] says.")
    ] = 0
    origins: Annotated[tuple[str, ...], doc("Web origins that may call the APIs from a browser.")] = ()
    trust_forwarded: Annotated[bool, doc("Believe X-Forwarded-* headers; only behind a proxy that sets them.")] = False
    tls_certificate: Annotated[str, doc("Path of the certificate (PEM, with its chain) for the port with TLS.")] = ""
    tls_key: Annotated[str, doc("Path of its key.")] = ""
    tls_client_authority: Annotated[
        str,
        doc(
            "Path of the authority whose certificates clients may show at the port with TLS; empty: none is asked for."
        ),
    ] = ""
    certificate_header: Annotated[
        str,
        doc(
            "Header in which a proxy in front, which ends TLS, hands on the client's certificate (PEM, PEM escaped as in URLs, or "
            "base64 of DER); it must take the header away from what clients send. Empty: no certificate is believed."
        ),
    ] = ""
    certificate_peers: Annotated[tuple[str, ...], doc("Addresses from which such a proxy speaks to us.")] = (
        "127.0.0.1",
        "::1",
    )
    policy_dir: Annotated[str, doc("Folder of operators' policy files, <service>.yaml each.")] = ""


class PortSettings(Section, frozen=True):
    """Options of `[ports]`. 0 switches a listener off."""

    shift: Annotated[int, doc("Added to every port: a second cloud on one machine.")] = 0
    identity: Annotated[int, doc("Identity.")] = 5000
    identity_admin: Annotated[int, doc("Identity once more, where old clients look for it.")] = 35357
    image: Annotated[int, doc("Image.")] = 9292
    compute: Annotated[int, doc("Compute.")] = 8774
    metadata: Annotated[int, doc("Metadata of guests, for the network driver's proxy.")] = 8775
    placement: Annotated[int, doc("Placement.")] = 8778
    network: Annotated[int, doc("Network.")] = 9696
    objectstore: Annotated[int, doc("Objects.")] = 8080
    all: Annotated[int, doc("All services by path: /identity, /compute, …")] = 8999
    tls: Annotated[int, doc("The same with TLS; asks for `[cloud] tls_certificate` and `tls_key`.")] = 0


MODULES: Mapping[str, ModuleType] = {
    "identity": identity, "objectstore": objectstore, "placement": placement, "image": image, "network": network, "compute": compute,
}  # fmt: skip
"""In the order of the street: each may call those before it."""
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


class Cloud:
    """Everything that runs in this process."""

    def __init__(self, settings: Settings, state: Path) -> None:
        self.settings, self.state = settings, state
        self.own = settings.of(CloudSettings)
        self.ports = settings.of(PortSettings)
        self.db = database(settings, state)
        self.nodes = Nodes(socket.gethostname())
        self.services: dict[str, Service] = {}
        self.runner = Runner(self.db, settings.of(SagaSettings))
        self.reconcilers = Reconcilers()
        self.blobs = FileBlobs(state / "images")
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
                ports={known: self.port(known) for known in self.ports.__struct_fields__ if known != "shift"},
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

    def port(self, name: str) -> int:
        chosen = int(getattr(self.ports, name, 0))
        return chosen + self.ports.shift if chosen else 0

    def base(self, name: str) -> str:
        """Where the catalog says that a service is."""
        return f"{self.own.public_url.rstrip('/')}/{name}" if self.own.public_url else self.url(name)

    def url(self, name: str) -> str:
        host = self.own.public_host or (_own_address() if self.own.host in ("0.0.0.0", "::") else self.own.host)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port(name) or self.port('all')}"

    def catalog(self) -> list[CatalogService]:
        return [
            CatalogService(type=c.type, name=c.name, url=c.url.format(base=self.base(name)), description=c.description)
            for name, module in MODULES.items()
            for c in (module.catalog(self.settings) if hasattr(module, "catalog") else module.CATALOG)
        ]

    def doors(self) -> dict[int, Door]:
        """Which face answers at which port."""
        faces: dict[str, Face] = {name: s.face for name, s in self.services.items() if s.listens}
        for service in self.services.values():
            faces |= service.faces
        found = {self.port(name): Door(root=face) for name, face in faces.items() if self.port(name)}
        if self.port("identity_admin"):
            found[self.port("identity_admin")] = Door(root=faces["identity"])
        by_path = Door(mounts={n: s.face for n, s in self.services.items() if s.listens})
        if self.port("all"):
            found[self.port("all")] = by_path
        if self.port("tls"):
            found[self.port("tls")] = by_path
        return found

    def listen(self, app: Entry) -> list[Listeners]:
        """Listeners in the clear, and with TLS where a port is set for it; all ports are taken, or none."""
        own, secure = self.own, self.port("tls")
        found = [Listeners(app, [(own.host, port) for port in app.doors if port != secure])]
        if secure:
            missing = [f for f in (own.tls_certificate, own.tls_key) if not f or not Path(f).is_file()]
            if missing:
                raise ConfigError([f"[ports] tls: [cloud] tls_certificate and tls_key are to be files, not {missing}"])
            tls = Tls(own.tls_certificate, own.tls_key, own.tls_client_authority)
            found.append(Listeners(app, [(own.host, secure)], tls=tls))
        try:
            for listeners in found:
                listeners.bind()
        except PortTaken:
            for listeners in found:
                listeners.release()
            raise
        return found

    # --- running --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listeners are taken first: a second cloud on these ports changes nothing before it fails."""
        self.build()
        doors = self.doors()
        own = self.own
        believed = EntrySettings(
            own.origins, own.trust_forwarded, own.certificate_header.lower(), own.certificate_peers
        )
        entry = Entry(doors, believed, self._ill, self._gauges)
        self.listeners = self.listen(entry)
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
            metadata_url=f"http://127.0.0.1:{self.port('metadata')}",
            metadata_secret=secret(self.state, "metadata"),
        )

    def front(self) -> Front:
        return Front({n: s.face for n, s in self.services.items()}, {n: self.url(n) for n in self.services})

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
        return {
            "listeners": {n: self.url(n) for n in MODULES if self.port(n) and self.services[n].listens},
            "drivers": self.node.told,
            "notes": self.node.notes,
        }


_STARTED = time.monotonic()


async def serve(settings: Settings, state: Path, ready: Callable[[Mapping[str, object]], None]) -> None:
    """Run the cloud until cancelled. `ready` is told the facts when every listener answers."""
    cloud = Cloud(settings, state)
    try:
        await cloud.start()
        ready(cloud.facts())
        await asyncio.Event().wait()
    finally:
        await cloud.close()


async def purge(settings: Settings, state: Path) -> list[str]:
    """Take away every guest, device, namespace and process of this cloud. Returns what was found, in words."""
    cloud = Cloud(settings, state)
    cloud.build()
    return await agent.purge(node_settings(settings), cloud.wiring())


def node_settings(settings: Settings) -> agent.NodeSettings:
    """`[node]`, with the number of simulated hosts that the command line gave."""
    own, count = settings.of(agent.NodeSettings), settings.of(CloudSettings).simulate
    return msgspec.structs.replace(own, simulate=count) if count else own


async def migrate(settings: Settings, state: Path) -> str:
    """Bring the database to this code's tables."""
    db = database(settings, state)
    await db.start()
    await db.close()
    return "the database is at this version's tables"


async def bootstrap(settings: Settings, state: Path) -> None:
    """Make sure that admin can log in again, from the machine itself; the cloud must be down."""
    cloud = Cloud(settings, state)
    cloud.build()
    await cloud.db.start()
    try:
        await cloud.services["identity"].start()
        await cloud.db.write(cloud.services["identity"].internal.bootstrap, cloud.catalog())
        await cloud.db.write(cloud.services["identity"].internal.recover)
    finally:
        await cloud.services["identity"].close()
        await cloud.db.close()


def database(settings: Settings, state: Path) -> Database:
    own = settings.of(CloudSettings)
    return Database(own.database or f"sqlite:///{state / 'pileus.db'}", synchronous=own.synchronous)


def stores(settings: Settings, state: Path) -> dict[str, FileBlobs]:
    """Where objects lie, by storage policy."""
    own = settings.of(ObjectSettings).policies
    return {name: FileBlobs(folder or state / "objects" / name) for name, folder in own.items()}


def secret(state: Path, name: str) -> str:
    """A random secret of this cloud, made at first use, readable by its owner only."""
    path = state / "run" / f"{name}.secret"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
    return path.read_text(encoding="ascii")


def _own_address() -> str:
    """The address that this machine uses towards others; loopback when it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
