"""Enhanced SAML clients as Apache's Shibboleth module lets them in: what they bring opens a minute's session, in which they ask for a token.

This is how Keystone is set up everywhere, and what its clients were written for. The shorter way, bringing it to the URL that gives
the token, is in `federated_login.py`.
"""

import logging
from urllib.parse import quote

from msgspec.structs import replace

from pileus.drivers.federation.protocol import Refused, SamlSelf, Silent
from pileus.kernel.rest import Answer, Request
from pileus.kernel.types import MINUTE, SECOND, clock
from pileus.services.identity.core import refusals, visits
from pileus.services.identity.core.federation import heard
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.visits import Arrival

log = logging.getLogger(__name__)
CONSUMER = "/Shibboleth.sso/SAML2/ECP"
"""Where Shibboleth's module takes what enhanced clients bring: service providers of other clouds name it."""
COOKIE = "pileus_saml"
_STAY = MINUTE
_LARGEST = 1 << 20


async def consume(near: Near, request: Request, me: SamlSelf, base: str, auth: str) -> Answer:
    """A response in its envelope, asked for or (where settings let it) not: opens the session and points to the token.

    `me` is the service provider that we are; `auth` the path of a token's URL, with `{idp_id}` and `{protocol_id}`.
    """
    envelope = await request.read(_LARGEST)
    relay_state = await heard("of an enhanced client", near.federation.saml.unwrap(envelope))
    errand = visits.open_errand(near.keyring, relay_state, clock())
    known = near.federation.settings.saml
    asked = [errand.provider_id] if errand is not None else [id for id, one in known.items() if one.unsolicited]
    for id in asked:
        try:
            said = await near.federation.saml.read_enhanced(
                known[id], replace(me, paos_url=base + CONSUMER), envelope, errand.request_id if errand else ""
            )
        except (KeyError, Refused, Silent) as reason:
            log.info("an enhanced client is not let in by %s: %s", id, reason)
            continue
        arrival = Arrival(provider_id=id, protocol_id=known[id].protocol, said=said, ends_at=clock() + _STAY)
        where = base + auth.format(idp_id=quote(id, safe=""), protocol_id=quote(known[id].protocol, safe=""))
        cookie = _cookie(visits.seal(near.keyring, arrival), base, _STAY // SECOND)
        return Answer(303, None, {"Location": where, "Set-Cookie": cookie, "Cache-Control": "no-store"}, raw=b"")
    raise refusals.unauthorized()


def arrival(near: Near, sealed: str, provider_id: str, protocol_id: str) -> Arrival | None:
    """Who came in by this provider and protocol less than a minute ago."""
    found = visits.open_arrival(near.keyring, sealed, clock()) if sealed else None
    here = found is not None and (found.provider_id, found.protocol_id) == (provider_id, protocol_id)
    return found if here else None


def _cookie(value: str, base: str, seconds: int) -> str:
    secure = "; Secure" if base.startswith("https:") else ""
    return f"{COOKIE}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax{secure}"
