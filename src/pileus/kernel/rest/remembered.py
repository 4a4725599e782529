"""Answers kept as bytes, good as long as no table that they were read from has changed."""

from collections import OrderedDict
from collections.abc import Hashable

from msgspec import Struct

from pileus.kernel.db import Stamps
from pileus.kernel.rest.request import Answer
from pileus.kernel.types import Ctx

APART = 2048
"""Bytes that an answer takes beside its body: headers and keys."""


class Kept(Struct, frozen=True):
    ctx: Ctx | None
    """Whose answer it is: the very object, which identity makes anew when anything about the caller changes."""
    tables: tuple[str, ...]
    stamps: tuple[int, ...]
    status: int
    headers: dict[str, str]
    raw: bytes


class Remembered:
    """Bounded by the bytes of its answers; the one unused for longest goes first."""

    def __init__(self, stamps: Stamps, most_bytes: int = 32 << 20) -> None:
        self._stamps = stamps
        self._most, self._bytes = most_bytes, 0
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()

    def recall(self, key: Hashable, ctx: Ctx | None) -> Answer | None:
        """The answer of before, if it still holds for this caller."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept.ctx is not ctx or kept.stamps != self._stamps.of(kept.tables):
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return Answer(kept.status, headers=kept.headers, raw=kept.raw)

    def stamps_of(self, tables: set[str]) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """To be asked before anything else can be committed: in the same breath as the read."""
        names = tuple(sorted(tables))
        return names, self._stamps.of(names)

    def keep(
        self, key: Hashable, ctx: Ctx | None, read: tuple[tuple[str, ...], tuple[int, ...]], answer: Answer
    ) -> None:
        if answer.raw is None or len(answer.raw) > self._most // 8:
            return
        self._drop(key)
        self._kept[key] = Kept(ctx, read[0], read[1], answer.status, dict(answer.headers), answer.raw)
        self._bytes += len(answer.raw) + APART
        while self._bytes > self._most:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Hashable) -> None:
        gone = self._kept.pop(key, None)
        if gone is not None:
            self._bytes -= len(gone.raw) + APART
