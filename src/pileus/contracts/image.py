"""What compute and volume may ask of image."""

from collections.abc import AsyncIterator
from typing import Any, Protocol

from msgspec import Struct

from pileus.kernel.types import Ctx


class ImageInfo(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    status: str
    visibility: str
    owner: str
    disk_format: str
    container_format: str
    size: int
    virtual_size: int
    min_disk: int
    min_ram: int
    hash_algo: str
    hash_value: str
    properties: dict[str, str]
    """`hw_*`, `os_*`, `kernel_id`, … and all others, as text."""
    tags: tuple[str, ...] = ()


class Image(Protocol):
    def find(self, tx: Any, ctx: Ctx, image_id: str) -> ImageInfo:
        """Raises `NotFound` when it is not there or not visible to the caller."""
        ...

    def data(self, image_id: str) -> AsyncIterator[bytes]:
        """The bytes of an active image; no caller is checked: `find` came before."""
        ...
