"""Every write leaves a line in the change log and, where it matters to tokens, makes them be looked at again."""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from pileus.kernel import events
from pileus.kernel.db import Tx
from pileus.kernel.types import SECOND, Ctx
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import revocations

_SECRET = frozenset({"sealed", "password_hash", "secret_hash", "password", "secret", "original_password"})

_ENDS = {
    "user.delete": "user_id",
    "user.revoke_tokens": "user_id",
    "project.delete": "project_id",
    "domain.delete": "domain_id",
    "trust.delete": "OS-TRUST:trust_id",
    "consumer.delete": "OS-OAUTH1:consumer_id",
    "access_token.delete": "OS-OAUTH1:access_token_id",
}
"""Changes that make tokens worthless, and what they say of them in `OS-REVOKE`."""


def changed(
    tx: Tx,
    near: Near,
    ctx: Ctx,
    kind: str,
    id: str,
    *,
    before: Struct | None = None,
    after: Struct | None = None,
    data: Mapping[str, object] | None = None,
    matters: bool = True,
) -> None:
    """Record `kind` (`user.update`); `matters` says whether it can change what some token is worth."""
    noun = kind.partition(".")[0]
    events.record(
        tx, ctx, kind, noun, id, project_id=ctx.project_id, before=_facts(before), after=_facts(after), data=data
    )
    if matters:
        near.memory.touch(tx)
        _announce(tx, near, kind, id, before, after)


def _announce(tx: Tx, near: Near, kind: str, id: str, before: Struct | None, after: Struct | None) -> None:
    """Tell those who ask for revocations, as long as a token of before could live."""
    what = _ENDS.get(kind)
    if kind == "user.update" and getattr(before, "epoch", 0) != getattr(after, "epoch", 0):
        what = "user_id"
    if what is not None:
        revocations.announce(tx, what, id, tx.now + near.settings.token_lifetime * SECOND)


def _facts(row: Struct | None) -> dict[str, object] | None:
    if row is None:
        return None
    return {name: value for name, value in msgspec.structs.asdict(row).items() if name not in _SECRET}
