"""Access keys of Amazon's APIs: whose they are, and the session that a request signed with one opens."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.types import SECOND, Micros, NotFound, parse
from pileus.services.identity.core import credentials as noun
from pileus.services.identity.core import refusals, signatures
from pileus.services.identity.core.delegations import DELEGATIONS, Entry
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.session import Session
from pileus.services.identity.core.tokens import Claims, new_audit_id
from pileus.services.identity.core.validation import open_session
from pileus.services.identity.db import credentials, trusts, users
from pileus.services.identity.db.credentials import CredentialRow

METHOD = "ec2credential"
"""What tokens made from an access key say of how they were made."""


class AccessKey(Struct, frozen=True, kw_only=True):
    """An EC2 credential, read. `app_credential_id`: the one whose limits it shares."""

    access: str
    secret: str
    user_id: str
    project_id: str
    app_credential_id: str = ""
    trust_id: str = ""
    access_token_id: str = ""


def find(tx: Tx, near: Near, access: str) -> AccessKey:
    """Raises `NotFound` for a key that nobody has."""
    row = credentials.find(tx, noun.id_of(access))
    if row is None or row.type != "ec2":
        raise NotFound("EC2 access key not found.")
    return read(tx, near, row)


def read(tx: Tx, near: Near, row: CredentialRow) -> AccessKey:
    said = noun.read_ec2(near.vault.open(tx, row))
    secret = said.get("secret")
    return AccessKey(
        access=said["access"],
        secret=secret if isinstance(secret, str) else "",
        user_id=row.user_id,
        project_id=row.project_id or "",
        app_credential_id=str(said.get("app_cred_id") or ""),
        trust_id=str(said.get("trust_id") or ""),
        access_token_id=str(said.get("access_token_id") or ""),
    )


def check_ec2(key: AccessKey, near: Near, now: Micros, request: Mapping[str, Any]) -> None:
    """Raises `Unauthorized` for a request with another signature, or one too old or too new."""
    if not key.secret or not signatures.ec2_fits(key.secret, request):
        raise refusals.unauthorized()
    _check_moment(request, now, near.settings.credential_auth_ttl * SECOND)


def check_s3(key: AccessKey, near: Near, now: Micros, request: Mapping[str, Any]) -> None:
    """The same for an S3 request, of which only the string to sign is known: its age is judged by who took it."""
    token, signature = request.get("token"), request.get("signature")
    if not key.secret or not token or not signature or not signatures.s3_fits(key.secret, str(token), str(signature)):
        raise refusals.unauthorized()


def enter(tx: Tx, near: Near, key: AccessKey) -> Session:
    """The session that a good signature opens. Raises `Unauthorized` when the user may not go there (any more)."""
    entry, marks = _entry(tx, key)
    user = users.find(tx, entry.user_id)
    if user is None:
        raise refusals.unauthorized()
    expires = (tx.now // SECOND + near.settings.token_lifetime) * SECOND
    if entry.expires_at is not None:
        expires = min(expires, entry.expires_at // SECOND * SECOND)
    claims = Claims(
        user_id=user.id,
        methods=(METHOD,),
        scope="project",
        target_id=key.project_id,
        issued_at=tx.now,
        expires_at=expires,
        audit_id=new_audit_id(),
        parent_id="",
        epoch=user.epoch,
        **marks,
    )
    return open_session(tx, near, claims)


def enter_store(tx: Tx, near: Near, key: AccessKey) -> Session:
    """The same for a store, which knows nothing of access rules: a key that is bound by some opens nothing there."""
    session = enter(tx, near, key)
    if session.held is not None and session.held.reach is not None:
        raise refusals.unauthorized()
    return session


def _entry(tx: Tx, key: AccessKey) -> tuple[Entry, dict[str, Any]]:
    """Where the key leads: a delegation that it is bound to must be its user's, and of its project."""
    for mark in ("app_credential_id", "trust_id", "access_token_id"):
        if id := getattr(key, mark):
            delegation = DELEGATIONS.get(mark)
            entry = None if delegation is None or _is_counted(tx, key) else delegation.enter(tx, id, key.user_id)
            if entry is None or entry.target_id != key.project_id:
                raise refusals.unauthorized()
            if mark != "trust_id" and entry.user_id != key.user_id:
                raise refusals.unauthorized()
            return entry, {mark: id, **entry.marks}
    return Entry(user_id=key.user_id, scope="project", target_id=key.project_id), {}


def _is_counted(tx: Tx, key: AccessKey) -> bool:
    """A trust that may be used so many times: a key would be used without end."""
    row = trusts.find(tx, key.trust_id) if key.trust_id else None
    return row is not None and row.remaining_uses is not None


def _check_moment(request: Mapping[str, Any], now: Micros, most: Micros) -> None:
    text = _signed_moment(request)
    if not text:
        return
    try:
        at = parse(str(text))
    except (ValueError, OverflowError):
        raise refusals.unauthorized() from None
    if not at - most <= now <= at + most:
        raise refusals.unauthorized()


def _signed_moment(request: Mapping[str, Any]) -> object:
    """The time that the signature covers: versions before 4 sign all parameters, version 4 its own date."""
    params: Mapping[str, Any] = request.get("params") or {}
    if params.get("SignatureVersion") is not None:
        return params.get("Timestamp")
    headers = {name.lower(): value for name, value in (request.get("headers") or {}).items()}
    return headers.get("x-amz-date") or params.get("X-Amz-Date")
