"""The images of this host: `images/cache/<id>.raw|qcow2`, each brought once, verified, then only read.

A file there is whole and safe to use as the backing of guests' disks: it gets its name by a rename after it was
checked and synced. Formats that QEMU should not read under a guest are converted to qcow2, with QEMU's tool held on a short leash.
"""

import asyncio
import contextlib
import os
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Set
from pathlib import Path
from typing import IO, NamedTuple

from pileus.drivers.hypervisor.formats import ImageCheck
from pileus.drivers.hypervisor.libvirt.threads import Threads
from pileus.drivers.hypervisor.protocol import BadImage, HypervisorError, ImageReader, ImageRef

_KEPT = {"raw": "raw", "ami": "raw", "aki": "raw", "ari": "raw", "iso": "raw", "qcow2": "qcow2"}
"""Declared format -> format in the cache; others become qcow2. (QEMU calls `vhd` vpc.)"""
_QEMU_NAMES = {"vhd": "vpc"}
_GIB = 1 << 30
_ZEROS = bytes(1 << 20)


class Base(NamedTuple):
    """An image at hand."""

    path: Path
    format: str
    """raw or qcow2."""
    virtual_size: int
    """Bytes."""


class ImageCache:
    def __init__(self, folder: Path, read: ImageReader, threads: Threads, convert_mb: int) -> None:
        self._folder = folder
        self._read = read
        self._threads = threads
        self._convert_mb = convert_mb
        self._transfers: dict[str, asyncio.Task[Base]] = {}
        self._pinned: Counter[str] = Counter()

    def clear_torn(self) -> None:
        """Blocking. What a killed process left half done."""
        for torn in self._folder.glob("*.part*"):
            torn.unlink(missing_ok=True)

    async def bring(self, image: ImageRef) -> Base:
        """Concurrent calls share one transfer; it ends when the last caller gives up."""
        at_hand = await self._threads.run(self._find, image.id)
        if at_hand is not None:
            return at_hand
        transfer = self._transfers.get(image.id)
        if transfer is None:
            transfer = self._transfers[image.id] = asyncio.create_task(self._transfer(image))
            transfer.add_done_callback(lambda _: self._transfers.pop(image.id, None))
        with self.pinned(image.id):
            try:
                return await asyncio.shield(transfer)
            except asyncio.CancelledError:
                if self._pinned[image.id] <= 1:
                    transfer.cancel()
                raise

    @contextlib.contextmanager
    def pinned(self, image_id: str) -> Iterator[None]:
        """While this lasts, `tidy` leaves the image alone."""
        self._pinned[image_id] += 1
        try:
            yield
        finally:
            self._pinned[image_id] -= 1
            if not self._pinned[image_id]:
                del self._pinned[image_id]

    async def tidy(self, used: Set[str], unused_s: int) -> list[str]:
        return await self._threads.run(self._tidy, used | set(self._pinned), time.time() - unused_s)

    async def close(self) -> None:
        for transfer in list(self._transfers.values()):
            transfer.cancel()
            with contextlib.suppress(asyncio.CancelledError, HypervisorError):
                await transfer

    async def _transfer(self, image: ImageRef) -> Base:
        part = self._folder / f"{image.id}.part"
        try:
            check = ImageCheck(image)
            await self._receive(image, check, part)
            virtual_size = await self._threads.run(check.finish)
            return await self._threads.run(self._keep, image, part, virtual_size)
        finally:
            part.unlink(missing_ok=True)

    async def _receive(self, image: ImageRef, check: ImageCheck, part: Path) -> None:
        run = self._threads.run
        file = await run(_open_new, part)
        try:
            async for chunk in _chunks(self._read(image.id), image.id):
                await run(_eat, check, file, chunk)
            await run(_finish, file)
        except OSError as error:
            raise HypervisorError(f"image {image.id} could not be stored: {error}") from error
        finally:
            await run(file.close)

    def _keep(self, image: ImageRef, part: Path, virtual_size: int) -> Base:
        kept = _KEPT.get(image.format, "qcow2")
        if image.format not in _KEPT:
            self._convert(image, part, virtual_size)
        final = self._folder / f"{image.id}.{kept}"
        part.chmod(0o644)
        part.replace(final)
        return Base(final, kept, virtual_size)

    def _convert(self, image: ImageRef, part: Path, virtual_size: int) -> None:
        made = part.with_suffix(".part2")
        seconds = 60 + virtual_size // _GIB
        limits = ["prlimit", f"--as={self._convert_mb << 20}", f"--cpu={seconds}"]
        source = _QEMU_NAMES.get(image.format, image.format)
        try:
            done = subprocess.run(  # noqa: S603 - a list, no shell; the names are ours
                [*limits, "qemu-img", "convert", "-f", source, "-O", "qcow2", str(part), str(made)],
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds * 10,
            )
            if done.returncode:
                raise BadImage(f"image {image.id} could not be converted: {done.stderr.strip()[-300:]}")
            made.replace(part)
        except subprocess.TimeoutExpired as error:
            raise BadImage(f"image {image.id} took too long to convert") from error
        finally:
            made.unlink(missing_ok=True)

    def _find(self, image_id: str) -> Base | None:
        for kept in ("raw", "qcow2"):
            path = self._folder / f"{image_id}.{kept}"
            with contextlib.suppress(FileNotFoundError):
                os.utime(path)
                return Base(path, kept, virtual_size_of(path, kept))
        return None

    def _tidy(self, used: Set[str], before: float) -> list[str]:
        gone = []
        for path in self._folder.iterdir():
            if path.suffix in (".raw", ".qcow2") and path.stem not in used and path.stat().st_mtime < before:
                path.unlink(missing_ok=True)
                gone.append(path.stem)
        return sorted(gone)


def virtual_size_of(path: Path, format: str) -> int:
    """Bytes of the disk in a file of ours; blocking, but only a read of the header."""
    if format == "raw":
        return path.stat().st_size
    with path.open("rb") as file:
        header = file.read(32)
    return int.from_bytes(header[24:32], "big")


async def _chunks(read: AsyncIterator[bytes], image_id: str) -> AsyncIterator[bytes]:
    try:
        async for chunk in read:
            yield chunk
    except HypervisorError:
        raise
    except Exception as error:
        raise HypervisorError(f"image {image_id} could not be fetched: {error}") from error


def _open_new(path: Path) -> IO[bytes]:
    path.unlink(missing_ok=True)
    return path.open("wb")


def _eat(check: ImageCheck, file: IO[bytes], chunk: bytes) -> None:
    check.eat(chunk)
    if len(chunk) <= len(_ZEROS) and chunk == _ZEROS[: len(chunk)]:
        file.seek(len(chunk), os.SEEK_CUR)  # holes stay holes
    else:
        file.write(chunk)


def _finish(file: IO[bytes]) -> None:
    file.truncate(file.tell())
    file.flush()
    os.fsync(file.fileno())
