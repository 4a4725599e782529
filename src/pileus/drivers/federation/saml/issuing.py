"""What this cloud says to other clouds as a SAML identity provider."""

import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from saml2 import class_name, md, saml, samlp, sigver, xmldsig
from saml2.config import IdPConfig

from pileus.drivers.federation.protocol import Issuer

_PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"  # noqa: S105 - a class of authentication, no password
_BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
_URI = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
_ENTITY = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
_BINDING_URI = "urn:oasis:names:tc:SAML:2.0:bindings:URI"
_PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"


def response(issuer: Issuer, user: str, attributes: Mapping[str, Sequence[str]], recipient: str, until: int) -> str:
    """A response with one signed assertion, good for this recipient until then."""
    assertion = _assertion(issuer, user, attributes, recipient, until)
    whole = samlp.Response(
        id=uuid4().hex,
        version="2.0",
        issue_instant=_moment(time.time()),
        destination=recipient,
        issuer=_issuer(issuer),
        status=samlp.Status(status_code=samlp.StatusCode(value=samlp.STATUS_SUCCESS)),
        assertion=assertion,
    )
    signer = sigver.security_context(_config(issuer))
    signed: str = signer.sign_statement(
        str(whole), class_name(assertion), key_file=str(issuer.key), node_id=assertion.id
    )
    return signed[signed.index("<", signed.index("?>") + 2) :] if signed.lstrip().startswith("<?xml") else signed


def metadata(issuer: Issuer, sso_url: str) -> bytes:
    descriptor = md.IDPSSODescriptor(
        protocol_support_enumeration=_PROTOCOL,
        key_descriptor=md.KeyDescriptor(use="signing", key_info=_key_info(issuer)),
        name_id_format=md.NameIDFormat(text=saml.NAMEID_FORMAT_TRANSIENT),
        single_sign_on_service=md.SingleSignOnService(binding=_BINDING_URI, location=sso_url),
    )
    if issuer.organization:
        descriptor.organization = md.Organization(
            organization_name=md.OrganizationName(text=issuer.organization, lang="en"),
            organization_display_name=md.OrganizationDisplayName(text=issuer.organization, lang="en"),
            organization_url=md.OrganizationURL(text=issuer.entity_id, lang="en"),
        )
    return str(md.EntityDescriptor(entity_id=issuer.entity_id, idpsso_descriptor=descriptor)).encode()


def _assertion(issuer: Issuer, user: str, attributes: Mapping[str, Sequence[str]], recipient: str, until: int) -> Any:
    now, end, id = _moment(time.time()), _moment(until), "_" + uuid4().hex
    confirmation = saml.SubjectConfirmation(
        method=_BEARER,
        subject_confirmation_data=saml.SubjectConfirmationData(recipient=recipient, not_on_or_after=end),
    )
    context = saml.AuthnContext(
        authn_context_class_ref=saml.AuthnContextClassRef(text=_PASSWORD),
        authenticating_authority=saml.AuthenticatingAuthority(text=issuer.entity_id),
    )
    statement = saml.AuthnStatement(
        authn_instant=now, session_index=uuid4().hex, session_not_on_or_after=end, authn_context=context
    )
    return saml.Assertion(
        version="2.0",
        id=id,
        issue_instant=now,
        issuer=_issuer(issuer),
        signature=sigver.pre_signature_part(
            id,
            _certificate(issuer),
            identifier=1,
            sign_alg=xmldsig.SIG_RSA_SHA256,
            digest_alg=xmldsig.DIGEST_SHA256,
        ),
        subject=saml.Subject(name_id=saml.NameID(text=user), subject_confirmation=confirmation),
        authn_statement=statement,
        attribute_statement=saml.AttributeStatement(
            attribute=[_attribute(name, values) for name, values in attributes.items() if values]
        ),
    )


def _attribute(name: str, values: Sequence[str]) -> Any:
    found = saml.Attribute(name=name, name_format=_URI)
    found.attribute_value = [saml.AttributeValue(text=value) for value in values]
    return found


def _issuer(issuer: Issuer) -> Any:
    return saml.Issuer(format=_ENTITY, text=issuer.entity_id)


def _key_info(issuer: Issuer) -> Any:
    certificate = xmldsig.X509Certificate(text=_certificate(issuer))
    return xmldsig.KeyInfo(x509_data=xmldsig.X509Data(x509_certificate=certificate))


def _certificate(issuer: Issuer) -> str:
    """The certificate's base64, without its frame."""
    text = issuer.certificate.read_text(encoding="ascii")
    return "".join(line for line in text.partition("-----BEGIN CERTIFICATE-----")[2].partition("-----END")[0].split())


def _config(issuer: Issuer) -> IdPConfig:
    return IdPConfig().load(
        {
            "entityid": issuer.entity_id,
            "key_file": str(issuer.key),
            "cert_file": str(issuer.certificate),
            "service": {"idp": {"endpoints": {}}},
        }
    )


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
