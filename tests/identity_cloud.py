"""Identity alone, spoken to in this process as over HTTP, without a socket."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from msgspec import Struct

from pileus.contracts.identity import CatalogService
from pileus.drivers.directory.ldap import LdapDirectory
from pileus.kernel.config import Settings
from pileus.kernel.db import Database
from pileus.kernel.rest import Door, Entry
from pileus.services.identity import service
from pileus.services.identity.core.settings import ComplianceSettings, IdentitySettings
from pileus.services.identity.internal import Internal

CHEAP = {"password_memory": 8, "password_passes": 1}
CATALOG = [
    CatalogService(type="identity", name="keystone", url="http://cloud:5000/v3", description="Identity"),
    CatalogService(type="volumev3", name="cinderv3", url="http://cloud:8776/v3/{project_id}"),
]


class Reply(Struct):
    status: int
    headers: dict[str, str]
    body: Any

    @property
    def token(self) -> str:
        return self.headers["x-subject-token"]

    @property
    def error(self) -> str:
        return str(self.body["error"]["message"])


class Cloud:
    """One control-plane process."""

    def __init__(self, db: Database, compliance: Mapping[str, Any] | None = None, **section: Any) -> None:
        settings = {"admin_password": "secret", "demo_password": "demo", **CHEAP, **section}
        self.db = db
        sections = {
            "identity": IdentitySettings(**settings),
            "security_compliance": ComplianceSettings(**(compliance or {})),
        }
        ports = {"identity": 5000, "identity_admin": 35357}
        self.service = service.build(db=db, settings=Settings(sections), open_directory=LdapDirectory, ports=ports)
        self.internal: Internal = self.service.internal
        self.near = self.internal._near
        self._entry = Entry({0: Door(root=self.service.face)})

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        token: str = "",
        headers: Mapping[str, str] | None = None,
        address: str = "127.0.0.1",
        server: tuple[str, int] = ("cloud", 5000),
    ) -> Reply:
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"host": "cloud:5000", "content-length": str(len(raw)), **(headers or {})}
        if token:
            given["x-auth-token"] = token
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": raw, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        where, _, query = path.partition("?")
        scope = {
            "type": "http",
            "http_version": "1.1",
            "scheme": "http",
            "method": method,
            "path": where,
            "raw_path": where.encode(),
            "query_string": query.encode(),
            "headers": [(k.encode(), v.encode()) for k, v in given.items()],
            "server": server,
            "client": (address, 1),
        }
        await self._entry(scope, receive, send)
        content = b"".join(m.get("body", b"") for m in sent[1:])
        answered = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
        told = (
            json.loads(content) if content and "json" in answered.get("content-type", "") else content.decode() or None
        )
        return Reply(sent[0]["status"], answered, told)

    async def login(
        self,
        user: str = "admin",
        password: str = "",
        scope: Any = "admin",
        domain: str = "default",
        query: str = "",
        address: str = "127.0.0.1",
    ) -> Reply:
        """`scope` is a project's name, `None` for none, or the scope itself."""
        who = {"name": user, "domain": {"id": domain}, "password": password or {"admin": "secret"}.get(user, user)}
        auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": who}}}
        if isinstance(scope, str) and scope != "unscoped":
            scope = {"project": {"name": scope, "domain": {"id": domain}}}
        if scope is not None:
            auth["scope"] = scope
        return await self.call("POST", f"/v3/auth/tokens{query}", {"auth": auth}, address=address)

    async def token(self, *args: Any, **more: Any) -> str:
        reply = await self.login(*args, **more)
        assert reply.status == 201, reply.body
        return reply.token

    async def make(self, noun: str, token: str, **body: Any) -> dict[str, Any]:
        """Create something and return it."""
        reply = await self.call("POST", f"/v3/{noun}s", {noun: body}, token)
        assert reply.status == 201, reply.body
        return reply.body[noun]

    async def named(self, noun: str, name: str, token: str) -> dict[str, Any]:
        reply = await self.call("GET", f"/v3/{noun}s?name={name}", None, token)
        (found,) = reply.body[f"{noun}s"]
        return found

    async def ok(self, method: str, path: str, token: str, body: Any = None) -> Reply:
        reply = await self.call(method, path, body, token)
        assert reply.status < 300, (reply.status, reply.body)
        return reply


@asynccontextmanager
async def process(db: Database, **section: Any) -> AsyncIterator[Cloud]:
    """A process on a database, its catalog and first users in place."""
    cloud = Cloud(db, **section)
    await cloud.service.start()
    await db.write(cloud.internal.bootstrap, CATALOG)
    try:
        yield cloud
    finally:
        await cloud.service.close()
