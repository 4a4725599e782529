"""Clients that prove themselves by a certificate: names in it are held against a user, by a mapping that an operator wrote."""

import logging

from cryptography import x509
from cryptography.x509.oid import NameOID

from pileus.kernel.db import Tx
from pileus.services.identity.core import refusals
from pileus.services.identity.core.mapping import BrokenMapping, Mapped, apply
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import identity_providers, projects, users
from pileus.services.identity.db.users import UserRow

log = logging.getLogger(__name__)
_SHORT = {NameOID.EMAIL_ADDRESS: "EMAILADDRESS"}
"""Names that RFC 4514 has none for."""


def check(tx: Tx, near: Near, user_id: str, certificate: bytes) -> UserRow:
    """The user whom the certificate fits; he has a default project. Raises `Unauthorized`, whatever was wrong."""
    user = users.find(tx, user_id)
    if user is None or user.default_project_id is None:
        raise _refuse(user_id, "there is no such user with a default project")
    mapping_id = near.settings.client_certificate_mapping
    mapping = identity_providers.find_mapping(tx, mapping_id)
    if mapping is None:
        raise _refuse(user_id, f"there is no mapping {mapping_id}")
    try:
        mapped = apply(mapping.rules, names(certificate), mapping.schema_version)
    except (BrokenMapping, ValueError) as problem:
        raise _refuse(user_id, f"mapping {mapping_id}: {problem}") from None
    wrong = "no rule of the mapping holds" if mapped is None else _differs(tx, user, mapped)
    if wrong:
        raise _refuse(user_id, wrong)
    return user


def names(certificate: bytes) -> dict[str, list[str]]:
    """Of subject and issuer: `SSL_CLIENT_SUBJECT_DN_CN` and the like. Raises `ValueError`."""
    read = x509.load_der_x509_certificate(certificate)
    found: dict[str, list[str]] = {}
    for side, name in (("SUBJECT", read.subject), ("ISSUER", read.issuer)):
        for part in name:
            short = _SHORT.get(part.oid) or part.rfc4514_attribute_name.upper()
            found.setdefault(f"SSL_CLIENT_{side}_DN_{short}", []).append(str(part.value))
    return found


def _differs(tx: Tx, user: UserRow, mapped: Mapped) -> str:
    """What the mapping says of the user that is not so. A mapping that says nothing of him fits nobody."""
    told = mapped.user
    domain = projects.find(tx, user.domain_id)
    pairs = [
        ("name", told.name, user.name),
        ("id", told.id, user.id),
        ("email", told.email, user.extra.get("email")),
        ("domain's id", told.domain.id if told.domain else "", user.domain_id),
        ("domain's name", told.domain.name if told.domain else "", domain.name if domain else ""),
    ]
    if not told.name and not told.id and not told.email:
        return "the mapping names no user"
    return next((f"another {what}" for what, said, there in pairs if said and said != there), "")


def _refuse(user_id: str, reason: str) -> Exception:
    log.info("certificate refused for user %s: %s", user_id, reason)
    return refusals.unauthorized()
