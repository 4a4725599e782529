"""Is an image what its record says? One look at the bytes while they stream by; shared by the implementations.

A record that says `raw` over bytes that are qcow2 would let a tenant name any file of the host as a backing file. So
the format is never guessed from the bytes, only compared; layers, outside data files and unknown features are refused.
"""

import functools
import hashlib
from typing import IO, Any, cast

from pileus.drivers.hypervisor.protocol import BadImage, ImageRef

_SEEN_AS = {
    "raw": {"raw", "gpt", "iso"},
    "ami": {"raw", "gpt"},
    "aki": {"raw", "gpt"},
    "ari": {"raw", "gpt"},
    "iso": {"iso", "gpt"},
    "qcow2": {"qcow2"},
    "vmdk": {"vmdk"},
    "vdi": {"vdi"},
    "vhd": {"vhd"},
    "vhdx": {"vhdx"},
}
"""Declared format -> what the inspectors may find. `gpt` is any partition table, also inside a bootable ISO."""
_UNPARSED = {"raw", "gpt", "iso"}
"""Never interpreted by this host, so nothing in them can be unsafe to it."""


@functools.cache
def _inspectors() -> Any:
    """The library, at the first image: its import takes 75 ms that no start should pay."""
    from oslo_utils.imageutils import format_inspector  # noqa: PLC0415

    return format_inspector


class ImageCheck:
    """Eats an image chunk by chunk, then `finish` raises `BadImage` or answers the virtual size in bytes."""

    def __init__(self, image: ImageRef) -> None:
        if image.format not in _SEEN_AS:
            raise BadImage(f"image {image.id}: guests cannot be made from the format {image.format!r}")
        self._image = image
        self._chunks = _Chunks()
        self._inspect: Any = _inspectors().InspectWrapper(cast("IO[bytes]", self._chunks))
        self._digest = _digest(image)
        self._size = 0

    def eat(self, chunk: bytes) -> None:
        """CPU-bound: about a millisecond for a megabyte."""
        self._size += len(chunk)
        if self._digest is not None:
            self._digest.update(chunk)
        self._chunks.next = chunk
        self._inspect.read(len(chunk))

    def finish(self) -> int:
        image = self._image
        if image.size and self._size != image.size:
            raise BadImage(f"image {image.id}: {self._size} bytes came, its record says {image.size}")
        if self._digest is not None and self._digest.hexdigest() != image.hash_value.lower():
            raise BadImage(f"image {image.id}: its {image.hash_algo} is not what its record says")
        self._inspect.close()
        found = {str(one): one for one in self._inspect.formats or ()}
        if not found.keys() <= _SEEN_AS[image.format]:
            raise BadImage(f"image {image.id} is declared {image.format} but holds {' and '.join(sorted(found))}")
        parsed = [one for name, one in found.items() if name not in _UNPARSED]
        try:
            for one in parsed:
                one.safety_check()
            return max([int(one.virtual_size) for one in parsed], default=self._size)
        except Exception as error:
            raise BadImage(f"image {image.id} is not safe to open: {error}") from error


class _Chunks:
    """The source that the inspectors read from: always the chunk at hand."""

    next = b""

    def read(self, _size: int = -1) -> bytes:
        return self.next


def _digest(image: ImageRef) -> Any:
    if not image.hash_value:
        return None
    try:
        return hashlib.new(image.hash_algo, usedforsecurity=False)
    except ValueError:
        raise BadImage(f"image {image.id}: unknown hash algorithm {image.hash_algo!r}") from None
