"""Tags of buckets and objects: kept as a query string, in the order in which they were set."""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, urlencode
from xml.etree.ElementTree import Element

from pileus.services.objectstore.api.s3 import xml
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.core.lifecycle import read_tags

KEPT = "tags"
HEADER = "x-amz-tagging"
ON_OBJECT, ON_BUCKET = 10, 50


def of_header(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=ON_BUCKET)
    except ValueError:
        raise fault(
            "InvalidArgument",
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
        ) from None
    return checked(pairs, ON_OBJECT)


def of_document(root: Element, most: int) -> dict[str, str]:
    """Of a `Tagging`. Raises `MalformedXML`, `InvalidTag`."""
    if root.find("TagSet") is None:
        raise fault("MalformedXML")
    return of_elements(root.findall("TagSet/Tag"), most)


def of_elements(tags: Sequence[Element], most: int) -> dict[str, str]:
    if any(tag.find("Key") is None or tag.find("Value") is None for tag in tags):
        raise fault("MalformedXML")
    return checked([(tag.findtext("Key") or "", tag.findtext("Value") or "") for tag in tags], most)


def checked(pairs: list[tuple[str, str]], most: int) -> dict[str, str]:
    if len(pairs) > most:
        raise fault("BadRequest", f"Object tags cannot be greater than {most}")
    found: dict[str, str] = {}
    for key, value in pairs:
        if not 0 < len(key) <= 128:
            raise fault("InvalidTag", "The TagKey you have provided is invalid", TagKey=key[:128])
        if len(value) > 256:
            raise fault("InvalidTag", "The TagValue you have provided is invalid", TagKey=key, TagValue=value[:256])
        if key.startswith("aws:"):
            raise fault("InvalidTag", "System tags cannot be added/updated by requester", TagKey=key)
        if key in found:
            raise fault("InvalidTag", "Cannot provide multiple Tags with the same key", TagKey=key)
        found[key] = value
    return found


def kept(tags: Mapping[str, str]) -> str:
    return urlencode(tags)


def read(system: Mapping[str, str]) -> dict[str, str]:
    return read_tags(system)


def shown(tags: Mapping[str, str]) -> list[xml.Node]:
    return [("TagSet", [("Tag", [("Key", key), ("Value", value)]) for key, value in sorted(tags.items())])]
