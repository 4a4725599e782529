"""`/info`: what this cluster can do, and its bounds."""

from typing import Any

from pileus.services.objectstore.api.swift import (
    archive,
    bulk,
    metadata,
    pacing,
    paths,
    removing,
    signing,
    syncing,
    tempurl,
)
from pileus.services.objectstore.core import links
from pileus.services.objectstore.core.neighbours import Neighbours

EMULATED = "2.38.3"
"""The Swift whose manners these are."""
_TEMPURL = {
    "methods": list(tempurl.METHODS),
    "incoming_remove_headers": ["x-timestamp", "x-open-expired"],
    "incoming_allow_headers": [],
    "outgoing_remove_headers": [f"{tempurl.REMOVED}*"],
    "outgoing_allow_headers": [f"{tempurl.KEPT}*"],
    "allowed_digests": list(signing.DIGESTS),
    "deprecated_digests": ["sha1"],
}


def info(near: Neighbours) -> dict[str, Any]:
    own = near.settings
    found: dict[str, Any] = {
        "swift": _swift(near),
        "symlink": {"symloop_max": links.HOPS, "static_links": True},
        "versioned_writes": {"allowed_flags": ["x-versions-location", "x-history-location"]},
        "object_versioning": {},
        "slo": {
            "max_manifest_segments": own.segments_max,
            "max_manifest_size": own.manifest_bytes,
            "yield_frequency": int(removing.PULSE),
            "min_segment_size": 1,
            "allow_async_delete": False,
        },
        "dlo": {},
        "crossdomain": {},
        "etag_quoter": {"enable_by_default": False},
        "container_sync": syncing.realms(near),
        "account_quotas": {},
        "container_quotas": {},
        "staticweb": {},
        "tempurl": _TEMPURL,
        "formpost": {"allowed_digests": list(signing.DIGESTS), "deprecated_digests": ["sha1"]},
        "bulk_upload": {
            "max_containers_per_extraction": archive.CONTAINERS_MAX,
            "max_failed_extractions": archive.FAILURES_MAX,
        },
        "bulk_delete": {"max_deletes_per_request": bulk.MOST, "max_failed_deletes": removing.FAILURES_MAX},
    }
    if bounds := pacing.told_of(near):
        found["ratelimit"] = bounds
    if own.tempauth_users:
        found["tempauth"] = {"account_acls": True}
    if own.host_domains:
        found["domain_remap"] = {"default_reseller_prefix": own.reseller_prefix.rstrip("_")}
    return found


def _swift(near: Neighbours) -> dict[str, Any]:
    own = near.settings
    return {
        "version": EMULATED,
        "strict_cors_mode": True,
        "policies": [
            {"name": name, "aliases": name} | ({"default": True} if name == near.default_place else {})
            for name in near.stores
        ],
        "allow_account_management": True,
        "account_autocreate": True,
        "allow_open_expired": False,
        "max_file_size": own.largest,
        "max_meta_name_length": own.meta_name_bytes,
        "max_meta_value_length": own.meta_value_bytes,
        "max_meta_count": own.meta_count,
        "max_meta_overall_size": own.meta_bytes,
        "max_header_size": metadata.HEADER_MAX,
        "max_request_line": metadata.HEADER_MAX,
        "max_object_name_length": own.name_bytes,
        "container_listing_limit": own.listing,
        "account_listing_limit": own.listing,
        "max_account_name_length": paths.ACCOUNT_MAX,
        "max_container_name_length": own.container_name_bytes,
        "extra_header_count": 0,
    }
