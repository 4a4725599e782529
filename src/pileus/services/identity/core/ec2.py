"""EC2 credentials as their own noun: a pair of keys of a user, for one project."""

import msgspec

from pileus.kernel.db import Tx
from pileus.kernel.types import Ctx, new_hex
from pileus.services.identity.core import access_keys, credentials, refusals
from pileus.services.identity.core.access_keys import AccessKey
from pileus.services.identity.core.credentials import Credential
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.primary import check_reaches_credentials
from pileus.services.identity.db import credentials as rows
from pileus.services.identity.db import projects, users
from pileus.services.identity.db.credentials import CredentialRow

_json = msgspec.json.Encoder().encode


def of_user(tx: Tx, near: Near, ctx: Ctx, user_id: str) -> list[AccessKey]:
    check_reaches_credentials(near.keyring.open(ctx.token))
    _check_user(tx, user_id)
    return [access_keys.read(tx, near, row) for row in rows.of_user(tx, user_id, "ec2")]


def get(tx: Tx, near: Near, ctx: Ctx, user_id: str, row: CredentialRow) -> AccessKey:
    """The path's user must be there. Whose the key is was the rule's matter, which knows its true owner."""
    check_reaches_credentials(near.keyring.open(ctx.token))
    _check_user(tx, user_id)
    if row.type != "ec2":
        raise refusals.unauthorized()
    return access_keys.read(tx, near, row)


def create(tx: Tx, near: Near, ctx: Ctx, user_id: str, project_id: str | None) -> AccessKey:
    """A new pair, for a project that is there; the user need not have a role on it yet."""
    check_reaches_credentials(near.keyring.open(ctx.token))
    _check_user(tx, user_id)
    if project_id is None or projects.find(tx, project_id) is None:
        raise refusals.missing("project", str(project_id))
    access, secret = new_hex(), new_hex()
    blob = _json({"access": access, "secret": secret, "trust_id": None}).decode()
    credentials.store(tx, near, ctx, Credential(credentials.id_of(access), user_id, project_id, "ec2", blob, {}))
    return AccessKey(access=access, secret=secret, user_id=user_id, project_id=project_id)


def delete(tx: Tx, near: Near, ctx: Ctx, user_id: str, row: CredentialRow) -> None:
    get(tx, near, ctx, user_id, row)
    credentials.remove(tx, near, ctx, row)


def _check_user(tx: Tx, id: str) -> None:
    if users.find(tx, id) is None:
        raise refusals.missing("user", id)
