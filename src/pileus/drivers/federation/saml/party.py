"""A SAML service provider. pysaml2 waits for a program, so that all of it runs in threads."""

import asyncio
import base64
import calendar
import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from defusedxml import DefusedXmlException
from defusedxml import ElementTree as SafeTree
from lxml import etree
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, BINDING_PAOS, BINDING_SOAP
from saml2.client import Saml2Client
from saml2.config import SPConfig
from saml2.metadata import entity_descriptor
from saml2.profile import ecp, paos
from saml2.schema import soapenv
from saml2.soap import make_soap_enveloped_saml_thingy

from pileus.drivers.federation.protocol import Asking, Issuer, Refused, Said, SamlProvider, SamlSelf, Silent
from pileus.drivers.federation.saml import issuing

log = logging.getLogger(__name__)
T = TypeVar("T")
REMOTE_USER, PROVIDER = "REMOTE_USER", "Shib-Identity-Provider"
"""Attributes beside those of the assertion: its subject, and who made it, under the name that Apache's module made usual."""
_ACTOR = "http://schemas.xmlsoap.org/soap/actor/next"
_SERVICE = "urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp"
_LARGEST = 1 << 20
_SLACK = 60
"""Seconds that clocks may differ."""
for _noisy in ("saml2", "xmlschema"):
    logging.getLogger(_noisy).setLevel(logging.CRITICAL)
"""They would log assertions."""


class PySaml:
    """Implements `SamlParty`."""

    def __init__(self) -> None:
        if shutil.which("xmlsec1") is None:
            log.error(
                "SAML is configured, but the program xmlsec1 is not installed: no assertion can be read or signed"
            )

    async def ask(self, provider: SamlProvider, me: SamlSelf, relay_state: str) -> Asking:
        return await _aside(_ask, provider, me, relay_state)

    async def ask_enhanced(self, provider: SamlProvider, me: SamlSelf, request_id: str, relay_state: str) -> Asking:
        return await _aside(_ask_enhanced, provider, me, request_id, relay_state)

    async def read(self, provider: SamlProvider, me: SamlSelf, response: str, request_id: str) -> Said:
        return await _aside(_read, provider, me, response, request_id)

    async def unwrap(self, envelope: bytes) -> str:
        return await _aside(_relay_state, envelope)

    async def read_enhanced(self, provider: SamlProvider, me: SamlSelf, envelope: bytes, request_id: str) -> Said:
        if not request_id and not provider.unsolicited:
            raise Refused("nobody asked for this assertion")
        alike = SamlSelf(entity_id=me.entity_id, post_url=me.paos_url, paos_url=me.paos_url)
        return await _aside(lambda: _read(provider, alike, _enveloped(envelope), request_id))

    async def describe(self, me: SamlSelf) -> bytes:
        return await _aside(lambda: str(entity_descriptor(_load(_config(me)))).encode())

    async def vouch(
        self, issuer: Issuer, user: str, attributes: Mapping[str, Sequence[str]], recipient: str, until: int
    ) -> str:
        try:
            return await _aside(issuing.response, issuer, user, attributes, recipient, until)
        except Refused as error:
            raise Silent(f"an assertion cannot be signed with {issuer.key}: {error}") from None

    async def describe_issuer(self, issuer: Issuer, sso_url: str) -> bytes:
        return await _aside(issuing.metadata, issuer, sso_url)


async def _aside(work: Callable[..., T], *args: Any) -> T:
    """In a thread. pysaml2 raises what its libraries raise: whatever it is, it ends here, without its text."""
    try:
        return await asyncio.to_thread(work, *args)
    except (Refused, Silent):
        raise
    except Exception as error:
        log.debug("pysaml2 failed", exc_info=True)
        raise Refused(f"{type(error).__module__}.{type(error).__name__}") from None


# --- configuration ----------------------------------------------------------------------------------------------------


def _config(me: SamlSelf, metadata: str = "", unsolicited: bool = False) -> dict[str, Any]:
    consumers = [(me.post_url, BINDING_HTTP_POST), (me.paos_url, BINDING_PAOS)]
    return {
        "entityid": me.entity_id,
        "accepted_time_diff": _SLACK,
        "allow_unknown_attributes": True,
        "only_use_keys_in_metadata": True,
        "metadata": {"local": [metadata]} if metadata else {},
        "service": {
            "sp": {
                "endpoints": {"assertion_consumer_service": consumers},
                "allow_unsolicited": unsolicited,
                "authn_requests_signed": False,
                "want_response_signed": False,
                "want_assertions_signed": False,
                "want_assertions_or_response_signed": True,
            }
        },
    }


def _load(config: dict[str, Any]) -> SPConfig:
    return SPConfig().load(config)


@lru_cache(maxsize=32)
def _loaded(me: SamlSelf, metadata: str, changed_at: int, unsolicited: bool) -> SPConfig:
    """Read once for each version of the metadata's file."""
    return _load(_config(me, metadata, unsolicited))


def _client(provider: SamlProvider, me: SamlSelf, unsolicited: bool = False) -> tuple[Saml2Client, str]:
    """A client (a new one: pysaml2's remember everybody), and the entity id of the provider."""
    try:
        changed_at = provider.metadata.stat().st_mtime_ns
    except OSError as error:
        raise Silent(f"{provider.metadata}: {error.strerror}") from None
    client = Saml2Client(config=_loaded(me, str(provider.metadata), changed_at, unsolicited))
    known = sorted(client.metadata.with_descriptor("idpsso"))
    if provider.entity_id:
        known = [id for id in known if id == provider.entity_id]
    if len(known) != 1:
        raise Silent(f"{provider.metadata} describes {len(known)} identity providers: say which by entity_id")
    return client, known[0]


# --- asking -----------------------------------------------------------------------------------------------------------


def _ask(provider: SamlProvider, me: SamlSelf, relay_state: str) -> Asking:
    client, entity_id = _client(provider, me)
    id, sent = client.prepare_for_authenticate(
        entityid=entity_id, relay_state=relay_state, binding=BINDING_HTTP_REDIRECT, response_binding=BINDING_HTTP_POST
    )
    return Asking(id, url=dict(sent["headers"])["Location"])


def _ask_enhanced(provider: SamlProvider, me: SamlSelf, request_id: str, relay_state: str) -> Asking:
    client, entity_id = _client(provider, me)
    bindings = [BINDING_SOAP, BINDING_HTTP_POST, BINDING_HTTP_REDIRECT]
    _, destination = client.pick_binding("single_sign_on_service", bindings, entity_id=entity_id)
    id, request = client.create_authn_request(
        destination, binding=BINDING_PAOS, service_url_binding=BINDING_PAOS, message_id=request_id
    )
    common = {"actor": _ACTOR, "must_understand": "1"}
    headers = [
        paos.Request(response_consumer_url=me.paos_url, service=_SERVICE, **common),
        ecp.RelayState(text=relay_state, **common),
    ]
    return Asking(id, envelope=str(make_soap_enveloped_saml_thingy(request, headers)).encode())


# --- reading ----------------------------------------------------------------------------------------------------------


def _read(provider: SamlProvider, me: SamlSelf, given: str, request_id: str) -> Said:
    """What exactly one assertion says: signed by the provider, for us, to this request, in time."""
    if len(given) > _LARGEST:
        raise Refused("the response is too large")
    client, entity_id = _client(provider, me, unsolicited=not request_id)
    asked = {request_id: "/"} if request_id else {}
    found = client.parse_authn_request_response(given, BINDING_HTTP_POST, asked)
    if found is None or found.assertion is None or len(found.assertions) != 1:
        raise Refused("there is not exactly one assertion that holds")
    assertion = found.assertion
    if request_id and found.in_response_to != request_id:
        raise Refused("this answers another request")
    if assertion.issuer is None or {assertion.issuer.text.strip(), found.issuer() or entity_id} != {entity_id}:
        raise Refused("the assertion is of another issuer, or sent by one")
    until = _confirmed(assertion, me.post_url, request_id)
    return Said(remote_id=entity_id, attributes=_attributes(provider, entity_id, found), once=assertion.id, until=until)


def _confirmed(assertion: Any, here: str, request_id: str) -> int:
    """Until when some confirmation of the subject holds that was meant for this address and this request."""
    now = time.time()
    for confirmation in assertion.subject.subject_confirmation:
        data = confirmation.subject_confirmation_data
        if data is None or data.recipient != here or not data.not_on_or_after:
            continue
        if (data.in_response_to or "") != request_id:
            continue
        until = _seconds(data.not_on_or_after)
        if now < until + _SLACK:
            return until + _SLACK
    raise Refused("the assertion is not confirmed for this address, request and time")


def _attributes(provider: SamlProvider, entity_id: str, found: Any) -> dict[str, list[str]]:
    """By the name that the settings give an attribute, else by its own (never by its friendly one: that means nothing)."""
    attributes: dict[str, list[str]] = {}
    for statement in found.assertion.attribute_statement:
        for attribute in statement.attribute:
            name = provider.attributes.get(attribute.name, attribute.name)
            values = [(value.text or "").strip() for value in attribute.attribute_value]
            attributes.setdefault(name, []).extend(values)
    attributes[PROVIDER] = [entity_id]
    name_id = found.assertion.subject.name_id
    if name_id is not None and name_id.text and REMOTE_USER not in provider.attributes.values():
        attributes[REMOTE_USER] = [name_id.text.strip()]
    return attributes


def _relay_state(envelope: bytes) -> str:
    root = _plain_xml(envelope)
    found = root.find(f"{{{soapenv.NAMESPACE}}}Header/{{{ecp.NAMESPACE}}}RelayState")
    return (found.text or "").strip() if found is not None else ""


def _enveloped(envelope: bytes) -> str:
    """The response in an envelope, in base64, as a browser would bring it. Its prefixes stay: signatures stand on them."""
    _plain_xml(envelope)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    body = etree.fromstring(envelope, parser).find(f"{{{soapenv.NAMESPACE}}}Body")
    if body is None or len(body) != 1:
        raise Refused("the envelope has not exactly one content")
    return base64.b64encode(etree.tostring(body[0], with_tail=False)).decode()


def _plain_xml(given: bytes) -> Any:
    """The tree of a document without definitions, entities and references to elsewhere."""
    if len(given) > _LARGEST:
        raise Refused("the envelope is too large")
    try:
        return SafeTree.fromstring(given, forbid_dtd=True)
    except (DefusedXmlException, SafeTree.ParseError, ValueError) as error:
        raise Refused(f"this is no plain XML ({type(error).__name__})") from None


def _seconds(moment: str) -> int:
    return calendar.timegm(time.strptime(moment.partition(".")[0].rstrip("Z"), "%Y-%m-%dT%H:%M:%S"))
