"""`If-Match` and its kin, for readers, in the order that Swift has."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from pileus.kernel.types import SECOND, Micros


def failed(headers: Mapping[str, str], etag: str, modified_at: Micros) -> int:
    """304 or 412 when a reader's conditions say so, else 0. `etag` without quotes; times in whole seconds, rounded up."""
    tags = tags_of(headers.get("if-none-match", ""))
    if "*" in tags or etag in tags:
        return 304
    tags = tags_of(headers.get("if-match", ""))
    if "if-match" in headers and "*" not in tags and etag not in tags:
        return 412
    changed = -(-modified_at // SECOND)
    since = moment(headers.get("if-modified-since", ""))
    if since is not None and changed <= since:
        return 304
    since = moment(headers.get("if-unmodified-since", ""))
    return 412 if since is not None and changed > since else 0


def tags_of(header: str) -> frozenset[str]:
    return frozenset(tag.strip().strip('"') for tag in header.split(",") if tag.strip())


def moment(header: str) -> int | None:
    """Seconds since 1970; None for what is no date."""
    if not header:
        return None
    try:
        return int(parsedate_to_datetime(header).timestamp())
    except (ValueError, OverflowError, TypeError):
        return None
