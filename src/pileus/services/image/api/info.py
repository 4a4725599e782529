"""What the API says of itself: versions, schemas, stores, limits, and what it does not have."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Operation, Request, absent
from pileus.kernel.types import Conflict, Forbidden, Invalid, NotFound
from pileus.services.image.api import metadef_schemas, schemas
from pileus.services.image.api.images import ONE
from pileus.services.image.core import images, stores, tasks
from pileus.services.image.core.access import refused
from pileus.services.image.core.neighbours import Neighbours
from pileus.services.image.core.object_blobs import CONTAINER, OWNER

CURRENT = "2.17"
VERSIONS = ("2.15", "2.13", "2.12", "2.11", "2.10", "2.9", "2.8", CURRENT, "2.7", "2.6", "2.5", "2.4", "2.3", "2.2",
            "2.1", "2.0")  # fmt: skip
"""In the order that clients are used to. Those of the cache (2.14, 2.16) are not there because the cache is not."""
Handle = Callable[[Request], Awaitable[Answer]]


class Info:
    """Operations that tell about the service."""

    def __init__(self, near: Neighbours) -> None:
        self._near = near

    def operations(self) -> list[Operation]:
        return [*self._versions(), *self._schemas(), *self._discovery(), *_missing()]

    def _versions(self) -> list[Operation]:
        paths = (("/", 300), ("/versions", 200), ("/versions/", 200))
        seen = {path.rstrip("/") or "/": status for path, status in paths}
        return [
            Operation(method="GET", path=path, handle=_versions(status), public=True, answers=status)
            for path, status in seen.items()
        ]

    def _schemas(self) -> list[Operation]:
        one = schemas.image(self._near.settings)
        shown = {
            "image": one,
            "images": schemas.collection("images", one, paged=True),
            "member": schemas.member(),
            "members": schemas.collection("members", schemas.member()),
            "task": schemas.task(),
            "tasks": schemas.collection("tasks", schemas.task(whole=False)),
            **{f"metadefs/{name}": schema for name, schema in metadef_schemas.documents().items()},
        }
        return [
            Operation(method="GET", path=f"/v2/schemas/{name}", handle=_document(schema), resource="schemas")
            for name, schema in shown.items()
        ]

    def _discovery(self) -> list[Operation]:
        methods = {"description": "Import methods available.", "type": "array", "value": list(tasks.METHODS)}
        return [
            Operation(method="GET", path="/v2/info/import", handle=_document({"import-methods": methods})),
            Operation(
                method="GET",
                path="/v2/info/stores",
                handle=_document({"stores": [self._store(name) for name in self._near.stores]}),
            ),
            Operation(method="GET", path="/v2/info/stores/detail", handle=self._stores_detail),
            Operation(method="GET", path="/v2/info/usage", decide=self._usage),
            Operation(
                method="DELETE", path="/v2/stores/{store_id}/{image_id}", handle=self._delete_from_store, answers=204
            ),
            Operation(method="GET", path=f"{ONE}/locations", handle=self._locations),
            Operation(
                method="POST",
                path=f"{ONE}/locations",
                decide=self._add_location,
                body={"type": "object"},
                partly="no store takes data that lie elsewhere: every URL is refused",
            ),
        ]

    def _store(self, name: str) -> dict[str, Any]:
        near = self._near
        described = near.settings.store_descriptions.get(name)
        told = {"description": described} if described else {}
        return {"id": name, **told, **({"default": "true"} if name == near.store else {})}

    async def _stores_detail(self, request: Request) -> Answer:
        """Paths of the host stay out of it: even administrators of the API need not know them."""
        if not self._near.policy.allows("stores_info_detail", request.ctx, {}):
            raise refused("stores_info_detail")
        details = []
        for name, store in self._near.stores.items():
            seen = await store.info()
            properties = {"free_bytes": seen.free, "total_bytes": seen.total, "chunk_size": 1 << 20}
            details.append({**self._store(name), "type": seen.driver, "properties": properties, "weight": 0})
        return Answer(200, {"stores": details})

    def _usage(self, tx: Tx, request: Request) -> dict[str, Any]:
        """Of the caller's project; -1 is no limit."""
        limits = self._near.quotas.limits(tx, request.ctx.project_id)
        usages = self._near.quotas.usages(tx, request.ctx.project_id)
        return {"usage": {name: {"usage": usages[name], "limit": limit} for name, limit in limits.items()}}

    async def _delete_from_store(self, request: Request) -> Answer:
        """The row first; what the store still has then is garbage."""
        near, store = self._near, request.params["store_id"]
        blob_id = await near.db.write(stores.leave, near, request.ctx, store, request.params["image_id"])
        await near.remove(blob_id, store)
        return Answer(204)

    async def _locations(self, request: Request) -> Answer:
        near = self._near
        image_id = request.params["image_id"]
        found = await near.db.read(images.find, near, request.ctx, image_id, "fetch_image_location")
        if found.row.status not in {"active", "deactivated"}:
            return Answer(200, [])
        return Answer(
            200, [{"url": _url(near, one, found.row.blob_id), "metadata": {"store": one}} for one in found.stores]
        )

    def _add_location(self, tx: Tx, request: Request) -> None:
        image_id, url = request.params["image_id"], request.body.get("url")
        if not isinstance(url, str):
            raise Invalid("Provided object does not match schema 'location': url: a string is required")
        found = images.find(tx, self._near, request.ctx, image_id)
        if found.row.status != "queued":
            raise Conflict(f"It's not allowed to add locations if image status is {found.row.status}.")
        images.find(tx, self._near, request.ctx, image_id, "add_image_location")
        if "service" not in request.ctx.roles | request.ctx.service_roles:
            raise Forbidden("http store must be enabled to use location API by normal user.")
        raise Invalid(f"URI for add location does not pass filtering: {url}")


def _url(near: Neighbours, store: str, blob_id: str) -> str:
    """Where data lie, for services of the cloud: a path of the host, or the object's account, container and name."""
    path = getattr(near.stores[store], "path", None)
    return f"file://{path(blob_id)}" if path is not None else f"{store}://{OWNER}/{CONTAINER}/{blob_id}"


def _versions(status: int) -> Handle:
    async def handle(request: Request) -> Answer:
        link = [{"rel": "self", "href": request.link("/v2/")}]
        found = [
            {"id": f"v{version}", "status": "CURRENT" if version == CURRENT else "SUPPORTED", "links": link}
            for version in VERSIONS
        ]
        return Answer(status, {"versions": found})

    return handle


def _document(body: Mapping[str, Any]) -> Handle:
    async def handle(request: Request) -> Answer:
        return Answer(200, body)

    return handle


def _missing() -> list[Operation]:
    """What the service that is emulated has, or may have, and this one has not."""
    return [*_cache(), absent("POST", "/v2/tasks")]


def _cache() -> list[Operation]:
    """A cloud without a cache says so in these words: data are read where they lie."""

    async def handle(request: Request) -> Answer:
        raise NotFound("Caching via API is not supported at this site.")

    paths = [
        ("GET", "/v2/cache"),
        ("DELETE", "/v2/cache"),
        ("POST", "/v2/cache/clean"),
        ("POST", "/v2/cache/prune"),
        ("PUT", "/v2/cache/{image_id}"),
        ("DELETE", "/v2/cache/{image_id}"),
        ("GET", "/v2/cache/nodes/{image_id}"),
    ]
    return [
        Operation(method=method, path=path, handle=handle, raw=True, partly="there is no cache", resource="cache")
        for method, path in paths
    ]
