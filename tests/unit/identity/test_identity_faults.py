"""What takes many rows along is all or nothing: a statement that fails anywhere leaves everything as it was."""

from typing import Any

import pytest
from sqlalchemy import select

from identity_cloud import Cloud
from pileus.kernel.db import Database, Tx, metadata
from unit.identity.test_identity_revocation_matrix import Scene


def _dump(tx: Tx) -> dict[str, list[Any]]:
    tables = [t for t in metadata.sorted_tables if t.name.startswith(("identity_", "kernel_events"))]
    return {t.name: sorted(map(repr, tx.execute(select(t)).all())) for t in tables}


async def rows(db: Database) -> dict[str, list[Any]]:
    return await db.read(_dump)


class Breaks:
    """Lets so many statements of writing transactions pass, then fails one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.left, self.struck = 0, False

    def after(self, statements: int) -> None:
        self.left, self.struck = statements, False
        for name in ("_run", "execute", "run_many"):
            self._patch.setattr(Tx, name, self._failing(getattr(Tx, name)))

    def mend(self) -> None:
        self._patch.undo()

    def _failing(self, real: Any) -> Any:
        def run(tx: Tx, *args: Any, **more: Any) -> Any:
            if tx.writes:
                if not self.left:
                    self.struck = True
                    raise RuntimeError("the disk is on fire")
                self.left -= 1
            return real(tx, *args, **more)

        return run


DELETIONS = {
    "a domain with all that is in it": "/v3/domains/{home}",
    "a project": "/v3/projects/{own}",
    "a user": "/v3/users/{ann}",
    "a group": "/v3/groups/{team}",
}


@pytest.mark.parametrize("what", DELETIONS)
async def test_a_deletion_is_all_or_nothing(
    cloud: Cloud, admin: str, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    scene = Scene(cloud, admin)
    await scene.prepare()
    await scene.collect()
    if "{home}" in DELETIONS[what]:
        await scene.does("PATCH", "domains/{home}", {"domain": {"enabled": False}})
    path = DELETIONS[what].format(**scene.ids)
    before, breaks = await rows(cloud.db), Breaks(monkeypatch)
    for statements in range(500):
        breaks.after(statements)
        reply = await cloud.call("DELETE", path, None, admin)
        breaks.mend()
        if not breaks.struck:
            break
        assert reply.status == 500
        assert await rows(cloud.db) == before
    assert reply.status == 204
    assert statements > 3
    gone = path.rpartition("/")[2]
    left = {name: [row for row in found if gone in row] for name, found in (await rows(cloud.db)).items()}
    assert {name for name, found in left.items() if found} <= {"kernel_events", "identity_revocation_event"}
