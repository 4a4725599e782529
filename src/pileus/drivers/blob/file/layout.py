"""Where a blob lies: `blobs/<00-ff>/<id>` when whole, `drafts/<id>.<random>` while it is written, `quarantine/<id>` when put aside."""

import os
import re
from zlib import crc32

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
SHARDS = 256


class Layout:
    """Paths under one root. Every method raises `ValueError` for what is no blob id (rule B7)."""

    def __init__(self, root: str) -> None:
        self.drafts = os.path.join(root, "drafts")
        self.folders = [os.path.join(root, "blobs", f"{shard:02x}") for shard in range(SHARDS)]
        self.quarantine = os.path.join(root, "quarantine")
        self.parents = [root, os.path.join(root, "blobs")]

    def folder(self, blob_id: str) -> str:
        """By a hash and not by the id's first letters: not all callers' ids begin at random."""
        return self.folders[crc32(checked(blob_id).encode()) % SHARDS]

    def blob(self, blob_id: str) -> str:
        return os.path.join(self.folder(blob_id), blob_id)

    def aside(self, blob_id: str) -> str:
        return os.path.join(self.quarantine, checked(blob_id))

    def new_draft(self, blob_id: str) -> str:
        """A name that no other draft has."""
        return os.path.join(self.drafts, f"{checked(blob_id)}.{os.urandom(8).hex()}")

    def draft_owner(self, name: str) -> str | None:
        """The blob id that a file in `drafts` was written for; None for a foreign file."""
        blob_id, dot, _ = name.partition(".")
        return blob_id if dot and _ID.match(blob_id) else None


def checked(blob_id: str) -> str:
    if not isinstance(blob_id, str) or _ID.match(blob_id) is None:
        raise ValueError(f"{blob_id!r} is no blob id: 1 to 64 of A-Z a-z 0-9 _ -")
    return blob_id
