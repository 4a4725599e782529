"""Asking a service in a user's name, without a socket: the same policy, quota and validation as over HTTP."""

from collections.abc import Mapping
from typing import Any, Protocol

from pileus.kernel.types import Ctx


class Front(Protocol):
    """`kernel.rest.Front` implements it; `app` hands it to the services that act in a user's name."""

    async def call(
        self,
        ctx: Ctx,
        service: str,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any, Mapping[str, str]]:
        """(status, decoded body, headers) exactly as a client would get them. Raises `Unavailable` when that service is off."""
        ...
