"""What signed URLs and signed forms have alike: keys of accounts and containers, digests, and what a signature lets through."""

import base64
import binascii
import hmac
from collections.abc import Callable, Iterable

from pileus.kernel.rest import Answer
from pileus.services.objectstore.api.swift.answers import HTML, told
from pileus.services.objectstore.api.swift.call import Scene
from pileus.services.objectstore.api.swift.container_headers import OWNERS
from pileus.services.objectstore.api.swift.paths import Path

DIGESTS = ("sha1", "sha256", "sha512")
_BY_LENGTH = {40: "sha1", 64: "sha256", 128: "sha512"}
Scope = tuple[str, str]
"""Account, and container where the key is the container's own; else empty."""


def keys(scene: Scene, path: Path) -> list[tuple[str, Scope]]:
    """The keys that count at a path, each with what it reaches."""
    found = [(scene.account_kept.meta.get(name, ""), (path.account, "")) for name in OWNERS]
    found += [(scene.kept.meta.get(name, ""), (path.account, path.container)) for name in OWNERS]
    return [(key, scope) for key, scope in found if key]


def given(text: str) -> tuple[str, str] | None:
    """(digest, signature in hex) of hex, or of `digest:base64`."""
    if not text.isascii():
        return None
    name, colon, encoded = text.partition(":")
    if not colon:
        return (_BY_LENGTH[len(text)], text) if len(text) in _BY_LENGTH else None
    if name not in DIGESTS:
        return None
    try:
        raw = base64.b64decode(encoded.replace("-", "+").replace("_", "/") + "=" * (-len(encoded) % 4), validate=True)
    except (ValueError, binascii.Error):
        return None
    return name, raw.hex()


def scope_of(signature: str, messages: Iterable[str], candidates: Iterable[tuple[str, Scope]]) -> Scope | None:
    """What the key reaches that made the signature of one of `messages`; None: none did."""
    found = given(signature)
    if found is None:
        return None
    digest, wanted = found
    verdict: Scope | None = None
    texts = [message.encode() for message in messages]
    for key, scope in candidates:
        for text in texts:
            if hmac.compare_digest(hmac.new(key.encode(), text, digest).hexdigest(), wanted) and verdict is None:
                verdict = scope
    return verdict


def lets(scope: Scope, methods: Iterable[str], own: Callable[[Path], bool]) -> Callable[[str, Path], bool]:
    """`methods` on what is `own`, and reading whatever else the key reaches (segments, targets of links)."""
    allowed = frozenset(methods)

    def judge(method: str, path: Path) -> bool:
        if path.account != scope[0] or (scope[1] and path.container != scope[1]):
            return False
        return method in allowed if own(path) else method in ("GET", "HEAD") and bool(path.name)

    return judge


def refused(text: str) -> Answer:
    return told(401, text, {"Www-Authenticate": 'Swift realm="unknown"'}, HTML)
