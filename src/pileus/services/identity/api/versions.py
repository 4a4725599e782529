"""Which versions there are."""

from typing import Any

from pileus.kernel.rest import Answer, Operation, Request
from pileus.services.identity.api.dialect import KeystoneDialect


class Versions:
    """The documents that clients read first."""

    def __init__(self, dialect: KeystoneDialect) -> None:
        self.dialect = dialect

    def all_operations(self) -> list[Operation]:
        return [
            _op("/", "versions", self._choices, "Versions of the API."),
            _op("/v3", "version", self._third, "This version."),
            _op("/v2.0", "version_2", self._second, "The version of old."),
        ]

    async def _choices(self, request: Request) -> Answer:
        found = [_v3(request), *([_v2(request)] if self.dialect.serves_v2(request) else [])]
        return Answer(300, {"versions": {"values": found}}, {"Location": request.link("/v3/")})

    async def _third(self, request: Request) -> Answer:
        return Answer(200, {"version": _v3(request)})

    async def _second(self, request: Request) -> Answer:
        return Answer(200, {"version": _v2(request)})


def _op(path: str, name: str, handle: Any, summary: str) -> Operation:
    return Operation(method="GET", path=path, name=name, handle=handle, public=True, summary=summary)


def _v3(request: Request) -> dict[str, Any]:
    links = [{"rel": "self", "href": request.link("/v3/")}]
    return _document("v3.14", "stable", "2020-04-07T00:00:00Z", links, "v3")


def _v2(request: Request) -> dict[str, Any]:
    links = [
        {"rel": "self", "href": request.link("/v2.0/")},
        {"rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/"},
    ]
    return _document("v2.0", "deprecated", "2016-08-04T00:00:00Z", links, "v2.0")


def _document(id: str, status: str, updated: str, links: list[dict[str, str]], media: str) -> dict[str, Any]:
    kind = f"application/vnd.openstack.identity-{media}+json"
    return {
        "id": id,
        "status": status,
        "updated": updated,
        "links": links,
        "media-types": [{"base": "application/json", "type": kind}],
    }
