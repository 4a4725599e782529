"""`sagas.lock` names every saga and step that databases may hold."""

from pathlib import Path

from pileus.kernel.saga import broken, found_in, lock_lines

LOCK = Path(__file__).parents[2] / "sagas.lock"


def test_the_lock_is_up_to_date() -> None:
    now = lock_lines(found_in("pileus.services"))
    released = LOCK.read_text().splitlines()
    assert broken(released, now) == []
    assert released == now, "run: python -m pileus.kernel.saga pileus.services sagas.lock"
