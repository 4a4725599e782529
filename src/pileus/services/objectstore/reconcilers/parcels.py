"""One change on its way to another cluster: the request that brings it, and what its answer means."""

import logging
import secrets
from collections.abc import AsyncIterator
from http import HTTPStatus
from urllib.parse import quote, urlsplit

import httpx

from pileus.kernel.types import SECOND, Micros, NotFound
from pileus.services.objectstore.core import objects, reading, syncing
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.syncing import Follower
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import DLO, PARTS, SLO, SYMLINK, ObjectRow, Whole

log = logging.getLogger("pileus.objectstore.sync")
_SHORT = 1 << 16
"""Bytes of an answer worth reading, so that the connection can serve again."""


class Failed(Exception):
    """The other cluster did not take it. `status` 0: there was no answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Parcels:
    def __init__(self, near: Neighbours, http: httpx.AsyncClient) -> None:
        self._near, self._http = near, http

    async def bring(self, container: ContainerRow, follower: Follower, name: str, gone_at: Micros) -> None:
        """The object as it is now; if it is gone, its deletion (`gone_at` 0: it never came, nothing is told). Raises `Failed`, `Fault`."""
        try:
            _, whole = await self._near.db.read(
                objects.fetch, self._near, container.account, container.name, name, _ours
            )
        except NotFound:
            if gone_at:
                await self._send("DELETE", container, follower, name, gone_at)
            return
        row = whole.object
        if row.kind in (SLO, SYMLINK):
            # Their targets are named in words that each cluster writes in its own way.
            log.warning("container %d: a link or static manifest is not sent to another cluster", container.id)
            return
        await self._send("PUT", container, follower, name, row.modified_at, whole)

    async def _send(
        self,
        method: str,
        container: ContainerRow,
        follower: Follower,
        name: str,
        at: Micros,
        whole: Whole | None = None,
    ) -> None:
        names = follower.account, follower.container, name
        url = f"{follower.url}/{syncing.quoted(*names)}"
        path = f"{urlsplit(follower.url).path}/{quote('/'.join(names))}"
        stamp, nonce = f"{at // SECOND:010d}.{at % SECOND // 10:05d}", secrets.token_hex(16)
        keys = self._near.settings.sync_realms[follower.realm], container.kept.system[syncing.KEY]
        mark = syncing.signature(*keys, method, path, stamp, nonce)
        headers = {"x-container-sync-auth": f"{follower.realm} {nonce} {mark}", "x-timestamp": stamp}
        content = None
        if whole is not None:
            headers |= _described(whole.object)
            content = self._bytes(container, whole)
        raw = [(key.encode(), value.encode()) for key, value in headers.items()]
        try:
            async with self._http.stream(method, url, headers=raw, content=content) as answer:
                if int(answer.headers.get("content-length", _SHORT)) < _SHORT:
                    await answer.aread()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise Failed(0, f"{urlsplit(url).netloc}: {type(error).__name__}") from error
        gone = method == "DELETE" and answer.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
        if not (answer.is_success or gone):
            raise Failed(answer.status_code, f"{urlsplit(url).netloc} answers {answer.status_code} to {method}")

    def _bytes(self, container: ContainerRow, whole: Whole) -> AsyncIterator[bytes]:
        if whole.object.kind == DLO:
            return reading.raw(self._near, whole)
        return reading.content(self._near, container.account, whole, _ours)


def _described(row: ObjectRow) -> dict[str, str]:
    kept = row.kept
    headers = {f"x-object-meta-{name}": value for name, value in kept.meta.items()} | kept.headers
    headers |= {"content-type": row.content_type, "content-length": str(row.weight if row.kind == DLO else row.size)}
    if row.kind != PARTS:
        headers["etag"] = row.inner_etag or row.etag
    if row.delete_at:
        headers["x-delete-at"] = str(row.delete_at // SECOND)
    return headers


def _ours(_: ContainerRow) -> None:
    """The container's own content may go where its owner sends it."""
