"""Refusals that only the object store knows. Faces choose the words of their dialect by `type`.

Types in use, beside the class: `NoSuchAccount NoSuchContainer NoSuchObject NoSuchVersion NoSuchUpload NoSuchPart
ContainerNotEmpty BucketTaken BucketOwned BucketLocked BadDigest InvalidPart InvalidPartOrder PartTooSmall Locked SegmentChanged LinkLoop
QuotaExceeded SourceGone Older Precondition NotModified`.
"""

from typing import ClassVar

from pileus.kernel.types import Fault


class Mismatch(Fault):
    """The bytes are not what the client said they would be; `details` may name `expected` and `computed`."""

    status: ClassVar[int] = 422
    title: ClassVar[str] = "Unprocessable Entity"


class NotModified(Fault):
    """A reader has it already."""

    status: ClassVar[int] = 304
    title: ClassVar[str] = "Not Modified"
