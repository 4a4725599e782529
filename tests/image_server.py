"""The image service on a port, with tokens that say who they are: `user:project:role,role`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pileus.drivers.blob.file import FileBlobs
from pileus.drivers.blob.file.disk import Disk
from pileus.kernel.config import Settings
from pileus.kernel.db import Database
from pileus.kernel.rest import Service
from pileus.kernel.types import Ctx, Unauthorized
from pileus.services.image.core.settings import ImageSettings
from pileus.services.image.service import build
from served import program, served

IMPLIED = {"admin": "manager", "manager": "member", "member": "reader"}


async def authenticate(token: str, service_token: str = "") -> Ctx:
    user, _, rest = unquote(token).partition(":")  # the old client quotes its headers
    project, _, words = rest.partition(":")
    roles = set(words.split(",")) - {""}
    if not roles:
        raise Unauthorized("The request you have made requires authentication.")
    for role, implied in IMPLIED.items():
        if role in roles:
            roles.add(implied)
    return Ctx(user_id=user, project_id=project, roles=frozenset(roles), token=token)


@dataclass
class Running:
    """A service with what it stands on."""

    service: Service
    db: Database
    blobs: FileBlobs
    url: str
    port: int

    async def reconcile(self) -> None:
        """Run every reconciler once."""
        for one in self.service.reconcilers:
            await one._work()


@asynccontextmanager
async def running(
    folder: Path, port: int = 0, url: str = "", disk: Disk | None = None, **section: Any
) -> AsyncIterator[Running]:
    """`port` 0: any free one."""
    db = Database(url or f"sqlite:///{folder}/pileus.db", synchronous="OFF")
    await db.start()
    blobs = FileBlobs(folder / "images", disk=disk)
    await blobs.start()
    settings = Settings({"image": ImageSettings(**section)})
    service = build(db=db, settings=settings, blobs=blobs, authenticate=authenticate)
    try:
        async with served(service, port) as found:
            yield Running(service, db, blobs, f"http://127.0.0.1:{found}", found)
    finally:
        await blobs.close()
        await db.close()


if __name__ == "__main__":
    program(running)
