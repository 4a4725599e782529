"""A browser's way to an identity provider and back, remembered by the browser alone.

What must fit when it comes back is sealed into a cookie, so that any process of the control plane can go on with it, and
nobody can put somebody else's answer into this browser.
"""

import secrets
from typing import TypeVar

import msgspec
from msgspec import Struct

from pileus.drivers.federation.protocol import Said, Visit
from pileus.kernel.types import MINUTE, Micros, clock
from pileus.services.identity.core.tokens import Keyring

PATIENCE = 10 * MINUTE
"""How long somebody may take to log in there."""


class Pending(Struct, frozen=True, kw_only=True):
    """A login on its way. `origin` is the dashboard that it goes back to; `request_id` that of a SAML request."""

    provider_id: str
    protocol_id: str
    origin: str
    visit: Visit
    ends_at: Micros
    request_id: str = ""


class Errand(Struct, frozen=True, kw_only=True):
    """A SAML request that an enhanced client carries to its provider and back."""

    provider_id: str
    protocol_id: str
    request_id: str
    ends_at: Micros


class Arrival(Struct, frozen=True, kw_only=True):
    """What a provider said of an enhanced client, who is about to ask for a token."""

    provider_id: str
    protocol_id: str
    said: Said
    ends_at: Micros


K = TypeVar("K", Pending, Errand, Arrival)


def new_visit(redirect_uri: str) -> Visit:
    return Visit(
        redirect_uri=redirect_uri,
        state=secrets.token_urlsafe(24),
        nonce=secrets.token_urlsafe(24),
        verifier=secrets.token_urlsafe(48),
    )


def new_errand(provider_id: str, protocol_id: str) -> Errand:
    return Errand(
        provider_id=provider_id,
        protocol_id=protocol_id,
        request_id="id-" + secrets.token_hex(20),
        ends_at=clock() + PATIENCE,
    )


def seal(keyring: Keyring, kept: Pending | Errand | Arrival) -> str:
    return keyring.wrap(type(kept).__name__.encode() + b" " + msgspec.json.encode(kept))


def open_pending(keyring: Keyring, sealed: str, now: Micros) -> Pending | None:
    return _open(keyring, sealed, now, Pending)


def open_errand(keyring: Keyring, sealed: str, now: Micros) -> Errand | None:
    return _open(keyring, sealed, now, Errand)


def open_arrival(keyring: Keyring, sealed: str, now: Micros) -> Arrival | None:
    return _open(keyring, sealed, now, Arrival)


def _open(keyring: Keyring, sealed: str, now: Micros, kind: type[K]) -> K | None:
    content = keyring.unwrap(sealed)
    mark = kind.__name__.encode() + b" "
    if content is None or not content.startswith(mark):
        return None
    kept = msgspec.json.decode(content[len(mark) :], type=kind)
    return kept if now < kept.ends_at else None
