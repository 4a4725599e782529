"""Network alone over simulated hosts, spoken to in this process as over HTTP, without a socket."""

import json
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from pileus.drivers.network.fake import FakeNetwork
from pileus.drivers.network.protocol import NetworkDriver
from pileus.kernel.config import Settings
from pileus.kernel.db import Database
from pileus.kernel.nodes import Nodes
from pileus.kernel.rest import Query, Request
from pileus.kernel.types import Ctx
from pileus.services.network import service
from pileus.services.network.core.settings import NetworkSettings

ABOVE = {"admin": {"manager", "member", "reader"}, "manager": {"member", "reader"}, "member": {"reader"}}
HOSTS = ("h0", "h1")


class Reply(Struct):
    status: int
    body: Any

    @property
    def kind(self) -> str:
        return str(self.body["NeutronError"]["type"])

    @property
    def message(self) -> str:
        return str(self.body["NeutronError"]["message"])

    def __getitem__(self, member: str) -> Any:
        assert member in self.body, self.body
        return self.body[member]


class Caller:
    """Somebody of a project, in a role."""

    def __init__(self, cloud: "NetworkCloud", project: str, role: str) -> None:
        self.cloud = cloud
        self.ctx = Ctx(
            user_id=f"u-{project}",
            project_id=project,
            roles=frozenset({role} | ABOVE.get(role, set())),
            request_id="req-1",
        )

    async def __call__(self, method: str, path: str, body: Any = None, raw: bytes = b"", **headers: str) -> Reply:
        """`headers` with underscores for dashes."""
        data = raw or (b"" if body is None else json.dumps(body).encode())

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": data, "more_body": False}

        place, _, query = path.partition("?")
        request = Request(
            method=method,
            path=f"/v2.0/{place}",
            headers={k.replace("_", "-").lower(): v for k, v in headers.items()},
            query=Query(query),
            base="http://net",
            receive=receive,
        )
        answer = await self.cloud.service.face.answer(request, ctx=self.ctx)
        return Reply(answer.status, msgspec.to_builtins(answer.body))

    async def make(self, noun: str, **fields: Any) -> dict[str, Any]:
        """Create one and give it back; it must work."""
        reply = await self("POST", f"{noun.replace('_', '-')}s", {noun: _wired(fields)})
        assert reply.status == 201, reply.body
        return dict(reply[noun])

    async def get(self, noun: str, id: str) -> dict[str, Any]:
        reply = await self("GET", f"{noun.replace('_', '-')}s/{id}")
        assert reply.status == 200, reply.body
        return dict(reply[noun])

    async def change(self, noun: str, id: str, **fields: Any) -> Reply:
        return await self("PUT", f"{noun.replace('_', '-')}s/{id}", {noun: _wired(fields)})

    async def network(self, *cidrs: str, **fields: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """A network with subnets."""
        made = await self.make("network", **fields)
        subnets = [
            await self.make("subnet", network_id=made["id"], ip_version=6 if ":" in c else 4, cidr=c) for c in cidrs
        ]
        return made, subnets


def _wired(fields: dict[str, Any]) -> dict[str, Any]:
    """`binding__host_id` is `binding:host_id`."""
    return {k.replace("__", ":"): v for k, v in fields.items()}


class NetworkCloud:
    """One control plane over two simulated hosts; `h0` carries routers and DHCP."""

    def __init__(self, db: Database, hosts: Iterable[str] = HOSTS, **settings: Any) -> None:
        self.db = db
        self.nodes = Nodes("h0")
        self.drivers = {name: FakeNetwork() for name in hosts}
        for name, driver in self.drivers.items():
            self.nodes.add(name, {NetworkDriver: driver})
        self.settings = settings
        self.build()

    def build(self) -> None:
        """A control plane that knows nothing but the rows: as after a restart."""
        self.service = service.build(
            db=self.db, settings=Settings({"network": NetworkSettings(**self.settings)}), nodes=self.nodes
        )
        self.internal = self.service.internal

    def caller(self, project: str = "p1", role: str = "member") -> Caller:
        return Caller(self, project, role)

    async def reconcile(self) -> None:
        """What the reconcilers do on a signal."""
        await self.service.start()
        await self.service.reconcilers[0]._work()
