"""README's walk, by hand, with the stock `openstack` client. A call takes two seconds, so that one walk does it all."""

import re
from pathlib import Path

import pytest

from victims import KEY


@pytest.mark.timeout(600)
def test_the_walk_by_hand(stock, tmp_path: Path):
    assert re.fullmatch(r"[0-9a-f]{32}", stock("token", "issue")["project_id"])
    assert {"identity", "image", "compute", "network", "placement"} <= {e["Type"] for e in stock("catalog", "list")}

    disk = tmp_path / "disk.img"
    disk.write_bytes(b"\0" * (1 << 20))
    image = stock("image", "create", "--disk-format", "raw", "--container-format", "bare", "--file", str(disk), "tiny")
    assert stock("image", "show", "tiny")["status"] == "active"
    saved = tmp_path / "saved.img"
    stock.say("image", "save", "--file", str(saved), "tiny")
    assert saved.read_bytes() == disk.read_bytes()

    stock("network", "create", "--external", "--provider-network-type", "flat",
          "--provider-physical-network", "external", "public")  # fmt: skip
    stock("subnet", "create", "--network", "public", "--subnet-range", "198.51.100.0/24", "--no-dhcp", "public-v4")
    network = stock("network", "create", "private")
    stock("subnet", "create", "--network", "private", "--subnet-range", "10.0.0.0/24", "private-v4")
    stock("router", "create", "--external-gateway", "public", "edge")
    stock.say("router", "add", "subnet", "edge", "private-v4")
    stock("security", "group", "create", "web")
    rule = stock("security", "group", "rule", "create", "--protocol", "tcp", "--dst-port", "22", "web")
    assert (rule["port_range_min"], rule["direction"]) == (22, "ingress")
    public = tmp_path / "key.pub"
    public.write_text(KEY)
    stock("keypair", "create", "--public-key", str(public), "mine")
    stock("flavor", "create", "--ram", "64", "--disk", "1", "--vcpus", "1", "small")

    server = stock("server", "create", "--image", "tiny", "--flavor", "small", "--network", "private",
                   "--security-group", "web", "--key-name", "mine", "--property", "k=v", "--wait", "one")  # fmt: skip
    assert server["status"] == "ACTIVE"
    assert server["addresses"]["private"][0].startswith("10.0.0.")
    shown = stock("server", "show", "one")
    assert shown["id"] == server["id"]
    assert shown["properties"] == {"k": "v"}
    assert shown["flavor"]["original_name"] == "small"
    assert image["id"] in str(shown["image"])
    listed = stock("server", "list")
    assert [(s["Name"], s["Status"], s["Image"], s["Flavor"]) for s in listed] == [("one", "ACTIVE", "tiny", "small")]
    assert "public" not in listed[0]["Networks"]

    floating = stock("floating", "ip", "create", "public")
    stock.say("server", "add", "floating", "ip", "one", floating["floating_ip_address"])
    assert floating["floating_ip_address"] in stock("server", "show", "one")["addresses"]["private"]

    assert stock.say("console", "log", "show", "one")
    stock.say("server", "stop", "one")
    stock.say("server", "start", "one")
    stock.say("server", "reboot", "--hard", "--wait", "one")

    stock("project", "create", "guests")
    stock("user", "create", "--password", "secret-9", "--project", "guests", "visitor")
    stock.say("role", "add", "--project", "guests", "--user", "visitor", "member")
    given = stock("role", "assignment", "list", "--project", "guests", "--names")
    assert [(g["Role"], g["User"]) for g in given] == [("member", "visitor@Default")]
    quota = {q["Resource"]: q["Limit"] for q in stock("quota", "show", "guests")}
    assert quota["instances"] == 10
    assert quota["networks"] == 100
    limits = {q["Name"]: q["Value"] for q in stock("limits", "show", "--absolute")}
    assert limits["total_instances_used" if "total_instances_used" in limits else "totalInstancesUsed"] == 1

    said = stock.say("server", "show", "nowhere", code=1)
    assert "nowhere" in said
    assert "Traceback" not in said
    stock.say("server", "delete", "--wait", "one")
    assert stock("server", "list") == []
    said = stock.say("network", "delete", "private", code=1)
    assert network["id"] in said, "its reason: the router's port"
