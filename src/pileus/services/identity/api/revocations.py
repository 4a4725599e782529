"""`/v3/OS-REVOKE/events`, and what went with PKI tokens."""

from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Operation, Request
from pileus.kernel.types import Gone, Invalid, iso_micros, parse
from pileus.services.identity.api.dialect import own_url
from pileus.services.identity.db import revocations
from pileus.services.identity.db.revocations import EventRow


class RevokeEvents:
    """What made tokens worthless, for as long as such tokens would have lived."""

    def all_operations(self) -> list[Operation]:
        return [
            Operation(
                method="GET",
                path="/v3/OS-REVOKE/events",
                name="list",
                resource="revocation",
                rule="identity:list_revoke_events",
                summary="What made tokens worthless.",
                decide=_list,
                view=_view,
            ),
            *(
                Operation(
                    method="GET",
                    path=f"/v3/OS-SIMPLE-CERT/{name}",
                    name=name,
                    resource="certificate",
                    summary="Gone with PKI tokens.",
                    public=True,
                    handle=_gone,
                )
                for name in ("ca", "certificates")
            ),
        ]


def _list(tx: Tx, request: Request) -> list[EventRow]:
    text = request.query.one("since")
    since = 0
    if text:
        try:
            since = parse(text)
        except (ValueError, OverflowError):
            raise Invalid(f"invalidate date format {text}") from None
    return revocations.events(tx, since)


def _view(request: Request, rows: list[EventRow]) -> Any:
    found = [{row.what: row.id, **dict.fromkeys(("issued_before", "revoked_at"), iso_micros(row.at))} for row in rows]
    return {"events": found, "links": {"next": None, "self": own_url(request), "previous": None}}


async def _gone(request: Request) -> Answer:
    raise Gone("This API is no longer available due to the removal of support for PKI tokens.")
