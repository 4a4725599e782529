"""What this process remembers of identity, and when to stop believing it.

One number, the revision, counts every write that can change what a token is worth. Whatever was remembered at another revision is
looked up again; nothing has to know which tokens a change concerns. Other processes hear of a change by signal and count too.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from pileus.kernel.db import Tx
from pileus.kernel.types import Ctx, Micros, clock
from pileus.services.identity.core.inference import RoleGraph
from pileus.services.identity.core.session import Session
from pileus.services.identity.core.visible import chosen
from pileus.services.identity.db import roles, service_providers
from pileus.services.identity.db.catalog import Offer, all_endpoints, all_services
from pileus.services.identity.db.endpoint_filters import any_filter
from pileus.services.identity.db.service_providers import ServiceProviderRow

CHANGED = "identity.changed"
T = TypeVar("T")


class Known:
    """A token that was good when it was looked at, and what was made of it."""

    __slots__ = ("bodies", "ctx", "good_until", "revision", "session")

    def __init__(self, session: Session, ctx: Ctx, revision: int, good_until: Micros) -> None:
        self.session = session
        self.ctx = ctx
        self.revision = revision
        self.good_until = good_until
        self.bodies: dict[bool, bytes] = {}
        """Answers to `GET /v3/auth/tokens`, encoded, with and without the catalog."""


class Memory:
    """`patience` (microseconds) bounds how long a memory is believed when a signal was lost; None: nobody else writes."""

    def __init__(self, size: int, patience: Micros | None = None) -> None:
        self.revision = 0
        self.tokens: dict[str, Known] = {}
        self._size = size
        self._patience = patience
        self._changed_at: Micros = 0
        self._read: dict[str, tuple[int, Micros, Any]] = {}
        """What was read beside tokens: (revision, moment, value) by name."""

    def bump(self) -> None:
        self.revision += 1
        self._changed_at = clock()

    def touch(self, tx: Tx) -> None:
        """This transaction changes what tokens are worth: forget, here at once and elsewhere by signal."""
        tx.after_commit(self.bump)
        tx.wake(CHANGED)

    def recall(self, token: str) -> Known | None:
        """What is known of a token and still holds."""
        known = self.tokens.get(token)
        if known is not None and known.revision == self.revision and clock() < known.good_until:
            return known
        return None

    def remember(self, token: str, session: Session, ctx: Ctx, revision: int) -> Known:
        """`revision` is the one *before* the session was read: a change in between makes it stale at once."""
        good_until = min(session.claims.expires_at, session.until or session.claims.expires_at)
        if self._patience is not None:
            good_until = min(good_until, clock() + self._patience)
        known = Known(session, ctx, revision, good_until)
        if token not in self.tokens and len(self.tokens) >= self._size:
            self._make_room()
        self.tokens[token] = known
        return known

    def _make_room(self) -> None:
        for old in [t for t, _ in zip(self.tokens, range(max(1, self._size // 10)), strict=False)]:
            del self.tokens[old]

    def graph(self, tx: Tx) -> RoleGraph:
        """Roles and what they imply."""
        if tx.tables is not None:
            tx.tables |= roles.TABLES
        return self._kept("graph", tx, _read_graph)

    def offers(self, tx: Tx) -> list[Offer]:
        """Every enabled endpoint of an enabled service, and services without endpoints."""
        return self._kept("offers", tx, _read_offers)

    def partners(self, tx: Tx) -> list[ServiceProviderRow]:
        """The enabled service providers."""
        return self._kept("partners", tx, service_providers.enabled)

    def shown(self, tx: Tx, project_id: str) -> frozenset[str]:
        """Ids of the endpoints that a project is to see; none: it has no filter. Most clouds have no filter at all."""
        if not self._kept("filtered", tx, any_filter):
            return frozenset()
        by_project = self._kept("shown", tx, _nothing_yet)
        found = by_project.get(project_id)
        if found is None:
            found = frozenset(row.id for row in chosen(tx, project_id))
            if len(by_project) < self._size and self._is_fresh(tx):
                by_project[project_id] = found
        return found

    def _kept(self, name: str, tx: Tx, read: Callable[[Tx], T]) -> T:
        """What was read at this revision. A writing transaction reads its own, for it may have changed it."""
        if tx.writes:
            return read(tx)
        found = self._read.get(name)
        if found is not None and self._holds(found[0], found[1]):
            return found[2]  # type: ignore[no-any-return]
        revision, value = self.revision, read(tx)
        if self._is_fresh(tx):
            self._read[name] = revision, clock(), value
        return value

    def _is_fresh(self, tx: Tx) -> bool:
        """Whether a transaction saw the last change: one that began before it may tell of what was, and is not kept."""
        return tx.now > self._changed_at

    def _holds(self, revision: int, since: Micros) -> bool:
        return revision == self.revision and (self._patience is None or clock() - since < self._patience)


def _nothing_yet(tx: Tx) -> dict[str, frozenset[str]]:
    return {}


def _read_graph(tx: Tx) -> RoleGraph:
    return RoleGraph(roles.everything(tx), roles.implied_pairs(tx))


def _read_offers(tx: Tx) -> list[Offer]:
    found: list[Offer] = []
    endpoints = all_endpoints(tx)
    for service in all_services(tx):
        if not service.enabled:
            continue
        mine = [e for e in endpoints if e.service_id == service.id and e.enabled]
        found += [Offer(service.id, service.type, service.name, e.id, e.interface, e.region_id, e.url) for e in mine]
        if not mine:
            found.append(Offer(service.id, service.type, service.name, "", "", None, ""))
    return found
