"""Container ACLs: `X-Container-Read: .r:*.example.com,.r:-bad.example.com,.rlistings,PROJECT:USER,ROLE`."""

from typing import NamedTuple
from urllib.parse import unquote, urlsplit

_REFERRER = frozenset({".r", ".ref", ".referer", ".referrer"})


class Acl(NamedTuple):
    """`referrers` in order (a leading `-` denies), `groups` all else: `.rlistings`, `project:user` pairs, roles."""

    referrers: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


def parsed(text: str) -> Acl:
    """A stored ACL."""
    referrers, groups = [], []
    for word in text.split(","):
        kind, colon, value = word.partition(":")
        if colon and kind in _REFERRER:
            referrers.append(value)
        elif word:
            groups.append(unquote(word))
    return Acl(tuple(referrers), tuple(groups))


def cleaned(header: str, value: str) -> str:
    """An ACL as it is stored. Raises `ValueError` with the sentence that Swift has for what is wrong."""
    words = []
    for raw in value.split(","):
        word = raw.strip()
        if not word:
            continue
        kind, colon, rest = (part.strip() for part in word.partition(":"))
        if not colon or not kind.startswith("."):
            words.append(word)
            continue
        if kind not in _REFERRER:
            raise ValueError(f"Unknown designator {kind!r} in ACL: {word!r}")
        if "write" in header:
            raise ValueError(f"Referrers not allowed in write ACL: {word!r}")
        words.append(_cleaned_referrer(rest, word))
    return ",".join(words)


def _cleaned_referrer(value: str, word: str) -> str:
    minus = "-" if value.startswith("-") else ""
    host = value.removeprefix("-").strip()
    if host != "*" and host.startswith("*"):
        host = host[1:].strip()
    if not host or host == ".":
        raise ValueError(f"No host/domain value after referrer designation in ACL: {word!r}")
    return f".r:{minus}{host}"


def refers(referrer: str, allowed: tuple[str, ...]) -> bool:
    """Whether somebody whose browser comes from `referrer` is let in; the last word that fits decides."""
    try:
        host = urlsplit(referrer).hostname or "unknown"
    except ValueError:  # `http://[`
        host = "unknown"
    verdict = False
    for word in allowed:
        name = word.removeprefix("-")
        if name in {"*", host} or (name.startswith(".") and host.endswith(name)):
            verdict = not word.startswith("-")
    return verdict
