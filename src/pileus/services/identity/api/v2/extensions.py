"""What v2.0 has beyond its core, for clients that ask."""

from typing import Any

from pileus.kernel.rest import Answer, Operation, Request
from pileus.kernel.types import NotFound
from pileus.services.identity.api.v2.paths import op

_DOCS = "https://docs.openstack.org/api"


def _extension(alias: str, name: str, updated: str, description: str) -> dict[str, Any]:
    links = [{"rel": "describedby", "type": "text/html", "href": _DOCS}]
    namespace = f"{_DOCS}/ext/identity/{alias}/v1.0"
    return {
        "name": name,
        "namespace": namespace,
        "alias": alias,
        "updated": updated,
        "description": description,
        "links": links,
    }


_EXTENSIONS = {
    one["alias"]: one
    for one in (
        _extension("OS-KSADM", "Admin", "2013-07-11T17:14:00-00:00", "Administration of users, roles and services."),
        _extension("OS-KSCRUD", "User CRUD", "2013-07-07T12:00:00-00:00", "A change of one's own password."),
        _extension("OS-EC2", "EC2 credentials", "2013-07-07T12:00:00-00:00", "Credentials as EC2 knows them."),
    )
}


def operations() -> list[Operation]:
    return [
        op("GET", "/extensions", "list_extensions", "Extensions.", public=True, handle=_list),
        op("GET", "/extensions/{alias}", "show_extension", "One extension.", public=True, handle=_show),
    ]


async def _list(request: Request) -> Answer:
    return Answer(200, {"extensions": {"values": list(_EXTENSIONS.values())}})


async def _show(request: Request) -> Answer:
    alias = request.params["alias"]
    if alias not in _EXTENSIONS:
        raise NotFound(f"Could not find extension: {alias}.")
    return Answer(200, {"extension": _EXTENSIONS[alias]})
