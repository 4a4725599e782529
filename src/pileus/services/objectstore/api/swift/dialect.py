"""How Swift words what goes wrong, and which of its nouns a path names."""

from typing import ClassVar

from pileus.kernel.rest import Answer, ClientGone, Dialect, Request
from pileus.kernel.types import (
    SECOND,
    BadRange,
    Conflict,
    Fault,
    Invalid,
    NotAllowed,
    OutOfSpace,
    TooLarge,
    clock,
)
from pileus.services.objectstore.api.swift import paths
from pileus.services.objectstore.api.swift.answers import HTML, bad, told
from pileus.services.objectstore.api.swift.hosts import Hosts
from pileus.services.objectstore.api.swift.metadata import HEADER_MAX
from pileus.services.objectstore.core.faults import NotModified

ROUTES = {"account": "/v1/a", "container": "/v1/a/c", "object": "/v1/a/c/o"}
"""Paths as short as the operations' own: what they name is read by `paths`."""
PLAIN_PATHS = frozenset({"/info", "/crossdomain.xml"})
LOGIN = "/auth/v1.0"
ALLOWED = "POST, HEAD, DELETE, PUT, OPTIONS, GET"
_LINE = HEADER_MAX - 4
"""Of a header's name and value: a colon, a blank and the line's end stand beside them."""
_URL = HEADER_MAX - len("OPTIONS ? HTTP/1.1\r\n")
PATH = "path"
"""Where the parsed path lies in a request's memo."""


class SwiftDialect(Dialect):
    own_origins: ClassVar[bool] = True
    auth_first: ClassVar[bool] = False
    cased_headers: ClassVar[bool] = True

    def __init__(self, hosts: Hosts, logins: bool = False) -> None:
        """`logins`: TempAuth gives tokens here."""
        self._hosts, self._plain = hosts, PLAIN_PATHS | (frozenset({LOGIN}) if logins else frozenset())

    def route(self, request: Request) -> str:
        if len(request.path) + len(request.scope.get("query_string", b"")) > _URL:
            raise told(414, "", {"Connection": "close"})
        if any(len(name) + len(value) > _LINE for name, value in request.headers.items()):
            raise told(400, "", {"Connection": "close"})
        if request.path in self._plain:
            return request.path
        found = self._hosts.path(request.headers.get("host", ""), request.path) or paths.parsed(request.path)
        if found is None:
            raise told(404)
        request.memo[PATH] = found
        return ROUTES[found.kind]

    def identified(self, request_id: str) -> dict[str, str]:
        name = trans_id(request_id)
        return {"X-Trans-Id": name, "X-Openstack-Request-Id": name}

    def fault(self, request: Request, fault: Fault) -> Answer:
        answer = worded(fault)
        if request.path in self._plain and "Allow" in answer.headers:
            answer.headers["Allow"] = "HEAD, GET, OPTIONS"
        return answer


def trans_id(request_id: str) -> str:
    """`req-…` in Swift's form: 21 of its 32 digits, and the time in hex."""
    digits = request_id.removeprefix("req-").replace("-", "")
    return f"tx{digits[:21]}-{clock() // SECOND:010x}"


def worded(fault: Fault) -> Answer:
    """A refusal of the core, or of the way here."""
    match fault:
        case ClientGone():
            return told(499)
        case NotAllowed():
            return told(405, headers={"Allow": ALLOWED})
        case TooLarge():
            return told(413, fault.message if fault.type == "QuotaExceeded" else "Your request is too large.")
        case OutOfSpace():
            return told(507)
        case Conflict() if fault.type == "Older":
            return told(202)
        case Conflict() if fault.type == "LinkLoop":
            return told(409, fault.message, media="text/plain")
        case NotModified():
            return told(304, "")
        case BadRange():
            return told(416)
        case Invalid():
            return bad(fault.message)
    return told(fault.status, media=HTML)
