"""People and groups of directories as rows of our own: what tokens, grants and lists are made of.

A directory is asked at every login and list, and now and then by itself; what it says is written here where it differs. So nothing
that is decided in a transaction waits for it, and all that knows users knows these. Grants outlive their user: one who vanishes
from a directory for a while has them when he comes back.
"""

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from pileus.drivers.directory.protocol import Crowd, Person
from pileus.kernel.db import Tx
from pileus.kernel.types import cloud
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import groups, public_ids, users
from pileus.services.identity.db.groups import GroupRow
from pileus.services.identity.db.public_ids import Kind, PublicIdRow
from pileus.services.identity.db.users import UserRow

log = logging.getLogger(__name__)
_LONGEST = 255
_LONGEST_ID = 64


def public_id(domain_id: str, kind: Kind, local_id: str) -> str:
    """As Keystone makes it: who moves here from there finds the same ids."""
    return hashlib.sha256(f"{domain_id}{kind}{local_id}".encode()).hexdigest()


def sensible(domain_id: str, found: Iterable[Person]) -> list[Person]:
    """Those who can be users: a name of a bearable length that nobody before them has (by the order of ids)."""
    return _sensible(domain_id, sorted(found, key=lambda one: one.id))


def sensible_groups(domain_id: str, found: Iterable[Crowd]) -> list[Crowd]:
    return _sensible(domain_id, sorted(found, key=lambda one: one.id))


def _sensible(domain_id: str, found: Iterable[Any]) -> list[Any]:
    kept: dict[str, Any] = {}
    for one in found:
        words = (one.id, one.name)
        if one.name in kept or any(len(word) > _LONGEST or "\0" in word for word in words):
            log.warning("domain %s: %r of its directory is left out: its name is taken, or too long", domain_id, one.dn)
        else:
            kept[one.name] = one
    return list(kept.values())


# --- people -------------------------------------------------------------------------------------------------------------


def news_of_people(tx: Tx, domain_id: str, people: Sequence[Person]) -> list[Person]:
    """Those whose rows are not there or say something else."""
    rows = users.find_many(tx, [public_id(domain_id, "user", person.id) for person in people])
    return [p for p in people if _differs(rows.get(public_id(domain_id, "user", p.id)), _user_facts(p))]


def note_people(tx: Tx, near: Near, domain_id: str, people: Sequence[Person]) -> None:
    for person in news_of_people(tx, domain_id, people):
        id, facts = public_id(domain_id, "user", person.id), _user_facts(person)
        if not _make_way(tx, id, domain_id, person.name):
            continue
        row = users.find(tx, id)
        if row is None:
            _add_user(tx, near, id, domain_id, person.id, facts)
            continue
        if row.enabled and not person.enabled:
            facts["epoch"] = row.epoch + 1
        users.change(tx, id, facts)
        changed(tx, near, cloud(), "user.update", id, before=row, after=msgspec.structs.replace(row, **facts))


def _add_user(tx: Tx, near: Near, id: str, domain_id: str, local_id: str, facts: Mapping[str, Any]) -> None:
    known = _map(tx, id, domain_id, "user", local_id)
    row = UserRow(
        id=id,
        domain_id=domain_id,
        password_hash=None,
        password_created_at=None,
        password_expires_at=None,
        epoch=known.epoch,
        created_at=tx.now,
        options={},
        **facts,
    )
    users.add(tx, row)
    changed(tx, near, cloud(), "user.create", id, after=row)


def forget_people(tx: Tx, near: Near, ids: Iterable[str]) -> None:
    """They are in their directory no more."""
    for id in ids:
        row = users.find(tx, id)
        if row is not None and public_ids.find(tx, id) is not None:
            public_ids.set_epoch(tx, id, row.epoch + 1)
            for group_id in groups_of(tx, id):
                groups.leave(tx, id, group_id)
            users.remove(tx, id)
            changed(tx, near, cloud(), "user.delete", id, before=row)


def _user_facts(person: Person) -> dict[str, Any]:
    project = person.default_project_id
    extra = {"email": person.email, "description": person.description}
    return {
        "name": person.name,
        "enabled": person.enabled,
        "default_project_id": project if project and len(project) <= _LONGEST_ID else None,
        "extra": {**person.more, **{name: value for name, value in extra.items() if value is not None}},
    }


def _make_way(tx: Tx, id: str, domain_id: str, name: str) -> bool:
    """Whether the name is free for that user. A row of the directory that has it from before gets out of the way."""
    there = users.find_named(tx, name, domain_id)
    if there is None or there.id == id:
        return True
    if public_ids.find(tx, there.id) is None:
        log.warning("domain %s: user %r of its directory is left out: one of our own has that name", domain_id, name)
        return False
    users.change(tx, there.id, {"name": there.id})
    return True


# --- groups -------------------------------------------------------------------------------------------------------------


def news_of_groups(tx: Tx, domain_id: str, crowds: Sequence[Crowd]) -> list[Crowd]:
    rows = groups.find_many(tx, [public_id(domain_id, "group", crowd.id) for crowd in crowds])
    return [c for c in crowds if _differs(rows.get(public_id(domain_id, "group", c.id)), _group_facts(c))]


def note_groups(tx: Tx, near: Near, domain_id: str, crowds: Sequence[Crowd]) -> None:
    for crowd in news_of_groups(tx, domain_id, crowds):
        id, facts = public_id(domain_id, "group", crowd.id), _group_facts(crowd)
        there = groups.find_named(tx, crowd.name, domain_id)
        if there is not None and there.id != id:
            if public_ids.find(tx, there.id) is None:
                log.warning(
                    "domain %s: group %r of its directory is left out: its name is taken", domain_id, crowd.name
                )
                continue
            groups.change(tx, there.id, {"name": there.id})
        row = groups.find(tx, id)
        if row is not None:
            groups.change(tx, id, facts)
            after = msgspec.structs.replace(row, **facts)
            changed(tx, near, cloud(), "group.update", id, before=row, after=after, matters=False)
        else:
            _map(tx, id, domain_id, "group", crowd.id)
            row = GroupRow(id=id, domain_id=domain_id, **facts)
            groups.add(tx, row)
            changed(tx, near, cloud(), "group.create", id, after=row)


def forget_groups(tx: Tx, near: Near, ids: Iterable[str]) -> None:
    for id in ids:
        row = groups.find(tx, id)
        if row is not None and public_ids.find(tx, id) is not None:
            groups.remove(tx, id)
            changed(tx, near, cloud(), "group.delete", id, before=row)


def groups_of(tx: Tx, user_id: str) -> set[str]:
    """Groups of directories that a user is in; one of our own is none of theirs."""
    return set(public_ids.find_many(tx, groups.groups_of(tx, user_id)))


def note_groups_of(tx: Tx, near: Near, user_id: str, group_ids: Iterable[str]) -> None:
    """The groups of a directory that a user is in now, in place of those he was in."""
    mine = groups_of(tx, user_id)
    wanted = set(groups.find_many(tx, group_ids))
    for id in wanted - mine:
        groups.join(tx, user_id, id)
    for id in mine - wanted:
        groups.leave(tx, user_id, id)
    if wanted != mine:
        data = {"group_ids": sorted(wanted)}
        changed(tx, near, cloud(), "user.join", user_id, data=data)


def news_of_members(tx: Tx, members: Mapping[str, frozenset[str]]) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """Who joined and who left, by group, against what the rows say. All are public ids."""
    rows = groups.members_of_many(tx, members)
    news = {
        id: (wanted.difference(rows.get(id, ())), frozenset(rows.get(id, ())) - wanted)
        for id, wanted in members.items()
    }
    return {id: (joining, leaving) for id, (joining, leaving) in news.items() if joining or leaving}


def note_members(tx: Tx, near: Near, id: str, joining: Iterable[str], leaving: Iterable[str]) -> None:
    if groups.find(tx, id) is None:
        return
    joined = list(users.find_many(tx, joining))
    for user_id in joined:
        groups.join(tx, user_id, id)
    left = [user_id for user_id in public_ids.find_many(tx, leaving) if groups.leave(tx, user_id, id)]
    if joined or left:
        changed(tx, near, cloud(), "group.members", id, data={"joined": joined, "left": left})


# --- small parts --------------------------------------------------------------------------------------------------------


def _group_facts(crowd: Crowd) -> dict[str, Any]:
    return {"name": crowd.name, "description": crowd.description or "", "extra": dict(crowd.more)}


def _differs(row: UserRow | GroupRow | None, facts: Mapping[str, Any]) -> bool:
    return row is None or any(getattr(row, name) != value for name, value in facts.items())


def _map(tx: Tx, id: str, domain_id: str, kind: Kind, local_id: str) -> PublicIdRow:
    known = public_ids.find(tx, id)
    if known is None:
        known = PublicIdRow(id, domain_id, kind, local_id)
        public_ids.add(tx, known)
    return known
