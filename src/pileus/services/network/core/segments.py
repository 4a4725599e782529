"""Where a network lies: its type, physical network and segment number."""

import random
from typing import Any, NamedTuple

from pileus.kernel.db import Tx
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.refusals import bad_input, conflict
from pileus.services.network.db import networks

_TUNNELS = ("vxlan", "geneve", "gre")
_LARGEST = (1 << 24) - 1
_TRIES = 8


class Segment(NamedTuple):
    network_type: str
    physical_network: str
    segmentation_id: int


def choose(tx: Tx, near: Near, want: dict[str, Any]) -> Segment:
    """The segment that a create asks for, or a free one for tenants. Raises `Invalid`, `Conflict`."""
    kind = want.get("network_type")
    physical, number = want.get("physical_network"), want.get("segmentation_id")
    if kind is None:
        if physical is not None or number is not None:
            raise bad_input("network_type required")
        return _tenant(tx, near)
    if kind == "flat":
        return _flat(tx, near, physical, number)
    if kind in _TUNNELS and kind in _offered(near):
        return _tunnel(tx, near, kind, physical, number)
    raise bad_input(f"network_type value '{kind}' not supported")


def mtu_of(near: Near, segment: Segment) -> int:
    """The largest MTU that the segment carries."""
    whole = near.settings.physical_mtu
    return whole - near.hosts.overhead() if segment.network_type in _TUNNELS else whole


def _offered(near: Near) -> set[str]:
    return near.hosts.tenant_types() or {near.settings.tenant_type}


def _tenant(tx: Tx, near: Near) -> Segment:
    offered = _offered(near)
    kind = near.settings.tenant_type if near.settings.tenant_type in offered else sorted(offered)[0]
    return Segment(kind, "", _free(tx, near, kind))


def _flat(tx: Tx, near: Near, physical: str | None, number: int | None) -> Segment:
    if not physical:
        raise bad_input("physical_network required for flat provider network")
    if physical not in near.hosts.physical_networks() | set(near.settings.flat_networks):
        raise bad_input(f"physical_network '{physical}' unknown for flat provider network")
    if number is not None:
        raise bad_input("segmentation_id prohibited for flat provider network")
    if _taken(tx, "flat", physical, [0]):
        raise conflict("FlatNetworkInUse", f"Unable to create the flat network. Physical network {physical} is in use.")
    return Segment("flat", physical, 0)


def _tunnel(tx: Tx, near: Near, kind: str, physical: str | None, number: int | None) -> Segment:
    if physical:
        raise bad_input(f"provider:physical_network specified for {kind} network")
    if number is None:
        return Segment(kind, "", _free(tx, near, kind))
    if not 1 <= number <= _LARGEST:
        raise bad_input(f"segmentation_id out of range (1 through {_LARGEST})")
    if _taken(tx, kind, "", [number]):
        raise conflict("TunnelIdInUse", f"Unable to create the network. The tunnel ID {number} is in use.")
    return Segment(kind, "", number)


def _taken(tx: Tx, kind: str, physical: str, numbers: list[int]) -> set[int]:
    rows = tx.rows(networks.SEGMENTS_TAKEN, network_type=kind, physical_network=physical, segments=numbers)
    return {n for (n,) in rows}


def _free(tx: Tx, near: Near, kind: str) -> int:
    """A free segment number: some random ones at once, then the first gap."""
    first, last = near.settings.vni_first, near.settings.vni_last
    some = sorted({random.randint(first, last) for _ in range(_TRIES)})  # noqa: S311 - spread, not secrecy
    free = set(some) - _taken(tx, kind, "", some)
    if free:
        return min(free)
    if not _taken(tx, kind, "", [first]):
        return first
    gap = tx.row(networks.SEGMENT_GAP, network_type=kind, physical_network="", first=first, last=last)
    if gap is None or gap[0] is None:
        raise conflict(
            "NoNetworkAvailable", "Unable to create the network. No tenant network is available for allocation."
        )
    return int(gap[0])
