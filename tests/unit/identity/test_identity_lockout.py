"""The lock as a rule: whatever comes in whatever order, never more looks at a password than allowed, and no lock for ever."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from pileus.kernel.types import SECOND
from pileus.services.identity.core import lockout
from pileus.services.identity.core.settings import ComplianceSettings
from pileus.services.identity.db.attempts import AttemptRow

LIMIT, DURATION = 3, 60
STEPS = st.lists(
    st.sampled_from(["enter", "enter", "fits", "wrong", "die", "wait 1", "wait 29", "wait 31", "wait 61"]), max_size=80
)


class Account:
    """One account, and the logins of it that are under way. `wrong`: looks in vain since the last success or lock."""

    def __init__(self) -> None:
        self.row = AttemptRow("eve", 0, None, 0, None)
        self.inside = self.wrong = 0
        self.tx: Any = SimpleNamespace(now=1_000_000 * SECOND, wake=lambda signal: None)
        rules = ComplianceSettings(lockout_failure_attempts=LIMIT, lockout_duration=DURATION)
        self.near: Any = SimpleNamespace(compliance=rules)

    def find(self, tx: Any, id: str) -> AttemptRow:
        return self.row

    def store(self, tx: Any, row: AttemptRow) -> None:
        if row.user_id == "eve":
            self.row = row

    def enter(self) -> str:
        before, place = self.row, lockout._enter(self.tx, self.near, "eve", "nobody")
        if place == "taken":
            self.inside += 1
            if self.row.failures < before.failures:
                self.wrong = 0  # the lock had run out
            assert self.row.failures + self.row.pending <= LIMIT
        elif place == "locked":
            assert before.failures + before.pending >= LIMIT
        else:
            assert self.row.pending > 0, "somebody is to be waited for"
        return place

    def leave(self, fits: bool) -> None:
        self.inside -= 1
        lockout._leave(self.tx, self.near, "eve", fits)
        self.wrong = 0 if fits else self.wrong + 1
        assert self.wrong <= LIMIT

    def wait(self, seconds: int) -> None:
        """Nobody looks at a password for half a minute: who would, died."""
        self.tx.now += seconds * SECOND
        if seconds >= 30:
            self.inside = 0


@given(STEPS)
def test_never_more_looks_than_allowed(steps: Sequence[str]) -> None:
    account = Account()
    with (
        mock.patch.object(lockout.attempts, "find", account.find),
        mock.patch.object(lockout.attempts, "store", account.store),
        mock.patch.object(lockout, "changed"),
    ):
        for step in steps:
            if step == "enter":
                account.enter()
            elif step.startswith("wait"):
                account.wait(int(step.split()[1]))
            elif account.inside and step == "die":
                account.inside -= 1
            elif account.inside:
                account.leave(step == "fits")
        account.wait(31)
        account.enter()
        account.wait(DURATION + 31)
        assert account.enter() == "taken", "every lock ends"
