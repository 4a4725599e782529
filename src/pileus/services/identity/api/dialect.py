"""Keystone's manner: `{"error": {code, message, title}}`, links in everything, filters with comparators."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pileus.kernel.db import MarkerMissing, Page
from pileus.kernel.rest import Answer, Dialect, Problem, Request, Resource
from pileus.kernel.types import Fault, Filter, Forbidden, Invalid, NotFound, Op, Unauthorized, Unsupported, iso_micros
from pileus.services.identity.api.noun import WORDS, switch
from pileus.services.identity.core import refusals
from pileus.services.identity.core.settings import IdentitySettings

_COMPARATORS: Mapping[str, Op] = {"contains": "contains", "startswith": "startswith", "endswith": "endswith"}
_SECRETS = frozenset({"blob", "password", "original_password", "secret"})
_V2 = "/v2.0"
_FOR_WHOM = ("x-forwarded-for", "x-real-ip", "forwarded")
_TOKEN_IN_PATH = re.compile(r"(/v2\.0/tokens/)[^/]+")
LOWER = "__lower"
"""Ending of the fields that comparators without regard to case (`name__icontains`) look at."""


class KeystoneDialect(Dialect):
    update_method: ClassVar[str] = "PATCH"
    extra_body: ClassVar[Any] = True
    unknown_query: ClassVar[Literal["ignore", "reject"]] = "ignore"
    page_size: ClassVar[int | None] = None
    auth_first: ClassVar[bool] = False
    tells_methods: ClassVar[bool] = True

    def __init__(self, list_limit: int = 0, v2_api: str = "off") -> None:
        self.list_limit = list_limit or None
        self.v2_api = v2_api

    # --- version 2.0 ------------------------------------------------------------------------------------------------

    def serves_v2(self, request: Request) -> bool:
        """Whether this client gets the API of old: on `loopback` only from this machine, to an address of it alone.

        A proxy on this machine that says for whom it asks is no client of this machine.
        """
        if self.v2_api != "loopback":
            return self.v2_api == "on"
        listener = (request.scope.get("server") or ("",))[0]
        hops = [hop.strip() for name in _FOR_WHOM for hop in request.headers.get(name, "").split(",") if hop.strip()]
        return all(is_loopback(address) for address in (listener, request.ctx.address, *hops))

    def route(self, request: Request) -> str:
        if request.path.startswith(_V2) and not self.serves_v2(request):
            raise self.no_route(request)
        return request.path

    def logged(self, path: str) -> str:
        """Version 2.0 has tokens in its paths."""
        return _TOKEN_IN_PATH.sub(r"\1…", path)

    # --- faults ---------------------------------------------------------------------------------------------------

    def fault(self, request: Request, fault: Fault) -> Answer:
        if isinstance(fault, MarkerMissing):
            fault = NotFound(f"Marker {fault.marker} could not be found.")
        if isinstance(fault, Unsupported):
            fault = refusals.expected("application/json", "Content-Type header")
        error: dict[str, Any] = {"code": fault.status, "message": _wording(fault), "title": fault.title}
        if isinstance(fault, Unauthorized) and "identity" in fault.details:
            error["identity"] = fault.details["identity"]
        headers = {"Vary": "X-Auth-Token"}
        if fault.status == 401:
            headers["WWW-Authenticate"] = f'Keystone uri="{request.base}/v3"'
        return Answer(fault.status, {"error": error}, headers)

    def version_headers(self, request: Request) -> dict[str, str]:
        """There are no microversions; what every answer depends on is the token."""
        return {"Vary": "X-Auth-Token"}

    def invalid_body(self, problems: Sequence[Problem]) -> Fault:
        problem = problems[0]
        if not problem.path:
            if problem.kind == "type":
                return refusals.expected("valid JSON", "request body")
            return Invalid(problem.message)
        where = problem.path[-1]
        message = problem.message
        if problem.kind in ("minLength", "minProperties") and not problem.value:
            message = f"{problem.value!r} should be non-empty"
        if problem.kind == "anyOf":
            path = "/".join(str(part) for part in problem.path[1:])
            return Invalid(f"Invalid input for field {path}: id or name must be present.")
        if where in _SECRETS:
            return Invalid(f"Invalid input for field/attribute {where}. It is not of the right type.")
        return Invalid(
            f"Invalid input for field/attribute {where}. Value: {_shown(problem.value)}. "
            f"{message if problem.kind == 'required' or not _tells(problem.value) else problem.kind}"
        )

    def invalid_query(self, problems: Sequence[Problem]) -> Fault:
        problem = problems[0]
        names = [str(part) for part in problem.path if isinstance(part, str)]
        if not names:
            return Invalid(problem.message)
        message = "'' should be non-empty" if problem.kind == "minLength" and not problem.value else problem.message
        return self.invalid_value(names[0], problem.value, message)

    def bad_filter(self, name: str, value: str, reason: str) -> Fault:
        return self.invalid_value(name, value, reason)

    def no_route(self, request: Request) -> Fault:
        return NotFound("The requested URL was not found on the server.")

    def body_schema(self, resource: Resource[Any], operation: str, bulk: bool) -> Any:
        """An update says something, but for those of the nouns where Keystone lets an empty one pass."""
        schema: Any = super().body_schema(resource, operation, bulk)
        inner = schema["properties"][resource.member]
        if operation == "update" and not getattr(resource, "empty_update", False):
            inner["minProperties"] = 1
        inner["properties"] = {**getattr(resource, "extra_types", {}), **inner["properties"]}
        if getattr(resource, "strict", False):
            schema["additionalProperties"] = inner["additionalProperties"] = False
        return schema

    # --- views ----------------------------------------------------------------------------------------------------

    def moment(self, at: int) -> str:
        return iso_micros(at)

    def listed(self, request: Request, resource: Resource[Any], views: list[Any], page: Page[Any]) -> Any:
        marker = resource.marker_of(page.rows[-1]) if page.more and page.rows else None
        return self.collection(request, resource.plural, views, marker, truncated=page.more)

    def collection(
        self, request: Request, plural: str, views: list[Any], marker: str | None = None, truncated: bool = False
    ) -> dict[str, Any]:
        """A list as Keystone wraps it; with a `marker` there is a next page behind it."""
        following = self.next_url(request, marker) if marker is not None else None
        body: dict[str, Any] = {plural: views, "links": {"next": following, "self": own_url(request), "previous": None}}
        if truncated:
            body["truncated"] = True
        return body

    def paged(self, request: Request, plural: str, views: list[dict[str, Any]], page: Page[Any]) -> dict[str, Any]:
        """A page of things that their ids name."""
        return self.collection(request, plural, views, views[-1]["id"] if page.more and views else None, page.more)

    # --- query strings --------------------------------------------------------------------------------------------

    def filters(self, request: Request, resource: Resource[Any]) -> tuple[Filter, ...]:
        found: list[Filter] = []
        for name, text in request.query.pairs:
            if name in self.reserved or name in resource.own_query:
                continue
            base, _, comparator = name.partition("__")
            field = resource.filter_field(base, request.version)
            if field is None:
                self.unknown_filter(request, resource, name)
            elif comparator:
                found += _compared(field.column, comparator, text)
            elif field.schema.get("type") == "boolean":
                found.append(Filter(field.column, "eq", (self._boolean(name, text),)))
            elif not text and getattr(resource, "firm_filters", False):
                raise self.bad_filter(name, text, "'' should be non-empty")
            else:
                found.append(Filter(field.column, "eq", (text,)))
        more = getattr(resource, "more_filters", None)
        return tuple(found + (more(request) if more is not None else []))

    def _boolean(self, name: str, text: str) -> bool:
        """A bare parameter (`?enabled`) is as good as `=true`."""
        if text not in WORDS:
            raise self.bad_filter(name, text, f"{text!r} is not one of {list(WORDS)}")
        return text == "" or switch(text)

    def sort(self, request: Request, resource: Resource[Any], key: str, direction: str) -> Any:
        if resource.sort_field(key, request.version) is None:
            raise Invalid(
                f"Invalid input for query parameters sort_key. Value: {key[:255]}. There is no such sort key."
            )
        return super().sort(request, resource, key, direction)

    def limit(self, text: str | None) -> int | None:
        asked = super().limit(text)
        if asked is None or self.list_limit is None:
            return self.list_limit if asked is None else asked
        return min(asked, self.list_limit)


def v2_api(settings: IdentitySettings, host: str) -> str:
    """What the setting comes to where the listeners are bound to `host`: `loopback` means listeners of this machine alone."""
    return "off" if settings.v2_api == "loopback" and not is_loopback(host) else settings.v2_api


def is_loopback(address: str) -> bool:
    """Whether an address is reached from its own machine only; a name that is not `localhost` is not known to be."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def own_url(request: Request) -> str:
    """The URL of this request as the client reached it."""
    query = request.scope.get("query_string", b"").decode("latin-1") if request.scope else ""
    return f"{request.base}{request.path}" + (f"?{query}" if query else "")


def _compared(column: str, comparator: str, text: str) -> list[Filter]:
    """`name__icontains=x`; what is no comparator is ignored, as Keystone does."""
    if comparator in _COMPARATORS:
        return [Filter(column, _COMPARATORS[comparator], (text,))]
    if comparator[:1] == "i" and comparator[1:] in _COMPARATORS:
        return [Filter(column + LOWER, _COMPARATORS[comparator[1:]], (text.lower(),))]
    return []


def _wording(fault: Fault) -> str:
    if isinstance(fault, Forbidden) and "rule" in fault.details:
        return f"You are not authorized to perform the requested action: {fault.details['rule']}."
    if fault.type == "MalformedRequestBody":
        return refusals.expected("valid JSON", "request body").message
    return fault.message


def _tells(value: object) -> bool:
    """Whether a value holds a secret anywhere."""
    if isinstance(value, Mapping):
        return any(key in _SECRETS or _tells(item) for key, item in value.items())
    return isinstance(value, list) and any(_tells(item) for item in value)


def _masked(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: "***" if key in _SECRETS else _masked(item) for key, item in value.items()}
    return [_masked(item) for item in value] if isinstance(value, list) else value


def _shown(value: object) -> str:
    """A value as an error may repeat it: no secrets, not endlessly."""
    shown = str(_masked(value))
    return shown if len(shown) <= 1000 else shown[:1000] + "…"
