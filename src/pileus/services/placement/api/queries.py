"""Query strings of Placement: resources, traits, aggregates and trees, in the forms of each version."""

import re
from collections.abc import Sequence

from pileus.kernel.rest import UUID, Query, Request, Versioned, array, obj, text
from pileus.kernel.types import Invalid, Version, is_uuid
from pileus.services.placement.api.schemas import QUERY_TEXT
from pileus.services.placement.core.refusals import BAD_VALUE, bad_query
from pileus.services.placement.core.wishes import Group, ProvidersWish, Traits

_FORM = "Badly formed resources parameter. Expected resources query string parameter in form: ?resources=VCPU:2,MEMORY_MB:1024. Got: "
_IN_FORM = "in:HW_CPU_X86_VMX,CUSTOM_MAGIC"
_NAME = re.compile("[A-Z0-9_]+")

_ID = array(UUID, minimum=1)
_FIRST = {"name": QUERY_TEXT, "uuid": _ID}
PROVIDERS: Versioned = {
    "1.0": obj(_FIRST),
    "1.3": obj({**_FIRST, "member_of": QUERY_TEXT}),
    "1.4": obj({**_FIRST, "member_of": QUERY_TEXT, "resources": QUERY_TEXT}),
    "1.14": obj({**_FIRST, "member_of": QUERY_TEXT, "resources": QUERY_TEXT, "in_tree": _ID}),
    "1.18": obj(
        {**_FIRST, "member_of": QUERY_TEXT, "resources": QUERY_TEXT, "in_tree": _ID, "required": array(text())}
    ),
}


def providers_wish(request: Request) -> ProvidersWish:
    """What a list of providers is filtered by."""
    query = request.query
    return ProvidersWish(name=query.one("name"), id=query.one("uuid"), group=group(query, request.version, ""))


def group(query: Query, version: Version, suffix: str) -> Group:
    """One group of parameters: `resources2`, `required2`, …"""
    amounts = query.one(f"resources{suffix}")
    wanted, unwanted = _traits(query.all(f"required{suffix}"), f"required{suffix}", version)
    member_of, not_member_of = _aggregates(query.all(f"member_of{suffix}"), suffix, version)
    in_tree = query.one(f"in_tree{suffix}", "") or ""
    if query.has(f"in_tree{suffix}") and not is_uuid(in_tree):
        raise bad_query(f"Expected 'in_tree' parameter to be a format of uuid. Got: {in_tree}")
    return Group(
        suffix=suffix, resources=_resources(amounts) if amounts is not None else {}, required=wanted,
        forbidden=unwanted, member_of=member_of, not_member_of=not_member_of, in_tree=in_tree,
    )  # fmt: skip


def _resources(value: str) -> dict[str, int]:
    if not value.strip():
        raise Invalid(_FORM + "empty string.")
    found: dict[str, int] = {}
    for part in value.split(","):
        name, colon, amount = part.partition(":")
        if not colon or ":" in amount:
            raise Invalid(f"{_FORM}{part}.")
        try:
            number = int(amount)
        except ValueError:
            raise Invalid(f"Requested resource {name} expected positive integer amount. Got: {amount}.") from None
        if number < 1:
            raise Invalid(f"Requested resource {name} requires amount >= 1. Got: {number}.")
        if number > 2**63 - 1:
            raise Invalid(f"Requested resource {name}: amount {number} is too large.")
        found[name] = number
    return found


def _traits(values: Sequence[str], name: str, version: Version) -> tuple[Traits, frozenset[str]]:
    """(required sets, forbidden). Before 1.39 the last value alone counts."""
    if not values:
        return (), frozenset()
    wanted: list[frozenset[str]] = []
    unwanted: set[str] = set()
    for value in values if version >= (1, 39) else values[-1:]:
        if value.startswith("in:"):
            wanted.append(_any_of(value, version))
            continue
        for trait in value.split(","):
            if trait.startswith("!") and version >= (1, 22):
                unwanted.add(_trait(trait[1:], value, version))
            else:
                wanted.append(frozenset({_trait(trait, value, version)}))
    both = sorted(unwanted & {t for group in wanted if len(group) == 1 for t in group})
    if both:
        raise Invalid(
            f"Conflicting required and forbidden traits found in the following traits keys: {name}: ({', '.join(both)})",
            details=BAD_VALUE,
        )
    return tuple(dict.fromkeys(wanted)), frozenset(unwanted)


def plain_traits(value: str, version: Version) -> tuple[frozenset[str], frozenset[str]]:
    """(required, forbidden) of `root_required`, which takes no choices."""
    if value.startswith("in:"):
        raise bad_query(f"The format '{_IN_FORM}' is not supported by 'root_required'. Got: {value}")
    names = value.split(",")
    wanted = frozenset(_trait(name, value, version) for name in names if not name.startswith("!"))
    unwanted = frozenset(_trait(name[1:], value, version) for name in names if name.startswith("!"))
    if wanted & unwanted:
        both = ", ".join(sorted(wanted & unwanted))
        raise Invalid(f"Conflicting required and forbidden traits found in root_required: {both}", details=BAD_VALUE)
    return wanted, unwanted


def _any_of(value: str, version: Version) -> frozenset[str]:
    if version < (1, 39):
        raise bad_query(f"The format '{_IN_FORM}' only supported since microversion 1.39. Got: {value}")
    names = value.removeprefix("in:").split(",")
    if any(name.startswith("!") for name in names):
        raise bad_query(f"The format '{_IN_FORM}' does not support forbidden traits. Got: {value}")
    if not all(names):
        raise bad_query(f"Expected 'required' parameter value of the form: {_IN_FORM}. Got an empty trait in: {value}")
    return frozenset(names)


def _trait(name: str, value: str, version: Version) -> str:
    if not _NAME.fullmatch(name):
        form = "HW_CPU_X86_VMX,!CUSTOM_MAGIC" if version >= (1, 22) else "HW_CPU_X86_VMX,CUSTOM_MAGIC"
        got = "Got an empty trait in" if not name else "Got"
        raise bad_query(f"Expected 'required' parameter value of the form: {form}. {got}: {value}")
    return name


def _aggregates(
    values: Sequence[str], suffix: str, version: Version
) -> tuple[tuple[frozenset[str], ...], frozenset[str]]:
    """(sets of which one each, forbidden ones)."""
    if len(values) > 1 and version < (1, 24):
        raise Invalid(f"Multiple member_of{suffix} parameters are not supported")
    wanted: list[frozenset[str]] = []
    unwanted: set[str] = set()
    for value in values:
        forbidden = value.startswith("!")
        if forbidden and version < (1, 32):
            raise Invalid(f"Forbidden member_of{suffix} parameters are not supported in the specified microversion")
        names = _uuids(value.removeprefix("!"), value)
        if forbidden:
            unwanted |= names
        else:
            wanted.append(names)
    return tuple(wanted), frozenset(unwanted)


def _uuids(value: str, whole: str) -> frozenset[str]:
    several = value.startswith("in:")
    names = value.removeprefix("in:").split(",")
    if len(names) > 1 and not several:
        raise Invalid(
            "Multiple values for 'member_of' must be prefixed with the 'in:' or '!in:' keyword using the valid "
            f"microversion. Got: {whole}"
        )
    if not all(is_uuid(name) for name in names):
        raise bad_query(f"Expected 'member_of' parameter to contain valid UUID(s). Got: {whole}")
    return frozenset(names)
