"""Parts of S3's answers that several operations have."""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import formatdate
from urllib.parse import quote

from pileus.kernel.rest import Answer, Request
from pileus.kernel.types import SECOND, Micros
from pileus.services.objectstore.api.s3 import xml
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.core.stock import NULL
from pileus.services.objectstore.db.objects import ItemRow, ObjectRow

XML = "application/xml"


def document(root: str, body: Sequence[xml.Node]) -> Answer:
    return Answer(200, raw=xml.document(root, body), media=XML)


def owner(account: str) -> list[xml.Node]:
    """Buckets and objects belong to a project: its account is their owner."""
    return [("ID", account), ("DisplayName", account)]


def moment(at: Micros) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).strftime(f"%Y-%m-%dT%H:%M:%S.{at % SECOND // 1000:03d}Z")


def http_date(at: Micros) -> str:
    """Rounded up, so that nothing is newer than its `Last-Modified`."""
    return formatdate(-(-at // SECOND), usegmt=True)


def modified(at: Micros) -> str:
    """The same time in a document: clients compare the two."""
    return moment(-(-at // SECOND) * SECOND)


def version_id(row: ObjectRow | ItemRow) -> str:
    return f"{row.stamp:016d}" if row.versioned else "null"


def read_version(request: Request) -> Micros | None:
    """The `versionId` asked for; None when there is none. Raises `InvalidArgument`."""
    text = request.query.one("versionId")
    return None if text is None else version_of(text)


def version_of(text: str) -> Micros:
    if text == "null":
        return NULL
    if not (text.isascii() and text.isdigit() and 0 < len(text) <= 18 and int(text)):
        raise fault("InvalidArgument", "Invalid version id specified", ArgumentName="versionId", ArgumentValue=text)
    return int(text)


def number(request: Request, name: str, default: int, *, least: int = 0, most: int) -> int:
    """A parameter that is a number; what is more than `most` is cut to it. Raises `InvalidArgument`."""
    return checked_number(request.query.one(name), name, default, least=least, most=most)


def checked_number(text: str | None, name: str, default: int, *, least: int = 0, most: int) -> int:
    """The same, of a text from elsewhere."""
    if text is None or text == "":
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and least <= int(text) < 1 << 31):
        raise fault(
            "InvalidArgument",
            f"Argument {name} must be an integer between {least} and 2147483647",
            ArgumentName=name,
            ArgumentValue=text,
        )
    return min(int(text), most)


def sealed(marker: str) -> str:
    """A continuation token: opaque to clients."""
    return base64.urlsafe_b64encode(marker.encode()).decode()


def opened(token: str) -> str:
    """Raises `InvalidArgument`."""
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise fault(
            "InvalidArgument", "The continuation token provided is incorrect", ArgumentName="continuation-token"
        ) from None


def writer_of_names(request: Request) -> "Names":
    kind = request.query.one("encoding-type")
    if kind not in (None, "url"):
        raise fault("InvalidArgument", "Invalid Encoding Method specified in Request", ArgumentName="encoding-type")
    return Names(kind == "url")


class Names:
    """Keys in listings, percent-encoded for clients that asked for it."""

    def __init__(self, encoded: bool) -> None:
        self.kind = "url" if encoded else None

    def __call__(self, name: str) -> str:
        return quote(name, safe="/-_.~*") if self.kind else name
