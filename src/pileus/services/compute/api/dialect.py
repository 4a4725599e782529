"""Nova's manner of speaking."""

from typing import Any

from pileus.kernel.db import Page
from pileus.kernel.rest import Answer, Dialect, Request, Resource
from pileus.kernel.types import Fault, Listing, NotFound, OverQuota, Unauthorized

_KEYS = {
    400: "badRequest", 401: "unauthorized", 403: "forbidden", 404: "itemNotFound", 405: "badMethod", 409: "conflictingRequest",
    413: "overLimit", 415: "badMediaType", 429: "overLimit", 501: "notImplemented", 503: "serviceUnavailable",
}  # fmt: skip


class ComputeDialect(Dialect):
    """Microversions 2.1 to 2.96, `{"itemNotFound": {"code", "message"}}`, links in every body."""

    name, lowest, highest = "compute", "2.1", "2.96"
    legacy_version_header = "X-OpenStack-Nova-API-Version"
    request_id_headers = ("x-compute-request-id",)
    max_body = 114688

    def fault(self, request: Request, fault: Fault) -> Answer:
        status = 403 if isinstance(fault, OverQuota) else fault.status
        message = _over(fault) if isinstance(fault, OverQuota) else fault.message
        if isinstance(fault, Unauthorized):
            headers = {"WWW-Authenticate": f'Keystone uri="{request.base}"'}
            return Answer(401, {"error": {"code": 401, "title": "Unauthorized", "message": fault.message}}, headers)
        body: dict[str, Any] = {"code": status, "message": message}
        if status == 406:
            return Answer(406, {"computeFault": body})
        return Answer(status, {_KEYS.get(status, "computeFault"): body})

    def no_version_of(self, request: Request) -> Fault:
        return NotFound(
            f"API version '{request.version}' is not supported on this method.", type="VersionNotFoundForAPIMethod"
        )

    def listing(self, request: Request, resource: Resource[Any]) -> Listing:
        """The class may turn its own query parameters into conditions (`own_filters`)."""
        asked = super().listing(request, resource)
        own = getattr(resource, "own_filters", None)
        return asked if own is None else own(request, asked)

    def page_links(
        self, request: Request, resource: Resource[Any], views: list[Any], page: Page[Any]
    ) -> list[dict[str, str]]:
        """A next link whenever the page is full, as Nova gives it."""
        asked = request.query.one("limit")
        full = page.more or (asked is not None and asked.isdigit() and 0 < int(asked) == len(views))
        if not (full and views):
            return []
        return [{"rel": "next", "href": self.next_url(request, resource.marker_of(page.rows[-1]))}]


def _over(fault: OverQuota) -> str:
    """`Quota exceeded for cores: Requested 2, but already used 19 of 20 cores`."""
    details: dict[str, Any] = dict(fault.details)
    names = details.get("resources") or []
    if not names:
        return fault.message
    name = names[0]
    asked, used, limit = (details.get(k, {}).get(name) for k in ("asked", "usages", "limits"))
    return f"Quota exceeded for {', '.join(names)}: Requested {asked}, but already used {used} of {limit} {name}"


def links(request: Request, noun: str, item: str) -> list[dict[str, str]]:
    """`self` below the version, `bookmark` without it."""
    return [
        {"rel": "self", "href": request.link(f"/v2.1/{noun}/{item}")},
        {"rel": "bookmark", "href": request.link(f"/{noun}/{item}")},
    ]
