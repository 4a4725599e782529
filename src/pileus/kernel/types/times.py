"""Times: whole microseconds since 1970-01-01 UTC inside, text only at the face.

An integer sorts, compares and stores alike on SQLite and PostgreSQL.
"""

import time
from datetime import UTC, datetime, timedelta

Micros = int
SECOND: Micros = 1_000_000
MINUTE: Micros = 60 * SECOND
HOUR: Micros = 60 * MINUTE
DAY: Micros = 24 * HOUR
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def clock() -> Micros:
    """The wall clock. Decisions take `tx.now` instead, so that one transaction knows one time."""
    return time.time_ns() // 1000


def to_datetime(at: Micros) -> datetime:
    return _EPOCH + timedelta(microseconds=at)


def iso(at: Micros) -> str:
    """`2026-01-31T12:00:00Z`: compute, network, image."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at // SECOND))


def iso_micros(at: Micros) -> str:
    """`2026-01-31T12:00:00.000000Z`: identity's tokens."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at // SECOND)) + f".{at % SECOND:06d}Z"


def iso_naive(at: Micros) -> str:
    """`2026-01-31T12:00:00.000000`: compute's services, hypervisors and actions."""
    return iso_micros(at)[:-1]


def parse(text: str) -> Micros:
    """Read ISO 8601, with or without zone (none means UTC) and fraction.

    Raises `ValueError` when the text is no time.
    """
    value = datetime.fromisoformat(text.strip())
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return (value - _EPOCH) // timedelta(microseconds=1)
