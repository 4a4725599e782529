"""The shape of a delegation."""

from collections.abc import Mapping
from typing import Any, Protocol

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.types import Micros, Reach
from pileus.services.identity.core.inference import RoleGraph
from pileus.services.identity.core.tokens import Marks, Scope


class Entry(Struct, frozen=True, kw_only=True):
    """Where a delegation leads.

    `user_id`     of the token: him who logs in, or whom he impersonates.
    `expires_at`  the end of the delegation; None: it has none.
    `marks`       more that the token is to bear.
    """

    user_id: str
    scope: Scope
    target_id: str
    expires_at: Micros | None = None
    marks: Mapping[str, Any] = {}


class Held(Struct, frozen=True, kw_only=True):
    """A delegation that stands.

    `user_id`   whose grants count.
    `role_ids`  what it leaves of them.
    `every`     all of `role_ids` must still be granted, else the token is worth nothing.
    `view`      its part of the token's body, by key.
    `row`       its own row.
    `reach`     the only requests that it is good for; None: any.
    """

    user_id: str
    role_ids: frozenset[str]
    view: Mapping[str, Any]
    row: Any
    every: bool = False
    reach: tuple[Reach, ...] | None = None


class Delegation(Protocol):
    def enter(self, tx: Tx, id: str, user_id: str) -> Entry | None:
        """For `user_id`, who proved who he is; None when he may not use it. May use something up: then the transaction writes."""
        ...

    def hold(self, tx: Tx, graph: RoleGraph, id: str, claims: Marks, user_id: str) -> Held | None:
        """As it stands now, for a token of `user_id`; None: gone, expired, or its giver is."""
        ...
