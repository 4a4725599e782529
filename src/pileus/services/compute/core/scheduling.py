"""Which host gets a server: candidates of placement, filters, weighers."""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from pileus.contracts.image import ImageInfo
from pileus.contracts.placement import Candidate, Candidates
from pileus.kernel.db import Tx
from pileus.kernel.types import whole_number
from pileus.services.compute.core.hosts import is_up
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.db import groups, hosts, servers
from pileus.services.compute.db.flavors import FlavorRow
from pileus.services.compute.db.hosts import HostRow

CLOSED = "COMPUTE_STATUS_DISABLED"
"""The trait of hosts that take no servers: those are not even candidates, however many there are."""


class Wish(Struct, frozen=True, kw_only=True):
    """What a server needs of its host."""

    resources: dict[str, int]
    required: frozenset[str] = frozenset()
    forbidden: frozenset[str] = frozenset()
    zone: str = ""
    host: str = ""
    """Only this host, without filters (an administrator said so)."""
    node: str = ""
    only_host: str = ""
    """Only this host, but it must pass the filters."""
    same_host: tuple[str, ...] = ()
    different_host: tuple[str, ...] = ()
    group_id: str = ""
    group_policy: str = ""
    group_most: int = 1
    """Servers of an anti-affine group that one host may have."""
    architecture: str = ""
    hypervisor_type: str = ""


class Choice(Struct, frozen=True):
    host: HostRow
    resources: dict[str, int]


class NoHost(Exception):
    """Nobody can take it. `verdicts` counts the hosts that each filter turned away."""

    def __init__(self, verdicts: Mapping[str, int]) -> None:
        super().__init__("No valid host was found. There are not enough hosts available.")
        self.verdicts = dict(verdicts)


def resources_of(flavor: FlavorRow) -> dict[str, int]:
    """Resource classes that a flavor takes; `resources:CLASS=n` in its extra specs overrides, 0 leaves a class out."""
    disk = flavor.disk + flavor.ephemeral + -(-flavor.swap // 1024)
    wanted = {"VCPU": flavor.vcpus, "MEMORY_MB": flavor.ram, "DISK_GB": disk}
    for key, value in flavor.extra_specs.items():
        if key.startswith("resources:") and (amount := whole_number(value, 2**31 - 1)) is not None:
            wanted[key.removeprefix("resources:")] = amount
    return {name: amount for name, amount in wanted.items() if amount > 0}


def traits_of(flavor: FlavorRow, image: ImageInfo | None) -> tuple[frozenset[str], frozenset[str]]:
    """(required, forbidden) traits of flavor and image: `trait:NAME=required|forbidden`."""
    specs = [*flavor.extra_specs.items(), *(image.properties.items() if image else ())]
    required = {k.removeprefix("trait:") for k, v in specs if k.startswith("trait:") and v == "required"}
    forbidden = {k.removeprefix("trait:") for k, v in specs if k.startswith("trait:") and v == "forbidden"}
    return frozenset(required), frozenset(forbidden)


def choose(tx: Tx, near: Neighbours, wish: Wish) -> Choice:
    """One host for one server. Raises `NoHost`."""
    asked = Candidates(
        resources=wish.resources,
        required=wish.required,
        forbidden=wish.forbidden | {CLOSED},
        limit=near.settings.max_candidates,
    )
    mates = _mates(tx, wish)
    narrowed = _named_host(tx, wish, mates)
    if narrowed is not None:
        asked = Candidates(
            resources=wish.resources,
            required=wish.required,
            forbidden=wish.forbidden | {CLOSED},
            in_tree=narrowed,
            limit=1,
        )
    candidates = near.placement.candidates(tx, asked)
    rows = hosts.by_ids(tx, [c.provider_id for c in candidates])
    verdicts: dict[str, int] = {}
    left = [c for c in candidates if c.provider_id in rows]
    if not left:
        verdicts["Placement"] = 0
    peers = _peers(tx, wish, mates)
    for name, keep in _FILTERS:
        if wish.host and name != "ComputeFilter":
            continue
        kept = [c for c in left if keep(near, rows[c.provider_id], wish, peers)]
        if len(kept) < len(left):
            verdicts[name] = len(left) - len(kept)
        left = kept
    if not left:
        raise NoHost(verdicts)
    best = _weighed(_drawn(wish, mates, rows, left))
    return Choice(rows[best.provider_id], wish.resources)


def _mates(tx: Tx, wish: Wish) -> Counter[str]:
    """How many servers of the wish's group each host has."""
    members = groups.members_of(tx, [wish.group_id])[wish.group_id] if wish.group_id else []
    return Counter(servers.hosts_of(tx, members))


def _drawn(
    wish: Wish, mates: Counter[str], rows: Mapping[str, HostRow], candidates: Sequence[Candidate]
) -> Sequence[Candidate]:
    """Of the candidates those that a soft policy prefers: with most, or with fewest servers of the group."""
    if not wish.group_policy.startswith("soft-"):
        return candidates
    counts = [mates[rows[c.provider_id].host] for c in candidates]
    best = max(counts) if wish.group_policy == "soft-affinity" else min(counts)
    return [c for c, count in zip(candidates, counts, strict=True) if count == best]


def _named_host(tx: Tx, wish: Wish, mates: Counter[str]) -> str | None:
    """The provider id of the one host that was named, or where the group is; an unknown name matches nothing."""
    name = wish.host or wish.only_host
    if not name and wish.group_policy == "affinity" and len(mates) == 1:
        name = next(iter(mates))
    if name:
        row = hosts.by_host(tx, name)
        return row.id if row is not None else "none"
    return None


Peers = Mapping[str, frozenset[str]]
Keep = Callable[[Neighbours, HostRow, Wish, Peers], bool]


def _peers(tx: Tx, wish: Wish, mates: Counter[str]) -> Peers:
    """Hosts of the servers that the hints name, and of the group's."""
    full = frozenset(host for host, count in mates.items() if count >= wish.group_most)
    found: dict[str, frozenset[str]] = {"group": frozenset(mates), "full": full}
    for kind, ids in (("same", wish.same_host), ("different", wish.different_host)):
        rows = [servers.find(tx, i) for i in ids]
        found[kind] = frozenset(row.host for row in rows if row is not None and row.host)
    return found


def _compute(near: Neighbours, host: HostRow, wish: Wish, peers: Peers) -> bool:
    return not host.disabled and is_up(near, host)


def _zone(near: Neighbours, host: HostRow, wish: Wish, peers: Peers) -> bool:
    return not wish.zone or host.zone == wish.zone


def _node(near: Neighbours, host: HostRow, wish: Wish, peers: Peers) -> bool:
    return not wish.node or host.hypervisor_hostname == wish.node


def _same(near: Neighbours, host: HostRow, wish: Wish, peers: Peers) -> bool:
    return not wish.same_host or host.host in peers["same"]


def _different(near: Neighbours, host: HostRow, wish: Wish, peers: Peers) -> bool:
    return host.host not in peers["different"]


def _together(near: Neighbours, host: HostRow, wish: Wish, peers: Peers) -> bool:
    return wish.group_policy != "affinity" or not peers["group"] or host.host in peers["group"]


def _apart(near: Neighbours, host: HostRow, wish: Wish, peers: Peers) -> bool:
    return wish.group_policy != "anti-affinity" or host.host not in peers["full"]


def _image(near: Neighbours, host: HostRow, wish: Wish, peers: Peers) -> bool:
    arch = str(host.cpu_info.get("arch", ""))
    if wish.architecture and arch and wish.architecture != arch:
        return False
    kind = wish.hypervisor_type.lower()
    return (
        not kind
        or kind == host.hypervisor_type.lower()
        or (kind in ("qemu", "kvm") and host.hypervisor_type.lower() in ("qemu", "kvm"))
    )


_FILTERS: Sequence[tuple[str, Keep]] = (
    ("ComputeFilter", _compute),
    ("AvailabilityZoneFilter", _zone),
    ("NodeFilter", _node),
    ("SameHostFilter", _same),
    ("DifferentHostFilter", _different),
    ("ServerGroupAffinityFilter", _together),
    ("ServerGroupAntiAffinityFilter", _apart),
    ("ImagePropertiesFilter", _image),
)


def _weighed(candidates: Sequence[Candidate]) -> Candidate:
    """The candidate with most room: free memory, CPUs and disk, each normalised over all candidates, summed."""
    scores = [0.0] * len(candidates)
    for resource in ("MEMORY_MB", "VCPU", "DISK_GB"):
        free = [c.free.get(resource, 0) for c in candidates]
        low, high = min(free), max(free)
        if high > low:
            scores = [score + (f - low) / (high - low) for score, f in zip(scores, free, strict=True)]
    top = max(scores)
    return random.choice([c for c, score in zip(candidates, scores, strict=True) if score == top])  # noqa: S311


def describe(problem: NoHost) -> dict[str, Any]:
    return {"filters": problem.verdicts}
