"""Who has which role where, as it was granted."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Literal, get_args

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Column, Index, String, Table, and_, bindparam, delete, false, insert, or_, select
from sqlalchemy.sql import ColumnElement

from pileus.kernel.db import Flag, Query, Tx, metadata
from pileus.services.identity.db.groups import LIVE, memberships

Actor = Literal["user", "group"]
Target = Literal["project", "domain", "system"]
SYSTEM = "all"
"""The id of the one system target."""

assignments = Table(
    "identity_assignment",
    metadata,
    Column("actor", String(8), primary_key=True),
    Column("actor_id", String(64), primary_key=True),
    Column("target", String(8), primary_key=True),
    Column("target_id", String(64), primary_key=True),
    Column("role_id", String(64), primary_key=True),
    Column("inherited", Flag, primary_key=True),
    Index("identity_assignment_actor", "actor_id", "target_id"),
    Index("identity_assignment_target", "target_id"),
    Index("identity_assignment_role", "role_id"),
)


class Grant(Struct, frozen=True):
    """A role given to a user or group, on a project or domain itself or (`inherited`) on all projects below it."""

    actor: Actor
    actor_id: str
    target: Target
    target_id: str
    role_id: str
    inherited: bool


_c = assignments.c
_ACTORS = or_(
    and_(_c.actor == "user", _c.actor_id == bindparam("user_id")),
    and_(
        _c.actor == "group",
        _c.actor_id.in_(select(memberships.c.group_id).where(memberships.c.user_id == bindparam("user_id"), LIVE)),
    ),
)
_ROLES_ON = Query(
    select(_c.role_id)
    .where(_ACTORS, _c.target == bindparam("target"), _c.target_id == bindparam("target_id"), _c.inherited.is_(False))
    .distinct()
)
_INHERITED = Query(
    select(_c.role_id)
    .where(_ACTORS, _c.target_id.in_(bindparam("above", expanding=True)), _c.inherited.is_(True))
    .distinct()
)
_OF_USER = Query(select(assignments).where(_ACTORS), into=Grant)
_SAME = and_(
    *(
        _c[name] == bindparam(f"the_{name}")
        for name in ("actor", "actor_id", "target", "target_id", "role_id", "inherited")
    )
)
_EXISTS = Query(select(_c.role_id).where(_SAME))
_INSERT = Query(insert(assignments))
_DELETE = Query(delete(assignments).where(_SAME))
_DELETE_ACTOR = Query(delete(assignments).where(_c.actor == bindparam("actor_"), _c.actor_id == bindparam("id")))
_DELETE_TARGET = Query(delete(assignments).where(_c.target_id == bindparam("id"), _c.target != "system"))
_DELETE_ROLE = Query(delete(assignments).where(_c.role_id == bindparam("id")))


def roles_on(tx: Tx, user_id: str, target: Target, target_id: str, above: Sequence[str] = ()) -> set[str]:
    """Ids of the roles granted to a user, directly or through groups, on a target.

    `above` are the ids of the ancestors whose inherited grants count as well. Implied roles are not in it.
    """
    found = {row[0] for row in tx.rows(_ROLES_ON, user_id=user_id, target=target, target_id=target_id, now=tx.now)}
    if above:
        found.update(row[0] for row in tx.rows(_INHERITED, user_id=user_id, above=list(above), now=tx.now))
    return found


def grants_of_user(tx: Tx, user_id: str) -> list[Grant]:
    """All grants that reach a user, through groups too."""
    return tx.rows(_OF_USER, user_id=user_id, now=tx.now)


def roles_of_groups(
    tx: Tx, group_ids: Iterable[str], target: Target, target_id: str, above: Sequence[str] = ()
) -> set[str]:
    """The same as `roles_on` for the members of these groups, whoever they are."""
    actors: list[tuple[Actor, str]] = [("group", id) for id in group_ids]
    if not actors:
        return set()
    found = select_grants(tx, actors=actors, targets=[(target, target_id)], inherited=False)
    if above:
        targets: list[tuple[Target, str]] = [("project", id) for id in above]
        targets += [("domain", id) for id in above]
        found += select_grants(tx, actors=actors, targets=targets, inherited=True)
    return {grant.role_id for grant in found}


def select_grants(
    tx: Tx,
    *,
    actors: Iterable[tuple[Actor, str]] | None = None,
    targets: Iterable[tuple[Target, str]] | None = None,
    role_ids: Iterable[str] | None = None,
    inherited: bool | None = None,
) -> list[Grant]:
    """Grants that fit every condition given; None means any."""
    ids: dict[str, list[str]] = {}
    for kind, id in (*(actors or ()), *(targets or ())):
        ids.setdefault(f"{kind}s", []).append(id)
    if role_ids is not None:
        ids["roles"] = list(role_ids)
    query = _selection(tuple(sorted(ids)), actors is not None, targets is not None, inherited)
    return tx.rows(query, **ids)


@cache
def _selection(given: tuple[str, ...], by_actor: bool, by_target: bool, inherited: bool | None) -> Query[Grant]:
    """`given` names the lists that there are: each is one parameter, however long."""

    def among(kind: ColumnElement[str], id: ColumnElement[str], kinds: Iterable[str]) -> ColumnElement[bool]:
        named = [(one, f"{one}s") for one in kinds]
        fit = (and_(kind == one, id.in_(bindparam(name, expanding=True))) for one, name in named if name in given)
        return or_(false(), *fit)

    wanted = [
        *([among(_c.actor, _c.actor_id, get_args(Actor))] if by_actor else []),
        *([among(_c.target, _c.target_id, get_args(Target))] if by_target else []),
        *([_c.role_id.in_(bindparam("roles", expanding=True))] if "roles" in given else []),
        *([_c.inherited.is_(inherited)] if inherited is not None else []),
    ]
    order = (_c.actor, _c.actor_id, _c.target, _c.target_id, _c.role_id)
    return Query(select(assignments).where(*wanted).order_by(*order), into=Grant)


def exists(tx: Tx, grant: Grant) -> bool:
    return tx.row(_EXISTS, **_same(grant)) is not None


def add(tx: Tx, grant: Grant) -> None:
    if not exists(tx, grant):
        tx.run(_INSERT, **asdict(grant))


def remove(tx: Tx, grant: Grant) -> bool:
    return tx.run(_DELETE, **_same(grant)) > 0


def remove_actor(tx: Tx, actor: Actor, id: str) -> None:
    tx.run(_DELETE_ACTOR, actor_=actor, id=id)


def remove_target(tx: Tx, id: str) -> None:
    tx.run(_DELETE_TARGET, id=id)


def remove_role(tx: Tx, id: str) -> None:
    tx.run(_DELETE_ROLE, id=id)


def _same(grant: Grant) -> dict[str, object]:
    return {f"the_{name}": getattr(grant, name) for name in grant.__struct_fields__}
