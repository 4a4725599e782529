"""Keeps the cloud's packet filter as groups and ports want it, and ends the connections that nothing allows any more."""

from collections.abc import Iterable
from threading import Lock

from pileus.drivers.network.linux import connections, rules
from pileus.drivers.network.linux.connections import Judge
from pileus.drivers.network.linux.ground import EXTERNAL_BRIDGE, Ground
from pileus.drivers.network.linux.nft import Change, Changes, Key, Patches, Piece
from pileus.drivers.network.protocol import Group, Port


class Filters:
    """Every call writes at most one batch. Groups that are named but not known yet allow nothing."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._present: set[str] = set()
        """Groups that have chains and sets."""
        self._lock = Lock()

    def restore(self) -> None:
        """All that memory knows, in one batch that replaces whatever stands; and what a predecessor had no time left to
        end."""
        memory = self._ground.memory
        changes: dict[Key, Piece | None] = {}
        patches: dict[Key, dict[str, str | None]] = {}
        for port in memory.ports.all():
            pieces, elements = rules.port_pieces(port, self._stateful(port))
            changes.update(pieces)
            for key, patch in elements.items():
                patches.setdefault(key, {}).update(patch)
        zones: dict[str, str | None] = {}
        for bridge in {EXTERNAL_BRIDGE, *map(self._ground.bridge_of, memory.networks.all())}:
            zones[f'"{bridge}"'] = str(memory.zone(bridge))
        self._ground.ruleset.forget()
        with self._lock:
            change = self._submit(changes, {**patches, rules.ZONES: zones})
        self._settle(change)
        self._end_unallowed(memory.ports.all())

    def ensure_group(self, group: Group) -> None:
        changes: dict[Key, Piece | None] = dict(rules.group_pieces(group.id, group))
        with self._lock:
            before = self._ground.memory.groups.get(group.id)
            self._ground.memory.groups.keep(group)
            flips = before is not None and before.stateful != group.stateful
            for port in self._carriers(group.id) if flips or before is None else ():
                changes.update(rules.port_pieces(port, self._stateful(port))[0])
            change = self._submit(changes, {})
        self._settle(change)
        if before and _narrower(before, group):
            self._end_unallowed(self._concerned(before))

    def remove_group(self, group_id: str) -> None:
        with self._lock:
            before = self._ground.memory.groups.get(group_id)
            self._ground.memory.groups.forget(group_id)
            change = self._submit(rules.group_pieces(group_id, None) if group_id in self._present else {}, {})
        self._settle(change)
        if before:
            self._end_unallowed(self._concerned(before))

    def ensure_port(self, port: Port) -> None:
        with self._lock:
            before = self._ground.memory.ports.get(port.id)
            pieces, patches = rules.port_pieces(port, self._stateful(port))
            self._ground.memory.ports.keep(port)
            change = self._submit(pieces, patches)
        self._settle(change)
        if before is None or before == port:
            return
        moved = before.network_id != port.network_id
        lost = set(before.addresses) - (set() if moved else set(port.addresses))
        if lost:
            self._end_of_addresses(before.network_id, set(map(_bare, lost)))
        if port.filtered and (not before.filtered or set(before.groups) - set(port.groups)):
            self._end_unallowed([port])

    def remove_port(self, port_id: str) -> None:
        with self._lock:
            before = self._ground.memory.ports.get(port_id)
            self._ground.memory.ports.forget(port_id)
            change = self._submit(*rules.no_port(port_id))
        self._settle(change)
        if before and before.addresses:
            self._end_of_addresses(before.network_id, set(map(_bare, before.addresses)))

    def set_zone(self, bridge: str, zone: int | None) -> None:
        with self._lock:
            change = self._submit({}, {rules.ZONES: {f'"{bridge}"': str(zone) if zone else None}})
        self._settle(change)

    def _end_of_addresses(self, network_id: str, addresses: set[str]) -> None:
        zone = self._zone(network_id)
        if zone:
            connections.end(
                self._ground.cloud,
                lambda flow: flow.zone == zone and (flow.source in addresses or flow.target in addresses),
            )

    def _submit(self, changes: Changes, patches: Patches) -> Change:
        """With what it needs of groups: those that are named for the first time come empty, those that nobody names any
        more go."""
        memory = self._ground.memory
        named = {group.id for group in memory.groups.all()}
        named |= {rule.group_id for group in memory.groups.all() for rule in group.rules if rule.group_id}
        named |= {group for port in memory.ports.all() for group in port.groups}
        whole: dict[Key, Piece | None] = {}
        for group_id in named - self._present:
            whole.update(rules.group_pieces(group_id, memory.groups.get(group_id)))
        for group_id in self._present - named:
            whole.update(dict.fromkeys(rules.group_pieces(group_id, None)))
        self._present = named
        return self._ground.ruleset.submit({**changes, **whole}, patches)

    def _settle(self, change: Change) -> None:
        try:
            self._ground.ruleset.settle(change)
        except Exception:
            with self._lock:
                self._present = {one for one in self._present if self._ground.ruleset.get(rules.group_key(one))}
            raise

    def _stateful(self, port: Port) -> bool:
        groups = [group for group in map(self._ground.memory.groups.get, port.groups) if group]
        return not groups or any(group.stateful for group in groups)

    def _carriers(self, group_id: str) -> list[Port]:
        return [port for port in self._ground.memory.ports.all() if group_id in port.groups]

    def _concerned(self, group: Group) -> list[Port]:
        """Ports that carry the group, or one whose rules name it."""
        naming = {one.id for one in self._ground.memory.groups.all() if any(r.group_id == group.id for r in one.rules)}
        return [port for port in self._ground.memory.ports.all() if ({group.id} | naming) & set(port.groups)]

    def _end_unallowed(self, ports: Iterable[Port]) -> None:
        by_zone: dict[int, set[str]] = {}
        for port in ports:
            if port.filtered and (zone := self._zone(port.network_id)):
                by_zone.setdefault(zone, set()).add(port.network_id)
        if not by_zone:
            return
        memory = self._ground.memory
        judges = {
            zone: Judge((p for p in memory.ports.all() if p.network_id in networks), memory.groups.get)
            for zone, networks in by_zone.items()
        }
        connections.end(self._ground.cloud, lambda flow: flow.zone in judges and not judges[flow.zone].allows(flow))

    def _zone(self, network_id: str) -> int:
        network = self._ground.memory.networks.get(network_id)
        return self._ground.memory.zone(self._ground.bridge_of(network)) if network else 0


def _narrower(before: Group, after: Group) -> bool:
    return bool(set(before.rules) - set(after.rules) or set(before.members) - set(after.members))


def _bare(address: str) -> str:
    return address.partition("/")[0]
