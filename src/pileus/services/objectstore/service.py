"""The object store: its name, its settings, and how it is put together."""

import secrets
from collections.abc import Mapping
from typing import Any

import msgspec

from pileus.contracts.identity import CatalogService, Identity
from pileus.drivers.blob.protocol import BlobStore
from pileus.kernel.config import ConfigError, Settings
from pileus.kernel.db import Database
from pileus.kernel.policy import Policy
from pileus.kernel.reconcile import Reconciler
from pileus.kernel.rest import Authenticate, Face, Service
from pileus.kernel.rest.face import Takes
from pileus.kernel.types import HOUR, MINUTE, SECOND, Ctx, Unauthorized
from pileus.services.objectstore.api.s3 import face as s3
from pileus.services.objectstore.api.swift.dialect import SwiftDialect
from pileus.services.objectstore.api.swift.hosts import Hosts
from pileus.services.objectstore.api.swift.proxy import Proxy
from pileus.services.objectstore.api.swift.tempauth import MARK, TempAuth
from pileus.services.objectstore.core import accounts, pacing, syncing
from pileus.services.objectstore.core.arrivals import Arrivals
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.rules import RULES
from pileus.services.objectstore.core.settings import ObjectSettings
from pileus.services.objectstore.internal import Internal
from pileus.services.objectstore.reconcilers.endings import Endings
from pileus.services.objectstore.reconcilers.inline_scrubber import InlineScrubber
from pileus.services.objectstore.reconcilers.lifecycle import Lifecycle
from pileus.services.objectstore.reconcilers.presence import Presence
from pileus.services.objectstore.reconcilers.scrubber import Scrubber
from pileus.services.objectstore.reconcilers.sending import Sender
from pileus.services.objectstore.reconcilers.sync import Syncer

SECTION = ("objectstore", ObjectSettings)
CATALOG = [
    CatalogService(type="object-store", name="swift", url="{base}/v1/AUTH_{{project_id}}", description="Objects")
]
_CEPH = "{gateway}/swift/v1/AUTH_{{{{project_id}}}}"


def catalog(settings: Settings) -> list[CatalogService]:
    """Where clients find objects: here, or at the gateway that keeps them. Raises `ConfigError`."""
    section = settings.of(ObjectSettings)
    if section.engine == "own":
        return CATALOG
    gateway = section.ceph_url.rstrip("/")
    if not gateway.startswith(("http://", "https://")) or set(gateway) & set("{} "):
        raise ConfigError(["[objectstore] ceph_url: engine = 'ceph' needs the http:// or https:// URL of the gateway."])
    return [msgspec.structs.replace(offer, url=_CEPH.format(gateway=gateway)) for offer in CATALOG]


def build(
    *,
    db: Database,
    settings: Settings,
    stores: Mapping[str, BlobStore],
    identity: Identity,
    authenticate: Authenticate | None = None,
    policy_overrides: Mapping[str, Any] | None = None,
    metadata_secret: str = "",
    **_: object,
) -> Service:
    """`stores`: one per storage policy, the default first; started and closed by whoever made them."""
    section = settings.of(ObjectSettings)
    syncing.check_settings(section)
    pacing.check_settings(section)
    policy = Policy(RULES, policy_overrides)
    near = Neighbours(section, policy, db, stores, identity, Arrivals())
    presence = Presence(near)
    tempauth = TempAuth(section.tempauth_users, section.reseller_prefix, metadata_secret or secrets.token_hex(32))
    hosts = Hosts(section.host_domains, section.host_aliases, section.reseller_prefix)
    operations = Proxy(near, tempauth, {"s3api": s3.info(near)}).operations()
    face = Face(
        "objectstore",
        SwiftDialect(hosts, bool(tempauth)),
        policy,
        db,
        operations,
        _callers(tempauth, authenticate) if tempauth else authenticate,
    )
    face.beside.append((_unless_named(hosts, s3.takes(near)), s3.build(near)))
    return Service(
        name="objectstore",
        listens=section.engine == "own",
        face=face,
        internal=Internal(near),
        start=presence.look,
        reconcilers=_reconcilers(near, presence),
    )


def _reconcilers(near: Neighbours, presence: Presence) -> list[Reconciler]:
    endings = Endings(near)
    return [
        Reconciler("objectstore.presence", presence.look, every=MINUTE),
        Reconciler("objectstore.expire", endings.expire, every=MINUTE, wake=(accounts.DELETED,)),
        Reconciler("objectstore.clear", endings.clear, every=30 * SECOND),
        Reconciler("objectstore.sweep", endings.sweep, every=HOUR),
        Reconciler("objectstore.lifecycle", Lifecycle(near).apply, every=HOUR),
        Reconciler("objectstore.sync", Syncer(near).sync, every=MINUTE, wake=(syncing.SIGNAL,)),
        Reconciler("objectstore.send", Sender(near).send, every=10 * SECOND, wake=(syncing.SIGNAL,)),
        Reconciler("objectstore.scrub", Scrubber(near).scrub, every=10 * MINUTE),
        Reconciler("objectstore.scrub_inline", InlineScrubber(near).scrub, every=10 * MINUTE),
    ]


def _unless_named(hosts: Hosts, takes: Takes) -> Takes:
    """Hosts that name accounts of Swift's are never buckets."""

    def asked(method: str, path: str, query: str, headers: Mapping[str, str]) -> bool:
        return not hosts.named(headers.get("host", "")) and takes(method, path, query, headers)

    return asked


def _callers(tempauth: TempAuth, authenticate: Authenticate | None) -> Authenticate:
    """Who is behind a token of TempAuth's or of identity's."""

    async def known(token: str, service_token: str) -> Ctx:
        if token.startswith(MARK):
            return tempauth.caller(token)
        if authenticate is None:
            raise Unauthorized("The token is unknown.")
        return await authenticate(token, service_token)

    return known


__all__ = ["CATALOG", "RULES", "SECTION", "build", "catalog"]
