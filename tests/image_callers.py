"""Callers of an image service, and looks at what they left."""

import hashlib
import json
import os
from typing import Any

import httpx

from image_server import Running

PATCH = "application/openstack-images-v2.1-json-patch"
OCTETS = "application/octet-stream"
RAW = {"disk_format": "raw", "container_format": "bare"}


class Caller:
    """One user: `user:project:roles`."""

    def __init__(self, url: str, token: str) -> None:
        self.token = token
        headers = {"X-Auth-Token": token, "Accept": "application/json"}
        self.http = httpx.AsyncClient(base_url=url, headers=headers, timeout=120)

    async def ask(self, method: str, path: str, *, status: int, **kw: Any) -> Any:
        answer = await self.http.request(method, path, **kw)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content and "json" in answer.headers["content-type"] else answer

    async def create(self, /, *, status: int = 201, **body: Any) -> Any:
        return await self.ask("POST", "/v2/images", json=body, status=status)

    async def show(self, image_id: str, status: int = 200) -> Any:
        return await self.ask("GET", f"/v2/images/{image_id}", status=status)

    async def patch(self, image_id: str, *changes: tuple[Any, ...], status: int = 200) -> Any:
        body = [{"op": op, "path": f"/{name}", **({"value": rest[0]} if rest else {})} for op, name, *rest in changes]
        headers = {"Content-Type": PATCH}
        return await self.ask(
            "PATCH", f"/v2/images/{image_id}", content=json.dumps(body), headers=headers, status=status
        )

    async def upload(self, image_id: str, data: Any, *, status: int = 204, where: str = "file") -> Any:
        headers = {"Content-Type": OCTETS}
        return await self.ask("PUT", f"/v2/images/{image_id}/{where}", content=data, headers=headers, status=status)

    async def download(self, image_id: str, *, status: int = 200, **headers: str) -> httpx.Response:
        return await self.ask("GET", f"/v2/images/{image_id}/file", headers=headers, status=status)

    async def ids(self, query: str = "") -> list[str]:
        return [image["id"] for image in (await self.ask("GET", f"/v2/images{query}", status=200))["images"]]


def hashed(data: bytes) -> tuple[str, str]:
    return hashlib.md5(data).hexdigest(), hashlib.sha512(data).hexdigest()


def blobs_on_disk(image: Running) -> list[str]:
    """Every file of the store."""
    return [name for _, _, names in os.walk(image.blobs._root) for name in names]
