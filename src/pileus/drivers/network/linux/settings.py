"""Settings of the linux network driver."""

from msgspec import Struct, field


class LinuxNetworkSettings(Struct, frozen=True, kw_only=True):
    cloud: str = "pileus"
    """Id of this cloud on this machine: 1-32 of `[a-z0-9-]`."""
    state: str
    """Directory (made if need be) for the last specs: `<state>/network`."""
    external: tuple[str, ...] = ("172.24.4.1/24",)
    """The host's own addresses on the built-in external network, with prefix length; what comes from there is
    masqueraded to the rest of the world. Empty: no address, no masquerade."""
    physical: dict[str, str] = field(default_factory=dict)
    """Physical network -> host device. A bridge gets a cable from us and stays the host's; anything else is moved into
    our namespace (and must carry no address: it would take the host off the net)."""
    metadata_url: str = "http://127.0.0.1:8775"
    metadata_secret: str = ""
    """Shared with the metadata service: signs the instance id."""
    dns: tuple[str, ...] = ()
    """Where guests' questions are forwarded to; empty: the host's resolvers, as far as they are not on loopback."""
    underlay: str = ""
    """This host's address towards the other hosts of the cloud; empty: networks end at this host."""
    vxlan_port: int = 4789
    host_namespace: str = ""
    """Namespace that counts as the host's own, for several hosts on one machine; empty: this process's."""
    lease_seconds: int = 86400
    threads: int = 8
