"""Who is above accounts: `ResellerAdmin` alone, on both faces. The cloud's administrator is not, as in Swift."""

from types import SimpleNamespace
from typing import Any

import pytest

from pileus.kernel.policy import Policy
from pileus.kernel.types import Ctx
from pileus.services.objectstore.api.s3 import access
from pileus.services.objectstore.api.s3.actions import READ
from pileus.services.objectstore.api.swift.callers import Asking, KeystoneRules
from pileus.services.objectstore.api.swift.paths import Path
from pileus.services.objectstore.core.rules import RULES
from pileus.services.objectstore.core.settings import ObjectSettings


@pytest.mark.parametrize(("role", "allowed"), [("reselleradmin", True), ("admin", False), ("member", False)])
def test_other_peoples_accounts(role: str, allowed: bool) -> None:
    policy, ctx = Policy(RULES), Ctx(user_id="u", project_id="mine", roles=frozenset({role}))
    asking = Asking("DELETE", Path("AUTH_other", "c", "o"))
    assert KeystoneRules(policy, "AUTH_", {}).judge(ctx, asking).allowed is allowed
    near: Any = SimpleNamespace(policy=policy, settings=ObjectSettings())
    request: Any = SimpleNamespace(ctx=ctx)
    assert access.owns(near, request, "AUTH_other", READ) is allowed
