"""Which versions there are."""

from typing import Any

from pileus.kernel.rest import Answer, Operation, Request

_ID, _UPDATED = "v3.14", "2020-04-07T00:00:00Z"


def operations() -> list[Operation]:
    return [
        Operation(
            method="GET", path="/", name="versions", handle=_choices, public=True, summary="Versions of the API."
        ),
        Operation(method="GET", path="/v3", name="version", handle=_version, public=True, summary="This version."),
    ]


async def _choices(request: Request) -> Answer:
    return Answer(300, {"versions": {"values": [_v3(request)]}}, {"Location": request.link("/v3/")})


async def _version(request: Request) -> Answer:
    return Answer(200, {"version": _v3(request)})


def _v3(request: Request) -> dict[str, Any]:
    return {
        "id": _ID,
        "status": "stable",
        "updated": _UPDATED,
        "links": [{"rel": "self", "href": request.link("/v3/")}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    }
