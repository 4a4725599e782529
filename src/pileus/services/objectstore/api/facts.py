"""What bucket policies may ask of a request, whichever face it came to: the keys `aws:…`."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from pileus.kernel.rest import Request
from pileus.kernel.types import SECOND, Ctx, clock
from pileus.services.objectstore.core import accounts, judging
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db.containers import ContainerRow


class RequestFacts:
    """Implements `Facts` for one container that a request touches."""

    def __init__(self, near: Neighbours, request: Request, row: ContainerRow, ctx: Ctx | None = None) -> None:
        """`ctx`: the caller, where he is not the request's."""
        self.near, self.request, self.row, self.ctx = near, request, row, ctx or request.ctx

    def __call__(self, key: str) -> Sequence[str] | None:
        read = _COMMON.get(key)
        if read is None:
            return self.own(key)
        value = read(self)
        return None if value is None else (value,)

    def own(self, key: str) -> Sequence[str] | None:
        """Keys that a face knows beside."""
        return None

    @property
    def owner(self) -> str:
        """The project whose the container is."""
        return accounts.project_of(self.near, self.row.account)


def _known(read: Callable[[RequestFacts], str]) -> Callable[[RequestFacts], str | None]:
    """Of callers who said who they are."""
    return lambda facts: read(facts) if facts.ctx.user_id else None


_TLS = {0x0301: "1.0", 0x0302: "1.1", 0x0303: "1.2", 0x0304: "1.3"}
"""Known where the connection is ours: behind a proxy nobody tells."""
_COMMON: Mapping[str, Callable[[RequestFacts], str | None]] = {
    "aws:currenttime": lambda facts: datetime.fromtimestamp(clock() // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    "aws:epochtime": lambda facts: str(clock() // SECOND),
    "aws:principalaccount": _known(lambda facts: facts.ctx.project_id),
    "aws:principalarn": _known(lambda facts: f"arn:aws:iam::{facts.ctx.project_id}:user/{facts.ctx.user_id}"),
    "aws:principalisawsservice": lambda facts: "false",
    "aws:principaltype": lambda facts: "User" if facts.ctx.user_id else "Anonymous",
    "aws:referer": lambda facts: facts.request.headers.get("referer"),
    "aws:requestedregion": lambda facts: facts.near.settings.s3_region,
    "aws:resourceaccount": lambda facts: facts.owner,
    "aws:securetransport": lambda facts: "true" if facts.request.base.startswith("https:") else "false",
    "aws:sourceip": lambda facts: facts.ctx.address or None,
    "aws:useragent": lambda facts: facts.request.headers.get("user-agent"),
    "aws:userid": lambda facts: facts.ctx.user_id or "anonymous",
    "aws:username": lambda facts: judging.who(facts.ctx).name or None,
    "aws:viaawsservice": lambda facts: "false",
    "s3:resourceaccount": lambda facts: facts.owner,
    "s3:tlsversion": lambda facts: _TLS.get(
        facts.request.scope.get("extensions", {}).get("tls", {}).get("tls_version")
    ),
}
"""`aws:multifactorauth…` is never there: nobody signs with a second factor."""
