"""Refusals that only the object store knows. Faces choose the words of their dialect by `type`.

Types in use, beside the class:

| of | |
|---|---|
| accounts, containers | `NoSuchAccount NoSuchContainer NoSuchArchive ContainerNotEmpty TooManyContainers BucketTaken BucketOwned BucketLocked InvalidPolicy PolicyDiffers SlowDown SyncedVersions TwoVersionings` |
| objects | `NoSuchObject NoSuchVersion BadDigest BodyLost Locked Older Precondition QuotaExceeded SourceGone` |
| names, metadata | `InvalidName NameTooLong MetadataTooLarge` |
| large objects, links | `BadManifest BadSegments SegmentChanged SegmentMissing TooDeep LinkChanged LinkLoop` |
| uploads in parts | `NoSuchUpload InvalidPart InvalidPartNumber InvalidPartOrder PartTooSmall` |
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
