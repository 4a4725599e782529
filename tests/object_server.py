"""The object store on a port, with tokens that say who they are: `user:project:role,role`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from image_server import authenticate as caller_of
from pileus.contracts.identity import AccessKey
from pileus.drivers.blob.file import FileBlobs
from pileus.kernel.config import Settings
from pileus.kernel.db import Database
from pileus.kernel.rest import Service
from pileus.kernel.types import Ctx
from pileus.services.objectstore.core.settings import ObjectSettings
from pileus.services.objectstore.service import build
from served import program, served


class People:
    """Identity as far as objects ask it: names are ids with `-name` behind them, all in the default domain."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Ctx] = {}

    async def authenticate(self, token: str, service_token: str = "") -> Ctx:
        """The same object for the same token, as identity gives it: what is kept for a caller is kept for that object."""
        if (token, service_token) not in self._known:
            self._known[token, service_token] = await self._caller(token, service_token)
        return self._known[token, service_token]

    async def _caller(self, token: str, service_token: str) -> Ctx:
        known = await caller_of(token)
        names = {"user_name": f"{known.user_id}-name", "project_name": f"{known.project_id}-name"}
        domains = {"user_domain_id": "default", "project_domain_id": "default"}
        roles = frozenset(role.lower() for role in known.roles)
        service = frozenset(service_token.rpartition(":")[2].split(",")) - {""}
        return Ctx(
            user_id=known.user_id, project_id=known.project_id, roles=roles, service_roles=service, token=token,
            **names, **domains,
        )  # fmt: skip

    def project_exists(self, tx: Any, project_id: str) -> bool:
        """Every project that anybody names."""
        return True

    async def access_key(self, access: str) -> AccessKey:
        """S3's keys are tokens with dots in the place of colons; their secret is `secret`."""
        return AccessKey(secret="secret", ctx=await self.authenticate(access.replace(".", ":")))


@dataclass
class Running:
    """A service with what it stands on."""

    service: Service
    db: Database
    stores: dict[str, FileBlobs]
    url: str
    port: int


@asynccontextmanager
async def running(
    folder: Path, port: int = 0, url: str = "", *, synchronous: str = "OFF", reserve: int = 0, **section: Any
) -> AsyncIterator[Running]:
    """`port` 0: any free one. Two storage policies: gold, the default, and silver."""
    db = Database(url or f"sqlite:///{folder}/pileus.db", synchronous=synchronous, reserve=reserve)
    await db.start()
    stores = {name: FileBlobs(folder / name, reserve=reserve) for name in ("gold", "silver")}
    for store in stores.values():
        await store.start()
    people: Any = People()
    settings = Settings({"objectstore": ObjectSettings(**section)})
    service = build(db=db, settings=settings, stores=stores, identity=people, authenticate=people.authenticate)
    await service.start()
    try:
        async with served(service, port) as found:
            yield Running(service, db, stores, f"http://127.0.0.1:{found}", found)
    finally:
        for store in stores.values():
            await store.close()
        await db.close()


if __name__ == "__main__":
    program(running)
