"""One change on its way to another cluster: the request that brings it, and what its answer means."""

import secrets
from collections.abc import AsyncIterator
from http import HTTPStatus
from urllib.parse import quote, urlsplit

import httpx

from pileus.kernel.types import SECOND, Micros, NotFound, as_bytes
from pileus.services.objectstore.core import links, objects, reading, syncing
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.syncing import Follower
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import DLO, PARTS, SLO, SYMLINK, ObjectRow, Whole

_SHORT = 1 << 16
"""Bytes of an answer worth reading, so that the connection can serve again."""


_WORTH_ASKING = 1 << 16
"""Bytes from which on the other cluster is asked first whether it has them."""
_TEXTS = (DLO, SLO)
"""Manifests: their own text is sent, not what it stands for."""


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
        if row.weight < _WORTH_ASKING or not await self._has(container, follower, name, row.modified_at):
            await self._send("PUT", container, follower, name, row.modified_at, whole)

    async def _has(self, container: ContainerRow, follower: Follower, name: str, at: Micros) -> bool:
        """Whether what the other cluster has is no older: two that follow each other do not send all of it back."""
        answer = await self._send("HEAD", container, follower, name, at)
        seconds, _, rest = answer.headers.get("x-timestamp", "0").partition("_")[0].partition(".")
        known = seconds.isdecimal() and (not rest or rest.isdecimal())
        return answer.is_success and known and int(seconds) * SECOND + int(f"{rest}00000"[:5]) * 10 >= at

    async def _send(
        self,
        method: str,
        container: ContainerRow,
        follower: Follower,
        name: str,
        at: Micros,
        whole: Whole | None = None,
    ) -> httpx.Response:
        """Raises `Failed`. What is not there, and what cannot be deleted because it is newer, is none."""
        names = follower.account, follower.container, name
        url = f"{follower.url}/{syncing.quoted(*names)}"
        path = f"{urlsplit(follower.url).path}/{quote('/'.join(names))}"
        stamp, nonce = f"{at // SECOND:010d}.{at % SECOND // 10:05d}", secrets.token_hex(16)
        keys = self._near.settings.sync_realms[follower.realm], container.kept.system[syncing.KEY]
        mark = syncing.signature(*keys, method, path, stamp, nonce)
        headers = {"x-container-sync-auth": f"{follower.realm} {nonce} {mark}", "x-timestamp": stamp}
        content = None
        if whole is not None:
            headers |= _described(container.account, whole.object)
            content = self._bytes(container, whole)
        raw = [(key.encode(), value.encode()) for key, value in headers.items()]
        try:
            async with self._http.stream(method, url, headers=raw, content=content) as answer:
                if int(answer.headers.get("content-length", _SHORT)) < _SHORT:
                    await answer.aread()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise Failed(0, f"{urlsplit(url).netloc}: {type(error).__name__}") from error
        gone = method != "PUT" and answer.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
        if not (answer.is_success or gone):
            raise Failed(answer.status_code, f"{urlsplit(url).netloc} answers {answer.status_code} to {method}")
        return answer

    def _bytes(self, container: ContainerRow, whole: Whole) -> AsyncIterator[bytes]:
        if whole.object.kind in _TEXTS:
            return as_bytes(reading.raw(self._near, whole))
        return as_bytes(reading.content(self._near, container.account, whole, _ours))


def _described(account: str, row: ObjectRow) -> dict[str, str]:
    """Manifests go as they are kept, links as what leads there: what they name may come later, or be elsewhere."""
    kept = row.kept
    headers = {f"x-object-meta-{name}": value for name, value in kept.meta.items()} | kept.headers
    size = row.weight if row.kind in _TEXTS else row.size
    headers |= {"content-type": row.content_type, "content-length": str(size)}
    if row.kind == SYMLINK:
        headers |= _leading(account, row)
    elif row.kind != PARTS:
        headers["etag"] = row.inner_etag or row.etag
    if row.kind == SLO:
        headers["x-static-large-object"] = "True"
    if row.delete_at:
        headers["x-delete-at"] = str(row.delete_at // SECOND)
    return headers


def _leading(account: str, row: ObjectRow) -> dict[str, str]:
    """Without an account the target is in whatever account the link comes to."""
    target = links.target_of(account, row)
    headers = {"x-symlink-target": quote(f"{target.container}/{target.name}")}
    if target.account != account:
        headers["x-symlink-target-account"] = quote(target.account)
    if target.etag:
        size = row.kept.system.get(links.SIZE, "0")
        headers |= {"x-symlink-target-etag": target.etag, "x-symlink-target-bytes": size}
    return headers


def _ours(_: ContainerRow) -> None:
    """The container's own content may go where its owner sends it."""
