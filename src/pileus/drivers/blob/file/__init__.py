"""Blobs as files of this host: `FileBlobs`."""

from pileus.drivers.blob.file.store import FileBlobs

__all__ = ["FileBlobs"]
