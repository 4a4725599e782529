"""The registry of hosts."""

import sys
from typing import Protocol

import pytest

from pileus.kernel.nodes import NodeMissing, Nodes
from pileus.kernel.types import Unavailable


class Lamp(Protocol):
    async def light(self) -> int: ...


class Bell(Protocol):
    async def ring(self) -> None: ...


class Bulb:
    def __init__(self, number: int = 1) -> None:
        self.number = number

    async def light(self) -> int:
        return self.number


async def test_on_gives_what_was_added() -> None:
    nodes = Nodes("here")
    nodes.add("here", {Lamp: Bulb(1)})
    nodes.add("there", {Lamp: Bulb(2)})
    assert nodes.local == "here"
    assert await nodes.on("there", Lamp).light() == 2
    assert nodes.hosts(Lamp) == ["here", "there"]
    assert nodes.hosts(Bell) == []
    assert list(nodes.offers("here")) == [Lamp]
    nodes.add("here", {Lamp: Bulb(3)})
    assert await nodes.on("here", Lamp).light() == 3
    assert nodes.hosts(Lamp) == ["here", "there"]


def test_strangers_and_families_not_offered_are_missing() -> None:
    nodes = Nodes()
    nodes.add("here", {Lamp: Bulb()})
    for host, family in (("there", Lamp), ("here", Bell)):
        with pytest.raises(NodeMissing, match=f"Host {host} offers no {family.__name__}") as caught:
            nodes.on(host, family)
        assert isinstance(caught.value, Unavailable)
        assert (caught.value.host, caught.value.family) == (host, family.__name__)
    nodes.remove("here")
    nodes.remove("nobody")
    assert nodes.hosts(Lamp) == []
    assert nodes.offers("here") == {}


class Name(str):
    """Counts what is asked of it and of others like it."""

    asked = 0
    __slots__ = ()

    def __hash__(self) -> int:
        Name.asked += 1
        return str.__hash__(self)

    def __eq__(self, other: object) -> bool:
        Name.asked += 1
        return str.__eq__(self, other)


def test_ten_thousand_hosts_are_cheap() -> None:
    """None is compared with all others when it joins, or is looked for."""
    nodes, names = Nodes(), [Name(f"h{number}") for number in range(10_000)]
    offers = {Lamp: Bulb()}
    lines = 0

    def counted(*_: object) -> object:
        nonlocal lines
        lines += 1
        return counted

    before = sys.gettrace()
    sys.settrace(counted)
    try:
        for name in names:
            nodes.add(name, offers)
        for name in names:
            nodes.on(name, Lamp)
    finally:
        sys.settrace(before)
    assert Name.asked + lines < 50 * len(names)
    assert len(nodes.hosts(Lamp)) == 10_000
