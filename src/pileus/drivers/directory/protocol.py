"""What a directory owes the cloud. Contract: `tests/drivers/test_directory.py`, tests named after the rules.

A directory is only read. Its people and groups have a *local* id there (whatever an administrator chose); the cloud gives them
ids of its own.

D1  No call blocks the event loop; none lasts longer than the options say, whatever the server does.
D2  A server that does not answer, or not as one should, is `DirectoryDown`; what cannot be asked for is `DirectoryRefused`.
D3  Who lacks an id or a name is left out of every answer. Conditions are exact, without regard to case where the directory
    has none; what was given is data, never part of a query's language.
D4  `check` is True only for a password that is not empty and that the directory itself took for that person.
D5  `snapshot` and `groups_of` see the same memberships, nested ones too where the options say so.
D6  Passwords, the directory's own and people's, appear in no message and no log.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Protocol

from msgspec import Meta, Struct

from pileus.kernel.types import Unavailable


class DirectoryDown(Unavailable):
    """The server does not answer. The message is for clients: it names no address."""


class DirectoryRefused(Unavailable):
    """The server answers, but not to this: wrong credentials, a tree that is not there, options that contradict."""


class DirectoryOptions(Struct, frozen=True, kw_only=True):
    """Keystone's `[ldap]`: names, defaults and meanings."""

    url: str = "ldap://localhost"
    """One or several, with commas between; tried in order."""
    randomize_urls: bool = False
    user: str | None = None
    """DN to look around as; None: anonymously."""
    password: str | None = None
    suffix: str = "cn=example,cn=com"
    query_scope: Literal["one", "sub"] = "one"
    page_size: Annotated[int, Meta(ge=0)] = 0
    """Entries of one page of a long answer; 0: no pages."""
    alias_dereferencing: Literal["never", "searching", "always", "finding", "default"] = "default"
    debug_level: Annotated[int, Meta(ge=-1)] | None = None
    """Not 0: the talk with the server goes to the log, without passwords."""
    chase_referrals: bool | None = None
    user_tree_dn: str | None = None
    user_filter: str | None = None
    user_objectclass: str = "inetOrgPerson"
    user_id_attribute: str = "cn"
    user_name_attribute: str = "sn"
    user_mail_attribute: str = "mail"
    user_description_attribute: str = "description"
    user_pass_attribute: str = "userPassword"  # noqa: S105
    """Never read, whatever the mappings say."""
    user_enabled_attribute: str = "enabled"
    user_enabled_invert: bool = False
    user_enabled_mask: Annotated[int, Meta(ge=0)] = 0
    """Not 0: the bit of the attribute that says *disabled* (2 in Active Directory's userAccountControl)."""
    user_enabled_default: str = "True"
    """What the attribute is taken for where it is missing; with a mask, a number."""
    user_attribute_ignore: tuple[str, ...] = ("default_project_id",)
    user_default_project_id_attribute: str | None = None
    user_enabled_emulation: bool = False
    """Who is in a certain group is enabled, nobody else."""
    user_enabled_emulation_dn: str | None = None
    user_enabled_emulation_use_group_config: bool = False
    user_additional_attribute_mapping: tuple[str, ...] = ()
    """`ldap_attribute:user_attribute` each."""
    group_tree_dn: str | None = None
    group_filter: str | None = None
    group_objectclass: str = "groupOfNames"
    group_id_attribute: str = "cn"
    group_name_attribute: str = "ou"
    group_members_are_ids: bool = False
    """Members are named by id (posixGroup), not by DN."""
    group_member_attribute: str = "member"
    group_desc_attribute: str = "description"
    group_attribute_ignore: tuple[str, ...] = ()
    group_additional_attribute_mapping: tuple[str, ...] = ()
    group_ad_nesting: bool = False
    """Groups in groups count, as Active Directory resolves them."""
    tls_cacertfile: str | None = None
    tls_cacertdir: str | None = None
    use_tls: bool = False
    """StartTLS on `ldap://`."""
    tls_req_cert: Literal["demand", "never", "allow"] = "demand"
    connection_timeout: Annotated[int, Meta(ge=-1)] = -1
    """Seconds for connecting, and for an answer; -1: five."""
    use_pool: bool = True
    pool_size: Annotated[int, Meta(ge=1)] = 10
    pool_retry_max: Annotated[int, Meta(ge=1)] = 3
    pool_retry_delay: Annotated[float, Meta(ge=0)] = 0.1
    pool_connection_timeout: Annotated[int, Meta(ge=-1)] = -1
    pool_connection_lifetime: Annotated[int, Meta(ge=1)] = 600
    use_auth_pool: bool = True
    auth_pool_size: Annotated[int, Meta(ge=1)] = 100
    auth_pool_connection_lifetime: Annotated[int, Meta(ge=1)] = 60


class Person(Struct, frozen=True, kw_only=True):
    """Somebody in a directory. `id` is the local one, `dn` where the entry is."""

    id: str
    name: str
    dn: str
    enabled: bool = True
    email: str | None = None
    description: str | None = None
    default_project_id: str | None = None
    more: dict[str, Any] = {}


class Crowd(Struct, frozen=True, kw_only=True):
    """A group in a directory."""

    id: str
    name: str
    dn: str
    description: str | None = None
    more: dict[str, Any] = {}


class Snapshot(Struct, frozen=True, kw_only=True):
    """All of a directory at one time. `members`: local ids of people by the local id of a group."""

    people: Sequence[Person]
    groups: Sequence[Crowd]
    members: Mapping[str, frozenset[str]]


class Directory(Protocol):
    async def people(self, *, name: str = "", id: str = "") -> Sequence[Person]:
        """Those of that name or id; all without either."""
        ...

    async def groups(self, *, name: str = "", id: str = "") -> Sequence[Crowd]: ...

    async def groups_of(self, person: Person) -> Sequence[Crowd]: ...

    async def snapshot(self) -> Snapshot: ...

    async def check(self, person: Person, password: str) -> bool:
        """Whether that is the person's password; for somebody made up it takes as long."""
        ...

    async def close(self) -> None: ...
