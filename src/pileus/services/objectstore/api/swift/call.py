"""One request as Swift's rules see it: what its path names, who asks, and what stands there."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from urllib.parse import quote

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Query, Request
from pileus.kernel.types import Ctx, Micros
from pileus.services.objectstore.api.swift import guarding
from pileus.services.objectstore.api.swift.answers import told
from pileus.services.objectstore.api.swift.callers import Asking, Verdict
from pileus.services.objectstore.api.swift.metadata import text
from pileus.services.objectstore.api.swift.paths import Path
from pileus.services.objectstore.core.accounts import project_of
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.rooms import Room
from pileus.services.objectstore.db import accounts, containers
from pileus.services.objectstore.db.accounts import AccountRow
from pileus.services.objectstore.db.columns import Settings
from pileus.services.objectstore.db.containers import ContainerRow

PROJECT_DOMAIN, ACCOUNT_ACL = "project-domain-id", "access-control"
"""System metadata of accounts: the domain of their project, and TempAuth's ACL."""
_NONE = Settings()


class Scene(Struct, frozen=True):
    """The account and container that a path names. None: not there (yet)."""

    account: AccountRow | None = None
    container: ContainerRow | None = None

    @property
    def account_kept(self) -> Settings:
        return (self.account and self.account.settings) or _NONE

    @property
    def kept(self) -> Settings:
        return self.container.kept if self.container is not None else _NONE


def look(tx: Tx, path: Path) -> Scene:
    """Raises 410 for an account that is being taken away, 404 for what is in it."""
    account = accounts.find(tx, path.account)
    return _scene(path, (account, containers.find(tx, path.account, path.container) if path.container else None))


def glance(tx: Tx, near: Neighbours, path: Path) -> Scene:
    """The same, as remembered: for reads that `db.read` makes."""
    return _scene(path, near.rooms.read(tx, path.account, path.container))


def _scene(path: Path, room: Room) -> Scene:
    if room[0] is not None and room[0].deleted_at:
        raise told(404) if path.container else told(410, "", {"X-Account-Status": "Deleted"})
    return Scene(*room)


Judge = Callable[["Call", Asking], Verdict]
Perform = Callable[["Call"], Awaitable[Answer]]


class Signed(Struct, frozen=True):
    """The signed URL that a request came by."""

    prefix: str = ""
    """What it may show begins so."""
    query: str = ""
    """What links of a page must carry to be let through as well, with its `?`; empty: it is for one object alone."""


class Call:
    """A request, or one that another request causes (a file of an archive, a form's upload)."""

    __slots__ = (
        "allowed",
        "body",
        "caller",
        "headers",
        "judge",
        "listed",
        "method",
        "near",
        "owner",
        "path",
        "perform",
        "query",
        "read_from",
        "request",
        "scene",
        "signed",
        "stamp",
    )  # fmt: skip

    def __init__(
        self, near: Neighbours, request: Request, path: Path, judge: Judge, caller: Ctx | None, perform: Perform
    ) -> None:
        """`perform` answers a call that this one causes."""
        self.near, self.request, self.path, self.judge, self.caller = near, request, path, judge, caller
        self.perform = perform
        self.method = request.method
        self.query: Query = request.query
        self.headers: Mapping[str, str] = request.headers
        """By name in lower case; values as they stood on the wire, each byte a character."""
        self.owner = False
        """The caller may see and set ACLs, keys and the like here."""
        self.allowed: Callable[[str, Path], bool] | None = None
        """What a signed URL or form lets through, whoever asks."""
        self.signed: Signed | None = None
        self.listed = False
        """The answer is a page made here of what there is, not something that somebody put."""
        self.stamp: Micros = 0
        """When what this brings was made elsewhere (container sync)."""
        self.scene = Scene()
        self.read_from: tuple[tuple[str, ...], tuple[int, ...]] | None = None
        """What the answer depends on and how that stood, where the answer may be kept."""
        self.body: AsyncIterator[bytes] | None = None
        """Instead of the request's own."""

    def caused(self, method: str, path: Path, headers: Mapping[str, str], body: AsyncIterator[bytes] | None) -> "Call":
        """A request of the same caller that this one causes."""
        other = Call(self.near, self.request, path, self.judge, self.caller, self.perform)
        other.method, other.query, other.headers, other.body = method, Query(), headers, body or _nothing()
        other.allowed, other.stamp = self.allowed, self.stamp
        return other

    def word(self, name: str) -> str:
        """A header as text, without the blanks around it; empty when it is not there. Raises 400."""
        return text(self.headers.get(name, "")).strip()

    def stream(self) -> AsyncIterator[bytes]:
        return self.request.stream() if self.body is None else self.body

    @property
    def ctx(self) -> Ctx:
        """Whoever asks, known or not."""
        return self.caller or self.request.ctx

    def is_reseller(self) -> bool:
        """Whether all accounts are the caller's to run."""
        whole = Asking(method="DELETE", path=Path(self.path.account))
        return self.caller is not None and self.judge(self, whole).allowed

    async def see(self) -> Scene:
        """Read what stands at the path. Raises what `look` raises, to those alone who have rights there."""
        known = self.near.rooms.recall(self.path.account, self.path.container)
        try:
            self.scene = _scene(self.path, known) if known else await self.near.db.read(glance, self.near, self.path)
        except Answer:
            self.authorize()
            raise
        return self.scene

    def authorize(
        self, method: str = "", path: Path | None = None, scene: Scene | None = None, *, whole: bool = False
    ) -> None:
        """Raises 401 or 403. Sets `owner`. Another path and scene: what the request touches beside its own.

        `whole`: any object of the container, whatever name the path has.
        """
        method, path, scene = method or self.method, path or self.path, scene or self.scene
        if self.allowed is not None and self.allowed(method, path):
            return
        reads, kept = method in ("GET", "HEAD"), scene.kept
        rule = (kept.read if reads else kept.write) if path.name or (path.container and reads) else ""
        system = scene.account_kept.system
        asking = Asking(
            method=method, path=path, acl=guarding.heard(scene.container, rule), referrer=self.headers.get("referer", ""),
            domain=system.get(PROJECT_DOMAIN), account_acl=system.get(ACCOUNT_ACL, ""),
        )  # fmt: skip
        verdict = self.judge(self, asking)
        if path == self.path:
            self.owner = verdict.owner
        if not verdict.allowed or (not verdict.owner and self._denied(method, path, scene.container, whole)):
            raise self.refused()

    def _denied(self, method: str, path: Path, row: ContainerRow | None, whole: bool) -> bool:
        return row is not None and guarding.denies(self.near, self.request, self.ctx, row, method, path, whole=whole)

    def refused(self) -> Answer:
        """403 for somebody known, 401 with the realm for the others."""
        if self.caller is not None:
            answer = told(403)
            rule = "reader" if self.method in ("GET", "HEAD") else "operator"
            answer.denial = f"objectstore:{rule}", {"project_id": project_of(self.near, self.path.account)}
            return answer
        return told(401, headers={"Www-Authenticate": f'Swift realm="{quote(self.path.account)}"'})


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield
