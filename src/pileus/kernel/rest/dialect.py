"""How one service speaks: versions, envelopes, errors, query strings. Every service subclasses `Dialect` in its `api/dialect.py`."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pileus.kernel.db import Page
from pileus.kernel.rest.fields import body_schemas
from pileus.kernel.rest.request import Answer, Request
from pileus.kernel.rest.schemas import Problem, Schema, Versioned, array, obj
from pileus.kernel.types import (
    Fault,
    Filter,
    Invalid,
    Listing,
    NotAcceptable,
    NotFound,
    Sort,
    Version,
    iso,
    version,
)

if TYPE_CHECKING:
    from pileus.kernel.rest.resource import Resource

VERSION_HEADER = "openstack-api-version"


class Dialect:
    """The manner of a service. Class attributes are its knobs, methods its finer points."""

    name: ClassVar[str] = ""
    """The word in the microversion header: `OpenStack-API-Version: NAME 2.41`."""
    lowest: ClassVar[str] = ""
    """Lowest and highest microversion; empty: the service has none."""
    highest: ClassVar[str] = ""
    legacy_version_header: ClassVar[str] = ""
    """An older header that carries the bare version."""
    request_id_headers: ClassVar[tuple[str, ...]] = ()
    """Further response headers that carry the request id."""
    update_method: ClassVar[str] = "PUT"
    enveloped: ClassVar[bool] = True
    extra_body: ClassVar[bool | Schema] = False
    """Unknown fields in a resource's body: False refuses, True keeps them in `want["extra"]`, a schema keeps what fits."""
    extra_envelope: ClassVar[bool] = False
    unknown_query: ClassVar[Literal["ignore", "reject"]] = "ignore"
    filter_all: ClassVar[bool] = False
    """Every field that stands in lists is a filter and a sort key."""
    page_size: ClassVar[int | None] = 1000
    """Most rows of one page; None: no bound."""
    auth_first: ClassVar[bool] = True
    """Unknown paths are 401 to callers without a token."""
    tells_methods: ClassVar[bool] = False
    """`OPTIONS` of a path is 200 with `Allow`, to anybody."""
    own_origins: ClassVar[bool] = False
    """The service answers questions of browsers (CORS) itself, preflights too."""
    cased_headers: ClassVar[bool] = False
    """Names of response headers go out as they are written, for clients that show them to people; else in lower case."""
    max_body: ClassVar[int] = 1 << 20
    json_media: ClassVar[str] = "application/json"

    def identified(self, request_id: str) -> dict[str, str]:
        """Headers of every response that carry the request's id, beside the usual one or instead of it."""
        return dict.fromkeys(self.request_id_headers, request_id)

    # --- paths ----------------------------------------------------------------------------------------------------

    def route(self, request: Request) -> str:
        """The path under which the operation was declared; services with older prefixes translate theirs."""
        return request.path

    def logged(self, path: str) -> str:
        """A path as logs may keep it, for services with secrets in theirs."""
        return path

    def admit(self, request: Request) -> None:
        """Called when the caller is known, before anything is looked at. Raises what speaks against the request as a whole."""

    # --- versions -------------------------------------------------------------------------------------------------

    def negotiate(self, request: Request) -> Version:
        """The microversion of this request. Raises `Invalid` for a bad form and `NotAcceptable` outside the range."""
        if not self.highest:
            return Version(0, 0)
        asked = self._asked(request.headers)
        if asked is None:
            return version(self.lowest)
        if asked == "latest":
            return version(self.highest)
        try:
            wanted = version(asked)
        except ValueError:
            raise Invalid(
                f"API Version String {asked} is of invalid format. Must be of format MajorNum.MinorNum.",
                type="InvalidAPIVersionString",
            ) from None
        if not version(self.lowest) <= wanted <= version(self.highest):
            raise NotAcceptable(
                f"Version {asked} is not supported by the API. Minimum is {self.lowest} and maximum is {self.highest}.",
                type="InvalidGlobalAPIVersion",
                details={"min_version": self.lowest, "max_version": self.highest},
            )
        return wanted

    def _asked(self, headers: Mapping[str, str]) -> str | None:
        for part in headers.get(VERSION_HEADER, "").split(","):
            words = part.split()
            if len(words) == 2 and words[0].lower() == self.name:
                return words[1].lower()
        if self.legacy_version_header:
            legacy = headers.get(self.legacy_version_header.lower(), "").strip().lower()
            return legacy or None
        return None

    def version_headers(self, request: Request) -> dict[str, str]:
        """What a response says of the version that it speaks."""
        if not self.highest:
            return {}
        spoken = str(request.version) if request.version != (0, 0) else self.lowest
        found = {"OpenStack-API-Version": f"{self.name} {spoken}", "Vary": "OpenStack-API-Version"}
        if self.legacy_version_header:
            found[self.legacy_version_header] = spoken
            found["Vary"] = f"OpenStack-API-Version, {self.legacy_version_header}"
        return found

    # --- faults ---------------------------------------------------------------------------------------------------

    def fault(self, request: Request, fault: Fault) -> Answer:
        """A refusal as this service words it."""
        return Answer(fault.status, {"error": {"code": fault.status, "title": fault.title, "message": fault.message}})

    def invalid_body(self, problems: Sequence[Problem]) -> Fault:
        """The first thing wrong with a body."""
        problem = problems[0]
        where = problem.path[-1] if problem.path else "body"
        return Invalid(
            f"Invalid input for field/attribute {where}. Value: {_short(problem.value)}. {problem.message}",
            type="ValidationError",
        )

    def invalid_query(self, problems: Sequence[Problem]) -> Fault:
        problem = problems[0]
        where = next((str(p) for p in problem.path), "query")
        return Invalid(f"Invalid input for query parameters {where}. Value: {_short(problem.value)}. {problem.message}")

    def invalid_value(self, field: str, value: object, reason: str) -> Fault:
        """A value that the schema let pass and `Field.read` did not."""
        return Invalid(f"Invalid input for field/attribute {field}. Value: {_short(value)}. {reason}")

    def no_route(self, request: Request) -> Fault:
        return NotFound("The resource could not be found.", type="HTTPNotFound")

    def no_action(self, action: str) -> Fault:
        return Invalid(f"There is no such action: {action}")

    def bad_actions(self) -> Fault:
        return Invalid(
            "Malformed request body: it must be an object with exactly one action", type="MalformedRequestBody"
        )

    def no_version_of(self, request: Request) -> Fault:
        """The path exists, but not in the negotiated version."""
        return NotFound(f"API version {request.version} is not supported on this method.", type="VersionNotFound")

    def denied(self, request: Request, resource: "Resource[Any]", fault: Fault, row: Any) -> Fault:
        """What a caller hears who may not do this to that row; services that hide foreign rows answer `NotFound`."""
        return fault

    def reads(self, media: str) -> bool:
        """Whether JSON operations read a body of this content type."""
        return "json" in media

    # --- bodies ---------------------------------------------------------------------------------------------------

    def body_schema(self, resource: "Resource[Any]", operation: str, bulk: bool) -> Schema | Versioned | None:
        """What a create or update body must look like; `{}` leaves all judgement to `wants`."""

        def wrap(schema: Schema) -> Schema:
            if not self.enveloped:
                return schema
            single = obj({resource.member: schema}, [resource.member], self.extra_envelope)
            if not bulk:
                return single
            many = obj({resource.plural: array(schema, minimum=1)}, [resource.plural], self.extra_envelope)
            is_many = {"required": [resource.plural], "not": {"required": [resource.member]}}
            return {"type": "object", "if": is_many, "then": many, "else": single}

        return body_schemas(resource.flat, operation, self.extra_body, wrap)

    def wants(self, request: Request, resource: "Resource[Any]", operation: str, body: Any, bulk: bool) -> Any:
        """A body that passed its schema as `want`, or as a list of them when it is a bulk."""
        if not self.enveloped:
            return resource.want(request, operation, body)
        if bulk and resource.plural in body and resource.member not in body:
            return [resource.want(request, operation, one) for one in body[resource.plural]]
        return resource.want(request, operation, body[resource.member])

    # --- views ----------------------------------------------------------------------------------------------------

    def moment(self, at: int) -> str:
        """A time of a row as text."""
        return iso(at)

    def member(self, request: Request, resource: "Resource[Any]", view: Any) -> Any:
        return {resource.member: view} if self.enveloped else view

    def listed(self, request: Request, resource: "Resource[Any]", views: list[Any], page: Page[Any]) -> Any:
        """The body of a list with its paging links."""
        body: dict[str, Any] = {resource.plural: views}
        links = self.page_links(request, resource, views, page)
        if links:
            body[f"{resource.plural}_links"] = links
        return body

    def page_links(
        self, request: Request, resource: "Resource[Any]", views: list[Any], page: Page[Any]
    ) -> list[dict[str, str]]:
        if not (page.more and views):
            return []
        return [{"rel": "next", "href": self.next_url(request, resource.marker_of(page.rows[-1]))}]

    def next_url(self, request: Request, marker: str, **more: str) -> str:
        """This request's own URL with another marker."""
        from urllib.parse import urlencode  # noqa: PLC0415 - only lists with a next page need it

        kept = [(n, v) for n, v in request.query.pairs if n != "marker" and n not in more]
        return f"{request.base}{request.path}?{urlencode([*kept, ('marker', marker), *more.items()])}"

    # --- query strings --------------------------------------------------------------------------------------------

    def listing(self, request: Request, resource: "Resource[Any]") -> Listing:
        """Filters, order and page that a list request asks for."""
        query = request.query
        return Listing(
            filters=self.filters(request, resource),
            sort=self.sorts(request, resource),
            marker=query.one("marker"),
            limit=self.limit(query.one("limit")),
            reverse=False,
        )

    reserved: ClassVar[frozenset[str]] = frozenset(
        {"limit", "marker", "sort_key", "sort_dir", "sort", "fields", "page_reverse"}
    )
    """Query parameters that are not filters."""

    def filters(self, request: Request, resource: "Resource[Any]") -> tuple[Filter, ...]:
        found: list[Filter] = []
        for name in request.query.names():
            if name in self.reserved or name in resource.own_query:
                continue
            field = resource.filter_field(name, request.version)
            if field is None:
                self.unknown_filter(request, resource, name)
                continue
            try:
                values = tuple(field.coerce(v) for v in request.query.all(name))
            except ValueError as e:
                raise self.bad_filter(name, request.query.one(name) or "", str(e)) from None
            found.append(Filter(field.column, "eq" if len(values) == 1 else "in", values))
        return tuple(found)

    def unknown_filter(self, request: Request, resource: "Resource[Any]", name: str) -> None:
        if self.unknown_query == "reject":
            raise Invalid(f"Additional properties are not allowed ({name!r} was unexpected)")

    def bad_filter(self, name: str, value: str, reason: str) -> Fault:
        return Invalid(f"Invalid input for query parameters {name}. Value: {_short(value)}. {reason}")

    def sorts(self, request: Request, resource: "Resource[Any]") -> tuple[Sort, ...]:
        """`sort_key`/`sort_dir`, each may be repeated; the last direction serves the keys that have none."""
        keys, directions = request.query.all("sort_key"), request.query.all("sort_dir")
        if not keys:
            return resource.default_sort
        found = []
        for i, key in enumerate(keys):
            direction = directions[min(i, len(directions) - 1)].lower() if directions else resource.default_direction
            found.append(self.sort(request, resource, key, direction))
        return tuple(found)

    def sort(self, request: Request, resource: "Resource[Any]", key: str, direction: str) -> Sort:
        field = resource.sort_field(key, request.version)
        if field is None:
            raise self.bad_sort_key(key)
        if direction not in ("asc", "desc"):
            raise Invalid(f"Unknown sort direction: {_short(direction)}; it must be 'asc' or 'desc'")
        return Sort(field.column, direction == "desc")

    def bad_sort_key(self, key: str) -> Fault:
        return Invalid(f"Invalid sort key: {_short(key)}")

    def limit(self, text: str | None) -> int | None:
        """The page size asked for, bounded by the service's own."""
        if text is None or text == "":
            return self.page_size
        try:
            number = int(text)
        except ValueError:
            raise Invalid(f"limit param must be an integer, not {_short(text)}") from None
        if number < 0:
            raise Invalid("limit param must be positive")
        return number if self.page_size is None else min(number, self.page_size)


def _short(value: object) -> str:
    shown = str(value)
    return shown if len(shown) <= 200 else shown[:200] + "…"
