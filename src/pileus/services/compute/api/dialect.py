"""Nova's manner of speaking."""

import re
from typing import Any

from pileus.kernel.db import Page
from pileus.kernel.rest import Answer, Dialect, Request, Resource
from pileus.kernel.types import (
    Fault,
    Invalid,
    Listing,
    NotFound,
    OverQuota,
    Unauthorized,
    Version,
    version,
    whole_number,
)

_KEYS = {
    400: "badRequest", 401: "unauthorized", 403: "forbidden", 404: "itemNotFound", 405: "badMethod", 409: "conflictingRequest",
    413: "overLimit", 415: "badMediaType", 429: "overLimit", 501: "notImplemented", 503: "serviceUnavailable",
}  # fmt: skip


_PROJECT = re.compile("[0-9a-f-]+")
"""What can stand for a project behind the version: no noun is spelled with these letters alone."""


def _is_old(request: Request) -> bool:
    """Below `/v2` there are no microversions."""
    return str(request.memo.get("prefix", "")).startswith("/v2/") or request.memo.get("prefix") == "/v2"


class ComputeDialect(Dialect):
    """Microversions 2.1 to 2.96, `{"itemNotFound": {"code", "message"}}`, links in every body."""

    name, lowest, highest = "compute", "2.1", "2.96"
    legacy_version_header = "X-OpenStack-Nova-API-Version"
    request_id_headers = ("x-compute-request-id",)
    max_body = 114688

    def route(self, request: Request) -> str:
        """`/v2.1/<project>/servers` and the older `/v2/…` mean `/v2.1/servers`; a project alone is nothing."""
        _, version, *rest = request.path.rstrip("/").split("/") if request.path.startswith("/v2") else ("", "")
        if not rest or version not in ("v2", "v2.1"):
            return request.path
        prefix = f"/{version}"
        if _PROJECT.fullmatch(rest[0]):
            request.memo["project"] = rest[0]
            prefix = f"{prefix}/{rest[0]}"
            rest = rest[1:]
            if not rest:
                return request.path
        request.memo["prefix"] = prefix
        return "/v2.1/" + "/".join(rest)

    def admit(self, request: Request) -> None:
        project_id = request.memo.get("project")
        if project_id is not None and project_id != request.ctx.project_id:
            raise Invalid(
                f"Malformed request URL: URL's project_id '{project_id}' doesn't match Context's project_id '{request.ctx.project_id}'"
            )

    def negotiate(self, request: Request) -> Version:
        return version(self.lowest) if _is_old(request) else super().negotiate(request)

    def version_headers(self, request: Request) -> dict[str, str]:
        return {} if _is_old(request) else super().version_headers(request)

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
        asked = whole_number(request.query.one("limit") or "")
        full = page.more or (asked is not None and 0 < asked == len(views))
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


def own_url(request: Request, path: str) -> str:
    """An address under the prefix that this request came by: `own_url(request, "/servers/x")`."""
    return request.link(request.memo.get("prefix", "/v2.1") + path)


def links(request: Request, noun: str, item: str) -> list[dict[str, str]]:
    """`self` below the version, `bookmark` without it; both with the project where the request named it."""
    return [
        {"rel": "self", "href": own_url(request, f"/{noun}/{item}")},
        {"rel": "bookmark", "href": bookmark(request, noun, item)},
    ]


def bookmark(request: Request, noun: str, item: str) -> str:
    project_id = request.memo.get("project")
    return request.link(f"/{project_id}/{noun}/{item}" if project_id else f"/{noun}/{item}")
