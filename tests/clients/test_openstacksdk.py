"""Every noun with the stock library: names and ids, filters, all pages, waiting."""

import pytest
from openstack import exceptions

NOUNS = {
    "network": ("network", "subnet", "port", "router", "security_group", "security_group_rule", "floatingip"),
    "image": ("image",),
    "compute": ("server", "flavor", "keypair"),
    "identity": ("user", "project", "domain", "group", "role", "region", "service", "endpoint"),
}
WORDS = {"floatingip": "ip"}
"""Where the library has its own word."""
NAMELESS = {"security_group_rule", "floatingip", "region", "endpoint"}


def _proxy(sdk, family, verb, noun):
    word = WORDS.get(noun, noun)
    return getattr(getattr(sdk, family), f"{word}s" if verb == "list" else f"{verb}_{word}")


def _id(things, noun):
    return things["keypair_name"] if noun == "keypair" else things[f"{noun}_id"]


@pytest.mark.parametrize(("family", "noun"), [(f, n) for f, nouns in NOUNS.items() for n in nouns])
def test_get_find_list(sdk, things, family, noun):
    wanted = _id(things, noun)
    got = _proxy(sdk, family, "get", noun)(wanted)
    assert got.id == wanted
    listed = {thing.id for thing in _proxy(sdk, family, "list", noun)()}
    assert wanted in listed
    find = _proxy(sdk, family, "find", noun) if noun != "security_group_rule" else None
    if find:
        assert find(wanted).id == wanted
        assert find("no-such-thing", ignore_missing=True) is None
        if noun not in NAMELESS:
            assert find(got.name, ignore_missing=False).id == wanted
    with pytest.raises((exceptions.NotFoundException, exceptions.BadRequestException)):
        _proxy(sdk, family, "get", noun)("b7b5f0d2-0000-4000-8000-000000000000")


def _make(sdk, family, noun, n):
    if family == "network":
        return getattr(sdk.network, f"create_{noun}")(name=f"page-{n}")
    if family == "image":
        return sdk.image.create_image(f"page-{n}", disk_format="raw", container_format="bare")
    return sdk.compute.create_flavor(name=f"page-{n}", ram=64, vcpus=1, disk=0)


@pytest.mark.parametrize(
    ("family", "noun"),
    [("network", "network"), ("network", "router"), ("network", "security_group"), ("image", "image"),
     ("compute", "flavor")],
)  # fmt: skip
def test_all_pages(sdk, family, noun):
    """Seven things in pages of two: each comes once, in every order that can be asked for."""
    made = {_make(sdk, family, noun, n).id for n in range(7)}
    listing = getattr(getattr(sdk, family), f"{noun}s")
    seen = [thing.id for thing in listing(limit=2) if thing.name.startswith("page-")]
    assert sorted(seen) == sorted(made)
    assert len(list(listing(limit=2, paginated=False))) == 2
    names = [thing.name for thing in listing(limit=3, sort_key="name", sort_dir="desc")]
    assert [n for n in names if n.startswith("page-")] == [f"page-{n}" for n in reversed(range(7))]
    for thing in made:
        getattr(getattr(sdk, family), f"delete_{noun}")(thing)


def test_filters(sdk, things):
    assert [n.id for n in sdk.network.networks(name="stock-net")] == [things["network_id"]]
    assert list(sdk.network.networks(name="no such")) == []
    assert things["port_id"] in {p.id for p in sdk.network.ports(network_id=things["network_id"])}
    assert [p.id for p in sdk.network.ports(name="stock-port", network_id=things["network_id"])] == [things["port_id"]]
    assert [i.id for i in sdk.image.images(name="stock-image", status="active")] == [things["image_id"]]
    assert list(sdk.image.images(name="stock-image", status="queued")) == []
    assert [s.id for s in sdk.compute.servers(name="stock-server")] == [things["server_id"]]
    assert list(sdk.compute.servers(status="DELETED", name="no such")) == []
    assert [u.id for u in sdk.identity.users(name="stock-user")] == [things["user_id"]]
    assert [e.id for e in sdk.identity.endpoints(service_id=things["service_id"])] == [things["endpoint_id"]]


def test_a_server_through_its_states(sdk, things):
    compute = sdk.compute
    server = compute.create_server(
        name="states", image_id=things["image_id"], flavor_id=things["flavor_id"],
        networks=[{"uuid": things["network_id"]}], metadata={"a": "b"},
    )  # fmt: skip
    server = compute.wait_for_server(server, wait=60, interval=0.1)
    assert server.status == "ACTIVE"
    assert server.metadata == {"a": "b"}
    for act, state in (
        (compute.stop_server, "SHUTOFF"),
        (compute.start_server, "ACTIVE"),
        (lambda s: compute.reboot_server(s, "SOFT"), "ACTIVE"),
        (lambda s: compute.reboot_server(s, "HARD"), "ACTIVE"),
    ):
        act(server)
        server = compute.wait_for_server(server, status=state, wait=60, interval=0.1)
    assert "output" in compute.get_server_console_output(server)
    assert compute.update_server(server, name="renamed").name == "renamed"
    ports = list(sdk.network.ports(device_id=server.id))
    assert len(ports) == 1
    assert ports[0].device_owner.startswith("compute:")
    compute.delete_server(server)
    compute.wait_for_delete(server, wait=60, interval=0.1)
    assert list(sdk.network.ports(device_id=server.id)) == []


def test_an_image_there_and_back(sdk, tmp_path):
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(range(256)) * 5000)
    image = sdk.create_image("there", filename=str(disk), disk_format="raw", container_format="bare", wait=True)
    assert image.status == "active"
    back = sdk.image.download_image(image.id)
    assert back.content == disk.read_bytes()
    assert sdk.image.update_image(image.id, name="back", hw_disk_bus="virtio").name == "back"
    sdk.image.add_tag(image.id, "red")
    assert sdk.image.get_image(image.id).tags == ["red"]
    sdk.image.deactivate_image(image.id)
    assert sdk.image.get_image(image.id).status == "deactivated"
    sdk.image.reactivate_image(image.id)
    sdk.image.delete_image(image.id)
    assert sdk.image.find_image(image.id, ignore_missing=True) is None


def test_identity_by_hand(sdk, live):
    identity = sdk.identity
    project = identity.create_project(name="by-hand", domain_id="default")
    user = identity.create_user(name="by-hand", password="secret-9", default_project_id=project.id)
    role = identity.find_role("reader")
    identity.assign_project_role_to_user(project, user, role)
    assert identity.validate_user_has_project_role(project, user, role)
    assert [a.scope["project"]["id"] for a in identity.role_assignments(user_id=user.id)] == [project.id]
    identity.update_project(project, is_enabled=False)
    assert not identity.get_project(project.id).is_enabled
    identity.unassign_project_role_from_user(project, user, role)
    identity.delete_user(user)
    identity.delete_project(project)


def test_quotas(sdk, things):
    project = sdk.identity.find_project("demo").id
    assert sdk.compute.get_quota_set(project).instances == 10
    sdk.network.update_quota(project, networks=3)
    assert sdk.network.get_quota(project).networks == 3
    sdk.network.delete_quota(project)
    assert sdk.network.get_quota(project).networks == 100
