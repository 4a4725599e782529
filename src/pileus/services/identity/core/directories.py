"""Domains whose users and groups come from a directory."""

import logging
from collections.abc import Mapping
from typing import Any

from pileus.drivers.directory.protocol import DirectoryRefused
from pileus.kernel.db import Tx
from pileus.kernel.types import Forbidden
from pileus.services.identity.core import domain_config, refusals
from pileus.services.identity.core.finding import find_domain, find_user
from pileus.services.identity.core.homes import Home
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import domain_options, projects, public_ids, users
from pileus.services.identity.db.groups import GroupRow
from pileus.services.identity.db.users import UserRow

log = logging.getLogger(__name__)


def find_home(tx: Tx, near: Near, domain_id: str) -> Home | None:
    """None for a domain whose users are our own. Raises `DirectoryRefused` for options that cannot be meant."""
    return find_source(tx, near, domain_id)[0]


def find_source(tx: Tx, near: Near, domain_id: str) -> tuple[Home | None, int | None]:
    """The same, with the most rows of one page that the domain's options give, if they do."""
    domain = projects.find(tx, domain_id)
    if domain is None or not domain.is_domain:
        return None, None
    config = domain_config.effective(tx, near, domain)
    try:
        options = domain_config.directory_options(config)
        limit = domain_config.list_limit(config)
    except ValueError as problem:
        log.warning("domain %s: %s", domain.name, problem)
        raise DirectoryRefused("The options of this domain's directory cannot be meant.") from None
    return Home(domain=domain, options=options) if options is not None else None, limit


def find_with_home(tx: Tx, near: Near, named: Mapping[str, Any]) -> tuple[UserRow | None, Home | None]:
    """Whom a login means, and the directory that knows better. Raises `Invalid` for a name without its domain."""
    row = find_user(tx, named)
    if row is not None:
        return row, find_home(tx, near, row.domain_id)
    if named.get("id"):
        known = public_ids.find(tx, str(named["id"]))
        return None, find_home(tx, near, known.domain_id) if known is not None else None
    domain = find_domain(tx, named["domain"])
    return None, find_home(tx, near, domain.id) if domain is not None else None


def check_writable(tx: Tx, near: Near, domain_id: str) -> None:
    """Raises `Forbidden` where a directory says who is there: it is only read."""
    if find_home(tx, near, domain_id) is not None:
        raise refusals.not_authorized()


def check_same_source(tx: Tx, near: Near, group: GroupRow, user_id: str) -> None:
    """Raises `Forbidden` for a member from another place than the group: a directory knows nothing of ours, and we do not add to its."""
    user = users.find(tx, user_id)
    places = [find_home(tx, near, row.domain_id) for row in (group, user) if row is not None]
    if len({home.domain.id if home is not None else "" for home in places}) > 1:
        known = public_ids.find_many(tx, [group.id, user_id])
        group_name, user_name = (known[id].local_id if id in known else id for id in (group.id, user_id))
        raise Forbidden(
            "Group membership across backend boundaries is not allowed. "
            f"Group in question is {group_name}, user is {user_name}."
        )


def all_homes(tx: Tx, near: Near) -> list[Home]:
    """Of all enabled domains that have a directory, and whose options can be meant."""
    ids = domain_options.domains_with_driver(tx)
    named = [projects.find_domain_named(tx, name) for name in near.settings.domains]
    found = []
    for id in dict.fromkeys([*ids, *(row.id for row in named if row is not None)]):
        try:
            home = find_home(tx, near, id)
        except DirectoryRefused:
            continue
        if home is not None and home.domain.enabled:
            found.append(home)
    return found
