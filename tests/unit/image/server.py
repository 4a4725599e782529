"""The image service on a port, with tokens that say who they are: `user:project:role,role`."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pileus.drivers.blob.file import FileBlobs
from pileus.kernel.config import Settings
from pileus.kernel.db import Database
from pileus.kernel.rest import Door, Entry, Listeners, Service
from pileus.kernel.types import Ctx, Unauthorized
from pileus.services.image.core.settings import ImageSettings
from pileus.services.image.service import build

IMPLIED = {"admin": "manager", "manager": "member", "member": "reader"}


async def authenticate(token: str, service_token: str = "") -> Ctx:
    user, _, rest = token.partition(":")
    project, _, words = rest.partition(":")
    roles = set(words.split(",")) - {""}
    if not roles:
        raise Unauthorized("The request you have made requires authentication.")
    for role, implied in IMPLIED.items():
        if role in roles:
            roles.add(implied)
    return Ctx(user_id=user, project_id=project, roles=frozenset(roles), token=token)


class Running:
    """A service with what it stands on."""

    def __init__(self, service: Service, db: Database, blobs: FileBlobs, url: str) -> None:
        self.service, self.db, self.blobs, self.url = service, db, blobs, url


@asynccontextmanager
async def running(folder: Path, port: int, url: str = "", **section: Any) -> AsyncIterator[Running]:
    db = Database(url or f"sqlite:///{folder}/pileus.db", synchronous="OFF")
    await db.start()
    blobs = FileBlobs(folder / "images")
    await blobs.start()
    settings = Settings({"image": ImageSettings(**section)})
    service = build(db=db, settings=settings, blobs=blobs, authenticate=authenticate)
    listeners = Listeners(Entry({0: Door(service.face)}), [("127.0.0.1", port)])
    listeners.bind()
    await listeners.start()
    try:
        yield Running(service, db, blobs, f"http://127.0.0.1:{port}")
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
