"""S3's manner: operations told apart by sub-resources, errors in XML."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from pileus.kernel.rest import Answer, Dialect, Operation, Request
from pileus.kernel.types import Fault
from pileus.services.objectstore.api.s3 import address, refusals
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.faults import fault, translated
from pileus.services.objectstore.api.s3.xml import document
from pileus.services.objectstore.core.settings import ObjectSettings

SUBRESOURCES = {
    "service": (),
    "bucket": (
        "accelerate", "acl", "analytics", "cors", "delete", "encryption", "intelligent-tiering", "inventory", "lifecycle",
        "location", "logging", "metrics", "notification", "object-lock", "ownershipControls", "policy", "policyStatus",
        "publicAccessBlock", "abac", "metadataAnnotationTable", "metadataConfiguration", "metadataInventoryTable", "metadataJournalTable", "metadataTable",
        "replication", "requestPayment", "session", "tagging", "uploads", "versioning", "versions", "website",
    ),
    "object": (
        "acl", "annotation", "attributes", "encryption", "legal-hold", "renameObject", "restore", "retention", "select", "tagging", "torrent", "uploadId", "uploads",
    ),
}  # fmt: skip
"""Parameters that choose the operation."""


class S3Dialect(Dialect):
    """Operations are declared as `/bucket?acl`, `/object?uploadId`: the kind of thing addressed, and the sub-resource."""

    request_id_headers: ClassVar[tuple[str, ...]] = ("x-amz-request-id", "x-amz-id-2")
    auth_first: ClassVar[bool] = False
    own_origins: ClassVar[bool] = True
    json_media: ClassVar[str] = "application/xml"

    def __init__(self, settings: ObjectSettings, operations: Iterable[Operation]) -> None:
        self.settings = settings
        self._methods: dict[str, set[str]] = {}
        for op in operations:
            self._methods.setdefault(op.path, set()).update({op.method, *(["HEAD"] if op.method == "GET" else [])})

    def route(self, request: Request) -> str:
        found = address.read(request.path, request.headers.get("host", ""), self.settings.s3_domains)
        request.memo[Address] = found
        kind = "object" if found.key else "bucket" if found.bucket else "service"
        name = refusals.check_parameters(request, SUBRESOURCES[kind])
        return self._allowed(request, f"/{kind}?{name}" if name else f"/{kind}")

    def _allowed(self, request: Request, route: str) -> str:
        """Said to everybody: what methods there are is no secret."""
        methods = self._methods.get(route)
        if methods is not None and request.method not in methods:
            refusal = fault("MethodNotAllowed", Method=request.method, ResourceType=route.strip("/").upper())
            refusal.headers["Allow"] = ", ".join(sorted(methods))
            raise refusal
        return route

    def no_route(self, request: Request) -> Fault:
        known = {name for names in SUBRESOURCES.values() for name in names}
        return fault("NotImplemented" if known.intersection(request.query.names()) else "MethodNotAllowed")

    def version_headers(self, request: Request) -> dict[str, str]:
        return {"Server": "Pileus"}

    def fault(self, request: Request, fault: Fault) -> Answer:
        refusal = translated(fault)
        if refusal.status == 304:
            return Answer(304, raw=b"", headers=refusal.headers)
        where = request.memo.get(Address)
        body: list[tuple[str, str]] = [("Code", refusal.type), ("Message", refusal.message)]
        body += [(name, str(value)) for name, value in _shown(refusal.details).items()]
        if where is not None and where.bucket:
            body.append(("BucketName", where.bucket))
            if where.key:
                body.append(("Key", where.key))
        body += [("Resource", request.path), ("RequestId", request.ctx.request_id), ("HostId", "pileus")]
        answer = Answer(refusal.status, raw=document("Error", body, namespace=""), media="application/xml")
        answer.headers.update(refusal.headers)
        return answer


def _shown(details: Mapping[str, object]) -> dict[str, object]:
    """Details that are elements of S3's errors: those with a capital."""
    return {name: value for name, value in details.items() if name[:1].isupper()}
