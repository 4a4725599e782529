"""A domain from LDAP, and the options of users, with the stock `openstack` client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud import LiveCloud
from slapd import ADMIN, ADMIN_PASSWORD, SUFFIX, UNIX, Slapd


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Slapd]:
    running = Slapd(tmp_path / "ldap", UNIX).start()
    yield running
    running.stop()


@pytest.mark.timeout(600)
def test_a_domain_of_a_directory(live: LiveCloud, stock: Any, directory: Slapd) -> None:
    domain = stock("domain", "create", "corp")
    ldap = {
        "url": directory.url, "user": ADMIN, "password": ADMIN_PASSWORD, "user_tree_dn": f"ou=people,{SUFFIX}",
        "user_id_attribute": "uid", "user_name_attribute": "uid", "user_enabled_attribute": "employeeType",
        "group_tree_dn": f"ou=groups,{SUFFIX}", "group_name_attribute": "cn",
    }  # fmt: skip
    config = {"config": {"identity": {"driver": "ldap"}, "ldap": ldap}}
    answer = live.client("admin").put(f"/identity/v3/domains/{domain['id']}/config", json=config)
    assert answer.status_code == 201, answer.text

    assert sorted(u["Name"] for u in stock("user", "list", "--domain", "corp")) == ["alice", "bob", "carol"]
    alice = stock("user", "show", "--domain", "corp", "alice")
    assert (alice["email"], alice["enabled"]) == ("alice@corp.example", True)
    assert [
        g["Name"] for g in stock("group", "list", "--domain", "corp", "--user", "alice", "--user-domain", "corp")
    ] == ["staff"]
    stock.say("role", "add", "--group", "staff", "--group-domain", "corp", "--project", "demo", "member")
    names = stock("role", "assignment", "list", "--project", "demo", "--names")
    assert "staff@corp" in {row["Group"] for row in names}
    assert "403" in stock.say("user", "set", "--description", "x", alice["id"], code=1)
    assert "403" in stock.say("user", "create", "--domain", "corp", "dave", code=1)

    asked = dict(stock.environ)
    stock.environ.update(
        OS_USERNAME="alice", OS_PASSWORD="alice-Secret-1", OS_USER_DOMAIN_NAME="corp", OS_PROJECT_NAME="demo"
    )
    del stock.environ["OS_USER_DOMAIN_ID"]
    try:
        assert stock("token", "issue")["user_id"] == alice["id"]
        assert stock("server", "list") == []
    finally:
        stock.environ.clear()
        stock.environ.update(asked)


@pytest.mark.timeout(600)
def test_options_of_users(stock: Any) -> None:
    stock("user", "create", "--password", "first", "--ignore-password-expiry", "--enable-lock-password", "robot")
    stock.say("user", "set", "--ignore-lockout-failure-attempts", "--ignore-change-password-upon-first-use", "robot")
    assert stock("user", "show", "robot")["options"] == {
        "ignore_password_expiry": True,
        "lock_password": True,
        "ignore_lockout_failure_attempts": True,
        "ignore_change_password_upon_first_use": True,
    }
