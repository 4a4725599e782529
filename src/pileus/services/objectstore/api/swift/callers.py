"""Who asks, and what Swift's Keystone rules let him do with a container's ACL."""

from collections.abc import Mapping

from msgspec import Struct

from pileus.kernel.policy import Policy
from pileus.kernel.types import Ctx
from pileus.services.objectstore.api.swift import acl
from pileus.services.objectstore.api.swift.acl import Acl
from pileus.services.objectstore.api.swift.paths import Path

READS = frozenset({"GET", "HEAD"})


class Verdict(Struct, frozen=True):
    """`owner`: may see and set ACLs, keys and the like."""

    allowed: bool
    owner: bool = False


YES, NO, OWNER = Verdict(True), Verdict(False), Verdict(True, True)


class Asking(Struct, frozen=True):
    """One question: may this caller do `method` at `path`?"""

    method: str
    path: Path
    acl: str = ""
    """The container's read or write ACL, whichever the method falls under; empty: none."""
    referrer: str = ""
    domain: str | None = None
    """The domain of the account's project, where it is known."""
    account_acl: str = ""
    """The account's own ACL; TempAuth alone reads it."""


class KeystoneRules:
    """Roles of the token's project, project:user pairs, referrers: what `keystoneauth` decides.

    `services`: further prefixes of accounts, each with the roles of which a service's token must have one.
    """

    def __init__(self, policy: Policy, prefix: str, services: Mapping[str, str], names: bool = True) -> None:
        self._policy, self._names = policy, names
        self._prefix = prefix
        self._services = {one: _words(roles) for one, roles in services.items()}
        self._prefixes = sorted({prefix, *services}, key=len, reverse=True)

    def prefix_of(self, account: str) -> str | None:
        """Which of our prefixes an account has; None: it is not ours."""
        return next((prefix for prefix in self._prefixes if account.startswith(prefix)), None)

    def judge(self, ctx: Ctx | None, asking: Asking) -> Verdict:
        """`ctx` None: nobody known."""
        if asking.method == "OPTIONS":
            return YES
        known = acl.parsed(asking.acl)
        if ctx is None:
            ours = self.prefix_of(asking.path.account) is not None
            return Verdict(ours and self._open(asking, known) is True)
        if self._allows("reseller", ctx):
            return OWNER
        if asking.path.kind == "account" and asking.method == "DELETE":
            return NO
        opened = self._open(asking, known)
        own = self._by_role(ctx, asking, known, opened)
        return YES if not own.owner and (opened or self._paired(ctx, asking, known)) else own

    def _allows(self, rule: str, ctx: Ctx) -> bool:
        return self._policy.allows(f"objectstore:{rule}", ctx, {"project_id": ctx.project_id})

    def _by_role(self, ctx: Ctx, asking: Asking, known: Acl, opened: bool | None) -> Verdict:
        prefix = self.prefix_of(asking.path.account)
        if prefix is None or not ctx.project_id or asking.path.account != prefix + ctx.project_id:
            return NO
        wanted = self._services.get(prefix, frozenset())
        if self._allows("operator", ctx) and (not wanted or wanted & ctx.service_roles):
            return OWNER
        if asking.method in READS and not wanted and self._allows("reader", ctx):
            return YES
        return Verdict(opened is None and any(group.lower() in ctx.roles for group in known.groups))

    def _open(self, asking: Asking, known: Acl) -> bool | None:
        """What is decided without knowing who asks; None: nothing."""
        if known.referrers and acl.refers(asking.referrer, known.referrers):
            return bool(asking.path.name) or ".rlistings" in known.groups
        return None

    def _paired(self, ctx: Ctx, asking: Asking, known: Acl) -> bool:
        """`project:user` in the ACL: each an id, `*`, or (in the default domain alone) a name."""
        if not known.groups:
            return False
        projects, users = {ctx.project_id, "*"}, {ctx.user_id, "*"}
        if self._named(ctx, asking):
            projects.add(ctx.project_name)
            users.add(ctx.user_name)
        return any(f"{project}:{user}" in known.groups for project in projects for user in users)

    def _named(self, ctx: Ctx, asking: Asking) -> bool:
        if not self._names or {ctx.user_domain_id, ctx.project_domain_id} - {"", "default"}:
            return False
        prefix = self.prefix_of(asking.path.account)
        own = prefix is not None and asking.path.account == prefix + ctx.project_id
        return own or asking.domain == "default"


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip().lower() for word in text.split(",") if word.strip())
