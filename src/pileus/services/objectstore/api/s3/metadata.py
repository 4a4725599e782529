"""What an object carries beside its bytes, from the headers of a PUT."""

from collections.abc import Mapping

from pileus.services.objectstore.api.header_words import fits_header, is_header_name
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.db.columns import Details

META = "x-amz-meta-"
_KEPT = ("cache-control", "content-disposition", "content-encoding", "content-language", "expires")
_MOST = 2048
"""Bytes of all user metadata."""


def details_of(headers: Mapping[str, str], *, as_text: bool = True) -> Details:
    """`as_text`: values are bytes of headers, read as Latin-1; a form's are text already.

    Raises `MetadataTooLarge`."""
    text = _text if as_text else str
    meta = {name[len(META) :]: text(value) for name, value in headers.items() if name.startswith(META)}
    for name, value in meta.items():
        if not (is_header_name(name) and fits_header(value)):
            raise fault("InvalidArgument", "Metadata must be valid header names and values.", ArgumentName=META + name)
    size = sum(len(name.encode()) + len(value.encode()) for name, value in meta.items())
    if size > _MOST:
        raise fault("MetadataTooLarge", Size=size, MaxSizeAllowed=_MOST)
    kept = {name: text(headers[name]) for name in _KEPT if headers.get(name)}
    for name, value in kept.items():
        check_value(name, value)
    if "aws-chunked" in kept.get("content-encoding", ""):
        encodings = [part.strip() for part in kept.pop("content-encoding").split(",")]
        if left := ", ".join(part for part in encodings if part and part != "aws-chunked"):
            kept["content-encoding"] = left
    return Details(meta=meta, headers=kept)


def check_value(name: str, value: str) -> None:
    """Raises `InvalidArgument` for what no answer's header could say."""
    if not fits_header(value):
        raise fault("InvalidArgument", "A header's value has control characters.", ArgumentName=name)


def _text(value: str) -> str:
    """Header bytes as text: UTF-8 where they are that."""
    raw = value.encode("latin-1", "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return value
