"""The packet filter's picture: differences, order, and batches of many makers."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from pileus.drivers.network.linux import nft
from pileus.drivers.network.linux.nft import Chain, Ruleset, Set
from pileus.drivers.network.protocol import NetworkError

TABLE = "bridge t"
VERDICTS = (TABLE, "taps")


class Recorder:
    """A namespace whose nft only writes down; it refuses batches with the word `bad`."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.generation = 1
        self.gate = Event()
        self.gate.set()

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        yield

    def run(self, *_: str, given: str = "") -> str:
        assert self.gate.wait(60)
        if "bad" in given:
            raise NetworkError("syntax error")
        self.batches.append(given.splitlines())
        self.generation += 1
        return ""


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    made = Recorder()
    monkeypatch.setattr(nft, "_generation", lambda: made.generation)
    return made


@pytest.fixture
def ruleset(recorder: Any) -> Ruleset:
    made = Ruleset(recorder, {VERDICTS: Set("type ifname : verdict;", map=True)})
    made.apply({})
    recorder.batches.clear()
    return made


def test_only_differences_are_written(recorder: Recorder, ruleset: Ruleset) -> None:
    ruleset.apply({(TABLE, "a"): Chain(("accept",))}, {VERDICTS: {"tap1": "goto a"}})
    ruleset.apply({(TABLE, "a"): Chain(("accept",))}, {VERDICTS: {"tap1": "goto a"}})
    ruleset.apply({(TABLE, "a"): Chain(("drop",))})
    assert recorder.batches == [
        ["add chain bridge t a", "add rule bridge t a accept", "add element bridge t taps { tap1 : goto a }"],
        ["flush chain bridge t a", "add rule bridge t a drop"],
    ]


def test_what_is_named_goes_after_what_names_it(recorder: Recorder, ruleset: Ruleset) -> None:
    ruleset.apply(
        {(TABLE, "s"): Set("type ipv4_addr;", {"10.0.0.1": ""}), (TABLE, "a"): Chain(("ip saddr @s accept",))},
        {VERDICTS: {"tap1": "goto a"}},
    )
    ruleset.apply({(TABLE, "s"): None, (TABLE, "a"): None}, {VERDICTS: {"tap1": None}})
    assert recorder.batches[1] == [
        "delete element bridge t taps { tap1 : goto a }",
        "flush chain bridge t a",
        "delete chain bridge t a",
        "delete set bridge t s",
    ]


def test_a_stranger_s_change_makes_everything_anew(recorder: Recorder, ruleset: Ruleset) -> None:
    ruleset.apply({(TABLE, "a"): Chain(("accept",))})
    recorder.generation += 1
    ruleset.apply({})
    assert recorder.batches[1][:3] == ["add table bridge t", "delete table bridge t", "add table bridge t"]
    assert "add rule bridge t a accept" in recorder.batches[1]


def test_a_refused_change_is_not_remembered(recorder: Recorder, ruleset: Ruleset) -> None:
    with pytest.raises(NetworkError):
        ruleset.apply({(TABLE, "bad"): Chain(())})
    assert ruleset.get((TABLE, "bad")) is None
    ruleset.apply({(TABLE, "a"): Chain(())})
    assert recorder.batches == [["add chain bridge t a"]]


def test_changes_that_wait_go_together_and_only_the_bad_one_fails(recorder: Recorder, ruleset: Ruleset) -> None:
    names = ["first", "good", "bad", "better"]
    recorder.gate.clear()
    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(ruleset.apply, {(TABLE, "first"): Chain(())})
        while not ruleset._writing.locked():
            pass
        others = [threads.submit(ruleset.apply, {(TABLE, name): Chain(())}) for name in names[1:]]
        while len(ruleset._waiting) < 3:
            pass
        recorder.gate.set()
        outcomes = [one.exception() for one in (first, *others)]
    assert [type(one) for one in outcomes] == [type(None), type(None), NetworkError, type(None)]
    assert [ruleset.get((TABLE, name)) is not None for name in names] == [True, True, False, True]


def test_one_batch_for_many(recorder: Recorder, ruleset: Ruleset) -> None:
    waiting = [ruleset.submit({(TABLE, f"c{number}"): Chain(())}, {}) for number in range(50)]
    for change in waiting:
        ruleset.settle(change)
    assert len(recorder.batches) == 1
    assert len(recorder.batches[0]) == 50
