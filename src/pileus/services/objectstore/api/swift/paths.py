"""What a URL's path names: `/v1/ACCOUNT[/CONTAINER[/OBJECT]]`, any UTF-8 but NUL, slashes kept."""

import re
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from pileus.services.objectstore.api.swift.answers import told, unmet

VERSIONS = frozenset({"v1", "v1.0"})
ACCOUNT_MAX = CONTAINER_MAX = 256
OBJECT_MAX = 1024
"""Bytes of UTF-8."""


class Path(NamedTuple):
    """`container` and `name` are empty where the path ends before them."""

    account: str
    container: str = ""
    name: str = ""

    def __str__(self) -> str:
        return quote("/".join(("/v1", self.account, *filter(None, (self.container, self.name)))))

    @property
    def kind(self) -> str:
        """`account`, `container` or `object`."""
        return "object" if self.name else "container" if self.container else "account"


def decoded(raw: str) -> str:
    """A percent-encoded path as text. Raises 412 for what is not UTF-8, or holds a NUL."""
    try:
        text = unquote_to_bytes(raw.encode("latin-1")).decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise unmet("Invalid UTF8 or contains NULL")
    return text


def parsed(raw: str) -> Path | None:
    """The path of a URL; None where nothing can be: an empty account or container with something below. Raises 412, 400."""
    version, _, rest = decoded(raw).removeprefix("/").partition("/")
    if not rest and version != "":
        raise unmet("Bad URL")
    account, _, rest = rest.partition("/")
    container, _, name = rest.partition("/")
    if not account or (name and not container):
        return None
    if version not in VERSIONS:
        raise told(400)
    if len(account.encode()) > ACCOUNT_MAX:
        raise told(400, f"Account name length of {len(account.encode())} longer than {ACCOUNT_MAX}")
    return Path(account, container, name)


class Names:
    """What an operator forbids in new names beside Swift's own bounds."""

    def __init__(self, characters: str, pattern: str) -> None:
        self._characters, self._pattern = frozenset(characters), re.compile(pattern) if pattern else None

    def check(self, path: Path) -> None:
        """Raises 400."""
        text = "/".join(filter(None, ("", *path)))
        found = sorted(self._characters.intersection(text))
        if found:
            raise told(400, f"Object/Container/Account name contains forbidden chars from {''.join(found)}")
        if self._pattern is not None and self._pattern.search("/" + text):
            raise told(
                400,
                f"Object/Container/Account name contains a forbidden substring from regular expression {self._pattern.pattern}",
            )


def check_container(container: str) -> None:
    """Raises 400 for a name that no new container may have."""
    if len(container.encode()) > CONTAINER_MAX:
        raise told(400, f"Container name length of {len(container.encode())} longer than {CONTAINER_MAX}")
    if "/" in container:
        raise told(400)


def check_name(name: str) -> None:
    """Raises 400 for a name that no new object may have."""
    if len(name.encode()) > OBJECT_MAX:
        raise told(400, f"Object name length of {len(name.encode())} longer than {OBJECT_MAX}", media="text/plain")
