"""What a signed request claims."""

from typing import Literal, Protocol

Payload = Literal["whole", "unsigned", "chunks", "chunks-trailer", "unsigned-trailer"]


class Claim(Protocol):
    """`access`   the access key.
    `payload`  how the body is vouched for: `whole` by `sha256` (hex), the chunked ones by `chunks.decoded`.
    """

    access: str
    payload: Payload
    sha256: str

    def check(self, secret: str) -> None:
        """Raises `SignatureDoesNotMatch` unless the secret's owner signed."""
        ...
