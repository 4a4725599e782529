"""The front door without a socket: one service asks another in a user's name, under the same policy and validation."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

from pileus.kernel.rest.face import Face
from pileus.kernel.rest.request import Query, Request
from pileus.kernel.types import Ctx, Unavailable, as_bytes


class Front:
    """Implements `contracts.front.Front` over the faces of this process."""

    def __init__(self, faces: Mapping[str, Face], bases: Mapping[str, str]) -> None:
        self._faces, self._bases = faces, bases

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
        """Status, decoded body and headers, exactly as a client would get them over HTTP."""
        face = self._faces.get(service)
        if face is None:
            raise Unavailable(f"The service {service} is not switched on.")
        raw = b"" if body is None else msgspec.json.encode(body)

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": raw, "more_body": False}

        request = Request(
            method=method,
            path=path,
            headers={"content-type": "application/json", **{k.lower(): v for k, v in (headers or {}).items()}},
            query=Query(urlencode(query or {})),
            base=self._bases.get(service, ""),
            receive=receive,
        )
        answer = await face.answer(request, ctx=ctx)
        if answer.stream is not None:
            answer.raw = b"".join([chunk async for chunk in as_bytes(answer.stream)])
        if answer.raw is not None:
            return answer.status, answer.raw, answer.headers
        return answer.status, msgspec.to_builtins(answer.body), answer.headers
