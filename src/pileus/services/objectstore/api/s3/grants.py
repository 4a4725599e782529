"""Access control lists as S3 has them: who may do what, by canned name, by header or by XML.

A project's account owns its buckets and all objects in them. A list is kept as text: `READ=group:all WRITE=id:AUTH_x`.
"""

from collections.abc import Mapping
from xml.etree.ElementTree import Element

from msgspec import Struct

from pileus.services.objectstore.api.s3 import xml
from pileus.services.objectstore.api.s3.faults import fault

KEPT = "grants"
"""In a container's or an object's `system`."""
ALL, AUTHENTICATED = "group:all", "group:authenticated"
_GROUPS = {
    "http://acs.amazonaws.com/groups/global/AllUsers": ALL,
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers": AUTHENTICATED,
}
_URIS = {group: uri for uri, group in _GROUPS.items()}
FULL = "FULL_CONTROL"
RIGHTS = ("READ", "WRITE", "READ_ACP", "WRITE_ACP", FULL)
_CANNED: Mapping[str, tuple[tuple[str, str], ...]] = {
    "private": (),
    "public-read": (("READ", ALL),),
    "public-read-write": (("READ", ALL), ("WRITE", ALL)),
    "authenticated-read": (("READ", AUTHENTICATED),),
    "bucket-owner-read": (),
    "bucket-owner-full-control": (),
}
_HEADERS = {
    "x-amz-grant-read": "READ",
    "x-amz-grant-write": "WRITE",
    "x-amz-grant-read-acp": "READ_ACP",
    "x-amz-grant-write-acp": "WRITE_ACP",
    "x-amz-grant-full-control": FULL,
}
_MOST = 100


System = Mapping[str, str]
"""What a face keeps of a container or an object."""


class Grant(Struct, frozen=True):
    """`who`: `id:<account>`, or one of the groups."""

    right: str
    who: str

    @property
    def public(self) -> bool:
        return self.who in (ALL, AUTHENTICATED)


def kept(grants: list[Grant]) -> str:
    return " ".join(dict.fromkeys(f"{grant.right}={grant.who}" for grant in grants))


def read(system: Mapping[str, str]) -> list[Grant]:
    """The list of a bucket or an object, without the owner's own grant."""
    found = (word.partition("=") for word in system.get(KEPT, "").split())
    return [Grant(right, who) for right, _, who in found]


def allows(system: System, right: str, account: str, known: bool, *, public: bool = True) -> bool:
    """Whether the list gives a right to a caller of that account (empty: none); `known`: somebody signed.

    `public` False: what it gives to everybody is not heard.
    """
    text = system.get(KEPT)
    if not text:
        return False
    mine = {f"id:{account}"} if account else set()
    if public:
        mine |= {ALL, AUTHENTICATED} if known else {ALL}
    return any(grant.right in (right, FULL) and grant.who in mine for grant in read(system))


def of_headers(headers: Mapping[str, str]) -> list[Grant] | None:
    """What headers ask for; None: nothing is said. Raises `InvalidArgument`."""
    canned = headers.get("x-amz-acl")
    named = [(header, right) for header, right in _HEADERS.items() if header in headers]
    if canned is not None and named:
        raise fault("InvalidRequest", "Specifying both Canned ACLs and Header Grants is not allowed")
    if canned is not None:
        if canned not in _CANNED:
            raise fault("InvalidArgument", ArgumentName="x-amz-acl", ArgumentValue=canned)
        return [Grant(right, who) for right, who in _CANNED[canned]]
    if not named:
        return None
    return [Grant(right, _named(word)) for header, right in named for word in headers[header].split(",")]


def _named(word: str) -> str:
    kind, _, value = word.strip().partition("=")
    value = value.strip().strip('"')
    if kind == "id" and value and not set(value) & set(" =\t"):
        return f"id:{value}"
    if kind == "uri" and value in _GROUPS:
        return _GROUPS[value]
    if kind == "emailAddress":
        raise fault("UnresolvableGrantByEmailAddress")
    raise fault("InvalidArgument", f"Argument format not recognized: {word.strip()}")


def of_document(root: Element) -> list[Grant]:
    """Of an `AccessControlPolicy`. Raises `MalformedACLError`."""
    found = [_grant(one) for one in root.findall("AccessControlList/Grant")]
    if root.find("AccessControlList") is None or len(found) > _MOST:
        raise fault("MalformedACLError")
    return found


def _grant(one: Element) -> Grant:
    right, who = xml.text_of(one, "Permission"), one.find("Grantee")
    if right not in RIGHTS or who is None:
        raise fault("MalformedACLError")
    if who.find("EmailAddress") is not None:
        raise fault("UnresolvableGrantByEmailAddress")
    uri = xml.text_of(who, "URI")
    if uri:
        if uri not in _GROUPS:
            raise fault("InvalidArgument", "Invalid group uri")
        return Grant(right, _GROUPS[uri])
    return Grant(right, _named(f"id={xml.text_of(who, 'ID')}"))


def without_owner(grants: list[Grant], owner: str) -> list[Grant]:
    """The owner has all rights in any case."""
    return [grant for grant in grants if grant.who != f"id:{owner}"]


def shown(owner: str, grants: list[Grant]) -> list[xml.Node]:
    """As `AccessControlPolicy` has it: groups, the owner, others."""
    groups = [one for one in grants if one.who in _URIS]
    every = [*groups, Grant(FULL, f"id:{owner}"), *(one for one in grants if one.who not in _URIS)]
    return [
        ("Owner", [("ID", owner), ("DisplayName", owner)]),
        ("AccessControlList", [("Grant", [_grantee(one.who), ("Permission", one.right)]) for one in every]),
    ]


def _grantee(who: str) -> xml.Node:
    if who in _URIS:
        return xml.typed("Grantee", "Group"), [("URI", _URIS[who])]
    name = who.removeprefix("id:")
    return xml.typed("Grantee", "CanonicalUser"), [("ID", name), ("DisplayName", name)]
