"""Version documents: what clients read first."""

from typing import Any

from pileus.kernel.rest import Answer, Operation, Request
from pileus.services.compute.api.dialect import ComputeDialect

_MEDIA = [{"base": "application/json", "type": "application/vnd.openstack.compute+json;version=2.1"}]
_UPDATED = {"v2.0": "2011-01-21T11:33:21Z", "v2.1": "2013-07-23T11:33:21Z"}


def _version(request: Request, name: str, detail: bool) -> dict[str, Any]:
    new = name == "v2.1"
    links = [{"rel": "self", "href": request.link("/v2.1/" if new else "/v2/")}]
    if detail:
        links.append({"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"})
    made: dict[str, Any] = {
        "id": name,
        "status": "CURRENT" if new else "SUPPORTED",
        "version": ComputeDialect.highest if new else "",
        "min_version": ComputeDialect.lowest if new else "",
        "updated": _UPDATED[name],
        "links": links,
    }
    if detail:
        made["media-types"] = (
            _MEDIA
            if new
            else [{"base": "application/json", "type": "application/vnd.openstack.compute+json;version=2"}]
        )
    return made


async def _all(request: Request) -> Answer:
    return Answer(200, {"versions": [_version(request, name, False) for name in ("v2.0", "v2.1")]})


async def _new(request: Request) -> Answer:
    return Answer(200, {"version": _version(request, "v2.1", True)})


async def _old(request: Request) -> Answer:
    return Answer(200, {"version": _version(request, "v2.0", True)})


VERSIONS = [
    Operation(method="GET", path="/", name="versions", handle=_all, public=True, summary="Versions"),
    Operation(method="GET", path="/v2.1", name="version", handle=_new, public=True, summary="Version 2.1"),
    Operation(method="GET", path="/v2", name="version", handle=_old, public=True, summary="Version 2.0"),
]
