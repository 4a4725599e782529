"""The image service on a port, with tokens that say who they are: `user:project:role,role`."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from cloud_runs import free_ports
from pileus.drivers.blob.file import FileBlobs
from pileus.drivers.blob.file.disk import Disk
from pileus.kernel.config import Settings
from pileus.kernel.db import Database
from pileus.kernel.rest import Door, Entry, Listeners, Service
from pileus.kernel.types import Ctx, Unauthorized
from pileus.services.image.core.settings import ImageSettings
from pileus.services.image.service import build

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


def free_port() -> int:
    return free_ports(1)[0]


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
    """`port` 0: any free one of this suite's own."""
    port = port or free_port()
    db = Database(url or f"sqlite:///{folder}/pileus.db", synchronous="OFF")
    await db.start()
    blobs = FileBlobs(folder / "images", disk=disk)
    await blobs.start()
    settings = Settings({"image": ImageSettings(**section)})
    service = build(db=db, settings=settings, blobs=blobs, authenticate=authenticate)
    listeners = Listeners(Entry({0: Door(service.face)}), [("127.0.0.1", port)])
    listeners.bind()
    await listeners.start()
    try:
        yield Running(service, db, blobs, f"http://127.0.0.1:{port}", port)
    finally:
        await listeners.close()
        await blobs.close()
        await db.close()


async def main(folder: str, port: str) -> None:
    async with running(Path(folder), int(port)) as it:
        print(it.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
