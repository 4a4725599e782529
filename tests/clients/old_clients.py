"""Walk with keystoneauth, glanceclient, neutronclient and novaclient of old: `python old_clients.py AUTH_URL PASSWORD`.

An AUTH_URL that ends in `/v2.0` logs in by that version, as they once did.
Run by `test_old_clients.py` with a Python that has them (neutronclient 9.0.0, novaclient 7.1.2, glanceclient 4.13.0);
they do not go together with today's openstack client.
"""

import io
import sys
import time

from glanceclient import Client as Glance
from keystoneauth1 import session
from keystoneauth1.identity import v2, v3
from neutronclient.common.exceptions import NetworkInUseClient
from neutronclient.v2_0.client import Client as Neutron
from novaclient import client as nova


def main(auth_url, password):
    if auth_url.endswith("/v2.0"):
        auth = v2.Password(auth_url=auth_url, username="admin", password=password, tenant_name="admin")
    else:
        auth = v3.Password(
            auth_url=auth_url, username="admin", password=password, project_name="admin",
            user_domain_id="default", project_domain_id="default",
        )  # fmt: skip
    known = session.Session(auth=auth)
    for kind in ("compute", "image", "network", "placement", "identity"):
        assert known.get_endpoint(service_type=kind), kind
    image = with_glance(Glance("2", session=known))
    network = with_neutron(Neutron(session=known))
    for version in ("2.1", "2.37"):
        with_nova(nova.Client(version, session=known), image, network, version.replace(".", "-"))


def with_glance(glance):
    image = glance.images.create(name="old", disk_format="raw", container_format="bare")
    glance.images.upload(image.id, io.BytesIO(b"\0" * 9999))
    assert "old" in [one.name for one in glance.images.list(page_size=1)]
    assert len(b"".join(glance.images.data(image.id))) == 9999
    assert glance.images.update(image.id, colour="red").colour == "red"
    glance.image_tags.update(image.id, "x")
    assert glance.images.get(image.id).tags == ["x"]
    assert glance.schemas.get("image").name == "image"
    assert list(glance.image_members.list(image.id)) == []
    with_stores(glance)
    return image.id


def with_stores(glance):
    """Into the object store, copied to a file, out of the object store."""
    assert [one["id"] for one in glance.images.get_stores_info()["stores"]] == ["file", "swift"]
    image = glance.images.create(name="stored", disk_format="raw", container_format="bare")
    glance.images.upload(image.id, io.BytesIO(b"\0" * 99_999), backend="swift")
    assert glance.images.get(image.id).stores == "swift"
    glance.images.image_import(image.id, method="copy-image", stores=["file"])
    for _ in range(1200):
        if glance.images.get(image.id).stores == "file,swift":
            break
        time.sleep(0.1)
    glance.images.delete_from_store("swift", image.id)
    assert glance.images.get(image.id).stores == "file"
    assert len(b"".join(glance.images.data(image.id))) == 99_999
    glance.images.delete(image.id)


def with_neutron(neutron):
    network = neutron.create_network({"network": {"name": "old"}})["network"]["id"]
    subnet = neutron.create_subnet({"subnet": {"network_id": network, "cidr": "10.5.0.0/24", "ip_version": 4}})
    router = neutron.create_router({"router": {"name": "old"}})["router"]["id"]
    neutron.add_interface_router(router, {"subnet_id": subnet["subnet"]["id"]})
    group = neutron.create_security_group({"security_group": {"name": "old"}})["security_group"]["id"]
    rule = {"security_group_id": group, "direction": "ingress", "protocol": "tcp", "port_range_min": 22}
    neutron.create_security_group_rule({"security_group_rule": {**rule, "port_range_max": 22}})
    for nouns in ("networks", "subnets", "ports", "routers", "security_groups", "security_group_rules", "extensions"):
        assert getattr(neutron, f"list_{nouns}")()[nouns], nouns
    try:
        neutron.delete_network(network)
    except NetworkInUseClient as refusal:
        assert network in str(refusal)  # noqa: PT017 - no pytest here
    else:
        raise AssertionError("a network in use was deleted")
    return network


def with_nova(compute, image, network, word):
    flavor = compute.flavors.create(f"old-{word}", 64, 1, 0)
    key = compute.keypairs.create(f"old-{word}")
    server = compute.servers.create(
        f"old-{word}", image, flavor.id, nics=[{"net-id": network}], key_name=key.name, meta={"a": "b"}
    )
    until(compute, server, "ACTIVE")
    assert compute.servers.get(server.id).networks["old"][0].startswith("10.5.0.")
    assert server.get_console_output()
    server.stop()
    until(compute, server, "SHUTOFF")
    server.start()
    until(compute, server, "ACTIVE")
    server.reboot("HARD")
    until(compute, server, "ACTIVE")
    assert "create" in [action.action for action in compute.instance_action.list(server.id)]
    assert compute.quotas.get(server.tenant_id).instances == 10
    assert list(compute.limits.get().absolute)
    assert compute.hypervisors.list()
    assert compute.services.list()
    assert compute.availability_zones.list()
    server.delete()
    key.delete()
    flavor.delete()


def until(compute, server, status):
    for _ in range(1200):
        found = compute.servers.get(server.id)
        if found.status == status and not getattr(found, "OS-EXT-STS:task_state"):
            return
        time.sleep(0.1)
    raise AssertionError(f"{status} expected, {found.status} found")


if __name__ == "__main__":
    main(*sys.argv[1:])
