"""Names beside ids, for those who asked for them: one query per kind, whatever the number of rows."""

from collections.abc import Iterable

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.services.identity.core.effective import Assignment
from pileus.services.identity.db import groups, projects, roles, users
from pileus.services.identity.db.groups import GroupRow
from pileus.services.identity.db.projects import ProjectRow
from pileus.services.identity.db.roles import RoleRow
from pileus.services.identity.db.users import UserRow


class Named(Struct, frozen=True):
    """Rows by id."""

    actors: dict[str, UserRow | GroupRow]
    places: dict[str, ProjectRow]
    roles: dict[str, RoleRow]


def look_up(tx: Tx, found: Iterable[Assignment]) -> Named:
    found = list(found)
    people = users.find_many(tx, {one.actor_id for one in found if one.actor == "user"})
    crowds = groups.find_many(tx, {one.actor_id for one in found if one.actor == "group"})
    kinds = roles.find_many(tx, {one.role_id for one in found})
    targets = projects.find_many(tx, {one.target_id for one in found if one.target != "system"})
    homes = {row.domain_id for rows in (people, crowds, kinds, targets) for row in rows.values() if row.domain_id}
    places = {**targets, **projects.find_many(tx, homes - targets.keys())}
    return Named({**people, **crowds}, places, kinds)
