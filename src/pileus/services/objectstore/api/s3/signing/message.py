"""A request as signatures see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote, unquote_to_bytes


@dataclass(frozen=True, kw_only=True)
class Message:
    """`path`, `query`  as sent, still percent-encoded.   `headers`  by lower-case name.
    `bucket`  of a virtual-hosted request: version 2 signs the path below it.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    bucket: str = ""

    @cached_property
    def pairs(self) -> list[tuple[bytes, bytes]]:
        """Parameters, decoded, in their order."""
        found = []
        for part in self.query.split("&") if self.query else ():
            name, _, value = part.partition("=")
            found.append((decoded(name), decoded(value)))
        return found

    @cached_property
    def parameters(self) -> dict[str, str]:
        """The last value of each."""
        return {name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in self.pairs}


def decoded(text: str) -> bytes:
    if "%" not in text and "+" not in text:
        return text.encode()
    return unquote_to_bytes(text.replace("+", "%20"))


def encoded(raw: bytes, also: str = "") -> str:
    """As signatures write it: everything but letters, digits and `-._~` (and `also`) by percent signs."""
    return quote(raw, safe="-._~" + also)
