"""`/allocation_candidates`: who could give all of that?"""

import re
from collections.abc import Iterator
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Operation, Request
from pileus.kernel.types import Invalid, Version
from pileus.services.placement.api import queries
from pileus.services.placement.api.answers import answer
from pileus.services.placement.core import candidates
from pileus.services.placement.core.candidates import Offer, Offers
from pileus.services.placement.core.refusals import BAD_VALUE, DUPLICATE_KEY, MISSING_VALUE, bad_query
from pileus.services.placement.core.wishes import Group, Question

_GROUPED = ("resources", "required", "member_of", "in_tree")
_SINCE = {
    "resources": (1, 10), "limit": (1, 16), "required": (1, 17), "member_of": (1, 21), "group_policy": (1, 25),
    "in_tree": (1, 31), "root_required": (1, 35), "same_subtree": (1, 36),
}  # fmt: skip
_NUMBER, _WORD = re.compile("[1-9][0-9]*"), re.compile("[a-zA-Z0-9_-]{1,64}")


def _question(request: Request) -> Question:
    query, version = request.query, request.version
    suffixes = _suffixes(request)
    if version < (1, 25) and not query.has("resources"):
        raise bad_query("'resources' is a required property")
    groups = [queries.group(query, version, suffix) for suffix in suffixes]
    same_subtree = tuple(_subtrees(request, suffixes))
    _check_groups(groups, same_subtree, version)
    policy = query.one("group_policy")
    if policy not in (None, "none", "isolate"):
        raise bad_query(f"{policy!r} is not one of ['none', 'isolate']")
    if policy is None and sum(1 for g in groups if g.suffix) > 1:
        raise Invalid(
            'The "group_policy" parameter is required when specifying more than one "resources{N}" parameter.'
        )
    required, forbidden = _root_traits(request)
    return Question(
        groups=tuple(groups), isolate=policy == "isolate", root_required=required, root_forbidden=forbidden,
        same_subtree=same_subtree, limit=_limit(query.one("limit")), nested=version >= (1, 29),
    )  # fmt: skip


def _suffixes(request: Request) -> list[str]:
    """Suffixes of the groups that are asked for, the one without first. Raises `Invalid` for unknown parameters."""
    found: dict[str, None] = {}
    for name in request.query.names():
        kind = next((k for k in _GROUPED if name.startswith(k)), name)
        suffix = name.removeprefix(kind)
        since = _SINCE.get(kind)
        if since is None or request.version < since or not _is_suffix(suffix, request.version):
            raise bad_query(f"Additional properties are not allowed ({name!r} was unexpected)")
        if kind in _GROUPED:
            found[suffix] = None
    return sorted(found)


def _is_suffix(suffix: str, version: Version) -> bool:
    if not suffix:
        return True
    if version >= (1, 33):
        return _WORD.fullmatch(suffix) is not None
    return version >= (1, 25) and _NUMBER.fullmatch(suffix) is not None


def _check_groups(groups: list[Group], same_subtree: tuple[frozenset[str], ...], version: Version) -> None:
    """Every group asks for resources, or is told where to stand by `same_subtree` (from 1.36 on)."""
    if not any(group.resources for group in groups):
        raise Invalid("There must be at least one resources or resources[$S] parameter.", details=MISSING_VALUE)
    tied = frozenset(suffix for suffixes in same_subtree for suffix in suffixes)
    loose = [group for group in groups if not group.resources and group.suffix not in tied]
    if not loose:
        return
    bad = [group.suffix for group in loose if group.suffix]
    if version >= (1, 36) and bad:
        raise Invalid(
            "Resourceless suffixed group request should be specified in `same_subtree` query param: "
            f"bad group(s) - {bad}.",
            details=BAD_VALUE,
        )
    orphans = ", ".join(f"required{g.suffix}" for g in loose if g.required or g.forbidden)
    if orphans:
        raise Invalid(
            f"All traits parameters must be associated with resources.  Found the following orphaned traits keys: {orphans}",
            details=BAD_VALUE,
        )
    orphans = ", ".join(f"member_of{g.suffix}" for g in loose if g.member_of or g.not_member_of)
    if orphans:
        raise Invalid(
            "All member_of parameters must be associated with resources. "
            f"Found the following orphaned member_of keys: {orphans}",
            details=BAD_VALUE,
        )
    raise Invalid("All request groups must specify resources.", details=BAD_VALUE)


def _subtrees(request: Request, suffixes: list[str]) -> Iterator[frozenset[str]]:
    for value in request.query.all("same_subtree"):
        wanted = value.split(",")
        if not all(wanted):
            raise Invalid("Empty string (unsuffixed group) can not be specified in `same_subtree` ", details=BAD_VALUE)
        missing = sorted(set(wanted) - set(suffixes))
        if missing:
            raise Invalid(
                f"Real suffixes should be specified in `same_subtree`: {missing} not found in "
                f"{[s for s in suffixes if s]}.",
                details=BAD_VALUE,
            )
        yield frozenset(wanted)


def _root_traits(request: Request) -> tuple[frozenset[str], frozenset[str]]:
    values = request.query.all("root_required")
    if not values:
        return frozenset(), frozenset()
    if len(values) > 1:
        raise Invalid("Query parameter 'root_required' may be specified only once.", details=DUPLICATE_KEY)
    return queries.plain_traits(values[0], request.version)


def _limit(value: str | None) -> int | None:
    if value is None:
        return None
    if not _NUMBER.fullmatch(value) or len(value) > 18:
        raise bad_query(f"{value!r} does not match '^[1-9][0-9]*$'")
    return int(value)


def _list(tx: Tx, request: Request) -> Answer:
    question = _question(request)
    found = candidates.ask(tx, question)
    asked = {name for group in question.groups for name in group.resources}
    body = {
        "allocation_requests": [_request(request, offer) for offer in found.offers],
        "provider_summaries": _summaries(request, found, asked),
    }
    return answer(request, body, at=tx.now)


def _request(request: Request, offer: Offer) -> dict[str, Any]:
    by_provider: dict[str, dict[str, int]] = {}
    for (provider_id, name), amount in offer.amounts.items():
        by_provider.setdefault(provider_id, {})[name] = amount
    if request.version < (1, 12):
        listed = [{"resource_provider": {"uuid": i}, "resources": amounts} for i, amounts in by_provider.items()]
        return {"allocations": listed}
    view: dict[str, Any] = {"allocations": {i: {"resources": amounts} for i, amounts in by_provider.items()}}
    if request.version >= (1, 34):
        view["mappings"] = {suffix: list(ids) for suffix, ids in offer.mappings.items()}
    return view


def _summaries(request: Request, found: Offers, asked: set[str]) -> dict[str, Any]:
    """Every provider of the trees from 1.29 on, with all classes from 1.27 on."""
    version = request.version
    used = {provider_id for offer in found.offers for provider_id, _ in offer.amounts}
    summaries = {}
    for provider_id, node in found.nodes.items():
        if version < (1, 29) and provider_id not in used:
            continue
        view: dict[str, Any] = {
            "resources": {
                name: {"capacity": stock.capacity, "used": stock.used}
                for name, stock in node.stock.items()
                if version >= (1, 27) or name in asked
            }
        }
        if version >= (1, 17):
            view["traits"] = sorted(node.traits)
        if version >= (1, 29):
            view |= {"parent_provider_uuid": node.row.parent_id, "root_provider_uuid": node.row.root_id}
        summaries[provider_id] = view
    return summaries


OPERATIONS = [
    Operation(
        method="GET", path="/allocation_candidates", decide=_list, rule="placement:allocation_candidates:list",
        since="1.10", summary="List allocation candidates",
    ),
]  # fmt: skip
