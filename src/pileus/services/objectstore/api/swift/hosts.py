"""Accounts and containers named by the host: `container.account.objects.example/name`."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from pileus.services.objectstore.api.swift.answers import told
from pileus.services.objectstore.api.swift.paths import Path, decoded


class Hosts:
    """`domains` below which accounts are; `aliases`: other hosts, each for one below them; `prefix` of accounts."""

    def __init__(self, domains: Sequence[str], aliases: Mapping[str, str], prefix: str) -> None:
        self._domains = tuple("." + domain.lower().strip(".") for domain in domains)
        self._aliases = {host.lower(): target for host, target in aliases.items()}
        self._prefix = prefix

    def named(self, host: str) -> str:
        """The host without its port, as one below a domain of ours; empty for others. Case stays: containers may have it."""
        name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
        name = self._aliases.get(name.lower(), name)
        return name if name.lower().endswith(self._domains) else ""

    def path(self, host: str, raw: str) -> Path | None:
        """What host and path name together; None where the host names nothing. Raises 400 for a host that names too much."""
        name = self.named(host)
        if not name:
            return None
        domain = next(one for one in self._domains if name.lower().endswith(one))
        container, _, account = decoded(quote(name[: -len(domain)], safe="", encoding="latin-1")).rpartition(".")
        if "." in container or not account:
            raise told(400, "Bad domain in host header")
        below = decoded(raw).removeprefix("/")
        if not container:
            container, _, below = below.partition("/")
        return Path(self._account(account), container, below)

    def _account(self, label: str) -> str:
        """Host names have no case and no underscores: `auth-x` is `AUTH_x`."""
        short = self._prefix.rstrip("_").lower()
        if self._prefix and label[: len(short)].lower() == short and label[len(short) : len(short) + 1] in ("-", "_"):
            return self._prefix + label[len(short) + 1 :]
        return self._prefix + label
