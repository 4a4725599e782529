"""Placement's manner of speaking."""

from typing import Any

from pileus.kernel.rest import Answer, Dialect, Request
from pileus.kernel.types import Fault


class PlacementDialect(Dialect):
    """Microversions 1.0 to 1.39; errors in the API guideline's form, with codes from 1.23 on."""

    name, lowest, highest = "placement", "1.0", "1.39"
    enveloped = False
    unknown_query = "reject"

    def fault(self, request: Request, fault: Fault) -> Answer:
        error: dict[str, Any] = {
            "status": fault.status,
            "title": fault.title,
            "detail": fault.message,
            "request_id": request.ctx.request_id,
        }
        if request.version >= (1, 23):
            error["code"] = fault.details.get("code", "placement.undefined_code")
        if fault.status == 406:
            error |= {"max_version": self.highest, "min_version": self.lowest}
        return Answer(fault.status, {"errors": [error]})
