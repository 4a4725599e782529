"""Who asks."""

from msgspec import Struct

from pileus.kernel.types.versions import Version


class Reach(Struct, frozen=True):
    """A kind of request: to services of a type (as the catalog names it), by a method, on paths that fit a pattern.

    In a pattern `{name}` and `*` stand for one segment (or the rest of one), `**` for anything.
    """

    service: str
    method: str
    path: str


class Ctx(Struct, frozen=True, kw_only=True):
    """The caller of one request, or the cloud itself.

    All ids are those of identity. At most one of `project_id`, `domain_id` and `system_scope` is the token's scope;
    `user_domain_id` and `project_domain_id` tell where user and project live.
    """

    request_id: str = ""
    user_id: str = ""
    user_name: str = ""
    user_domain_id: str = ""
    user_domain_name: str = ""
    project_id: str = ""
    project_name: str = ""
    project_domain_id: str = ""
    project_domain_name: str = ""
    domain_id: str = ""
    domain_name: str = ""
    system_scope: str = ""
    """`"all"` for a system token, else empty."""
    roles: frozenset[str] = frozenset()
    """Role names in lower case, implied ones included."""
    service_roles: frozenset[str] = frozenset()
    """Roles of the `X-Service-Token` that came along."""
    trust_id: str = ""
    app_credential_id: str = ""
    reach: tuple[Reach, ...] | None = None
    """The only requests that the caller may make; None: any. The rest front sees to it."""
    bound_to: str = ""
    """Thumbprint of the client certificate without which the token is worth nothing; empty: any client may send it."""
    token: str = ""
    """The token as sent; never logged, never stored."""
    expires_at: int = 0
    """Microseconds; 0 for a caller without token."""
    address: str = ""
    """The client's address."""
    agent: str = ""
    """What the client calls itself (User-Agent), shortened."""
    version: Version = Version(0, 0)
    """The microversion that this request negotiated; (0, 0) where the service has none."""
    global_request_id: str = ""


def cloud(request_id: str = "") -> Ctx:
    """The cloud itself: sagas and reconcilers act as this caller, who may do everything."""
    return Ctx(
        request_id=request_id, user_id="pileus", user_name="pileus", roles=frozenset({"admin"}), system_scope="all"
    )
