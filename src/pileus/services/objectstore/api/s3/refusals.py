"""What would not be obeyed and is therefore refused, before anything is done."""

from collections.abc import Mapping

from pileus.kernel.rest import Request
from pileus.services.objectstore.api.s3.faults import fault

_HEADERS = {
    "x-amz-server-side-encryption": "Server-side encryption is not implemented.",
    "x-amz-copy-source-server-side-encryption": "Server-side encryption is not implemented.",
    "x-amz-website-redirect-location": "Redirects are not implemented.",
    "x-amz-write-offset-bytes": "Appending is not implemented.",
    "x-amz-object-lock-event-hold": "Holds of events are not implemented.",
}
"""Beginnings of names."""
_PLAIN = frozenset({"x-id", "versionId", "partNumber", "uploadId", "select-type"})


def check_headers(headers: Mapping[str, str]) -> None:
    """Raises `NotImplemented`, `InvalidStorageClass`."""
    for name in headers:
        if name.startswith("x-amz-"):
            for beginning, says in _HEADERS.items():
                if name.startswith(beginning):
                    raise fault("NotImplemented", says)
    if headers.get("x-amz-storage-class", "STANDARD") != "STANDARD":
        raise fault("InvalidStorageClass")


def check_parameters(request: Request, known: tuple[str, ...]) -> str:
    """The sub-resource that a request names, one of `known`; empty: none.

    A write with one that nobody here knows would be the write of something else. Raises `NotImplemented`, `InvalidArgument`.
    """
    query = request.query
    given = {name for name, _ in query.pairs}
    found = [name for name in known if name in given] if given else []
    if len(found) > 1:
        raise fault("InvalidArgument", f"Conflicting query string parameters: {', '.join(found)}")
    if "x-amz-rename-source" in request.headers and found != ["renameObject"]:
        raise fault("InvalidRequest", "A source of a rename needs the parameter renameObject.")
    if request.method in ("GET", "HEAD", "OPTIONS") or found:
        return found[0] if found else ""
    for name, value in query.pairs:
        if not value and name not in _PLAIN and not name.lower().startswith("x-amz-"):
            raise fault("NotImplemented")
    if request.method == "PUT" and query.has("versionId"):
        raise fault("InvalidArgument", "This operation does not accept a version-id.", ArgumentName="versionId")
    if request.method == "PUT" and query.has("partNumber"):
        raise fault("InvalidArgument", "A part needs an uploadId.", ArgumentName="partNumber")
    return ""
