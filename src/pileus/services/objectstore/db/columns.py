"""Column types of the object store, and what its rows keep as JSON."""

from typing import Any

from msgspec import Struct
from sqlalchemy import BigInteger, Integer, Text

Name = Text().with_variant(Text(collation="C"), "postgresql")
"""Names compare by the bytes of their UTF-8, on both databases: that is the order of every listing."""
Id: Any = BigInteger().with_variant(Integer, "sqlite")
"""A number that the database gives."""


class Details(Struct, frozen=True, omit_defaults=True):
    """What an object carries beside its bytes. Names are in lower case."""

    meta: dict[str, str] = {}
    """What users set: `X-Object-Meta-Colour` and `x-amz-meta-colour` are both `colour`."""
    headers: dict[str, str] = {}
    """Headers given back as they came: `content-encoding`, `content-disposition`, `cache-control`, `x-object-manifest`
    (`container/prefix`, percent-encoded or not) …"""
    system: dict[str, str] = {}
    """What a face keeps for itself and shows in forms of its own: tags, locks, grants, checksums. Never copied to a header as is."""

    def __bool__(self) -> bool:
        return bool(self.meta or self.headers or self.system)


class Settings(Struct, frozen=True, omit_defaults=True):
    """What a container or an account carries beside its name."""

    meta: dict[str, str] = {}
    """`X-Container-Meta-…`, `X-Account-Meta-…`; those with a meaning too (`quota-bytes`, `web-index`)."""
    system: dict[str, str] = {}
    """What a face keeps for itself: CORS rules, bucket policy, lifecycle, default retention, sync …"""
    read: str = ""
    """Swift's read ACL, as the container's owner wrote it, cleaned."""
    write: str = ""
    archive: str = ""
    """The container of the same account that takes overwritten objects (`X-Versions-Location`); empty: none."""
    history: bool = False
    """The archive's mode: False is Swift's stack (a delete brings the last one back), True its history."""
