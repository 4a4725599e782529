"""Names of devices, chains and namespaces; and which names we accept from outside."""

import hashlib
import re

from pileus.drivers.network.protocol import NetworkError

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_CLOUD = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def checked(kind: str, value: str) -> str:
    """An id that may become part of a path, a device or a chain; NetworkError else."""
    if not _ID.fullmatch(value):
        raise NetworkError(f"{kind} id {value!r} is not made of 1 to 64 letters, digits and dashes")
    return value


def checked_cloud(value: str) -> str:
    if not _CLOUD.fullmatch(value):
        raise NetworkError(f"cloud id {value!r} is not made of 1 to 32 small letters, digits and dashes")
    return value


def short(value: str) -> str:
    """11 characters of an id, as Neutron's agents name devices; of ids that are no UUID, a digest."""
    return value[:11] if _UUID.fullmatch(value) else hashlib.sha256(value.encode()).hexdigest()[:11]


def plain(value: str) -> str:
    """An id as part of an nft name."""
    return value.replace("-", "_")


def tap(port_id: str) -> str:
    """A guest's device."""
    return f"tap{short(port_id)}"


def bridge(network_id: str) -> str:
    return f"brq{short(network_id)}"


def host_cable(cloud: str) -> str:
    """The one device that the host's own namespace gets."""
    return f"px-{cloud}" if len(cloud) <= 12 else f"px-{hashlib.sha256(cloud.encode()).hexdigest()[:12]}"


def physical_bridge(physical: str) -> str:
    fits = re.fullmatch(r"[A-Za-z0-9-]{1,11}", physical)
    return f"brp-{physical}" if fits else f"brp-{hashlib.sha256(physical.encode()).hexdigest()[:11]}"


def mark(cloud: str, what: str = "") -> str:
    """What we write on our things so that we know them again."""
    return f"pileus:{cloud} {what}".rstrip()


def stable_mac(*parts: str) -> str:
    """A locally administered MAC that is the same at every start."""
    digest = hashlib.sha256("/".join(parts).encode()).digest()
    return ":".join(f"{byte:02x}" for byte in bytes([0x0A, *digest[:5]]))
