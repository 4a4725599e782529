"""What many simulated hosts share: the ledger, the dice, the images that were looked at."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from pileus.drivers.hypervisor.fake.driver import FakeHypervisor
from pileus.drivers.hypervisor.fake.ledger import Entry, Ledger
from pileus.drivers.hypervisor.fake.settings import FakeSettings
from pileus.drivers.hypervisor.formats import ImageCheck
from pileus.drivers.hypervisor.protocol import HypervisorError, ImageReader, ImageRef, Joiner


class Fleet:
    """Any number of simulated hosts. With a `state` directory their guests are known again after a restart.

    `images` may be left out: then every image is taken as good. With it, an image's bytes are read once for the whole
    fleet (checksum and format are verified, the bytes thrown away), however many hosts use it.
    """

    def __init__(
        self,
        settings: FakeSettings = FakeSettings(),  # noqa: B008 - frozen
        *,
        images: ImageReader | None = None,
        state: Path | None = None,
        join: Joiner | None = None,
    ) -> None:
        self.settings = settings
        self.join = join
        self.dice = random.Random(settings.seed)  # noqa: S311 - dice, not secrets
        self._images = images
        self._ledger = Ledger(state / "simulated.db") if state is not None else None
        self._hosts: dict[str, FakeHypervisor] = {}
        self._loaded: dict[str, dict[str, Entry]] | None = None
        self._loading = asyncio.Lock()
        self._checks: dict[tuple[str, str, str], asyncio.Task[None]] = {}
        self._users = 0

    def host(self, name: str, settings: FakeSettings | None = None, **changes: object) -> FakeHypervisor:
        """The host of this name, made at the first call. `settings`, or `changes` to the fleet's, make it differ."""
        if name not in self._hosts:
            chosen = msgspec.structs.replace(settings or self.settings, **changes)
            self._hosts[name] = FakeHypervisor(self, name, chosen)
        return self._hosts[name]

    async def enter(self, host: str) -> dict[str, Entry]:
        """A host starts: the guests that the ledger knows of it."""
        self._users += 1
        if self._ledger is None:
            return {}
        async with self._loading:
            if self._loaded is None:
                self._loaded = await asyncio.to_thread(self._load, self._ledger)
        return self._loaded.pop(host, {})

    def leave(self) -> None:
        """A host closes; the last one shuts the ledger."""
        self._users -= 1
        if self._users <= 0:
            for check in self._checks.values():
                check.cancel()
            self._checks.clear()
            if self._ledger is not None:
                self._ledger.close()
                self._loaded = None

    def put(self, host: str, entry: Entry) -> None:
        if self._ledger is not None:
            self._ledger.put(host, entry)

    def drop(self, host: str, guest_id: str) -> None:
        if self._ledger is not None:
            self._ledger.drop(host, guest_id)

    async def wait(self, seconds: float, jitter: float) -> None:
        """Simulated work. No sleep, not even a turn of the loop, when it takes no time."""
        if seconds > 0:
            await asyncio.sleep(seconds * (1 + jitter * self.dice.uniform(-1, 1)))

    def fails(self, rate: float) -> bool:
        return rate > 0 and self.dice.random() < rate

    async def check_image(self, image: ImageRef) -> None:
        """Read an image's bytes through once and verify what its record says. Concurrent callers share one reading."""
        if self._images is None:
            return
        key = (image.id, image.format, image.hash_value)
        check = self._checks.get(key)
        if check is None or (check.done() and (check.cancelled() or check.exception() is not None)):
            check = self._checks[key] = asyncio.create_task(self._read(image, self._images(image.id)))
        await asyncio.shield(check)

    @staticmethod
    async def _read(image: ImageRef, chunks: AsyncIterator[bytes]) -> None:
        check = ImageCheck(image)
        try:
            async for chunk in chunks:
                await asyncio.to_thread(check.eat, chunk)
        except Exception as error:
            raise HypervisorError(f"image {image.id} could not be fetched: {error}") from error
        await asyncio.to_thread(check.finish)

    @staticmethod
    def _load(ledger: Ledger) -> dict[str, dict[str, Entry]]:
        ledger.open()
        found: dict[str, dict[str, Entry]] = {}
        for host, entry in ledger.load():
            found.setdefault(host, {})[entry.guest.id] = entry
        return found
