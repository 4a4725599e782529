"""What is not open to everybody, whatever lists and policies say: S3's public access block."""

from collections.abc import Mapping

KEPT = "public-access-block"
"""In a container's `system`: words, or `none` where it was set with nothing in it."""
BLOCK_ACLS, IGNORE_ACLS, BLOCK_POLICY, RESTRICT = "block-acls", "ignore-acls", "block-policy", "restrict"


def blocks(system: Mapping[str, str], word: str) -> bool:
    return word in system.get(KEPT, "").split()
