"""Operations of v2.0."""

from collections.abc import Mapping
from typing import Any

from pileus.kernel.rest import Operation, Request, Schema
from pileus.kernel.types import Invalid, Listing, NotFound, whole_number
from pileus.services.identity.core import refusals

ROOT = "/v2.0"
HOME = refusals.DEFAULT_DOMAIN
_TEXT: Schema = {"type": ["string", "null"]}


def op(method: str, path: str, name: str, summary: str, **more: Any) -> Operation:
    return Operation(
        method=method,
        path=ROOT + path,
        name=f"v2_{name}",
        resource=path.strip("/").partition("/")[0],
        summary=summary,
        **more,
    )


def body(member: str, properties: Mapping[str, Schema], *required: str) -> Schema:
    """A body with one object in it. What is not known there is kept with the noun."""
    known = {"id": _TEXT, "description": _TEXT, **properties}
    inner = {"type": "object", "properties": known, "required": list(required)}
    return {"type": "object", "properties": {member: inner}, "required": [member]}


def given(raw: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """A body's object without those of its values that say nothing."""
    return {key: value for key, value in raw.items() if not (key in names and value is None)}


def named(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is to be made has a name."""
    if not str(raw.get("name") or "").strip():
        raise Invalid("Name field is required and cannot be empty")
    return raw


def paged(request: Request) -> Listing:
    """`limit` and `marker` of a list."""
    query = request.query
    return Listing(marker=query.one("marker"), limit=_limit(query.one("limit")))


def _limit(text: str | None) -> int | None:
    if not text:
        return None
    limit = whole_number(text)
    if limit is None:
        raise Invalid("Invalid limit value")
    return limit


def at_home(row: Any, noun: str) -> Any:
    """The row, if it is of the default domain. Raises `NotFound`."""
    if row.domain_id != HOME:
        raise refusals.missing(noun, row.id)
    return row


def only(rows: list[Any], noun: str, name: str) -> Any:
    """The one row that was asked for by name."""
    if not rows:
        raise NotFound(f"Could not find {noun}: {name}.")
    return rows[0]
