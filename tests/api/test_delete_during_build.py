"""A server that is deleted while its guest is being made leaves nothing behind."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cloud import LiveCloud
from pileus.drivers.hypervisor.protocol import Hypervisor


@pytest.mark.parametrize("midway", [False, True], ids=["at once", "midway"])
def test_nothing_is_left(tmp_path: Path, midway: bool) -> None:
    cloud = LiveCloud(tmp_path, settings={"PILEUS_NODE_BOOT_SECONDS": "3600"}).start()
    try:
        demo = cloud.client("demo")
        image = demo.post(
            "/image/v2/images", json={"name": "d", "disk_format": "raw", "container_format": "bare"}
        ).json()
        media = {"content-type": "application/octet-stream"}
        demo.put(f"/image/v2/images/{image['id']}/file", content=b"0123456789", headers=media)
        network = demo.post("/network/v2.0/networks", json={"network": {"name": "d"}}).json()["network"]
        subnet = {"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/28"}
        demo.post("/network/v2.0/subnets", json={"subnet": subnet})
        body = {"name": "d", "flavorRef": "42", "imageRef": image["id"]}
        server = demo.post("/compute/v2.1/servers", json={"server": body}).json()["server"]
        url = f"/compute/v2.1/servers/{server['id']}"
        while midway and demo.get(url).json()["server"]["OS-EXT-STS:task_state"] != "spawning":
            time.sleep(0.05)
        assert demo.get(url).json()["server"]["status"] == "BUILD"
        assert demo.delete(url).status_code == 204
        began = time.monotonic()
        while demo.get(url).status_code != 404:
            assert time.monotonic() - began < 120, demo.get(url).json()
            time.sleep(0.05)
        assert demo.get("/compute/v2.1/limits").json()["limits"]["absolute"]["totalInstancesUsed"] == 0
        ports = demo.get(f"/network/v2.0/ports?network_id={network['id']}").json()["ports"]
        assert [p for p in ports if p["device_owner"].startswith("compute:")] == []
        for host in cloud.cloud.nodes.hosts(Hypervisor):
            assert cloud.call(cloud.cloud.nodes.on(host, Hypervisor).observe) == []
        usage = cloud.client("admin").get("/compute/v2.1/os-hypervisors/statistics").json()["hypervisor_statistics"]
        assert usage["vcpus_used"] == 0
    finally:
        cloud.stop()
