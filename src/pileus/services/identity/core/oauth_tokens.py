"""OAuth1's way to an access token: a consumer asks for a request token, a user grants it, the consumer changes it."""

import secrets
import string

from msgspec import Struct

from pileus.kernel.db import Page, Tx
from pileus.kernel.types import DAY, SECOND, Ctx, Listing, Micros, NotFound, new_hex
from pileus.services.identity.core import lending, oauth1, refusals
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.finding import role_id
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.oauth1 import Signed
from pileus.services.identity.db import consumers, oauth_tokens, projects
from pileus.services.identity.db.oauth_tokens import AccessTokenRow, RequestTokenRow


class Told(Struct, frozen=True):
    """A token as its consumer is told of it, once."""

    id: str
    secret: str
    expires_at: Micros | None


_LETTERS = string.ascii_letters + string.digits


def ask(tx: Tx, near: Near, ctx: Ctx, signed: Signed) -> Told:
    """A request token for the project that `Requested-Project-Id` names. Raises as Keystone does."""
    given = oauth1.read_parameters(signed.headers)
    oauth1.expect(given, "oauth_consumer_key")
    project_id = signed.headers.get("requested-project-id", "")
    if not project_id:
        raise refusals.expected("Requested-Project-Id", "request")
    if projects.find(tx, project_id) is None:
        raise refusals.missing("project", project_id)
    if consumers.find(tx, given["oauth_consumer_key"]) is None:
        raise NotFound("Consumer not found")
    oauth1.check_request(tx, near.vault, signed)
    secret = secrets.token_hex(16)
    sealed, key_id = near.vault.seal(tx, secret)
    row = RequestTokenRow(
        id=new_hex(),
        sealed=sealed,
        key_id=key_id,
        consumer_id=given["oauth_consumer_key"],
        project_id=project_id,
        expires_at=_end(tx, near.settings.request_token_lifetime),
        user_id=None,
        verifier=None,
        role_ids=[],
    )
    oauth_tokens.add_request(tx, row)
    data = {"consumer_id": row.consumer_id, "project_id": project_id}
    changed(tx, near, ctx, "request_token.create", row.id, data=data, matters=False)
    return Told(row.id, secret, row.expires_at)


def grant(tx: Tx, near: Near, ctx: Ctx, id: str, wanted: list[dict[str, str]]) -> str:
    """A user grants roles of his in the project that was asked for; returns the verifier that tells the consumer so."""
    row = _find_request(tx, id)
    project = projects.find(tx, row.project_id)
    if project is None:
        raise refusals.missing("project", row.project_id)
    role_ids = [role_id(tx, one) for one in wanted]
    if not set(role_ids) <= lending.held_roles(tx, near.memory.graph(tx), ctx.user_id, project):
        raise refusals.unauthorized()
    verifier = "".join(secrets.choice(_LETTERS) for _ in range(8))
    oauth_tokens.grant(tx, id, ctx.user_id, verifier, list(dict.fromkeys(role_ids)))
    changed(tx, near, ctx, "request_token.grant", id, data={"role_ids": role_ids}, matters=False)
    return verifier


def exchange(tx: Tx, near: Near, ctx: Ctx, signed: Signed) -> Told:
    """The access token for a request token that was granted; that one is spent."""
    given = oauth1.read_parameters(signed.headers)
    oauth1.expect(given, "oauth_consumer_key", "oauth_token", "oauth_verifier")
    asked = _find_request(tx, given["oauth_token"])
    oauth1.check_exchange(tx, near.vault, signed)
    if asked.user_id is None:
        raise refusals.unauthorized()
    secret = secrets.token_hex(16)
    sealed, key_id = near.vault.seal(tx, secret)
    row = AccessTokenRow(
        id=new_hex(),
        sealed=sealed,
        key_id=key_id,
        consumer_id=asked.consumer_id,
        project_id=asked.project_id,
        expires_at=_end(tx, near.settings.access_token_lifetime),
        user_id=asked.user_id,
        role_ids=asked.role_ids,
    )
    oauth_tokens.remove_request(tx, asked.id)
    oauth_tokens.add_access(tx, row)
    data = {"consumer_id": row.consumer_id, "project_id": row.project_id, "user_id": row.user_id}
    changed(tx, near, ctx, "access_token.create", row.id, data=data, matters=False)
    return Told(row.id, secret, row.expires_at)


def get(tx: Tx, id: str) -> AccessTokenRow:
    row = oauth_tokens.find_access(tx, id)
    if row is None:
        raise NotFound("Access token not found")
    return row


def list_page(tx: Tx, user_id: str, listing: Listing) -> Page[AccessTokenRow]:
    return oauth_tokens.list_page(tx, listing.also("user_id", "eq", user_id))


def delete(tx: Tx, near: Near, ctx: Ctx, row: AccessTokenRow) -> None:
    oauth_tokens.remove_access(tx, row.id)
    data = {"consumer_id": row.consumer_id, "project_id": row.project_id, "user_id": row.user_id}
    changed(tx, near, ctx, "access_token.delete", row.id, data=data)


def purge(tx: Tx) -> None:
    """Access tokens that ended a day ago are not even shown any more."""
    oauth_tokens.purge(tx, tx.now - DAY)


def _find_request(tx: Tx, id: str) -> RequestTokenRow:
    row = oauth_tokens.find_request(tx, id)
    if row is None:
        raise NotFound("Request token not found")
    if row.expires_at is not None and tx.now > row.expires_at:
        raise refusals.unauthorized()
    return row


def _end(tx: Tx, lifetime: int) -> int | None:
    return (tx.now // SECOND + lifetime) * SECOND if lifetime else None
