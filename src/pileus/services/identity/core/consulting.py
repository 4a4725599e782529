"""Asking directories, outside of any transaction, and noting what they say."""

import asyncio
import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from pileus.drivers.directory.protocol import Crowd, Directory, DirectoryDown, DirectoryRefused, Person, Snapshot
from pileus.kernel.db import Tx
from pileus.kernel.types import SECOND, clock
from pileus.services.identity.core import directories, mirror, refusals
from pileus.services.identity.core.failures import sayable
from pileus.services.identity.core.homes import Home
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import groups, public_ids, users

log = logging.getLogger(__name__)
_FRESH = 5 * SECOND
"""A whole directory is not read again for lists within this time."""
_CHUNK = 200
"""Rows written by one decision."""


class _News(Struct, frozen=True, kw_only=True):
    people: Sequence[Person]
    crowds: Sequence[Crowd]
    members: Mapping[str, tuple[frozenset[str], frozenset[str]]]
    gone_people: Sequence[str]
    gone_crowds: Sequence[str]


async def read_whole(near: Near, home: Home) -> None:
    """All of a directory, unless that was done just now."""
    directory = await near.directories.at(home)
    async with near.directories.turn(home):
        began = clock()
        if began - near.directories.read_at.get(home.domain.id, 0) >= _FRESH:
            await _note(near, home, await directory.snapshot())
            near.directories.read_at[home.domain.id] = began


async def login(near: Near, home: Home, named: Mapping[str, Any], secret: object, account: str, address: str) -> str:
    """The id of him whose password it is, his row and groups as the directory has them. Raises `Unauthorized`."""
    password = secret if isinstance(secret, str) else ""
    domain_id = home.domain.id
    async with near.guard.watch(account, address, lane=domain_id):
        directory = await near.directories.at(home)
        person = await _find_person(near, directory, domain_id, named)
        fits = await directory.check(person or _nobody(home), password)
        if person is None or not fits or not person.enabled:
            log.info("login refused: password of %s does not fit", sayable(account))
            raise refusals.unauthorized()
    crowds = mirror.sensible_groups(domain_id, await directory.groups_of(person))
    if await near.db.read(_is_news, domain_id, person, crowds):
        await near.db.write(_note_login, near, domain_id, person, crowds)
    return mirror.public_id(domain_id, "user", person.id)


async def refresh_named(near: Near, home: Home, kind: public_ids.Kind, name: str) -> str:
    """What the directory knows under that name, which it may write otherwise: the name as it stands there.

    What was known under the name before is looked at by its id.
    """
    domain_id = home.domain.id
    directory = await near.directories.at(home)
    names: list[str]
    if kind == "user":
        people = mirror.sensible(domain_id, await directory.people(name=name))
        await near.db.write(mirror.note_people, near, domain_id, people)
        names = [person.name for person in people]
    else:
        crowds = mirror.sensible_groups(domain_id, await directory.groups(name=name))
        await near.db.write(mirror.note_groups, near, domain_id, crowds)
        names = [crowd.name for crowd in crowds]
    before = await near.db.read(_id_named, domain_id, kind, name)
    if before:
        await refresh_one(near, home, before)
    return names[0] if names else name


async def refresh_one(near: Near, home: Home, id: str) -> None:
    known = await near.db.read(public_ids.find, id)
    if known is None or known.domain_id != home.domain.id:
        return
    directory = await near.directories.at(home)
    if known.kind == "user":
        people = mirror.sensible(known.domain_id, await directory.people(id=known.local_id))
        note, forget, found = mirror.note_people, mirror.forget_people, people
    else:
        crowds = mirror.sensible_groups(known.domain_id, await directory.groups(id=known.local_id))
        note, forget, found = mirror.note_groups, mirror.forget_groups, crowds  # type: ignore[assignment]
    if found:
        await near.db.write(note, near, known.domain_id, found)
    else:
        await near.db.write(forget, near, [id])


async def refresh_list(near: Near, home: Home, kind: public_ids.Kind, name: str) -> str:
    """Before users or groups of a domain are listed. Returns the name as the directory writes it."""
    if name:
        return await refresh_named(near, home, kind, name)
    await read_whole(near, home)
    return ""


async def refresh(near: Near, home: Home, id: str, whole: bool = False) -> None:
    """Before a user or group is shown; `whole`: with memberships, which only the whole directory knows."""
    await (read_whole(near, home) if whole else refresh_one(near, home, id))


async def read_all(near: Near) -> None:
    """Every directory, whatever becomes of the others. Raises `DirectoryDown` at the end for those that could not be read."""
    homes = await near.db.read(directories.all_homes, near)
    done = await asyncio.gather(*(read_whole(near, home) for home in homes), return_exceptions=True)
    silent = []
    for home, outcome in zip(homes, done, strict=True):
        if isinstance(outcome, DirectoryDown | DirectoryRefused):
            silent.append(home.domain.name)
        elif isinstance(outcome, BaseException):
            raise outcome
    if silent:
        raise DirectoryDown(f"The directories of these domains could not be read: {', '.join(silent)}.")


# --- noting -------------------------------------------------------------------------------------------------------------


async def _note(near: Near, home: Home, found: Snapshot) -> None:
    news = await near.db.read_aside(_news, home.domain.id, found)
    domain_id, write = home.domain.id, near.db.write
    for gone in _chunks(news.gone_people):
        await write(mirror.forget_people, near, gone)
    for gone in _chunks(news.gone_crowds):
        await write(mirror.forget_groups, near, gone)
    for people in _chunks(news.people):
        await write(mirror.note_people, near, domain_id, people)
    for crowds in _chunks(news.crowds):
        await write(mirror.note_groups, near, domain_id, crowds)
    for id, (joining, leaving) in news.members.items():
        for chunk in _chunks(sorted(joining)):
            await write(mirror.note_members, near, id, chunk, ())
        for chunk in _chunks(sorted(leaving)):
            await write(mirror.note_members, near, id, (), chunk)


def _news(tx: Tx, domain_id: str, found: Snapshot) -> _News:
    people, crowds = mirror.sensible(domain_id, found.people), mirror.sensible_groups(domain_id, found.groups)
    user_ids = {person.id: mirror.public_id(domain_id, "user", person.id) for person in people}
    group_ids = {crowd.id: mirror.public_id(domain_id, "group", crowd.id) for crowd in crowds}
    members = {
        group_ids[id]: frozenset(user_ids[local] for local in locals if local in user_ids)
        for id, locals in found.members.items()
        if id in group_ids
    }
    return _News(
        people=[p for chunk in _chunks(people) for p in mirror.news_of_people(tx, domain_id, chunk)],
        crowds=[c for chunk in _chunks(crowds) for c in mirror.news_of_groups(tx, domain_id, chunk)],
        members={
            id: news
            for chunk in _chunks(sorted(members))
            for id, news in mirror.news_of_members(tx, {id: members[id] for id in chunk}).items()
        },
        gone_people=_gone(tx, domain_id, "user", set(user_ids.values()), users.ids_of_domain(tx, domain_id)),
        gone_crowds=_gone(tx, domain_id, "group", set(group_ids.values()), groups.ids_of_domain(tx, domain_id)),
    )


def _gone(tx: Tx, domain_id: str, kind: public_ids.Kind, there: set[str], rows: Sequence[str]) -> list[str]:
    mapped = {row.public_id for row in public_ids.of_domain(tx, domain_id, kind)}
    return [id for id in rows if id in mapped and id not in there]


def _is_news(tx: Tx, domain_id: str, person: Person, crowds: Sequence[Crowd]) -> bool:
    id = mirror.public_id(domain_id, "user", person.id)
    if mirror.news_of_people(tx, domain_id, [person]) or mirror.news_of_groups(tx, domain_id, crowds):
        return True
    return mirror.groups_of(tx, id) != {mirror.public_id(domain_id, "group", crowd.id) for crowd in crowds}


def _note_login(tx: Tx, near: Near, domain_id: str, person: Person, crowds: Sequence[Crowd]) -> None:
    """Raises `Unauthorized` when a user of our own has the name."""
    id = mirror.public_id(domain_id, "user", person.id)
    mirror.note_people(tx, near, domain_id, [person])
    mirror.note_groups(tx, near, domain_id, crowds)
    if users.find(tx, id) is None:
        raise refusals.unauthorized()
    mirror.note_groups_of(tx, near, id, [mirror.public_id(domain_id, "group", crowd.id) for crowd in crowds])


async def _find_person(near: Near, directory: Directory, domain_id: str, named: Mapping[str, Any]) -> Person | None:
    if named.get("id"):
        known = await near.db.read(public_ids.find, str(named["id"]))
        found = await directory.people(id=known.local_id) if known is not None else []
    else:
        found = await directory.people(name=str(named.get("name") or ""))
    people = mirror.sensible(domain_id, found)
    return people[0] if people and (named.get("id") or named.get("name")) else None


def _nobody(home: Home) -> Person:
    """Somebody whom the directory can be asked about for as long as about anybody else."""
    options, word = home.options, secrets.token_hex(8)
    tree = options.user_tree_dn or f"ou=Users,{options.suffix}"
    return Person(id=word, name=word, dn=f"{options.user_id_attribute}={word},{tree}")


def home_of(tx: Tx, near: Near, id: str) -> Home | None:
    """The directory that a user or group is from."""
    known = public_ids.find(tx, id)
    return directories.find_home(tx, near, known.domain_id) if known is not None else None


def _id_named(tx: Tx, domain_id: str, kind: public_ids.Kind, name: str) -> str:
    row = users.find_named(tx, name, domain_id) if kind == "user" else groups.find_named(tx, name, domain_id)
    return row.id if row is not None else ""


def _chunks(found: Sequence[Any]) -> list[Sequence[Any]]:
    return [found[at : at + _CHUNK] for at in range(0, len(found), _CHUNK)]
