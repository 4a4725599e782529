"""A router's address translation in nft's words: pure functions.

prerouting  marks   what comes from outside carries mark 2
prerouting  inward  floating -> fixed
postrouting outward fixed -> floating, the rest -> gateway address; also for guests that speak to a floating address of
                    their own router, whose peer would otherwise answer them directly and be ignored (hairpin)
input       guard   metadata is for the legs, never for outside; DHCPv6 belongs to qdhcp
"""

import ipaddress

from pileus.drivers.network.linux.nft import Chain, Key, Piece, Set
from pileus.drivers.network.protocol import Router

TABLE = "inet pileus"
_ADDRESSES = "type ipv4_addr : ipv4_addr;"


def router_pieces(router: Router, outside: str) -> dict[Key, Piece]:
    """`outside`: the gateway's device, empty when there is none."""
    floating = router.floating if router.gateway and router.up else ()
    inward = {address: fixed for address, fixed in floating if ":" not in address}
    return {
        (TABLE, "to_fixed"): Set(_ADDRESSES, inward, map=True),
        (TABLE, "to_floating"): Set(_ADDRESSES, {fixed: address for address, fixed in inward.items()}, map=True),
        (TABLE, "marks"): Chain(
            (f'iifname "{outside}" meta mark set 2',) if outside else (), "type filter hook prerouting priority -150"
        ),
        (TABLE, "inward"): Chain(("dnat ip to ip daddr map @to_fixed",), "type nat hook prerouting priority -100"),
        (TABLE, "outward"): Chain(_outward(router, outside), "type nat hook postrouting priority 100"),
        (TABLE, "guard"): Chain(_guard(outside), "type filter hook input priority 0"),
    }


def _outward(router: Router, outside: str) -> tuple[str, ...]:
    if not router.gateway or not outside:
        return ()
    own = next((one.partition("/")[0] for one in router.gateway.addresses if ":" not in one), "")
    hairpin = 'oifname "qr-*" meta mark != 2 ct status dnat'
    lines = [f'oifname "{outside}" snat ip to ip saddr map @to_floating']
    if router.snat and own:
        lines.append(f'oifname "{outside}" meta nfproto ipv4 snat ip to {ipaddress.ip_address(own)}')
    lines.append(f"{hairpin} snat ip to ip saddr map @to_floating")
    if own:
        lines.append(f"{hairpin} snat ip to {ipaddress.ip_address(own)}")
    return tuple(lines)


def _guard(outside: str) -> tuple[str, ...]:
    lines = ["udp dport 547 drop"]
    if outside:
        lines.append(f'iifname "{outside}" ip daddr 169.254.169.254 drop')
    return tuple(lines)
