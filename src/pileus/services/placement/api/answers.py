"""Answers as Placement makes them: when the thing was changed last (from 1.15 on), and links without a host."""

from collections.abc import Iterable
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

from pileus.kernel.rest import Answer, Request


def answer(
    request: Request,
    body: Any = None,
    status: int = 200,
    at: int | None = None,
    location: str = "",
) -> Answer:
    """`at`: microseconds of the last change, None for an answer that carries no such header."""
    headers = {}
    if at is not None and request.version >= (1, 15):
        headers = {"Last-Modified": formatdate(at / 1_000_000, usegmt=True), "Cache-Control": "no-cache"}
    if location:
        headers["Location"] = request.link(location)
    return Answer(status, body, headers)


def newest(moments: Iterable[int], now: int) -> int:
    """The latest of these times; now when there is none."""
    return max(moments, default=now)


def href(request: Request, path: str) -> str:
    """A link as Placement writes it: the path alone, with the prefix under which the service stands."""
    return urlsplit(request.base).path.rstrip("/") + path
