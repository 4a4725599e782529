"""Who keeps objects: Pileus, or a gateway of Ceph."""

from pathlib import Path

import httpx
import pytest

from cloud import LiveCloud
from pileus.app import SECTIONS
from pileus.kernel.config import ConfigError, load
from pileus.services.objectstore import service

GATEWAY = "http://rgw.example:7480"


def test_a_gateway_has_a_url() -> None:
    for url in ("", "rgw.example", "http://{x}"):
        settings = load(SECTIONS, None, {"PILEUS_OBJECTSTORE_ENGINE": "ceph", "PILEUS_OBJECTSTORE_CEPH_URL": url})
        with pytest.raises(ConfigError, match="ceph_url"):
            service.catalog(settings)


def test_the_catalog_leads_to_the_gateway_and_nothing_listens_here(tmp_path: Path) -> None:
    live = LiveCloud(
        tmp_path, settings={"PILEUS_OBJECTSTORE_ENGINE": "ceph", "PILEUS_OBJECTSTORE_CEPH_URL": GATEWAY + "/"}
    )
    live.start()
    try:
        with live.client("demo") as http:
            catalog = http.get("/identity/v3/auth/catalog").json()["catalog"]
            urls = {e["url"] for one in catalog if one["type"] == "object-store" for e in one["endpoints"]}
            token = http.get("/identity/v3/auth/tokens", headers={"X-Subject-Token": http.headers["X-Auth-Token"]})
            project = token.json()["token"]["project"]["id"]
            assert urls == {f"{GATEWAY}/swift/v1/AUTH_{project}"}
            assert http.get(f"/objectstore/v1/AUTH_{project}").status_code == 404
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{8080 + live.shift}/info")
    finally:
        live.stop()
