"""From what an identity provider vouches for to a user of ours: the mapping read, the user, groups and projects found or made."""

import hashlib
import logging
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.types import MINUTE, SECOND, Ctx, cloud
from pileus.services.identity.core import compliance, identity_providers, mapping, projects, protocols, refusals, users
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.mapping import Assertion, Mapped, MappedProject, MappedUser, Named
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.tokens import Marks
from pileus.services.identity.db import assertions, assignments, federated_users, groups
from pileus.services.identity.db import identity_providers as db
from pileus.services.identity.db import projects as project_rows
from pileus.services.identity.db import roles as role_rows
from pileus.services.identity.db import users as user_rows
from pileus.services.identity.db.assignments import Grant
from pileus.services.identity.db.federated_users import LinkRow
from pileus.services.identity.db.identity_providers import ProtocolRow, ProviderRow
from pileus.services.identity.db.projects import ProjectRow
from pileus.services.identity.db.users import UserRow

log = logging.getLogger(__name__)
REMOTE_USER = "REMOTE_USER"
"""The attribute that names the user when the mapping does not."""
_LONGEST_NAME = 255


class Vouched(Struct, frozen=True, kw_only=True):
    """What a provider said, its signature or its answer verified.

    `remote_id`  what the provider calls itself (an issuer, an entity id).
    `once`, `until`  an id that may be used once only, and until when it is good (seconds since 1970).
    """

    provider_id: str
    protocol_id: str
    remote_id: str
    assertion: Assertion
    once: str = ""
    until: int = 0


class Recognized(Marks, frozen=True, kw_only=True):
    """Who that is here, with the marks that the token will bear."""

    user_id: str


def enabled_provider(tx: Tx, near: Near, id: str) -> ProviderRow:
    """Raises `NotFound`, or `Forbidden` for one that is disabled."""
    row = identity_providers.get(tx, near, cloud(), id)
    if not row.enabled:
        log.info("login refused: identity provider %s is disabled", id)
        raise refusals.not_authorized()
    return row


def recognize(tx: Tx, near: Near, vouched: Vouched) -> Recognized:
    """Who that is here. Users known by the provider's word alone are made, renamed and put into groups.

    Raises `Unauthorized` when the mapping makes nobody of the assertion, `Forbidden` when the provider may not speak.
    """
    provider = enabled_provider(tx, near, vouched.provider_id)
    protocol = protocols.get(tx, provider.id, vouched.protocol_id)
    _check_remote(provider, protocol, vouched)
    if vouched.once and not assertions.use(tx, vouched.remote_id, vouched.once, vouched.until * SECOND):
        log.warning("login refused: identity provider %s: an assertion was shown twice", provider.id)
        raise refusals.unauthorized()
    mapped = _read(tx, protocol, vouched.assertion)
    if mapped.user.kind == mapping.LOCAL:
        return Recognized(user_id=_local_user(tx, near, mapped.user))
    user = _shadow(tx, near, provider, protocol, mapped.user, vouched.assertion)
    compliance.note_seen(tx, near, user)
    group_ids = _groups(tx, near, mapped)
    if provider.authorization_ttl:
        groups.renew(tx, user.id, group_ids, tx.now + provider.authorization_ttl * MINUTE)
        near.memory.touch(tx)
    _settle(tx, near, provider, user, mapped.projects)
    return Recognized(
        user_id=user.id,
        idp_id=provider.id,
        protocol_id=protocol.id,
        group_ids=tuple(group_ids),
    )


def _check_remote(provider: ProviderRow, protocol: ProtocolRow, vouched: Vouched) -> None:
    """A provider that has names may speak under these only."""
    spoken = vouched.remote_id
    if protocol.remote_id_attribute:
        given = vouched.assertion.get(protocol.remote_id_attribute, "")
        spoken = given if isinstance(given, str) else next(iter(given), "")
    if provider.remote_ids and spoken not in provider.remote_ids:
        log.warning("login refused: %r is none of the remote ids of identity provider %s", spoken, provider.id)
        raise refusals.not_authorized()


def _read(tx: Tx, protocol: ProtocolRow, assertion: Assertion) -> Mapped:
    row = db.find_mapping(tx, protocol.mapping_id)
    if row is None:
        log.warning("login refused: mapping %s of protocol %s is gone", protocol.mapping_id, protocol.id)
        raise refusals.unauthorized()
    try:
        mapped = mapping.apply(row.rules, assertion, row.schema_version)
    except mapping.BrokenMapping as error:
        log.warning("login refused: mapping %s: %s", row.id, error)
        raise refusals.unauthorized() from None
    if mapped is None:
        log.info(
            "login refused: no rule of mapping %s holds for an assertion with %s", row.id, ", ".join(sorted(assertion))
        )
        raise refusals.unauthorized()
    return mapped


# --- users ------------------------------------------------------------------------------------------------------------


def _local_user(tx: Tx, near: Near, wanted: MappedUser) -> str:
    """A user that must be there. Its groups and projects are those it has; the mapping gives none."""
    row: UserRow | None
    if wanted.id:
        row = user_rows.find(tx, wanted.id)
    else:
        if wanted.domain is None:
            raise refusals.expected("domain", "user")
        domain = _find_domain(tx, wanted.domain)
        row = user_rows.find_named(tx, wanted.name, domain.id) if domain is not None else None
    if row is None:
        log.info("login refused: the mapping's local user %r is not there", wanted.id or wanted.name)
        raise refusals.unauthorized()
    return row.id


def _shadow(
    tx: Tx, near: Near, provider: ProviderRow, protocol: ProtocolRow, wanted: MappedUser, assertion: Assertion
) -> UserRow:
    """The user whom the provider means, made at the first login and renamed when the provider calls it otherwise."""
    remote = assertion.get(REMOTE_USER, "")
    name = wanted.name or wanted.id or (remote if isinstance(remote, str) else next(iter(remote), ""))
    unique_id = quote(wanted.id or name)
    if not name or max(len(name), len(unique_id)) > _LONGEST_NAME:
        log.warning(
            "login refused: identity provider %s gives no name of at most %s characters", provider.id, _LONGEST_NAME
        )
        raise refusals.unauthorized()
    link = federated_users.find(tx, provider.id, protocol.id, unique_id)
    if link is None:
        return _new_shadow(tx, near, provider, protocol, unique_id, name, wanted)
    row = user_rows.find(tx, link.user_id)
    if row is None:
        raise refusals.unauthorized()
    return _renamed(tx, near, row, name, unique_id, wanted.email) if link.shadow else row


def _new_shadow(
    tx: Tx, near: Near, provider: ProviderRow, protocol: ProtocolRow, unique_id: str, name: str, wanted: MappedUser
) -> UserRow:
    domain_id = _domain_id(tx, near, wanted.domain, provider)
    id = hashlib.sha256("\0".join((domain_id, provider.id, protocol.id, unique_id)).encode()).hexdigest()
    want: dict[str, Any] = {"domain_id": domain_id, "name": _free_name(tx, name, unique_id, domain_id, id)}
    if wanted.email:
        want["extra"] = {"email": wanted.email}
    row = users.create(tx, near, cloud(), want, id=id)
    federated_users.add(tx, LinkRow(provider.id, protocol.id, unique_id, row.id, shadow=True))
    return row


def _renamed(tx: Tx, near: Near, row: UserRow, name: str, unique_id: str, email: str) -> UserRow:
    want: dict[str, Any] = {}
    free = _free_name(tx, name, unique_id, row.domain_id, row.id)
    if free != row.name:
        want["name"] = free
    if email and email != row.extra.get("email"):
        want["extra"] = {"email": email}
    return users.update(tx, near, cloud(), row, want) if want else row


def _free_name(tx: Tx, name: str, unique_id: str, domain_id: str, own_id: str) -> str:
    """Two people of one domain may be called alike elsewhere: here the later one bears the provider's id beside the name."""
    name = name.strip() or unique_id
    there = user_rows.find_named(tx, name, domain_id)
    return name if there is None or there.id == own_id else f"{name} ({own_id[:16]})"[-_LONGEST_NAME:]


# --- groups and projects ----------------------------------------------------------------------------------------------


def _groups(tx: Tx, near: Near, mapped: Mapped) -> list[str]:
    """Ids of the groups that the mapping gives. One by id must be there; by name it is only meant if it is."""
    there = groups.find_many(tx, mapped.group_ids)
    for id in mapped.group_ids:
        if id not in there:
            log.warning("login refused: the mapping's group %s is not there", id)
            raise refusals.unauthorized()
    found = list(mapped.group_ids)
    homes: dict[Named, ProjectRow] = {}
    for wanted in mapped.groups:
        if wanted.domain not in homes:
            homes[wanted.domain] = _domain(tx, near, wanted.domain)
        row = groups.find_named(tx, wanted.name, homes[wanted.domain].id)
        if row is None:
            log.info("group %r of a mapping is not there: ignored", wanted.name)
        else:
            found.append(row.id)
    return list(dict.fromkeys(found))


def _settle(tx: Tx, near: Near, provider: ProviderRow, user: UserRow, wanted: Iterable[MappedProject]) -> None:
    """Projects of the mapping, made where they are not there, with the user's roles on them."""
    wanted = list(wanted)
    known: dict[str, str] = {}
    for name in {name for project in wanted for name in project.roles}:
        role = role_rows.find_named(tx, name)
        if role is None:
            raise refusals.missing("role", name)
        known[name] = role.id
    ctx = cloud()
    for one in wanted:
        project = _project(tx, near, ctx, one.name, _domain_id(tx, near, one.domain, provider))
        for name in one.roles:
            grant = Grant("user", user.id, "project", project.id, known[name], False)
            if not assignments.exists(tx, grant):
                assignments.add(tx, grant)
                changed(tx, near, ctx, "role_assignment.create", known[name], after=grant)


def _project(tx: Tx, near: Near, ctx: Ctx, name: str, domain_id: str) -> ProjectRow:
    there = project_rows.find_named(tx, name, domain_id)
    return there or projects.create(tx, near, ctx, {"name": name, "domain_id": domain_id})


def _domain_id(tx: Tx, near: Near, named: Named | None, provider: ProviderRow) -> str:
    return provider.domain_id if named is None else _domain(tx, near, named).id


def _domain(tx: Tx, near: Near, named: Named) -> ProjectRow:
    """Raises `NotFound`."""
    row = _find_domain(tx, named)
    if row is None:
        raise refusals.missing("domain", named.id or named.name)
    return row


def _find_domain(tx: Tx, named: Named) -> ProjectRow | None:
    if named.id:
        row = project_rows.find(tx, named.id)
        return row if row is not None and row.is_domain else None
    return project_rows.find_domain_named(tx, named.name)
