"""A directory that speaks LDAP."""

import asyncio
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import ldap3
from ldap3.core.exceptions import LDAPNoSuchObjectResult
from ldap3.utils.conv import escape_filter_chars

from pileus.drivers.directory.ldap.connections import Connections
from pileus.drivers.directory.ldap.entries import BINARY, Crowds, Entry, People, read, same_dn
from pileus.drivers.directory.protocol import Crowd, DirectoryDown, DirectoryOptions, Person, Snapshot

log = logging.getLogger(__name__)
R = TypeVar("R")
_SCOPES = {"one": ldap3.LEVEL, "sub": ldap3.SUBTREE}
_ALIASES = {
    "never": ldap3.DEREF_NEVER,
    "searching": ldap3.DEREF_SEARCH,
    "finding": ldap3.DEREF_BASE,
    "always": ldap3.DEREF_ALWAYS,
    "default": ldap3.DEREF_NEVER,
}
_DEEPEST = 50
"""Groups in groups are followed so far; circles end by themselves."""


class LdapDirectory:
    """Implements `Directory`. Questions run in a few threads that belong to this directory alone."""

    def __init__(self, options: DirectoryOptions) -> None:
        self._options = options
        self._connections = Connections(options)
        self._people, self._crowds = People(options), Crowds(options)
        self._user_tree = options.user_tree_dn or f"ou=Users,{options.suffix}"
        self._group_tree = options.group_tree_dn or f"ou=UserGroups,{options.suffix}"
        self._threads = ThreadPoolExecutor(min(options.pool_size, 16), thread_name_prefix="directory")
        self._checks = ThreadPoolExecutor(
            min(options.auth_pool_size, 16) if options.use_auth_pool else 4, thread_name_prefix="directory-login"
        )

    async def people(self, *, name: str = "", id: str = "") -> Sequence[Person]:
        return await self._aside(self._find_people, name, id)

    async def groups(self, *, name: str = "", id: str = "") -> Sequence[Crowd]:
        options = self._options
        condition = _condition(options.group_name_attribute, name) + _condition(options.group_id_attribute, id)
        return [crowd for crowd, _ in await self._aside(self._find_groups, condition)]

    async def groups_of(self, person: Person) -> Sequence[Crowd]:
        return await self._aside(self._find_groups_of, person)

    async def snapshot(self) -> Snapshot:
        return await self._aside(self._snapshot)

    async def check(self, person: Person, password: str) -> bool:
        """An empty password is no question: servers take it for an anonymous bind, and say yes."""
        if not password or "\0" in password:
            return False
        return await self._aside(self._connections.fits, person.dn, password, pool=self._checks)

    async def close(self) -> None:
        """Questions under way are still answered; new ones are not."""
        self._threads.shutdown(wait=False)
        self._checks.shutdown(wait=False)
        self._connections.close()

    async def _aside(self, fn: Callable[..., R], *args: Any, pool: ThreadPoolExecutor | None = None) -> R:
        """In a thread; who waits longer for a place than for an answer is told that there is none."""
        try:
            work = asyncio.get_running_loop().run_in_executor(pool or self._threads, fn, *args)
        except RuntimeError:
            raise DirectoryDown("The directory of this domain was changed just now: ask again.") from None
        patience = None if fn == self._snapshot else 3 * self._connections.patience
        try:
            return await asyncio.wait_for(work, patience)
        except TimeoutError:
            raise DirectoryDown("The directory of this domain does not answer in time.") from None

    # --- people -----------------------------------------------------------------------------------------------------

    def _find_people(self, name: str = "", id: str = "") -> list[Person]:
        options = self._options
        condition = _condition(options.user_name_attribute, name) + _condition(options.user_id_attribute, id)
        query = f"(&(objectClass={options.user_objectclass}){_whole(options.user_filter)}{condition})"
        entries = self._search(self._user_tree, query, self._people.attributes)
        among = self._those_enabled() if options.user_enabled_emulation and entries else None
        made = [person for entry in entries if (person := self._people.make(entry, among)) is not None]
        return [p for p in made if (not name or p.name.lower() == name.lower()) and (not id or p.id == id)]

    def _those_enabled(self) -> frozenset[str]:
        """DNs (or ids) in the group whose members are the enabled ones."""
        options = self._options
        dn = options.user_enabled_emulation_dn or f"cn=enabled_users,{self._user_tree}"
        attribute = "member"
        if options.user_enabled_emulation_use_group_config:
            attribute = options.group_member_attribute
        entries = self._search(dn, "(objectClass=*)", [attribute], ldap3.BASE, may_miss=True)
        values = [value for entry in entries for value in entry.get(attribute.lower(), ())]
        return frozenset(values if self._people.members_are_ids else map(same_dn, values))

    # --- groups -----------------------------------------------------------------------------------------------------

    def _find_groups(self, condition: str = "", members: bool = False) -> list[tuple[Crowd, Sequence[str]]]:
        """Groups, and what their entries say of members."""
        options, crowds = self._options, self._crowds
        query = f"(&(objectClass={options.group_objectclass}){_whole(options.group_filter)}{condition})"
        wanted = [*crowds.attributes, crowds.member] if members else crowds.attributes
        entries = self._search(self._group_tree, query, wanted, may_miss=True)
        return [(crowd, e.get(crowds.member, ())) for e in entries if (crowd := crowds.make(e)) is not None]

    def _find_groups_of(self, person: Person) -> list[Crowd]:
        options = self._options
        asked = [person.id if options.group_members_are_ids else person.dn]
        found: dict[str, Crowd] = {}
        for _ in range(_DEEPEST):
            condition = "".join(_condition(options.group_member_attribute, value) for value in asked)
            new = {same_dn(crowd.dn): crowd for crowd, _ in self._find_groups(f"(|{condition})")}
            fresh = {dn: crowd for dn, crowd in new.items() if dn not in found}
            found |= fresh
            asked = [crowd.dn for crowd in fresh.values()]
            if not asked or not options.group_ad_nesting or options.group_members_are_ids:
                break
        return list(found.values())

    def _snapshot(self) -> Snapshot:
        people, groups = self._find_people(), self._find_groups(members=True)
        if self._options.group_members_are_ids:
            ids = {person.id for person in people}
            members = {crowd.id: frozenset(ids.intersection(values)) for crowd, values in groups}
        else:
            members = _resolved(people, groups, self._options.group_ad_nesting)
        return Snapshot(people=people, groups=[crowd for crowd, _ in groups], members=members)

    # --- asking -----------------------------------------------------------------------------------------------------

    def _search(
        self, base: str, query: str, attributes: Sequence[str], scope: str = "", may_miss: bool = False
    ) -> list[Entry]:
        """`may_miss`: a tree that is not there has nothing in it. (People without their tree are a mistake somewhere.)"""
        options = self._options

        def question(connection: ldap3.Connection) -> list[Entry]:
            found: list[Entry] = []
            cookie: bytes | None = None
            while True:
                connection.search(
                    base,
                    query,
                    scope or _SCOPES[options.query_scope],
                    dereference_aliases=_ALIASES[options.alias_dereferencing],
                    attributes=list(attributes),
                    paged_size=options.page_size or None,
                    paged_cookie=cookie,
                )
                found += [read(entry) for entry in connection.response if entry.get("type") == "searchResEntry"]
                control = connection.result.get("controls", {}).get("1.2.840.113556.1.4.319", {})
                cookie = control.get("value", {}).get("cookie") if options.page_size else None
                if not cookie:
                    return found

        def forgiving(connection: ldap3.Connection) -> list[Entry]:
            try:
                return question(connection)
            except LDAPNoSuchObjectResult:
                return []

        if options.debug_level:
            log.info("search below %r for %s", base, query)
        return self._connections.ask(forgiving if may_miss else question)


def _resolved(
    people: Iterable[Person], groups: Sequence[tuple[Crowd, Sequence[str]]], nested: bool
) -> dict[str, frozenset[str]]:
    """Members by DN as ids of people; groups in groups opened up where they count."""
    ids = {same_dn(person.dn): person.id for person in people}
    named = {same_dn(crowd.dn): [same_dn(dn) for dn in dns] for crowd, dns in groups}
    found = {}
    for crowd, _ in groups:
        seen, open_dns = {same_dn(crowd.dn)}, list(named[same_dn(crowd.dn)])
        inside: set[str] = set()
        while open_dns:
            dn = open_dns.pop()
            if dn in ids:
                inside.add(ids[dn])
            elif nested and dn in named and dn not in seen:
                seen.add(dn)
                open_dns += named[dn]
        found[crowd.id] = frozenset(inside)
    return found


def _condition(attribute: str, value: str) -> str:
    if attribute.lower() in BINARY and re.fullmatch("([0-9a-f]{2})+", value):
        octets = "".join(f"\\{octet:02x}" for octet in bytes.fromhex(value))
        return f"({attribute}={octets})"
    return f"({attribute}={escape_filter_chars(value)})" if value else ""


def _whole(given: str | None) -> str:
    """An operator's own filter, in parentheses or not."""
    text = (given or "").strip()
    return text if not text or text.startswith("(") else f"({text})"
