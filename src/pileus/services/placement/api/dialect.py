"""Placement's manner of speaking."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from pileus.kernel.rest import Answer, Dialect, Problem, Request
from pileus.kernel.types import Fault, Invalid, NotAllowed, NotFound

_EXPLAINED = {
    400: "The server could not comply with the request since it is either malformed or otherwise incorrect.",
    403: "Access was denied to this resource.",
    404: "The resource could not be found.",
    409: "There was a conflict when trying to complete your request.",
}
"""What stands before the message in an error's `detail`, by status."""


class PlacementDialect(Dialect):
    """Microversions 1.0 to 1.39; errors in the API guideline's form, with codes from 1.23 on."""

    name, lowest, highest = "placement", "1.0", "1.39"
    enveloped = False
    unknown_query = "reject"

    def fault(self, request: Request, fault: Fault) -> Answer:
        if not request.version.major and fault.status in (401, 404, 405):
            with suppress(Fault):
                request.version = self.negotiate(request)
        error: dict[str, Any] = {
            "status": fault.status,
            "title": fault.title,
            "detail": self._detail(request, fault),
        }
        if request.version >= (1, 23):
            error["code"] = fault.details.get("code", "placement.undefined_code")
        error["request_id"] = request.ctx.request_id
        if fault.status == 406:
            error |= {"max_version": self.highest, "min_version": self.lowest}
        return Answer(fault.status, {"errors": [error]})

    def _detail(self, request: Request, fault: Fault) -> str:
        if "rule" in fault.details:
            return f"{_EXPLAINED[403]}\n\n Policy does not allow {fault.details['rule']} to be performed.  "
        if fault.status in _EXPLAINED:
            return f"{_EXPLAINED[fault.status]}\n\n {fault.message}  "
        if fault.status == 405:
            return f"The method {request.method} is not allowed for this resource. \n\n {fault.message}"
        return fault.message

    def invalid_body(self, problems: Sequence[Problem]) -> Fault:
        return Invalid(f"JSON does not validate: {_told(problems)}")

    def invalid_query(self, problems: Sequence[Problem]) -> Fault:
        return Invalid(f"Invalid query string parameters: {_told(problems)}")

    def no_route(self, request: Request) -> Fault:
        return NotFound("")

    def no_version_of(self, request: Request) -> Fault:
        if request.method == "DELETE":
            return NotAllowed("")
        return NotFound("")


def _told(problems: Sequence[Problem]) -> str:
    """The first problem; with the field's name where the words alone do not tell it."""
    problem = problems[0]
    field = next((part for part in reversed(problem.path) if isinstance(part, str)), "")
    message = "{} should be non-empty" if problem.kind == "minProperties" else problem.message
    return f"{message} ({field})" if field else message
