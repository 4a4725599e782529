"""Every write leaves a line in the change log and, where it matters to tokens, makes them be looked at again."""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from pileus.kernel import events
from pileus.kernel.db import Tx
from pileus.kernel.types import Ctx
from pileus.services.identity.core.neighbours import Near

_SECRET = frozenset({"sealed", "password_hash", "secret_hash", "password", "secret", "original_password"})


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


def _facts(row: Struct | None) -> dict[str, object] | None:
    if row is None:
        return None
    return {name: value for name, value in msgspec.structs.asdict(row).items() if name not in _SECRET}
