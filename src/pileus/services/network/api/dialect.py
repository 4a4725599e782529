"""How the Networking API speaks: its error bodies, query strings, envelopes and paging links."""

from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode

from pileus.kernel.db import MarkerMissing, Page
from pileus.kernel.rest import Answer, Dialect, Problem, Request, Resource, Schema, Versioned
from pileus.kernel.types import Fault, Forbidden, Invalid, Listing, OverQuota, Sort, Unauthorized, whole_number
from pileus.services.network.core.refusals import bad_input, bad_request, missing

_TYPES = {
    "Invalid": "HTTPBadRequest",
    "MalformedRequestBody": "HTTPBadRequest",
    "NotFound": "HTTPNotFound",
    "Conflict": "HTTPConflict",
    "Duplicate": "Conflict",
    "Forbidden": "PolicyNotAuthorized",
    "NotAllowed": "HTTPMethodNotAllowed",
    "NotBuilt": "HTTPNotImplemented",
    "TooLarge": "HTTPRequestEntityTooLarge",
    "Unsupported": "HTTPUnsupportedMediaType",
    "Unavailable": "ServiceUnavailable",
    "NodeMissing": "ServiceUnavailable",
    "Fault": "HTTPInternalServerError",
}


class NeutronDialect(Dialect):
    """Networking API v2.0: no microversions, `{"NeutronError": {…}}`, filters by any attribute."""

    page_size: ClassVar[int | None] = None
    unknown_query = "reject"
    prefix = "/v2.0"

    # --- faults ---------------------------------------------------------------------------------------------------

    def fault(self, request: Request, fault: Fault) -> Answer:
        if isinstance(fault, Unauthorized):
            answer = super().fault(request, fault)
            answer.headers["WWW-Authenticate"] = f'Keystone uri="{request.base}"'
            return answer
        if isinstance(fault, MarkerMissing):
            fault = self._no_marker(request, fault)
        status, kind, message = fault.status, _TYPES.get(fault.type, fault.type), fault.message
        if isinstance(fault, OverQuota):
            resources = fault.details.get("resources", [])
            status, kind, message = 409, "OverQuota", f"Quota exceeded for resources: {resources}."
        elif isinstance(fault, Forbidden) and fault.details.get("rule"):
            message = f"rule:{fault.details['rule']} is disallowed by policy"
        elif fault.type == "MalformedRequestBody":
            message = "Body contains invalid data"
        elif status == 500:
            message = "Request Failed: internal server error while processing your request."
        return Answer(status, {"NeutronError": {"type": kind, "message": message, "detail": ""}})

    def _no_marker(self, request: Request, fault: MarkerMissing) -> Fault:
        stem = request.memo.get("stem", "Resource")
        return missing(str(stem), fault.marker)

    def reads(self, media: str) -> bool:
        """Neutron reads any body as JSON, whatever it is called."""
        return True

    def invalid_body(self, problems: Sequence[Problem]) -> Fault:
        return Invalid("Body contains invalid data", type="HTTPBadRequest")

    def invalid_value(self, field: str, value: object, reason: str) -> Fault:
        return Invalid(f"Invalid input for {field}. Reason: {reason}", type="HTTPBadRequest")

    # --- bodies ---------------------------------------------------------------------------------------------------

    def body_schema(self, resource: Resource[Any], operation: str, bulk: bool) -> Schema | Versioned | None:
        """What the reference documents; every body passes it, for `wants` judges in Neutron's own words and order."""
        documented = super().body_schema(resource, operation, bulk)
        return {"anyOf": [documented, {}]}

    def wants(self, request: Request, resource: Resource[Any], operation: str, body: Any, bulk: bool) -> Any:
        if not isinstance(body, dict):
            raise Invalid("Body contains invalid data", type="HTTPBadRequest")
        if bulk and resource.plural in body and operation == "create":
            many = body[resource.plural]
            if not isinstance(many, list) or not many:
                raise Invalid("Resources required", type="HTTPBadRequest")
            return [resource.want(request, operation, one) for one in many]
        if body.get(resource.member) is None:
            raise Invalid(f"Unable to find '{resource.member}' in request body", type="HTTPBadRequest")
        return resource.want(request, operation, body[resource.member])

    # --- lists ----------------------------------------------------------------------------------------------------

    def listing(self, request: Request, resource: Resource[Any]) -> Listing:
        self._judge_filters(request, resource)
        limit = self.limit(request.query.one("limit"))
        return Listing(
            filters=self.filters(request, resource),
            sort=self.sorts(request, resource),
            marker=request.query.one("marker") or None,
            limit=limit,
            reverse=(request.query.one("page_reverse") or "").lower() in ("true", "1"),
        )

    def _judge_filters(self, request: Request, resource: Resource[Any]) -> None:
        names = (n for n in request.query.names() if n not in self.reserved and n not in resource.own_query)
        unknown = [n for n in names if resource.filter_field(n, request.version) is None]
        if unknown:
            raise Invalid(f"{sorted(unknown)} is invalid attribute for filtering", type="HTTPBadRequest")

    def bad_filter(self, name: str, value: str, reason: str) -> Fault:
        return bad_input(reason)

    def sorts(self, request: Request, resource: Resource[Any]) -> tuple[Sort, ...]:
        keys, directions = request.query.all("sort_key"), request.query.all("sort_dir")
        if len(keys) != len(directions) and directions:
            raise Invalid("The number of sort_keys and sort_dirs must be same", type="HTTPBadRequest")
        wrong = [d for d in directions if d not in ("asc", "desc")]
        if wrong:
            raise Invalid(
                f"{wrong} is invalid value for sort_dirs, valid value is 'asc' and 'desc'", type="HTTPBadRequest"
            )
        return super().sorts(request, resource)

    def bad_sort_key(self, key: str) -> Fault:
        return Invalid(f"['{key}'] is invalid attribute for sort_keys", type="HTTPBadRequest")

    def limit(self, text: str | None) -> int | None:
        if text is None:
            return None
        number = whole_number(text)
        if number is None:
            raise bad_request("limit", f"Limit must be an integer 0 or greater and not '{text}'")
        return number or None

    def page_links(
        self, request: Request, resource: Resource[Any], views: list[Any], page: Page[Any]
    ) -> list[dict[str, str]]:
        """Both ways, when a limit was asked for; there is no way on behind a page that is not full."""
        limit = self.limit(request.query.one("limit"))
        if limit is None:
            return []
        reverse = (request.query.one("page_reverse") or "").lower() in ("true", "1")
        full = len(page.rows) >= limit
        links = []
        if full or reverse:
            links.append({"rel": "next", "href": self._url(request, resource, page.rows[-1:], False)})
        if full or not reverse:
            links.append({"rel": "previous", "href": self._url(request, resource, page.rows[:1], True)})
        return links

    def _url(self, request: Request, resource: Resource[Any], at: Sequence[Any], back: bool) -> str:
        pairs = [(n, v) for n, v in request.query.pairs if n not in ("marker", "page_reverse")]
        pairs += [("marker", resource.marker_of(row)) for row in at]
        if back:
            pairs.append(("page_reverse", "True"))
        return f"{request.base}{request.path}?{urlencode(pairs)}"
