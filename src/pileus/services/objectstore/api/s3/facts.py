"""What bucket policies may ask of a request of S3's: the keys `s3:…`."""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, unquote, urlencode

from msgspec import Struct

from pileus.kernel.rest import Request
from pileus.kernel.types import DAY, clock, parse
from pileus.services.objectstore.api.facts import RequestFacts
from pileus.services.objectstore.api.s3 import tags
from pileus.services.objectstore.api.s3.caller import Signed
from pileus.services.objectstore.api.s3.signing.v4 import ALGORITHM, ClaimV4, moment_of
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import ObjectRow

_QUERY = {"s3:prefix": "prefix", "s3:delimiter": "delimiter", "s3:max-keys": "max-keys", "s3:versionid": "versionId"}
_HEADERS = {
    "s3:if-match": "if-match",
    "s3:if-none-match": "if-none-match",
    "s3:object-lock-mode": "x-amz-object-lock-mode",
    "s3:object-lock-retain-until-date": "x-amz-object-lock-retain-until-date",
    "s3:object-lock-legal-hold": "x-amz-object-lock-legal-hold",
}
_ASKED = ("x-amz-acl", "x-amz-grant-", "x-amz-storage-class", "x-amz-tagging", "x-amz-object-lock-")
"""Beginnings of headers that an upload in parts has when it is begun, and then no more."""
ASKED = "upload-asked"
"""In an upload's `details.system`: those headers."""
_DAYS = "s3:object-lock-remaining-retention-days"
_TAG, _NEW_TAG = "s3:existingobjecttag/", "s3:requestobjecttag/"
Said = Mapping[str, Sequence[str]]
"""Values that only an operation knows: what a body asks for, the version of a copy's source."""
NOTHING: Said = {}


class Form(Struct, frozen=True):
    """A browser's form, in `request.memo`: its fields are what other requests have in headers."""

    fields: Mapping[str, str]


class S3Facts(RequestFacts):
    """`made`  the object that is meant, where it is there.   `said`  goes before what headers and query say."""

    def __init__(
        self, near: Neighbours, request: Request, row: ContainerRow, made: ObjectRow | None, said: Said
    ) -> None:
        super().__init__(near, request, row)
        self._made, self._said = made, said
        form = request.memo.get(Form)
        self._form = form is not None
        self._headers = request.headers if form is None else form.fields

    def own(self, key: str) -> Sequence[str] | None:
        if key in self._said:
            return self._said[key]
        if key.startswith(_TAG):
            value = tags.read(self._made.kept.system).get(key[len(_TAG) :]) if self._made is not None else None
            return None if value is None else (value,)
        if key.startswith(_NEW_TAG) or key == "s3:requestobjecttagkeys":
            return self._new_tags(key)
        value = self._value(key)
        return None if value is None else (value,)

    def _new_tags(self, key: str) -> Sequence[str] | None:
        text = self._headers.get(tags.HEADER)
        return new_tags(tags.of_header(text) if text else {}).get(key)

    def _value(self, key: str) -> str | None:
        if key in _QUERY:
            return self.request.query.one(_QUERY[key])
        if key in _HEADERS:
            return self._headers.get(_HEADERS[key])
        if key == _DAYS:
            return remaining_days(self._headers.get("x-amz-object-lock-retain-until-date", ""))
        if key == "s3:x-amz-copy-source":
            text = self._headers.get("x-amz-copy-source")
            return None if text is None else unquote(text.partition("?versionId=")[0]).lstrip("/")
        if key in ("s3:authtype", "s3:signatureversion", "s3:signatureage", "s3:x-amz-content-sha256"):
            return self._signature(key)
        return self._headers.get(key[3:]) if key.startswith("s3:x-amz-") else None

    def _signature(self, key: str) -> str | None:
        signed = self.request.memo.get(Signed)
        in_header = "authorization" in self.request.headers
        if key == "s3:x-amz-content-sha256":
            unsigned = "UNSIGNED-PAYLOAD" if signed is not None and not in_header else None
            return self.request.headers.get("x-amz-content-sha256", unsigned)
        if not self.request.ctx.user_id:
            return None
        if key == "s3:authtype":
            return "POST" if self._form else "REST-HEADER" if in_header else "REST-QUERY-STRING"
        newer = (
            "x-amz-signature" in self._headers
            if self._form
            else signed is not None and isinstance(signed.claim, ClaimV4)
        )
        if key == "s3:signatureversion":
            return ALGORITHM if newer else "AWS"
        claim = signed.claim if signed is not None else None
        stamp = claim.stamp if isinstance(claim, ClaimV4) else self._headers.get("x-amz-date", "") if newer else ""
        at = moment_of(stamp)
        return None if at is None else str(max(clock() - at, 0) // 1000)


def asked(headers: Mapping[str, str]) -> dict[str, str]:
    """What is to be kept of the request that begins an upload, for policies that ask of its parts."""
    found = {name: value for name, value in headers.items() if name.startswith(_ASKED)}
    return {ASKED: urlencode(found)} if found else {}


def of_upload(system: Mapping[str, str]) -> Said:
    """What keys say of an upload's parts: what they say of the upload."""
    found = dict(parse_qsl(system.get(ASKED, ""), keep_blank_values=True))
    tagging, until = found.pop(tags.HEADER, ""), found.get("x-amz-object-lock-retain-until-date", "")
    said: dict[str, Sequence[str]] = {
        "s3:" + name.replace("x-amz-object", "object"): (value,) for name, value in found.items()
    }
    days = remaining_days(until)
    return said | ({_DAYS: (days,)} if days else {}) | (dict(new_tags(tags.of_header(tagging))) if tagging else {})


def new_tags(wanted: Mapping[str, str]) -> dict[str, Sequence[str]]:
    """What keys say of the tags that a request gives."""
    found: dict[str, Sequence[str]] = {_NEW_TAG + name: (value,) for name, value in wanted.items()}
    return found | ({"s3:requestobjecttagkeys": tuple(wanted)} if wanted else {})


def retention(mode: str, until: str) -> dict[str, Sequence[str]]:
    """What keys say of the retention that a request gives."""
    days = remaining_days(until)
    given = {
        "s3:object-lock-mode": mode,
        "s3:object-lock-retain-until-date": until,
        _DAYS: days or "",
    }
    return {key: (value,) for key, value in given.items() if value}


def remaining_days(until: str) -> str | None:
    try:
        return str(max(parse(until) - clock(), 0) // DAY) if until else None
    except (ValueError, OverflowError):
        return None
